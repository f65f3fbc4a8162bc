"""Load to ready, and memory when ready: a worker against llama-bench with the same context and batch.

Both are timed from the start of the process until model and context are there and a first token has been decoded to
warm up; llama-bench says when with `--progress`. Both are asked for their resident memory at that moment.

The window has a worker waiting for the next load (`app.runtime.spare`), so that is timed, too.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from unittest.mock import patch

from app.runtime import LoadedModel, LoadSettings, Worker, start_worker
from app.runtime.spare import SpareWorker
from tests.bench.runtime.table import Pairs, Row, in_turns
from tests.bench.runtime.tools import LlamaBench, Started, resident_bytes

CONTEXT = 4096
WAITING_S = 0.6
"""So long a worker has been there before it is needed, and so long after a load the next one is started."""
MOST_RATIO = 1.1
MOST_MORE_BYTES = 60_000_000


def start_rows(name: str, model: Path, bench: LlamaBench, runs: int) -> list[Row]:
    ours: list[Started] = []
    theirs: list[Started] = []

    def load_anew() -> float:
        ours.append(_start_worker(model, bench.threads))
        return ours[-1].seconds

    def start_bench() -> float:
        theirs.append(bench.start(model, CONTEXT))
        return theirs[-1].seconds

    with _compiled_modules(), closing(SpareWorker(WAITING_S)) as spare:

        def load_into_waiting() -> float:
            spare.prepare()
            time.sleep(2 * WAITING_S)
            return _start_worker(model, bench.threads, spare.take).seconds

        load_anew(), start_bench()  # the file is in memory from here on, and Python's modules are compiled
        pairs = in_turns(runs, load_anew, start_bench)
        waiting = in_turns(runs, load_into_waiting, start_bench)
    own = statistics.median(each.memory_bytes for each in theirs)
    more = statistics.median(each.memory_bytes for each in ours) - own
    return [
        _load_row(f"{name}, as in the window", waiting),
        _load_row(f"{name}, with the start of a worker", pairs),
        Row(
            f"memory over llama.cpp's own, {name}",
            f"{more / 1e6:.1f} MB",
            f"{MOST_MORE_BYTES / 1e6:.0f} MB at most",
            more <= MOST_MORE_BYTES,
            f"resident; llama-bench has {own / 1e6:.1f} MB",
        ),
    ]


def _load_row(name: str, pairs: Pairs) -> Row:
    seconds = [statistics.median(each) for each in (pairs.ours, pairs.theirs)]
    return Row(
        f"load to ready, {name}",
        f"{pairs.ratio:.2f}",
        f"{MOST_RATIO} or less",
        pairs.ratio <= MOST_RATIO,
        f"{seconds[0]:.3f} s to {seconds[1]:.3f} s; middle half {pairs.spread()}",
    )


def _start_worker(model: Path, threads: int, start_process: Callable[[], Worker] = start_worker) -> Started:
    settings = LoadSettings(context_length=CONTEXT, threads=threads)
    start = time.perf_counter()
    with LoadedModel.load(model, settings, start=start_process) as loaded:
        return Started(time.perf_counter() - start, resident_bytes(loaded.worker_pid))


@contextmanager
def _compiled_modules() -> Iterator[None]:
    """As after the first start, also where whoever develops has told Python to keep no compiled modules."""
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, PYTHONPYCACHEPREFIX=folder):
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        yield
