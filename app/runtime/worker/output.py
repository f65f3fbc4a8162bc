"""Where replies go."""

from __future__ import annotations

import os
import threading
from typing import IO

from app.runtime.protocol import Reply, write_message


class Output:
    """The protocol's stream, for several threads."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, number: int, reply: Reply) -> None:
        """Sends a reply to call `number`."""
        with self._lock:
            write_message(self._stream, number, reply)


def claim_stdout() -> Output:
    """Whatever llama.cpp prints to stdout goes to stderr from now on, the log."""
    protocol_descriptor = os.dup(1)
    os.dup2(2, 1)
    return Output(os.fdopen(protocol_descriptor, "wb"))
