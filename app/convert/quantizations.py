"""The file types `llama_model_quantize` can write.

Names and numbers are llama.cpp's (`enum llama_ftype` in llama.h). Bits per weight as measured
for Llama 3.1 8B in llama.cpp's tools/quantize/README.md, else the block format's own; a model
whose embedding is a large part of it ends above them.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.core.errors import WrongChoice


@dataclass(frozen=True)
class Quantization:
    """`bits_per_weight` is typical, not exact; `summary` says what to expect of it in a few words."""

    name: str
    file_type: int
    bits_per_weight: float
    summary: str
    needs_importance_matrix: bool = False


QUANTIZATIONS: tuple[Quantization, ...] = (
    Quantization("F32", 0, 32.0, "Every weight in 32 bits; only as a source"),
    Quantization("BF16", 32, 16.0, "The checkpoint's own precision"),
    Quantization("F16", 1, 16.0, "Half precision, practically without loss"),
    Quantization("Q8_0", 7, 8.5008, "Half the size of F16, loss not noticeable"),
    Quantization("Q6_K", 18, 6.5633, "Very close to Q8_0"),
    Quantization("Q5_K_M", 17, 5.7036, "Little loss; a good choice with memory to spare"),
    Quantization("Q5_K_S", 16, 5.5704, "Little loss, slightly smaller"),
    Quantization("Q5_1", 9, 6.0, "Older format; Q5_K_M is better"),
    Quantization("Q5_0", 8, 5.5, "Older format; Q5_K_S is better"),
    Quantization("Q4_K_M", 15, 4.8944, "The usual choice: small, with moderate loss"),
    Quantization("Q4_K_S", 14, 4.6672, "Slightly smaller than Q4_K_M, slightly more loss"),
    Quantization("IQ4_NL", 25, 4.6818, "Non-linear 4 bits"),
    Quantization("IQ4_XS", 30, 4.4597, "Smallest of the good 4-bit types"),
    Quantization("Q4_1", 3, 5.0, "Older format; Q4_K_M is better"),
    Quantization("Q4_0", 2, 4.5, "Older 4-bit format, fast on processors"),
    Quantization("MXFP4_MOE", 38, 4.25, "4-bit floating point for mixture-of-experts models"),
    Quantization("Q3_K_L", 13, 4.2979, "Clear loss; when 4 bits do not fit"),
    Quantization("Q3_K_M", 12, 3.9960, "Clear loss; when 4 bits do not fit"),
    Quantization("IQ3_M", 27, 3.7628, "Clear loss, better than Q3_K_S"),
    Quantization("IQ3_S", 26, 3.6606, "Clear loss"),
    Quantization("Q3_K_S", 11, 3.6429, "Strong loss"),
    Quantization("IQ3_XS", 22, 3.4977, "Strong loss", True),
    Quantization("IQ3_XXS", 23, 3.2548, "Strong loss", True),
    Quantization("Q2_K", 10, 3.1593, "Severe loss; for very large models only"),
    Quantization("Q2_K_S", 21, 2.9697, "Severe loss", True),
    Quantization("IQ2_M", 29, 2.9294, "Severe loss", True),
    Quantization("IQ2_S", 28, 2.7403, "Severe loss", True),
    Quantization("IQ2_XS", 20, 2.5882, "Severe loss", True),
    Quantization("IQ2_XXS", 19, 2.3824, "Severe loss", True),
    Quantization("Q2_0", 41, 2.25, "For models trained for 2 bits"),
    Quantization("TQ2_0", 37, 2.06, "For models trained with three-valued weights"),
    Quantization("TQ1_0", 36, 1.69, "For models trained with three-valued weights"),
    Quantization("IQ1_M", 31, 2.1460, "Barely usable", True),
    Quantization("IQ1_S", 24, 2.0042, "Barely usable", True),
    Quantization("Q1_0", 40, 1.125, "For models trained for 1 bit"),
)
"""Best quality first."""

_ALIASES = {"Q3_K": "Q3_K_M", "Q4_K": "Q4_K_M", "Q5_K": "Q5_K_M"}


def quantization_named(name: str) -> Quantization:
    """By llama.cpp's name, in any case and with its aliases. Raises WrongChoice."""
    wanted = _ALIASES.get(name.upper(), name.upper())
    for quantization in QUANTIZATIONS:
        if quantization.name == wanted:
            return quantization
    known = ", ".join(quantization.name for quantization in QUANTIZATIONS)
    raise WrongChoice(f"There is no quantization called {name!r}.", f"Choose one of {known}.")
