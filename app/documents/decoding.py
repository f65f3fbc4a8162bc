"""Bytes to text: which encoding a file is in, and whether it is text at all."""

from __future__ import annotations

import codecs
import re

from charset_normalizer import from_bytes

SAMPLE_BYTES = 64 * 1024
_MOST_CONTROLS = 0.01
"""Of all characters, beside those of layout; terminal colours and form feeds are in some logs."""
_LAYOUT = "\t\n\r\f\v\b\x1b"
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LEGACY = [
    "cp1252", "cp932", "euc_jp", "gb18030", "big5", "cp949", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254",
    "cp1255", "cp1256", "cp1257", "cp874",
]  # fmt: skip
"""What files are in that people still have, of what charset-normalizer knows: left to itself it finds mainframes'."""
_LATIN = ("cp1250", "cp1254", "cp1257")
_SYMBOL_IN_WORD = re.compile(r"[A-Za-zÀ-ÿ][¡¢£¤¥¦§¨©ª«¬®¯°±²³´µ¶¸¹º»¼½¾¿†‡ˆ‰‹›˜•¤][A-Za-zÀ-ÿ]")


def decode(data: bytes, *, is_whole: bool = True) -> tuple[str, str] | None:
    """The text, its lines ended by "\\n", and the encoding; None for what is no text.

    `is_whole` False: more bytes follow, so that a character may be cut off at the end.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _text(data[len(mark) :], encoding, is_whole)
    encoding = _wide_without_mark(data)
    if encoding:
        return _text(data, encoding, is_whole)
    if b"\0" in data:
        return None
    return _text(data, "utf-8", is_whole) or _legacy_text(data, is_whole)


def _legacy_text(data: bytes, is_whole: bool) -> tuple[str, str] | None:
    best = from_bytes(_sample(data), cp_isolation=_LEGACY, preemptive_behaviour=False).best()
    if best is None:
        return None
    encoding = best.encoding
    if encoding in _LATIN and _is_western(data):
        encoding = "cp1252"
    return _text(data, encoding, is_whole, errors="replace")


def _sample(data: bytes) -> bytes:
    """From where it is not ASCII: the first page of a long file may not tell anything."""
    first = next(iter(re.finditer(rb"[\x80-\xff]", data)), None)
    start = max(first.start() - SAMPLE_BYTES // 4, 0) if first else 0
    return data[start : start + SAMPLE_BYTES]


def _is_western(data: bytes) -> bool:
    """Whether it reads well as Windows-1252, by far the most common of its kind. A short text tells too little for
    statistics: French becomes Romanian."""
    text = _sample(data).decode("cp1252", "replace")
    return "\ufffd" not in text and not _SYMBOL_IN_WORD.search(text)


def _wide_without_mark(data: bytes) -> str:
    """UTF-16 that does not say so: every other byte of Latin letters is zero."""
    sample = data[:SAMPLE_BYTES]
    half = len(sample) // 2
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if half and odd > 0.4 * half and even < 0.05 * half:
        return "utf-16-le"
    if half and even > 0.4 * half and odd < 0.05 * half:
        return "utf-16-be"
    return ""


def _text(data: bytes, encoding: str, is_whole: bool, errors: str = "strict") -> tuple[str, str] | None:
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    try:
        text = decoder.decode(data, final=is_whole)
    except UnicodeDecodeError:
        return None
    odd = sum(match[0] not in _LAYOUT for match in _CONTROLS.finditer(text))
    if odd > _MOST_CONTROLS * len(text) or "\0" in text:
        return None
    text = text.encode("utf-8", "replace").decode()  # UTF-16 may hold halves of a pair
    return text.replace("\r\n", "\n").replace("\r", "\n"), encoding
