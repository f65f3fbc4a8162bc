"""A file's text, whatever kind of file it is."""

from __future__ import annotations

import mimetypes
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import IO

from app.core.errors import EnvironmentFault, FileGone, NotText, UnreadableFile, from_os_error
from app.core.jobs import CancelToken
from app.core.units import format_bytes
from app.documents.decoding import decode
from app.documents.document import Document, shown_name
from app.documents.pdf import MOST_PDF_BYTES, read_pdf

MOST_TEXT_BYTES = 4 * 1024 * 1024
"""Read of a file: about a million tokens, more than any context that people load."""
_PIECE_BYTES = 256 * 1024
_FORMS = (
    (b"PK\x03\x04", "an archive or an office document"),
    (b"\xd0\xcf\x11\xe0", "an office document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"GGUF", "a model"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"\x1f\x8b", "an archive"),
    (b"7z\xbc\xaf", "an archive"),
    (b"SQLite format 3", "a database"),
)
_TYPES = {
    ".md": "text/markdown",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".pdf": "application/pdf",
}


def read_document(
    path: Path,
    cancel: CancelToken | None = None,
    on_page: Callable[[int, int], None] = lambda done, total: None,
) -> Document:
    """The text of the file at `path`; blocks on no pipe and no device.

    `on_page` gets how many pages of a PDF file are read, of how many. Raises FileGone, NotAllowed, UnreadableFile
    (no regular file, empty), NotText, UnreadablePdf, or Cancelled.
    """
    cancel = cancel or CancelToken()
    name = shown_name(path.name)
    with _open(path, name) as file:
        size = os.fstat(file.fileno()).st_size
        head = _read(file, 1024, name, cancel)
        if not head:
            raise _empty(name)
        if path.suffix.lower() == ".pdf" or head.lstrip().startswith(b"%PDF-"):
            if size > MOST_PDF_BYTES:
                raise UnreadableFile(
                    f"{name} has {format_bytes(size)}; Nibble reads PDF files up to {format_bytes(MOST_PDF_BYTES)}.",
                    "Attach a part of it: print the pages you need to a new PDF file.",
                )
            text, remark = read_pdf(file, name, cancel, on_page)
            return Document(name, "application/pdf", size, text, "", remark)
        data = head + _read(file, MOST_TEXT_BYTES - len(head), name, cancel)
        is_whole = not file.read(1)
    return _as_text(path, name, max(size, len(data)), data, is_whole)


def _as_text(path: Path, name: str, size: int, data: bytes, is_whole: bool) -> Document:
    decoded = decode(data, is_whole=is_whole)
    if decoded is None:
        raise NotText(
            f"{name} is {_form(data)}, not text.",
            "Attach text, code, Markdown, CSV or PDF files; what other programs write, save as PDF or text first.",
        )
    text, encoding = decoded
    if not text.strip():
        raise _empty(name)
    remark = ""
    if not is_whole:
        remark = f"Only the first {format_bytes(len(data))} of {format_bytes(size)} were read."
    return Document(name, _media_type(path), size, text, encoding, remark)


def _empty(name: str) -> UnreadableFile:
    return UnreadableFile(f"{name} is empty.", "There is nothing in it to attach.")


def _form(data: bytes) -> str:
    return next((form for magic, form in _FORMS if data.startswith(magic)), "a binary file")


def _media_type(path: Path) -> str:
    suffix = path.suffix.lower()
    guessed = _TYPES.get(suffix) or mimetypes.types_map.get(suffix, "")
    return guessed if guessed.startswith("text/") else "text/plain"


def _open(path: Path, name: str) -> IO[bytes]:
    try:
        _require_regular(os.stat(path), name)  # before: to open some devices does something
        # A pipe that took the file's place meanwhile must not be waited for.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        file = os.fdopen(os.open(path, flags), "rb")
    except (OSError, ValueError) as error:
        raise _fault(error, name) from error
    try:
        _require_regular(os.fstat(file.fileno()), name)
    except BaseException:
        file.close()
        raise
    return file


def _require_regular(status: os.stat_result, name: str) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise UnreadableFile(f"{name} is a folder.", "Attach the files in it that you need.")
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableFile(f"{name} is a device or a pipe, not a file.", "Choose another file.")


def _read(file: IO[bytes], most: int, name: str, cancel: CancelToken) -> bytes:
    pieces: list[bytes] = []
    while most > 0:
        cancel.raise_if_cancelled()
        try:
            piece = file.read(min(most, _PIECE_BYTES))
        except OSError as error:
            raise _fault(error, name) from error
        if not piece:
            break
        pieces.append(piece)
        most -= len(piece)
    return b"".join(pieces)


def _fault(error: OSError | ValueError, name: str) -> EnvironmentFault:
    if isinstance(error, ValueError):  # a zero character in the path
        return FileGone(f"{name} is not there.", "Pick the file again.")
    fault = from_os_error(error, name)
    if isinstance(fault, FileGone):
        return FileGone(fault.message, "Pick the file again.")
    return fault
