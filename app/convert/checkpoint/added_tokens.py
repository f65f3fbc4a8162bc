"""Tokens that are looked for in text before anything else, from tokenizer.json and tokenizer_config.json together."""

from __future__ import annotations

import re
from collections.abc import Mapping

from app.convert.checkpoint.config import damaged
from app.convert.checkpoint.sentencepiece import Piece, PieceType
from app.convert.checkpoint.special_tokens import KINDS, token_text
from app.convert.checkpoint.tokenizer import SETTINGS, looks_special
from app.convert.checkpoint.tokenizer_json import AddedToken, TokenizerJson
from app.gguf.cursor import shorten

_SPACE = "\u2581"
"""SentencePiece's mark for a space, "▁". llama.cpp looks for added tokens in text without it."""
_NUMBER = re.compile(r"[0-9]{1,9}")
_SCORE = -1000.0


def added_tokens(tokenizer: TokenizerJson, settings: Mapping[str, object]) -> tuple[AddedToken, ...]:
    """As Transformers has them: those of tokenizer.json, then what only tokenizer_config.json adds."""
    found = {token.number: token for token in tokenizer.added}
    texts = {token.text for token in tokenizer.added}
    for token in (*_of_decoder(settings), *_named(tokenizer.vocabulary, settings)):
        if token.text not in texts:
            found.setdefault(token.number, token)
            texts.add(token.text)
    return tuple(found.values())


def added_piece(token: AddedToken) -> Piece:
    if token.is_special or looks_special(token.text):
        return Piece(token.text, _SCORE, PieceType.CONTROL)
    return Piece(token.text.replace(_SPACE, " "), _SCORE, PieceType.USER_DEFINED)


def _of_decoder(settings: Mapping[str, object]) -> list[AddedToken]:
    decoder = settings.get("added_tokens_decoder") or {}
    if not isinstance(decoder, dict):
        raise damaged(SETTINGS, "its added_tokens_decoder is no table")
    found = []
    for key, entry in decoder.items():
        text: object = entry.get("content") if isinstance(entry, dict) else None
        if not _NUMBER.fullmatch(key) or not isinstance(text, str) or not text:
            raise damaged(SETTINGS, f"it adds the token {shorten(key)} as {shorten(entry)}")
        found.append(AddedToken(int(key), text, entry.get("special") is True))
    return found


def _named(vocabulary: Mapping[str, int], settings: Mapping[str, object]) -> list[AddedToken]:
    """What is named as the token for a beginning or an end is special."""
    texts = (token_text(settings.get(f"{kind}_token")) for kind in KINDS)
    return [AddedToken(vocabulary[text], text, True) for text in texts if text and text in vocabulary]
