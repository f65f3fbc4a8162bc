"""What quantizations cost, as llama.cpp has published it: perplexity and KL divergence by model."""

from __future__ import annotations

import msgspec

import resources


class Measurement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One published row. Compare only rows of one `model`, `corpus` and `context`.

    `perplexity_increase` is absolute, against F16 of the same model; `same_top_token` is a share from 0 to 1.
    `bits_per_weight` is of the whole file, `bits_per_weight_from` "published" as printed or from the "size" in the
    same row. `context` in tokens. `duplicate_of`: the row repeats one of that other source.
    """

    quantization: str
    model: str
    source: str
    checked: bool
    bits_per_weight: float | None = None
    bits_per_weight_from: str = ""
    size_gib: float | None = None
    perplexity: float | None = None
    perplexity_increase: float | None = None
    perplexity_ratio: float | None = None
    kl_divergence_mean: float | None = None
    kl_divergence_median: float | None = None
    kl_divergence_q99: float | None = None
    same_top_token: float | None = None
    imatrix: bool | None = None
    imatrix_corpus: str = ""
    context: int | None = None
    corpus: str = ""
    duplicate_of: str = ""
    note: str = ""


def read_published_quality() -> tuple[Measurement, ...]:
    """All rows, in the order of the file."""
    return msgspec.convert(resources.published_quality(), tuple[Measurement, ...])
