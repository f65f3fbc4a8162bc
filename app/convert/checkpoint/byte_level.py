"""tokenizer.json with BPE of bytes, as GPT-2's, to what GGUF holds under `tokenizer.`."""

from __future__ import annotations

from collections.abc import Mapping

from app.convert.checkpoint.added_tokens import added_piece, added_tokens
from app.convert.checkpoint.pre_tokenizers import pre_tokenizer_name
from app.convert.checkpoint.sentencepiece import Piece, PieceType, too_many_tokens
from app.convert.checkpoint.special_tokens import special_tokens
from app.convert.checkpoint.tokenizer import Tokenizer, numbered_pieces
from app.convert.checkpoint.tokenizer_json import FILE, TokenizerJson
from app.core.jobs import CancelToken

_GRANITE_SIZE = 49152


def byte_level_tokenizer(
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
    by_number = {number: Piece(text, 0.0, PieceType.NORMAL) for text, number in tokenizer.vocabulary.items()}
    by_number |= {token.number: added_piece(token) for token in added}
    numbers_of = dict(tokenizer.vocabulary) | {token.text: token.number for token in added}
    special = special_tokens(numbers_of, tokenizer.post_processors, settings, config, size)
    return Tokenizer(
        pieces=numbered_pieces(FILE, by_number, size),
        special_ids=special.numbers,
        # Granite 3 and SmolLM, whose size this is, begin with no token whatever their files say
        # (convert_hf_to_gguf.py).
        add_bos=special.add_bos and size != _GRANITE_SIZE,
        add_eos=special.add_eos,
        add_space_prefix=False,
        chat_templates=templates,
        model="gpt2",
        pre=pre_tokenizer_name(tokenizer, settings, cancel),
        merges=tuple(f"{_in_merge(left)} {_in_merge(right)}" for left, right in tokenizer.merges),
    )


def _in_merge(part: str) -> str:
    """GGUF parts them with a space; GPT-2's letter for it stands for one within."""
    return part.replace(" ", "\u0120")
