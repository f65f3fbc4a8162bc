"""Settings no sampler can work with are refused in words, before llama.cpp sees them."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import WrongChoice
from app.runtime import Sampling
from app.runtime.sampling import TokenBias
from app.runtime.sampling_limits import LIMITS, require_possible, require_possible_top

NUMBERS = [
    field.name
    for field in msgspec.structs.fields(Sampling)
    if field.type in (int, float) and field.name != "seed"
]


def with_value(name: str, value: object) -> Sampling:
    return msgspec.structs.replace(Sampling(), **{name: value})


def test_defaults_are_those_of_llama_cpp_and_possible() -> None:
    # `llama-server --help` of the version pinned here.
    expected = {
        "temperature": 0.8,
        "dynatemp_range": 0.0,
        "dynatemp_exponent": 1.0,
        "top_k": 40,
        "top_p": 0.95,
        "min_p": 0.05,
        "typical_p": 1.0,
        "top_n_sigma": -1.0,
        "xtc_probability": 0.0,
        "xtc_threshold": 0.1,
        "repeat_penalty": 1.0,
        "repeat_last_n": 64,
        "frequency_penalty": 0.0,
        "presence_penalty": 0.0,
        "dry_multiplier": 0.0,
        "dry_base": 1.75,
        "dry_allowed_length": 2,
        "dry_penalty_last_n": 64,
        "dry_sequence_breakers": ("\n", ":", '"', "*"),
        "mirostat": 0,
        "mirostat_tau": 5.0,
        "mirostat_eta": 0.1,
    }
    values = msgspec.structs.asdict(Sampling())
    assert {name: values[name] for name in expected} == expected
    require_possible(Sampling())


def test_every_number_has_limits() -> None:
    assert sorted(LIMITS) == sorted(NUMBERS)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300, -1e300, 2**70, -(2**70), 10**400])
def test_number_that_is_none_or_has_no_end_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(WrongChoice, match=f"^{name} cannot be") as caught:
        require_possible(with_value(name, value))
    assert caught.value.hint


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", -0.1),
        ("dynatemp_range", -1.0),
        ("top_k", -1),
        ("top_k", 2**31),
        ("top_p", 1.01),
        ("min_p", -0.01),
        ("typical_p", 2.0),
        ("top_n_sigma", -2.0),
        ("xtc_probability", 1.5),
        ("repeat_penalty", 0.0),
        ("repeat_penalty", -1.0),
        ("repeat_last_n", -1),
        ("repeat_last_n", 2**31 - 1),
        ("dry_base", 0.5),
        ("dry_penalty_last_n", 2**31 - 1),
        ("mirostat", 3),
        ("mirostat_tau", -1.0),
        ("max_tokens", -1),
    ],
)
def test_number_outside_of_its_limits_is_refused(name: str, value: float) -> None:
    with pytest.raises(WrongChoice, match=f"^{name} cannot be"):
        require_possible(with_value(name, value))


@given(st.sampled_from(NUMBERS), st.data())
def test_every_number_within_its_limits_is_possible(name: str, data: st.DataObject) -> None:
    limits = LIMITS[name]
    if limits.whole:
        value: float = data.draw(st.integers(int(limits.least), int(limits.most)))
    else:
        value = data.draw(st.floats(limits.least, limits.most))
    require_possible(with_value(name, value))


@pytest.mark.parametrize("seed", [0, -1, 2**32, 2**70, -(2**70)])
def test_every_seed_is_possible(seed: int) -> None:
    require_possible(Sampling(seed=seed))


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(stop=("",)),
        Sampling(stop=("x" * 1000,)),
        Sampling(stop=("x",) * 1000),
        Sampling(stop=("\ud800",)),
        Sampling(dry_sequence_breakers=("",)),
        Sampling(dry_sequence_breakers=("a\0b",)),
        Sampling(dry_sequence_breakers=("🦙" * 11,)),
        Sampling(grammar="x" * 1_000_000),
        Sampling(grammar="\udfff"),
        Sampling(json_schema=" " * 10_000_000),
        Sampling(grammar='root ::= "a"', json_schema="{}"),
        Sampling(logit_bias=(TokenBias(1, math.nan),)),
        Sampling(logit_bias=(TokenBias(1, math.inf),)),
        Sampling(logit_bias=(TokenBias("x" * 1000, 1.0),)),
        Sampling(logit_bias=(TokenBias(1, 1.0),) * 300_000),
    ],
    ids=lambda sampling: "",
)
def test_impossible_text_or_bias_is_refused(sampling: Sampling) -> None:
    with pytest.raises(WrongChoice) as caught:
        require_possible(sampling)
    assert caught.value.hint
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("count", [-1, 21, 2**70])
def test_impossible_number_of_probabilities_is_refused(count: int) -> None:
    with pytest.raises(WrongChoice, match="top_probabilities"):
        require_possible_top(count)


@pytest.mark.parametrize("count", [0, 1, 20])
def test_possible_number_of_probabilities_is_taken(count: int) -> None:
    require_possible_top(count)
