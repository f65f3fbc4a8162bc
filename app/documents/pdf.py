"""A PDF file's text, from a process that is given the open file and nothing else (`pdf_process`).

PDF is a language in which a small file can ask for any amount of work. So the process that reads it has a limit of
memory, of time for each page and in all; what came before a limit was met is kept.
"""

from __future__ import annotations

import os
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import IO

import msgspec
import psutil

from app.core.errors import UnreadablePdf
from app.core.jobs import CancelToken
from app.core.own_process import own_command
from app.documents.pdf_messages import Failure, Opened, Page, PdfMessage, read_frame

MOST_PDF_BYTES = 512 * 1000 * 1000
MOST_CHARACTERS = 4 * 1024 * 1024
MOST_MEMORY_BYTES = 1_000_000_000
PAGE_S = 15.0
"""For one page, and for opening the file."""
MOST_S = 120.0
_LOOK_S = 0.05
_ELSE_PRINT = (
    "Open it in a PDF viewer, print it to a new PDF file and attach that, or copy the text out of it."
)


def read_pdf(
    file: IO[bytes], name: str, cancel: CancelToken, on_page: Callable[[int, int], None]
) -> tuple[str, str]:
    """The text of all pages, and a remark where some are missing. Raises UnreadablePdf, or Cancelled."""
    total, failed, stopped = 0, 0, ""
    texts: list[str] = []
    with _PdfProcess(file) as process:
        characters = 0
        for message in process.messages(cancel):
            if isinstance(message, Opened):
                total = message.pages
            elif isinstance(message, Failure):
                if not texts:
                    raise _fault(message.kind, name)
                stopped = message.kind
            elif message.text is None:
                failed += 1
                texts.append("")
            else:
                texts.append(message.text.strip())
                characters += len(message.text)
            on_page(len(texts), total)
            if characters > MOST_CHARACTERS:
                stopped = "long"
                break
    if not any(texts):
        raise _fault(stopped or ("broken" if failed or not total else "pictures"), name)
    text = "\n\n".join(filter(None, texts))[:MOST_CHARACTERS]
    return text, _remark(total, texts, failed, stopped)


def _remark(total: int, texts: list[str], failed: int, stopped: str) -> str:
    if stopped or len(texts) < total:
        if len(texts) == 1:
            return f"Only the first of {total:,} pages was read{_because(stopped)}."
        return f"Only the first {len(texts):,} of {total:,} pages were read{_because(stopped)}."
    if failed:
        return f"{failed:,} of {total:,} pages could not be read."
    silent = sum(not text for text in texts)
    if silent * 2 >= total:
        return f"{silent:,} of {total:,} pages hold no text, perhaps only pictures of it."
    return ""


def _because(stopped: str) -> str:
    return {
        "time": ": the next took too long",
        "memory": ": the next took too much memory",
        "long": ": they are longer than any context",
    }.get(stopped, ": the file is broken there")


def _fault(kind: str, name: str) -> UnreadablePdf:
    sentence, hint = {
        "password": (
            f"{name} is protected with a password.",
            "Open it in a PDF viewer with the password, print it to a new PDF file and attach that.",
        ),
        "pictures": (
            f"No text can be found in {name}: scanned pages are only pictures of it.",
            "Run it through text recognition (OCR) first, or write down what you want to ask about.",
        ),
        "time": (f"{name} takes too long to read and was given up.", _ELSE_PRINT),
        "memory": (f"{name} takes too much memory to read and was given up.", _ELSE_PRINT),
        "no_pdf": (f"{name} is no PDF file, though it is called one.", "Choose another file."),
    }.get(kind, (f"{name} is damaged: its text cannot be read.", _ELSE_PRINT))
    return UnreadablePdf(sentence, hint)


class _PdfProcess:
    """The process, from its start to its end."""

    def __init__(self, file: IO[bytes]) -> None:
        self._process = subprocess.Popen(
            own_command("--read-pdf"),
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._arrived: queue.SimpleQueue[PdfMessage | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name="pdf-reader", daemon=True)
        self._reader.start()

    def messages(self, cancel: CancelToken) -> Iterator[PdfMessage]:
        """What it says, at last a Failure where it did not come to its end."""
        begun_at = heard_at = time.monotonic()
        while True:
            cancel.raise_if_cancelled()
            try:
                message = self._arrived.get(timeout=_LOOK_S)
            except queue.Empty:
                now = time.monotonic()
                if self._memory() > MOST_MEMORY_BYTES:
                    yield Failure("memory")
                elif now - heard_at > PAGE_S or now - begun_at > MOST_S:
                    yield Failure("time")
                else:
                    continue
                return
            if message is None:
                return
            yield message
            if isinstance(message, Failure):
                return
            heard_at = time.monotonic()

    def _read(self) -> None:
        assert self._process.stdout is not None
        is_complete = False
        try:
            while (message := read_frame(self._process.stdout)) is not None:
                is_complete = isinstance(message, Failure) or (isinstance(message, Page) and message.is_last)
                self._arrived.put(message)
        except (msgspec.MsgspecError, ValueError, OSError):
            is_complete = False
        # The system ends a process without a word, for memory most often.
        self._arrived.put(
            None if is_complete else Failure("memory" if self._process.wait() < 0 else "broken")
        )

    def _memory(self) -> int:
        with suppress(psutil.Error):
            return int(psutil.Process(self._process.pid).memory_info().rss)
        return 0

    def __enter__(self) -> _PdfProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()
