"""llama.cpp's log: written to stderr, the last lines kept to explain failures."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import llama_cpp

_DEBUG = 1  # enum ggml_log_level

_recent: deque[str] = deque(maxlen=60)
_listeners: list[Callable[[str], None]] = []


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _on_log(level: int, text: bytes | None, user_data: object) -> None:
    line = (text or b"").decode("utf-8", "replace")
    for listener in _listeners:
        listener(line)
    if level == _DEBUG:
        return  # a line for each input of each layer, nine times a load: they would push out all others
    if line.strip(" .\n"):
        _recent.append(line.rstrip("\n"))
    sys.stderr.write(line)
    sys.stderr.flush()


def install_log() -> None:
    llama_cpp.llama_log_set(_on_log, None)


def recent_lines() -> tuple[str, ...]:
    return tuple(_recent)


@contextmanager
def listening(listener: Callable[[str], None]) -> Iterator[None]:
    """Hands each piece of log text to `listener` while the block runs."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
