"""What GGUF holds under `tokenizer.`, and what all kinds of tokenizer files have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.convert.checkpoint.config import MAX_TABLE_BYTES, damaged, read_json
from app.convert.checkpoint.folder import CheckpointFolder
from app.convert.checkpoint.sentencepiece import Piece, PieceType
from app.gguf.cursor import shorten

SETTINGS = "tokenizer_config.json"


@dataclass(frozen=True)
class Tokenizer:
    """`chat_templates` by name; the usual one is "default". `special_ids` by "bos", "eos", "unk", "pad", …

    `model`: llama.cpp's kind, "llama" (SentencePiece's BPE, by scores) or "gpt2" (BPE of bytes, by `merges`, of text
    cut before as `pre` says). `add_space_prefix` counts with "llama" only.
    """

    pieces: tuple[Piece, ...] = field(repr=False)
    special_ids: Mapping[str, int]
    add_bos: bool
    add_eos: bool
    add_space_prefix: bool
    chat_templates: Mapping[str, str]
    model: str = "llama"
    pre: str = "default"
    merges: tuple[str, ...] = field(default=(), repr=False)


def tokenizer_settings(folder: CheckpointFolder) -> dict[str, object]:
    """tokenizer_config.json; empty where there is none. Raises DamagedCheckpoint and what `LocalFile` raises."""
    path = folder.find(SETTINGS)
    return read_json(path, MAX_TABLE_BYTES) if path else {}


def looks_special(text: str) -> bool:
    """Some models do not mark tokens as special that are (as in convert_hf_to_gguf.py)."""
    return (
        text in ("<pad>", "<mask>", "<2mass>", "[@BOS@]")
        or (text.startswith(("<|", "<｜")) and text.endswith(("|>", "｜>")))
        or (text.startswith("<unused") and text.endswith(">"))
    )


def numbered_pieces(name: str, by_number: Mapping[int, Piece], size: int) -> tuple[Piece, ...]:
    """`size` pieces, those that the file `name` leaves out as unused ones.

    Raises DamagedCheckpoint where two have the same text, on which llama.cpp ends the process.
    """
    pieces = tuple(
        by_number.get(number) or Piece(f"[PAD{number}]", -10_000.0, PieceType.UNUSED)
        for number in range(size)
    )
    seen: set[str] = set()
    for piece in pieces:
        if piece.text in seen:
            raise damaged(name, f"two tokens have the text {shorten(piece.text)}")
        seen.add(piece.text)
    return pieces
