"""Reads tokenizer.json, the file of the tokenizers library: a BPE model, and the steps before and after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.convert.checkpoint.config import damaged, read_json
from app.convert.checkpoint.folder import CheckpointFolder
from app.core.errors import UnsupportedCheckpoint
from app.core.jobs import CancelToken
from app.gguf.cursor import shorten

FILE = "tokenizer.json"
MOST_BYTES = 48_000_000
"""The largest real ones (Gemma 3's 262k tokens, each merge over four lines) have 33 MB."""
_CANCEL_EVERY = 4096

Step = Mapping[str, Any]
"""A normalizer, pre-tokenizer or post-processor as the file has it; `type` is a text."""


@dataclass(frozen=True)
class AddedToken:
    number: int
    text: str
    is_special: bool


@dataclass(frozen=True)
class TokenizerJson:
    """`merges`: the first is done first; both parts and what comes out are in the vocabulary.

    `ignores_merges`: a word that is a token needs no merges. `falls_back_to_bytes`: unknown characters become
    tokens such as <0x0A>, as with SentencePiece.
    """

    vocabulary: Mapping[str, int]
    merges: tuple[tuple[str, str], ...]
    added: tuple[AddedToken, ...]
    falls_back_to_bytes: bool
    ignores_merges: bool
    normalizers: tuple[Step, ...]
    pre_tokenizers: tuple[Step, ...]
    post_processors: tuple[Step, ...]


def read_tokenizer_json(folder: CheckpointFolder, cancel: CancelToken) -> TokenizerJson:
    """Raises FileGone, DamagedCheckpoint, Cancelled, and UnsupportedCheckpoint for another model than BPE."""
    path = folder.require(FILE, "Download the model's tokenizer into that folder.")
    document = read_json(path, MOST_BYTES)
    cancel.raise_if_cancelled()
    model = document.get("model")
    if not isinstance(model, dict):
        raise damaged(FILE, "it holds no model")
    _expect_bpe(model)
    vocabulary = _vocabulary(model.get("vocab"))
    return TokenizerJson(
        vocabulary=vocabulary,
        merges=tuple(_merges(model.get("merges"), vocabulary, cancel)),
        added=_added(document.get("added_tokens") or [], vocabulary),
        falls_back_to_bytes=model.get("byte_fallback") is True,
        ignores_merges=model.get("ignore_merges") is True,
        normalizers=_steps(document.get("normalizer"), "normalizers"),
        pre_tokenizers=_steps(document.get("pre_tokenizer"), "pretokenizers"),
        post_processors=_steps(document.get("post_processor"), "processors"),
    )


def read_added_tokens(folder: CheckpointFolder) -> tuple[AddedToken, ...]:
    """Only those of the file, which may hold anything else; none where there is no file. Raises DamagedCheckpoint."""
    path = folder.find(FILE)
    return _added(read_json(path, MOST_BYTES).get("added_tokens") or [], {}) if path else ()


def _expect_bpe(model: Mapping[str, object]) -> None:
    kind = model.get("type") or ("BPE" if "merges" in model else "no kind")  # old files name none
    if kind != "BPE":
        raise UnsupportedCheckpoint(
            f"{FILE} holds a tokenizer of another kind ({shorten(kind)}); Nibble converts BPE.",
            "Download a GGUF file of this model instead.",
        )
    for key in ("continuing_subword_prefix", "end_of_word_suffix"):
        if model.get(key):
            raise UnsupportedCheckpoint(
                f"{FILE} marks parts of words ({key}), which llama.cpp does not do with BPE.",
                "Download a GGUF file of this model instead.",
            )


def _vocabulary(value: object) -> dict[str, int]:
    if not isinstance(value, dict) or not value:
        raise damaged(FILE, "it holds no vocabulary")
    numbers = set()
    for text, number in value.items():
        if isinstance(number, bool) or not isinstance(number, int) or number < 0 or not text:
            raise damaged(FILE, f"it numbers {shorten(text)} {shorten(number)}")
        if number in numbers:
            raise damaged(FILE, f"two tokens have the number {number}")
        numbers.add(number)
    return value


def _merges(value: object, vocabulary: Mapping[str, int], cancel: CancelToken) -> Iterator[tuple[str, str]]:
    """Each is a text with a space in it, or since Transformers 4.45 a list of two."""
    if not isinstance(value, list):
        raise damaged(FILE, "it holds no merges")
    for position, merge in enumerate(value):
        if position % _CANCEL_EVERY == 0:
            cancel.raise_if_cancelled()
        parts = merge.split(" ") if isinstance(merge, str) else merge
        if not isinstance(parts, list) or len(parts) != 2 or not all(isinstance(part, str) for part in parts):
            raise damaged(FILE, f"{shorten(merge)} is no merge")
        left, right = parts
        for text in (left, right, left + right):
            if text not in vocabulary:
                raise damaged(FILE, f"it merges {shorten(text)}, which is no token")
        yield left, right


def _added(value: object, vocabulary: Mapping[str, int]) -> tuple[AddedToken, ...]:
    if not isinstance(value, list):
        raise damaged(FILE, "its added_tokens are no list")
    found: dict[int, AddedToken] = {}
    texts: dict[str, int] = {}
    taken = {number: text for text, number in vocabulary.items()} if value else {}
    for entry in value:
        number, text = (entry.get("id"), entry.get("content")) if isinstance(entry, dict) else (None, None)
        if isinstance(number, bool) or not isinstance(number, int) or number < 0:
            raise damaged(FILE, f"it adds {shorten(entry)}")
        if not isinstance(text, str) or not text:
            raise damaged(FILE, f"it adds {shorten(entry)}")
        if taken.get(number, text) != text or vocabulary.get(text, number) != number:
            raise damaged(FILE, f"it adds {shorten(text)} as {number}, which the vocabulary has otherwise")
        if number in found or texts.get(text, number) != number:
            raise damaged(FILE, f"it adds {shorten(text)} or the number {number} twice")
        found[number] = AddedToken(number, text, entry.get("special") is True)
        texts[text] = number
    return tuple(found.values())


def _steps(value: object, parts: str) -> tuple[Step, ...]:
    """In their order, those of a sequence, or of one in another, each for itself."""
    waiting, steps = ([] if value is None else [value]), []
    while waiting:
        step = waiting.pop()
        if not isinstance(step, dict) or not isinstance(step.get("type"), str):
            raise damaged(FILE, f"{shorten(step)} is no step")
        if step["type"] != "Sequence":
            steps.append(step)
            continue
        inner = step.get(parts)
        if not isinstance(inner, list):
            raise damaged(FILE, f"its sequence has no {parts}")
        waiting.extend(reversed(inner))
    return tuple(steps)
