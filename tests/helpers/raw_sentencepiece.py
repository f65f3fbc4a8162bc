"""Builds SentencePiece's tokenizer.model (a protocol buffer) field by field."""

from __future__ import annotations

import struct
from collections.abc import Iterable

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
UNIGRAM, BPE = 1, 2


def varint(value: int) -> bytes:
    content = bytearray()
    while value > 0x7F:
        content.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*content, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def message(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def piece(text: str, score: float = 0.0, type: int = NORMAL) -> bytes:
    score_field = varint(2 << 3 | 5) + struct.pack("<f", score)
    return message(1, message(1, text.encode()) + score_field + number(3, type))


def sentencepiece_model(
    pieces: Iterable[tuple[str, float, int]], *, kind: int = BPE, add_dummy_prefix: bool = True
) -> bytes:
    """A whole model of pieces (text, score, type); as little else as llama.cpp's tokenizer looks at."""
    trainer = message(2, number(3, kind) + number(35, 1))  # model_type, byte_fallback
    normalizer = message(3, message(1, b"identity") + number(3, int(add_dummy_prefix)) + number(4, 0))
    return b"".join(piece(*entry) for entry in pieces) + trainer + normalizer
