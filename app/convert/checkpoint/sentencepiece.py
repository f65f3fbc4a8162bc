"""Reads SentencePiece's tokenizer.model: pieces, and what has to be known of how text is prepared.

A protocol buffer, `ModelProto` in src/sentencepiece_model.proto of google/sentencepiece. Read here
and not by the sentencepiece package, which tells nothing of the normalizer without protobuf as well;
tests hold the two against each other.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from app.convert.checkpoint.config import damaged
from app.core.errors import DamagedCheckpoint, UnsupportedCheckpoint
from app.core.jobs import CancelToken

_FLOAT = struct.Struct("<f")
_MODEL_KINDS = {1: "Unigram", 2: "BPE", 3: "word", 4: "character"}


class PieceType(IntEnum):
    """SentencePiece's numbers, which are GGUF's, too."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


@dataclass(frozen=True)
class Piece:
    text: str
    score: float
    type: PieceType


@dataclass(frozen=True)
class SentencePieceModel:
    """`kind`: "BPE", "Unigram", …  `add_dummy_prefix`: a space is put before every text."""

    pieces: tuple[Piece, ...]
    kind: str
    add_dummy_prefix: bool


def read_sentencepiece(
    name: str, content: bytes, most_pieces: int, cancel: CancelToken
) -> SentencePieceModel:
    """The model in the content of the file called `name`.

    Raises DamagedCheckpoint, Cancelled, and UnsupportedCheckpoint at the first piece beyond `most_pieces`,
    the number that the model has embeddings for.
    """
    if content.startswith(b"version https://git-lfs"):
        raise DamagedCheckpoint(
            f"{name} is only a Git LFS pointer to the tokenizer.",
            "Download the file itself, with git lfs pull or from the model's page.",
        )
    pieces: list[Piece] = []
    kind, add_dummy_prefix = 1, True  # the format's own defaults
    try:
        for number, value in _fields(content, cancel):
            if number == 1:
                if len(pieces) == most_pieces:
                    raise too_many_tokens(name, most_pieces)
                pieces.append(_piece(_as_bytes(value), cancel))
            elif number == 2:  # TrainerSpec; model_type is its field 3
                kind = _last_number(_as_bytes(value), 3, kind, cancel)
            elif number == 3:  # NormalizerSpec; add_dummy_prefix is its field 3
                add_dummy_prefix = bool(_last_number(_as_bytes(value), 3, int(add_dummy_prefix), cancel))
    except (ValueError, struct.error) as error:
        raise damaged(name, "it is not a whole SentencePiece model") from error
    if not pieces:
        raise damaged(name, "it holds no pieces of text")
    return SentencePieceModel(tuple(pieces), _MODEL_KINDS.get(kind, str(kind)), add_dummy_prefix)


def too_many_tokens(name: str, most: int) -> UnsupportedCheckpoint:
    return UnsupportedCheckpoint(
        f"{name} has more tokens than the {most} that the model has embeddings for.",
        "The tokenizer belongs to another model; download the model's files again.",
    )


def _piece(message: bytes, cancel: CancelToken) -> Piece:
    text, score, type = "", 0.0, PieceType.NORMAL
    for number, value in _fields(message, cancel):
        if number == 1:
            text = _as_bytes(value).decode()
        elif number == 2:
            (score,) = _FLOAT.unpack(_as_bytes(value))
        elif number == 3:
            type = PieceType(_as_number(value))
    if not text or not math.isfinite(score):
        raise ValueError
    return Piece(text, score, type)


def _last_number(message: bytes, field: int, default: int, cancel: CancelToken) -> int:
    """The value of a numeric field; the last one counts, as the encoding has it."""
    for number, value in _fields(message, cancel):
        if number == field:
            default = _as_number(value)
    return default


def _as_number(value: int | bytes) -> int:
    if not isinstance(value, int):
        raise ValueError
    return value


def _as_bytes(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError
    return value


def _fields(message: bytes, cancel: CancelToken) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field of a message. Raises Cancelled, and ValueError where it is no message."""
    position = 0
    while position < len(message):
        cancel.raise_if_cancelled()
        key, position = _varint(message, position)
        match key & 7:
            case 0:
                value, position = _varint(message, position)
                yield key >> 3, value
                continue
            case 1:
                size = 8
            case 2:
                size, position = _varint(message, position)
            case 5:
                size = 4
            case _:  # groups, which nobody writes any more
                raise ValueError
        if size > len(message) - position:
            raise ValueError
        yield key >> 3, message[position : position + size]
        position += size


def _varint(message: bytes, position: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first; and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            raise ValueError
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError
