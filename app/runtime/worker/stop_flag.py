"""Tells running work to end, from another thread and into llama.cpp."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager


class StopFlag:
    """Set from the input thread, read from Python and, as a C string, from inside llama.cpp.

    The string is empty while work goes on and one character long when it must stop, so that
    `strlen` on it tells. See `parameters.abort_callback` for why.
    """

    def __init__(self) -> None:
        self.buffer = ctypes.create_string_buffer(2)
        self.is_set = False
        self._ends_process = False

    def set(self) -> None:
        self.is_set = True
        self.buffer[0] = b"x"
        if self._ends_process:
            os._exit(0)

    @contextmanager
    def ends_process(self) -> Iterator[None]:
        """For native work that does not look at the flag and leaves nothing behind: a stop ends
        the process, and the application takes its silence for the cancel it asked for."""
        self._ends_process = True
        try:
            if self.is_set:
                os._exit(0)
            yield
        finally:
            self._ends_process = False

    def clear(self) -> None:
        self.is_set = False
        self.buffer[0] = b"\0"
