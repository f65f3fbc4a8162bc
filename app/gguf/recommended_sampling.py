"""How a model's maker recommends to sample it: the keys `general.sampling.*`, which llama.cpp's converter takes from
`generation_config.json` and llama.cpp's programs use where a person said nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from app.gguf.header import MetadataValue

_PREFIX = "general.sampling."
_MOST = 2**31 - 1


class RecommendedSampling(msgspec.Struct, frozen=True, omit_defaults=True):
    """In the terms of `app.runtime.Sampling`. None: nothing is said, or nothing that is a number of this kind; whether
    a number is a possible one is for those who use it to see."""

    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    xtc_probability: float | None = None
    xtc_threshold: float | None = None
    repeat_last_n: int | None = None
    repeat_penalty: float | None = None
    mirostat: int | None = None
    mirostat_tau: float | None = None
    mirostat_eta: float | None = None


def recommended_sampling(metadata: Mapping[str, MetadataValue]) -> RecommendedSampling | None:
    """None where the header recommends nothing."""
    found = _left_out(metadata.get(f"{_PREFIX}sequence"))
    for key, name in (
        ("temp", "temperature"),
        ("top_p", "top_p"),
        ("min_p", "min_p"),
        ("xtc_probability", "xtc_probability"),
        ("xtc_threshold", "xtc_threshold"),
        ("penalty_repeat", "repeat_penalty"),
        ("mirostat_tau", "mirostat_tau"),
        ("mirostat_eta", "mirostat_eta"),
    ):
        number = _number(metadata.get(_PREFIX + key))
        if number is not None:
            found.setdefault(name, number)
    for key, name in (("top_k", "top_k"), ("penalty_last_n", "repeat_last_n"), ("mirostat", "mirostat")):
        number = _number(metadata.get(_PREFIX + key))
        if number is not None and number == int(number):
            # As llama.cpp has it: no top-k at all from 0 down.
            found.setdefault(name, max(int(number), 0) if name == "top_k" else int(number))
    return msgspec.convert(found, RecommendedSampling) if found else None


def _left_out(sequence: MetadataValue | None) -> dict[str, float]:
    """What a chain of samplers without one of those that are on by default comes to: that one is off. In which order
    the others come is not followed."""
    names = sequence.split(";") if isinstance(sequence, str) else []
    chain = {name.strip().replace("-", "").replace("_", "") for name in names[:64]}
    known = {
        "topk",
        "topp",
        "nucleus",
        "minp",
        "temperature",
        "temp",
        "typp",
        "typ",
        "xtc",
        "dry",
        "penalties",
    }
    if not chain & known:  # nothing that can be read as a chain
        return {}
    off: dict[str, float] = {}
    if "topk" not in chain:
        off["top_k"] = 0
    if not chain & {"topp", "nucleus"}:
        off["top_p"] = 1.0
    if "minp" not in chain:
        off["min_p"] = 0.0
    if not chain & {"temperature", "temp"}:
        off["temperature"] = 1.0
    return off


def _number(value: MetadataValue | None) -> float | None:
    """Six digits of it: what is 0.6 in a float32 was written as 0.6."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not math.isfinite(value) or abs(value) > _MOST:
        return None
    return value if isinstance(value, int) else float(f"{value:.6g}")
