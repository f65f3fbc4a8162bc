"""The computer does not fall asleep while a download runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_awake() -> Iterator[None]:
    """The screen may still go dark. Where the system has no way to ask for it, or denies it, nothing happens."""
    from wakepy import keep

    with keep.running(on_fail="pass"):
        yield
