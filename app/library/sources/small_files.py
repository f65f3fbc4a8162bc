"""The small files in which other programs write down what they have; anything may be in them."""

from __future__ import annotations

import os
import stat
from typing import Any

import msgspec

MOST_BYTES = 1 << 20
"""The real ones have some thousand."""


def read_small(path: str) -> bytes | None:
    """None where it is not there, may not be read, is no regular file or is larger than any real one."""
    try:
        # O_NONBLOCK: opening a pipe that nobody writes to would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    except (OSError, ValueError):  # ValueError: a path with a zero in it
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
            return None
        return os.read(descriptor, MOST_BYTES)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def read_text(path: str) -> str:
    """Empty where it cannot be read."""
    return (read_small(path) or b"").decode("utf-8", errors="replace")


def read_json_object(path: str) -> dict[str, Any]:
    """Empty where it is anything else."""
    try:
        document = msgspec.json.decode(read_small(path) or b"{}")
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return {}
    return document if isinstance(document, dict) else {}


def text_in(document: dict[str, Any], key: str) -> str:
    value = document.get(key)
    return value if isinstance(value, str) and "\0" not in value else ""
