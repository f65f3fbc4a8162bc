"""tokenizer.json of a SentencePiece model that was converted to it, back to what llama.cpp's "llama" reads.

The tokenizers library merges by a list of pairs; SentencePiece and llama.cpp merge whichever two neighbours make the
token of the highest score. Both give the same tokens where every way of making a token is in the list, at one place.
llama.cpp's own converter (`LlamaHfVocab`) gives all tokens one score, with which text is merged from left to right.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import groupby

from app.convert.checkpoint.added_tokens import added_piece, added_tokens
from app.convert.checkpoint.config import damaged
from app.convert.checkpoint.sentencepiece import Piece, PieceType, too_many_tokens
from app.convert.checkpoint.special_tokens import special_tokens
from app.convert.checkpoint.tokenizer import Tokenizer, numbered_pieces
from app.convert.checkpoint.tokenizer_json import FILE, Step, TokenizerJson
from app.core.errors import UnsupportedCheckpoint
from app.core.jobs import CancelToken

_SPACE = "\u2581"
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")


def byte_fallback_tokenizer(
    tokenizer: TokenizerJson,
    settings: Mapping[str, object],
    config: Mapping[str, object],
    size: int,
    templates: Mapping[str, str],
    cancel: CancelToken,
) -> Tokenizer:
    """`settings`: tokenizer_config.json; `config`: config.json; `size` of the model's vocabulary.

    Raises UnsupportedCheckpoint, DamagedCheckpoint and Cancelled.
    """
    if max(tokenizer.vocabulary.values()) >= size:
        raise too_many_tokens(FILE, size)
    added = added_tokens(tokenizer, settings)
    scores = _scores(tokenizer, {token.text for token in added}, cancel)
    by_number = {
        number: Piece(text, *((0.0, PieceType.BYTE) if _BYTE.fullmatch(text) else (score, PieceType.NORMAL)))
        for (text, number), score in zip(tokenizer.vocabulary.items(), scores, strict=True)
    }
    by_number |= {token.number: added_piece(token) for token in added}
    # llama.cpp ends the process where it needs one that is not there.
    if sum(piece.type == PieceType.BYTE for piece in by_number.values()) != 256:
        raise damaged(FILE, "it has no token for every byte")
    numbers_of = dict(tokenizer.vocabulary) | {token.text: token.number for token in added}
    special = special_tokens(
        numbers_of, tokenizer.post_processors, {"add_bos_token": True, **settings}, config, size
    )
    prefix = settings.get("add_prefix_space")
    own_prefix = _adds_space(tokenizer)
    return Tokenizer(
        pieces=numbered_pieces(FILE, by_number, size),
        special_ids=special.numbers,
        add_bos=special.add_bos,
        add_eos=special.add_eos,
        add_space_prefix=prefix if isinstance(prefix, bool) else own_prefix,
        chat_templates=templates,
    )


def _scores(tokenizer: TokenizerJson, added: set[str], cancel: CancelToken) -> list[float]:
    """One for each token, in the vocabulary's order: the sooner it is merged, the higher."""
    made = [left + right for left, right in tokenizer.merges]
    order = [text for text, _ in groupby(made)]
    is_tied = len(set(order)) < len(order)
    if is_tied:
        # Transformers sorts the ways of tokens with the same score by their parts. With Llama 2 and Mistral those are
        # the runs of spaces.
        order = [text for text, _ in groupby(map(_without_length, made))]
        if len(set(order)) < len(order):
            raise _not_sentencepiece()
    _expect_all_ways(tokenizer, made, added, cancel)
    ranks = {text: rank for rank, text in enumerate(order)}
    # What is never merged comes last.
    return [
        -float(ranks.get(_without_length(text) if is_tied else text, len(ranks)))
        for text in tokenizer.vocabulary
    ]


def _without_length(text: str) -> str:
    """The same for all runs of spaces."""
    return text if text.strip(_SPACE) else _SPACE


def _expect_all_ways(tokenizer: TokenizerJson, made: list[str], added: set[str], cancel: CancelToken) -> None:
    pairs = set(tokenizer.merges)
    for count, text in enumerate(set(made) - added):
        if count % 4096 == 0:
            cancel.raise_if_cancelled()
        for at in range(1, len(text)):
            left, right = text[:at], text[at:]
            if left in tokenizer.vocabulary and right in tokenizer.vocabulary and (left, right) not in pairs:
                raise _not_sentencepiece()


def _not_sentencepiece() -> UnsupportedCheckpoint:
    return UnsupportedCheckpoint(
        f"The merges in {FILE} are not those of a SentencePiece model, and llama.cpp would read other tokens.",
        "Add tokenizer.model to the checkpoint's folder, or download a GGUF file of this model.",
    )


def _adds_space(tokenizer: TokenizerJson) -> bool:
    """Whether a space is put before text. Raises UnsupportedCheckpoint for any step SentencePiece does not have."""
    adds = False
    spaces = False
    for step in (*tokenizer.normalizers, *tokenizer.pre_tokenizers):
        match step:
            case {"type": "Prepend", "prepend": "▁"}:  # Llama 2, TinyLlama, Mistral
                adds = True
            case {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}:
                spaces = True
            case {"type": "Metaspace", "replacement": "▁"}:  # as Transformers has written it since 4.40
                spaces = True
                adds = _metaspace_adds(step)
            case {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious"}:
                pass  # Gemma: there are no spaces left to split at
            case _:
                raise UnsupportedCheckpoint(
                    f"{FILE} prepares text by {step['type']!r:.40}, which llama.cpp's Llama tokenizer does not.",
                    "Add tokenizer.model to the checkpoint's folder, or download a GGUF file of this model.",
                )
    if not spaces:
        raise UnsupportedCheckpoint(
            f"{FILE} does not write spaces as {_SPACE}, as llama.cpp's Llama tokenizer does.",
            "Download a GGUF file of this model instead.",
        )
    return adds


def _metaspace_adds(step: Step) -> bool:
    if step.get("split", True) is not False:  # between words nothing would be merged
        raise UnsupportedCheckpoint(
            f"{FILE} cuts text into words by Metaspace, which llama.cpp's Llama tokenizer does not.",
            "Download a GGUF file of this model instead.",
        )
    scheme = step.get("prepend_scheme")
    return scheme != "never" if isinstance(scheme, str) else step.get("add_prefix_space", True) is True
