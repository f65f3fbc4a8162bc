"""What comes of reading a file, and the name it is shown under."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import PurePath

from app.core.text import encodable

LONGEST_NAME = 120
"""Characters; the end, which tells the kind of file, is kept."""
_LANGUAGES = {
    "py": "python", "js": "javascript", "ts": "typescript", "rs": "rust", "rb": "ruby", "sh": "bash", "md": "markdown",
    "yml": "yaml", "h": "c", "cc": "cpp", "hpp": "cpp", "cs": "csharp", "kt": "kotlin", "ps1": "powershell",
    "tex": "latex", "pl": "perl", "txt": "text", "log": "text", "pdf": "text",
}  # fmt: skip


@dataclass(frozen=True)
class Document:
    """A file's text. `size_bytes` is the file's, of which `remark` may say that not all was read: a sentence for the
    person, or empty. `encoding` as Python names it, empty for PDF files."""

    name: str
    media_type: str
    size_bytes: int
    text: str
    encoding: str = ""
    remark: str = ""


def shown_name(name: str) -> str:
    """`name` on one line and in the order in which it is read: what would break the line, hide or turn it is shown as
    a replacement character."""
    clean = "".join("\ufffd" if _is_odd(character) else character for character in encodable(name))
    if len(clean) <= LONGEST_NAME:
        return clean
    return f"{clean[: LONGEST_NAME - 21]}…{clean[-20:]}"


def language_of(name: str) -> str:
    """What a fence around the file's text names as its language: letters and digits, or nothing."""
    suffix = PurePath(name).suffix.lower().removeprefix(".")
    known = _LANGUAGES.get(suffix, suffix)
    return known if known.isascii() and known.isalnum() and len(known) <= 12 else ""


def _is_odd(character: str) -> bool:
    # Control and format characters (bidirectional marks among them), line and paragraph separators, surrogates.
    return unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp", "Cs", "Co")
