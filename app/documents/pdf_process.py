"""The process that reads a PDF file: the file is its standard input, the text goes to its standard output.

It ends itself when its time is over, as it may outlive the application. Before it looks at the file it gives up what it
has no need of: memory beyond a limit, writing files, the network, other programs.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

from app.documents.pdf_messages import Failure, Opened, Page, PdfMessage, write_frame

if TYPE_CHECKING:
    from pypdf import PdfReader

MOST_S = 150
"""Longer than whoever waits for it does."""
MOST_ADDRESS_BYTES = 2_000_000_000
_FORBIDDEN = (
    "socket.",
    "subprocess.",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.system",
    "os.spawn",
    "ctypes.",
    "shutil.",
)


def read_pdf_from_stdin() -> int:
    source, output = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # nobody prints into the frames
    _end_in_time()
    import pypdf

    logging.disable()
    _give_up_rights()

    def say(message: PdfMessage) -> None:
        write_frame(output, message)

    try:
        source.seek(0)  # whoever opened it has looked at its beginning
        if b"%PDF-" not in source.read(1024):
            say(Failure("no_pdf"))
            return 0
        source.seek(0)
        reader = pypdf.PdfReader(source)
        if reader.is_encrypted and not _opens(reader):
            say(Failure("password"))
            return 0
        count = len(reader.pages)
        say(Opened(count))
        if not count:
            say(Failure("broken"))
        for number in range(count):
            say(Page(_text_of(reader, number), number + 1 == count))
    except MemoryError:
        say(Failure("memory"))
    except Exception:  # whatever a hostile file makes of the library
        say(Failure("broken"))
    return 0


def _opens(reader: PdfReader) -> bool:
    """Whether it opens without a password: then it is only to keep honest people from changing it."""
    from pypdf.errors import DependencyError

    try:
        return bool(reader.decrypt(""))
    except (DependencyError, NotImplementedError):
        return False


def _text_of(reader: PdfReader, number: int) -> str | None:
    """None where the page cannot be read."""
    try:
        text = reader.pages[number].extract_text()
    except MemoryError:
        raise
    except Exception:
        return None
    return text.encode("utf-8", "replace").decode()


def _end_in_time() -> None:
    timer = threading.Timer(MOST_S, os._exit, (1,))
    timer.daemon = True
    timer.start()


def _give_up_rights() -> None:
    if sys.platform != "win32":
        import resource

        for limit, most in (
            (resource.RLIMIT_AS, MOST_ADDRESS_BYTES),
            (resource.RLIMIT_CPU, MOST_S),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_CORE, 0),
        ):
            try:
                resource.setrlimit(limit, (most, most))
            except (OSError, ValueError):  # macOS knows the first one only by name
                continue
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event.startswith(_FORBIDDEN) or (event == "open" and _would_write(arguments)):
        raise PermissionError(f"{event} is not for a reader of PDF files")


def _would_write(arguments: tuple[Any, ...]) -> bool:
    mode, flags = arguments[1], arguments[2]
    return any(letter in (mode or "") for letter in "wax+") or bool(flags & (os.O_WRONLY | os.O_RDWR))
