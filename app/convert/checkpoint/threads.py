"""Work on several processors whose results come in order, a few at a time."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np

T = TypeVar("T")
R = TypeVar("R")

_MOST_THREADS = 8
"""More have nothing to do: by then the disk is what takes time."""
_KEPT_BYTES = 24 << 20
"""The most that glibc takes for a measure is 32 MiB."""


def in_order(work: Callable[[T], R], items: Iterable[T]) -> Generator[R, None, None]:
    """`work` of each item, in their order; what it raises comes at its place.

    Threads, since NumPy and the system let others run meanwhile. No more than two results for each thread exist at a
    time. To be closed where it is left before its end: it then waits for what is at work.
    """
    _keep_freed_memory()
    threads = min(os.cpu_count() or 1, _MOST_THREADS)
    pending: deque[Future[R]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="convert") as pool:
        try:
            for item in items:
                pending.append(pool.submit(work, item))
                if len(pending) >= 2 * threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def _keep_freed_memory() -> None:
    """Until glibc has seen a large block come and go, it gives what a piece took back to the system, which then clears
    the same pages for each next piece (`M_MMAP_THRESHOLD` in mallopt(3)): a third of the processor's time."""
    np.empty(_KEPT_BYTES, np.uint8)  # none of it is touched, and so none of it taken
