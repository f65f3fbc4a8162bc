"""Which tokens have a meaning of their own, and which are put around a text.

As `gguf.SpecialVocab` of llama.cpp's converter finds them: a token by its text in tokenizer_config.json, then by its
number in config.json; what is put around a text by tokenizer.json's post-processor before tokenizer_config.json.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.convert.checkpoint.config import damaged
from app.convert.checkpoint.tokenizer_json import FILE, Step
from app.core.errors import UnsupportedCheckpoint
from app.gguf.cursor import shorten

KINDS = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")


@dataclass(frozen=True)
class SpecialTokens:
    """`numbers` by `KINDS`, and "eot" where another token than tokenizer_config.json's ends a text."""

    numbers: Mapping[str, int]
    add_bos: bool
    add_eos: bool


def special_tokens(
    numbers_of: Mapping[str, int],
    steps: Iterable[Step],
    settings: Mapping[str, object],
    config: Mapping[str, object],
    size: int,
) -> SpecialTokens:
    """`numbers_of`: of tokens by their text; `steps`: the post-processors; `size` of the model's vocabulary."""
    texts = {kind: text for kind in KINDS if (text := token_text(settings.get(f"{kind}_token"))) is not None}
    if "cls" in texts:
        texts.setdefault("bos", texts["cls"])
    if "sep" in texts:
        texts.setdefault("eos", texts["sep"])
    adds: dict[str, bool] = {}
    for step in steps:
        if step["type"] == "ByteLevel":
            adds.setdefault("bos", False)
            adds.setdefault("eos", False)
        elif step["type"] == "TemplateProcessing":
            first, last = _around(step)
            if first is not None:
                texts["bos"], adds["bos"] = first, True
            if last is not None:
                if texts.get("eos", last) != last:
                    texts["eot"] = texts["eos"]
                texts["eos"], adds["eos"] = last, True
        else:
            raise UnsupportedCheckpoint(
                f"Nibble does not know what {FILE} puts around a text ({shorten(step['type'])}).",
                "Download a GGUF file of this model instead.",
            )
    for kind in ("bos", "eos"):
        adds.setdefault(kind, settings.get(f"add_{kind}_token") is True)
    numbers = _numbers(texts, numbers_of, config, size)
    return SpecialTokens(numbers, *(adds[kind] and kind in numbers for kind in ("bos", "eos")))


def token_text(entry: object) -> str | None:
    """Of a token as tokenizer_config.json writes it."""
    text = entry.get("content") if isinstance(entry, dict) else entry
    return text if isinstance(text, str) and text else None


def _around(step: Step) -> tuple[str | None, str | None]:
    """The tokens at the beginning and the end of a text."""
    single = step.get("single")
    if not isinstance(single, list) or not all(isinstance(part, dict) for part in single):
        raise damaged(FILE, "its post-processor has no template")
    if len(single) < 2:
        return None, None
    ends = [part.get("SpecialToken") for part in (single[0], single[-1])]
    first, last = (end.get("id") if isinstance(end, dict) else None for end in ends)
    return (first if isinstance(first, str) else None), (last if isinstance(last, str) else None)


def _numbers(
    texts: Mapping[str, str], numbers_of: Mapping[str, int], config: Mapping[str, object], size: int
) -> dict[str, int]:
    inner = config.get("text_config")
    found = {}
    for kind in (*KINDS, "eot"):
        number: object = numbers_of.get(texts.get(kind, ""))
        if number is None and kind in KINDS:
            number = config.get(f"{kind}_token_id")
            if number is None and isinstance(inner, dict):
                number = inner.get(f"{kind}_token_id")
        if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < size:
            found[kind] = number
    return found
