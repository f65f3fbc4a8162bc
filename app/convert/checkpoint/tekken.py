"""Mistral's tekken.json (mistral-common, tokens/tokenizers/tekken.py) to what GGUF holds under `tokenizer.`.

Special tokens come first, then pieces of bytes in the order in which they are merged.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

from app.convert.checkpoint.config import damaged, read_json
from app.convert.checkpoint.folder import CheckpointFolder
from app.convert.checkpoint.pre_tokenizers import pre_tokenizer_of
from app.convert.checkpoint.sentencepiece import Piece, PieceType, too_many_tokens
from app.convert.checkpoint.tokenizer import Tokenizer, numbered_pieces
from app.convert.checkpoint.tokenizer_json import MOST_BYTES
from app.core.errors import UnsupportedCheckpoint
from app.core.jobs import CancelToken
from app.gguf.cursor import shorten

FILE = "tekken.json"
_MOST_PIECE_BYTES = 1000
"""As of spaces; each is cut in all ways to find what it is merged from."""
_SPECIAL = (
    *(
        "<unk>",
        "<s>",
        "</s>",
        "[INST]",
        "[/INST]",
        "[AVAILABLE_TOOLS]",
        "[/AVAILABLE_TOOLS]",
        "[TOOL_RESULTS]",
    ),
    *(
        "[/TOOL_RESULTS]",
        "[TOOL_CALLS]",
        "[IMG]",
        "<pad>",
        "[IMG_BREAK]",
        "[IMG_END]",
        "[PREFIX]",
        "[MIDDLE]",
    ),
    *("[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]"),
)
"""What files up to version 7, which list none, have at the beginning."""
_KINDS = {"unk": "<unk>", "bos": "<s>", "eos": "</s>", "pad": "<pad>"}


def read_tekken(
    folder: CheckpointFolder, size: int, templates: Mapping[str, str], cancel: CancelToken
) -> Tokenizer:
    """For a model with `size` embeddings. Raises FileGone, DamagedCheckpoint, UnsupportedCheckpoint and Cancelled."""
    document = read_json(folder.require(FILE, "Download the model's tokenizer into that folder."), MOST_BYTES)
    cancel.raise_if_cancelled()
    config = document.get("config")
    if not isinstance(config, dict):
        raise damaged(FILE, "it has no config")
    pattern = config.get("pattern")
    pre = pre_tokenizer_of(pattern) if isinstance(pattern, str) else None
    if pre is None:
        raise UnsupportedCheckpoint(
            f"Nibble does not know the expression by which {FILE} cuts text into words.",
            "Download a GGUF file of this model instead.",
        )
    specials = _specials(document.get("special_tokens"), _count(config, "default_num_special_tokens"))
    whole = _count(config, "default_vocab_size")
    if whole > size:
        raise too_many_tokens(FILE, size)
    ranks = _ranks(document.get("vocab"), whole - len(specials))
    texts = [*specials, *(_letters(piece) for piece in ranks)]
    by_number = {
        number: Piece(text, 0.0, PieceType.CONTROL if number < len(specials) else PieceType.NORMAL)
        for number, text in enumerate(texts)
    }
    numbers = {kind: specials.index(text) for kind, text in _KINDS.items() if text in specials}
    if "eos" in numbers:
        numbers.setdefault("pad", numbers["eos"])
    return Tokenizer(
        pieces=numbered_pieces(FILE, by_number, size),
        special_ids=numbers,
        add_bos="bos" in numbers,
        add_eos=False,
        add_space_prefix=False,
        chat_templates=templates,
        model="gpt2",
        pre=pre,
        merges=tuple(f"{_letters(left)} {_letters(right)}" for left, right in byte_merges(ranks, cancel)),
    )


def byte_merges(ranks: Mapping[bytes, int], cancel: CancelToken) -> Iterator[tuple[bytes, bytes]]:
    """What is merged to what, in order, from pieces in theirs: all ways of making each, those of lower parts first.

    Raises DamagedCheckpoint where a piece of several bytes cannot be made of others, and Cancelled.
    """
    for count, piece in enumerate(ranks):
        if count % 4096 == 0:
            cancel.raise_if_cancelled()
        if len(piece) == 1:
            continue
        cuts = [(piece[:at], piece[at:]) for at in range(1, len(piece))]
        ways = [(left, right) for left, right in cuts if left in ranks and right in ranks]
        if not ways:
            raise damaged(FILE, f"nothing is merged to the token of rank {ranks[piece]}")
        yield from sorted(ways, key=lambda way: (ranks[way[0]], ranks[way[1]]))


def _count(config: Mapping[str, object], key: str) -> int:
    value = config.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 1 << 24:
        raise damaged(FILE, f"its {key} is {shorten(value)}")
    return value


def _specials(listed: object, count: int) -> list[str]:
    """Their texts, by number; `<SPECIAL_n>` where none is given."""
    entries = [{"rank": rank, "token_str": text} for rank, text in enumerate(_SPECIAL)]
    if listed is not None:
        if not isinstance(listed, list):
            raise damaged(FILE, "its special_tokens are no list")
        entries = listed
    texts: dict[int, str] = {}
    for entry in entries:
        rank, text = _field(entry, "rank"), _field(entry, "token_str")
        if (
            type(rank) is not int
            or not 0 <= rank < count
            or rank in texts
            or not isinstance(text, str)
            or not text
        ):
            raise damaged(FILE, f"{shorten(entry)} is no special token of {count}")
        texts[rank] = text
    return [texts.get(rank, f"<SPECIAL_{rank}>") for rank in range(count)]


def _ranks(vocabulary: object, count: int) -> dict[bytes, int]:
    """The first `count` pieces; a model may have fewer than the file lists."""
    if not isinstance(vocabulary, list) or len(vocabulary) < count or count < 256:
        raise damaged(FILE, "it has fewer tokens than it says, or than there are bytes")
    ranks: dict[bytes, int] = {}
    for rank, entry in enumerate(vocabulary[:count]):
        text = _field(entry, "token_bytes")
        try:
            piece = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
        except (binascii.Error, ValueError):
            piece = b""
        if not 0 < len(piece) <= _MOST_PIECE_BYTES or piece in ranks or _field(entry, "rank") != rank:
            raise damaged(FILE, f"{shorten(entry)} is not the token of rank {rank}")
        ranks[piece] = rank
    if any(bytes([byte]) not in ranks for byte in range(256)):
        raise damaged(FILE, "it has no token for every byte")
    return ranks


def _field(entry: Any, key: str) -> object:
    return entry.get(key) if isinstance(entry, dict) else None


def _byte_letters() -> str:
    """GPT-2's letter for each byte: its own where that is visible, else the next one from 256 on."""
    visible = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(256, 512))
    return "".join(chr(byte if byte in visible else next(others)) for byte in range(256))


_LETTERS = _byte_letters()


def _letters(piece: bytes) -> str:
    return "".join(_LETTERS[byte] for byte in piece)
