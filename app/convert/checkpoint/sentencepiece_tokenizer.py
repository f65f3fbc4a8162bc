"""A checkpoint's tokenizer.model to what GGUF holds under `tokenizer.`: SentencePiece BPE.

What counts where files disagree is taken from llama.cpp's convert_hf_to_gguf.py; where that keeps
less than the files say (user-defined pieces, the dummy prefix, special tokens known by their text),
the files count.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from app.convert.checkpoint.added_tokens import added_piece
from app.convert.checkpoint.chat_templates import chat_templates
from app.convert.checkpoint.config import MAX_TABLE_BYTES, damaged, read_json
from app.convert.checkpoint.folder import CheckpointFolder
from app.convert.checkpoint.sentencepiece import Piece, PieceType, SentencePieceModel, read_sentencepiece
from app.convert.checkpoint.tokenizer import SETTINGS, Tokenizer, tokenizer_settings
from app.convert.checkpoint.tokenizer_json import AddedToken, read_added_tokens
from app.core.errors import UnsupportedCheckpoint
from app.core.jobs import CancelToken
from app.core.units import format_bytes
from app.gguf.cursor import shorten
from app.gguf.source import LocalFile

MODEL = "tokenizer.model"
MOST_MODEL_BYTES = 1 << 24
"""The largest real ones (a vocabulary of 262k) have 5 MB."""
_PADDING_SCORE = -10_000.0
_ADDED_SCORE = -1000.0
_SPACE = "\u2581"
"""SentencePiece's mark for a space, "▁". llama.cpp looks for added tokens in text without it."""
_SPECIAL = {"bos": "<s>", "eos": "</s>", "unk": "<unk>", "pad": "<pad>"}
"""The kinds of special tokens, and the text SentencePiece gives them by itself."""
_NUMBER = re.compile(r"[0-9]{1,9}")
_NOT_TEXT = (PieceType.CONTROL, PieceType.UNKNOWN)


def read_sentencepiece_tokenizer(
    folder: CheckpointFolder,
    config: Mapping[str, object],
    vocabulary_size: int,
    cancel: CancelToken | None = None,
) -> Tokenizer:
    """The tokenizer for a model with `vocabulary_size` embeddings; `config` is config.json.

    Raises FileGone, DamagedCheckpoint, Cancelled, and UnsupportedCheckpoint for a tokenizer of another kind or
    one with more pieces than the model has embeddings.
    """
    model = _read_model(folder, vocabulary_size, cancel or CancelToken())
    settings = tokenizer_settings(folder)
    pieces = [_as_gguf(piece) for piece in model.pieces]
    # Rows of the embedding beyond the tokenizer's pieces, often there to make their number even.
    pieces += [
        Piece(f"[PAD{number}]", _PADDING_SCORE, PieceType.UNUSED)
        for number in range(len(pieces), vocabulary_size)
    ]
    for number, piece in _added_tokens(folder, settings):
        if number < len(pieces):  # else the model cannot know it
            pieces[number] = piece
    return Tokenizer(
        pieces=tuple(pieces),
        special_ids=_special_ids(pieces, settings, config),
        add_bos=_flag(settings, "add_bos_token", True),
        add_eos=_flag(settings, "add_eos_token", False),
        add_space_prefix=_flag(settings, "add_prefix_space", model.add_dummy_prefix),
        chat_templates=chat_templates(folder, settings),
    )


def _read_model(folder: CheckpointFolder, vocabulary_size: int, cancel: CancelToken) -> SentencePieceModel:
    path = folder.require(MODEL, "Download the model's tokenizer into that folder.")
    with LocalFile(path) as file:
        if file.size > MOST_MODEL_BYTES:
            raise damaged(MODEL, f"it has {format_bytes(file.size)}")
        model = read_sentencepiece(MODEL, file.read_at(0, file.size), vocabulary_size, cancel)
    if model.kind != "BPE":
        raise UnsupportedCheckpoint(
            f"{MODEL} is a SentencePiece model of the kind {model.kind}; llama.cpp's Llama tokenizer is BPE.",
            "Choose a model with a BPE tokenizer.",
        )
    return model


def _as_gguf(piece: Piece) -> Piece:
    if piece.type != PieceType.USER_DEFINED:
        return piece
    return Piece(piece.text.replace(_SPACE, " "), piece.score, piece.type)


def _added_tokens(folder: CheckpointFolder, settings: Mapping[str, object]) -> list[tuple[int, Piece]]:
    """Tokens that came after training, by number; a later one counts more."""
    added = []
    path = folder.find("added_tokens.json")
    for text, number in (read_json(path, MAX_TABLE_BYTES) if path else {}).items():
        if isinstance(number, bool) or not isinstance(number, int) or number < 0 or not text:
            raise damaged("added_tokens.json", f"it numbers {shorten(text)} {shorten(number)}")
        added.append((number, Piece(text, _ADDED_SCORE, PieceType.USER_DEFINED)))
    decoder = settings.get("added_tokens_decoder") or {}
    if not isinstance(decoder, dict):
        raise damaged(SETTINGS, "its added_tokens_decoder is no table")
    for key, entry in decoder.items():
        content: object = entry.get("content") if isinstance(entry, dict) else None
        if not _NUMBER.fullmatch(key) or not isinstance(content, str) or not content:
            raise damaged(SETTINGS, f"it adds the token {shorten(key)} as {shorten(entry)}")
        token = AddedToken(int(key), content, bool(entry.get("special")))
        added.append((token.number, added_piece(token)))
    if not decoder:  # older checkpoints; llama.cpp's converter looks there with Phi-3 only
        added += [(token.number, added_piece(token)) for token in read_added_tokens(folder)]
    return added


def _special_ids(
    pieces: list[Piece], settings: Mapping[str, object], config: Mapping[str, object]
) -> dict[str, int]:
    """By text in tokenizer_config.json, else by number in config.json, else as SentencePiece names them."""
    numbers: dict[str, int] = {}
    for number, piece in enumerate(pieces):
        numbers.setdefault(piece.text, number)
    found = {}
    for kind, usual in _SPECIAL.items():
        token = settings.get(f"{kind}_token")
        text = token.get("content") if isinstance(token, dict) else token
        chosen = numbers.get(text) if isinstance(text, str) else None
        if chosen is None:
            chosen = _number_in(config, f"{kind}_token_id", len(pieces))
        if chosen is None and usual in numbers and pieces[numbers[usual]].type in _NOT_TEXT:
            chosen = numbers[usual]
        if chosen is not None:
            found[kind] = chosen
    return found


def _number_in(config: Mapping[str, object], key: str, below: int) -> int | None:
    value = config.get(key)
    if (
        isinstance(value, list) and value
    ):  # several ends of an answer; llama.cpp knows the others by their text
        value = value[0]
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < below else None


def _flag(settings: Mapping[str, object], key: str, default: bool) -> bool:
    value = settings.get(key)
    return value if isinstance(value, bool) else default
