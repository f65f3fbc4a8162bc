"""Which sampling settings are possible.

What lies outside makes llama.cpp end its process (a penalty of 0), take memory without end (a window of two
thousand million tokens) or answer nonsense (a temperature that is no number), so it is refused before.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.core.errors import WrongChoice
from app.runtime.sampling import Sampling

MOST_WINDOW_TOKENS = 1 << 20
"""Of what penalties and DRY look at: they keep some words for each."""

MOST_TOP_PROBABILITIES = 20
MOST_BIASES = 1 << 18
MOST_BIAS = 1e6
MOST_STOP_STRINGS = 32
MOST_STOP_CHARACTERS = 256
MOST_BREAKERS = 64
MOST_BREAKER_BYTES = 40
"""llama.cpp cuts longer ones."""

MOST_GRAMMAR_CHARACTERS = 256 * 1024
MOST_SCHEMA_CHARACTERS = 1024 * 1024

_INT32 = 2**31 - 1


@dataclass(frozen=True)
class Limits:
    """From `least` to `most`, both included."""

    least: float
    most: float
    whole: bool = False


LIMITS: dict[str, Limits] = {
    "temperature": Limits(0, 1000),
    "dynatemp_range": Limits(0, 1000),
    "dynatemp_exponent": Limits(0, 100),
    "top_k": Limits(0, _INT32, whole=True),
    "top_p": Limits(0, 1),
    "min_p": Limits(0, 1),
    "typical_p": Limits(0, 1),
    "top_n_sigma": Limits(-1, 1000),
    "xtc_probability": Limits(0, 1),
    "xtc_threshold": Limits(0, 1),
    "repeat_penalty": Limits(1e-6, 1e6),
    "repeat_last_n": Limits(0, MOST_WINDOW_TOKENS, whole=True),
    "frequency_penalty": Limits(-1000, 1000),
    "presence_penalty": Limits(-1000, 1000),
    "dry_multiplier": Limits(0, 1000),
    "dry_base": Limits(1, 1000),
    "dry_allowed_length": Limits(0, MOST_WINDOW_TOKENS, whole=True),
    "dry_penalty_last_n": Limits(0, MOST_WINDOW_TOKENS, whole=True),
    "mirostat": Limits(0, 2, whole=True),
    "mirostat_tau": Limits(0, 100),
    "mirostat_eta": Limits(0, 100),
    "max_tokens": Limits(0, _INT32, whole=True),
}
"""Of each number in `Sampling` but the seed, which may be any."""


def require_possible(sampling: Sampling) -> None:
    """Raises WrongChoice."""
    for name, limits in LIMITS.items():
        _require_within(name, getattr(sampling, name), limits)
    if sampling.grammar and sampling.json_schema:
        raise WrongChoice("An answer follows a grammar or a JSON schema, not both.", "Leave one of them out.")
    _require_short("grammar", sampling.grammar, MOST_GRAMMAR_CHARACTERS)
    _require_short("json_schema", sampling.json_schema, MOST_SCHEMA_CHARACTERS)
    _require_texts("stop", sampling.stop, MOST_STOP_STRINGS)
    for text in sampling.stop:
        _require_short("stop", text, MOST_STOP_CHARACTERS)
    _require_texts("dry_sequence_breakers", sampling.dry_sequence_breakers, MOST_BREAKERS)
    for text in sampling.dry_sequence_breakers:
        _require_short("dry_sequence_breakers", text, MOST_BREAKER_BYTES)
        if len(text.encode()) > MOST_BREAKER_BYTES or "\0" in text:
            raise WrongChoice(
                f"{text[:20]!r} cannot be one of the dry_sequence_breakers.",
                f"Choose texts of 1 to {MOST_BREAKER_BYTES} bytes without the character NUL.",
            )
    if len(sampling.logit_bias) > MOST_BIASES:
        raise WrongChoice(
            f"{len(sampling.logit_bias):,} biases are too many.", f"Give at most {MOST_BIASES:,}."
        )
    for entry in sampling.logit_bias:
        _require_within("A bias", entry.bias, Limits(-MOST_BIAS, MOST_BIAS))
        if isinstance(entry.token, str):
            _require_short("logit_bias", entry.token, MOST_STOP_CHARACTERS)
        else:
            _require_within("A token", entry.token, Limits(0, _INT32, whole=True))


def require_possible_top(count: int) -> None:
    """Raises WrongChoice where so many of the likeliest tokens cannot be told."""
    _require_within("top_probabilities", count, Limits(0, MOST_TOP_PROBABILITIES, whole=True))


def _require_within(name: str, value: float, limits: Limits) -> None:
    # The comparison is false for what is no number.
    if limits.least <= value <= limits.most and (not limits.whole or value == int(value)):
        return
    kind = "a whole number from" if limits.whole else "a number from"
    shown = f"{value:.6g}" if abs(value) < 1e300 else "no number" if value != value else "so large"
    raise WrongChoice(
        f"{name} cannot be {shown}.", f"Choose {kind} {limits.least:,.6g} to {limits.most:,.10g}."
    )


def _require_short(name: str, text: str, most: int) -> None:
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise WrongChoice(f"The text for {name} holds half a character.", "Type it again.")
    if len(text) > most:
        raise WrongChoice(
            f"The text for {name} has {len(text):,} characters.", f"Nibble takes up to {most:,} there."
        )


def _require_texts(name: str, texts: tuple[str, ...], most: int) -> None:
    if len(texts) > most:
        raise WrongChoice(f"{len(texts):,} texts for {name} are too many.", f"Give at most {most}.")
    if "" in texts:
        raise WrongChoice(f"An empty text cannot be one of {name}.", "Leave it out.")
