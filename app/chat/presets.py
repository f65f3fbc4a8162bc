"""Presets: how answers are sampled, under a name."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from app.chat.engine import RANDOM_SEED
from app.core.errors import WrongChoice
from app.gguf import RecommendedSampling
from app.runtime.protocol import Sampling
from app.runtime.sampling_limits import LIMITS, require_possible

DEFAULT = "default"
"""As the model's maker recommends, or else Balanced. It follows the model of a chat as long as nothing was changed."""
BALANCED, PRECISE, CREATIVE, CODE = "balanced", "precise", "creative", "code"
OWN = "own:"
"""Begins the keys of the person's own presets; their name follows."""

CHAIN = (*(name for name in LIMITS if name != "max_tokens"), "dry_sequence_breakers")
"""The fields of `Sampling` that the built-in presets choose. How long an answer may be, where it ends and what it must
follow are of what is asked, not of how daring the answer is: those stay."""

BUILT_IN: dict[str, Sampling] = {
    BALANCED: Sampling(seed=RANDOM_SEED),
    PRECISE: Sampling(seed=RANDOM_SEED, temperature=0.3),
    CREATIVE: Sampling(seed=RANDOM_SEED, temperature=1.2, top_k=0, top_p=1.0, min_p=0.05),
    CODE: Sampling(seed=RANDOM_SEED, temperature=0.2, top_k=0, top_p=0.95, min_p=0.0),
}
"""Balanced: llama.cpp's own defaults (`common_params_sampling`), which is also what its server does.

Precise: the temperature that Mistral AI gives for Mistral Nemo in its model card, 0.3, for models that were trained to
answer; the rest as in Balanced. Not 0: greedy decoding runs into repetitions (Holtzman et al. 2019, arXiv 1904.09751).

Creative: min-p alone in place of top-k and top-p, with a temperature above 1 (Nguyen et al. 2024, arXiv 2407.01082,
which finds stories coherent at temperatures of 1 and above with min-p 0.05 to 0.1). In llama.cpp's chain min-p
looks at the model's own probabilities, before the temperature, so that more heat brings no nonsense in.

Code: temperature 0.2 with nucleus 0.95, with which one attempt at a program is right most often (Chen et al. 2021,
arXiv 2107.03374; the authors of StarCoder, arXiv 2305.06161, measure with the same). No penalty on what
comes again: programs repeat themselves."""


@dataclass(frozen=True)
class Change:
    """A field of `Sampling` that is otherwise than its preset has it."""

    field: str
    value: object
    preset: object


def recommended(by_maker: RecommendedSampling | None) -> Sampling | None:
    """What the maker says over llama.cpp's defaults, without what is not possible; None where nothing is left."""
    sampling = BUILT_IN[BALANCED]
    if by_maker is None:
        return None
    for name, value in msgspec.structs.asdict(by_maker).items():
        if value is None:
            continue
        changed = msgspec.structs.replace(sampling, **{name: value})
        try:
            require_possible(changed)
        except WrongChoice:
            continue
        sampling = changed
    return sampling if sampling != BUILT_IN[BALANCED] else None


def values_of(key: str, own: dict[str, Sampling], by_maker: Sampling | None) -> Sampling:
    """What a preset says; Balanced for one that is not there any more."""
    if key == DEFAULT:
        return by_maker or BUILT_IN[BALANCED]
    if key.startswith(OWN):
        return own.get(key.removeprefix(OWN), BUILT_IN[BALANCED])
    return BUILT_IN.get(key, BUILT_IN[BALANCED])


def applied(key: str, values: Sampling, present: Sampling) -> Sampling:
    """`present` with a preset's `values`: all but the seed of the person's own, the chain of samplers of others."""
    if key.startswith(OWN):
        return msgspec.structs.replace(values, seed=present.seed)
    return msgspec.structs.replace(present, **{name: getattr(values, name) for name in CHAIN})


def changes(values: Sampling, present: Sampling) -> tuple[Change, ...]:
    """What is otherwise than a preset's `values`, in the order of `Sampling`."""
    return tuple(
        Change(name, getattr(present, name), getattr(values, name))
        for name in (field.name for field in msgspec.structs.fields(Sampling))
        if getattr(present, name) != getattr(values, name)
    )


def fitting(present: Sampling, own: dict[str, Sampling], by_maker: Sampling | None) -> str:
    """The preset of a chat that was kept without one: the first that says just this, or else Balanced."""
    for key in (DEFAULT, *BUILT_IN, *(OWN + name for name in own)):
        if applied(key, values_of(key, own, by_maker), present) == present:
            return key
    return BALANCED
