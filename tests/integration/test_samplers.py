"""Each sampling setting does what llama.cpp's sampler of that name does, in llama.cpp's order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from app.core.errors import WrongChoice
from app.runtime import LoadedModel, LoadSettings, Sampling, start_worker
from app.runtime.protocol import Describe, Described, Generate, Load
from app.runtime.sampling import TokenBias
from tests.helpers.answers import ask, greedy, talk
from tests.helpers.reference import chatml, tokenize
from tests.helpers.reference_sampling import Step, drawn, penalized
from tests.helpers.tiny_gguf import write_tiny_model

PROMPT = "hello"
TOKENS = 60
SEED = 3
BREAKERS = ["\n", ":", '"', "*"]


@pytest.fixture(scope="module")
def babbling(models: Path) -> Path:
    """Its logits lie near each other, so that every sampler changes what it says."""
    return write_tiny_model(models / "babbling.gguf", never_ends=True, scale=1.5)


@pytest.fixture(scope="module")
def babbler(babbling: Path) -> Iterator[LoadedModel]:
    with LoadedModel.load(babbling, LoadSettings(context_length=512, threads=1)) as loaded:
        yield loaded


def ask_anew(model: LoadedModel, sampling: Sampling) -> str:
    """With the whole prompt evaluated at once, as the reference does: logits differ in their last digits
    otherwise, and mirostat feeds them back."""
    model.score("x")  # empties the cache
    return ask(model, PROMPT, sampling).text


def default_chain(**changes: Step) -> list[Step]:
    """llama.cpp's own, in the order of `--samplers` in the help of its programs."""
    chain: dict[str, Step] = {
        "penalties": ["penalties", 64, 1.0, 0.0, 0.0],
        "dry": ["dry", 0.0, 1.75, 2, 64, BREAKERS],
        "top_n_sigma": ["top_n_sigma", -1.0],
        "top_k": ["top_k", 40],
        "typical": ["typical", 1.0, 0],
        "top_p": ["top_p", 0.95, 0],
        "min_p": ["min_p", 0.05, 0],
        "xtc": ["xtc", 0.0, 0.1, 0, SEED],
        "temp_ext": ["temp_ext", 0.8, 0.0, 1.0],
        "dist": ["dist", SEED],
    }
    assert changes.keys() <= chain.keys()
    return list((chain | changes).values())


CASES: dict[str, tuple[dict[str, object], dict[str, Step]]] = {
    "nothing": ({}, {}),
    "temperature": ({"temperature": 1.7}, {"temp_ext": ["temp_ext", 1.7, 0.0, 1.0]}),
    "dynamic temperature": (
        {"temperature": 1.5, "dynatemp_range": 1.0, "dynatemp_exponent": 1.3},
        {"temp_ext": ["temp_ext", 1.5, 1.0, 1.3]},
    ),
    "top-k": ({"top_k": 3}, {"top_k": ["top_k", 3]}),
    "top-p": ({"top_p": 0.3, "top_k": 0}, {"top_p": ["top_p", 0.3, 0], "top_k": ["top_k", 0]}),
    "min-p": ({"min_p": 0.5}, {"min_p": ["min_p", 0.5, 0]}),
    "typical": ({"typical_p": 0.4}, {"typical": ["typical", 0.4, 0]}),
    "top-n-sigma": ({"top_n_sigma": 0.1}, {"top_n_sigma": ["top_n_sigma", 0.1]}),
    "XTC": (
        {"xtc_probability": 0.7, "xtc_threshold": 0.05},
        {"xtc": ["xtc", 0.7, 0.05, 0, SEED]},
    ),
    "DRY": (
        {
            "dry_multiplier": 2.0,
            "dry_base": 1.5,
            "dry_allowed_length": 1,
            "dry_penalty_last_n": 30,
            "top_k": 2,
        },
        {"dry": ["dry", 2.0, 1.5, 1, 30, BREAKERS], "top_k": ["top_k", 2]},
    ),
    "DRY with other breakers": (
        {"dry_multiplier": 2.0, "dry_allowed_length": 1, "dry_sequence_breakers": ("e", "the"), "top_k": 2},
        {"dry": ["dry", 2.0, 1.75, 1, 64, ["e", "the"]], "top_k": ["top_k", 2]},
    ),
    "penalties": (
        {"repeat_penalty": 1.2, "frequency_penalty": 0.4, "presence_penalty": -0.3, "repeat_last_n": 20},
        {"penalties": ["penalties", 20, 1.2, 0.4, -0.3]},
    ),
}


MIROSTAT: dict[str, tuple[dict[str, object], list[Step]]] = {
    "mirostat 1": (
        {"mirostat": 1, "mirostat_tau": 3.0, "mirostat_eta": 0.2},
        [["temp", 0.8], ["mirostat", SEED, 3.0, 0.2, 100]],
    ),
    "mirostat 2": ({"mirostat": 2, "mirostat_tau": 2.0}, [["temp", 0.8], ["mirostat_v2", SEED, 2.0, 0.1]]),
    "mirostat takes the place of the others": (
        {"mirostat": 2, "top_k": 1, "repeat_penalty": 2.0},
        [["temp", 0.8], ["mirostat_v2", SEED, 5.0, 0.1]],
    ),
}
SEEDED = {
    name: (settings, default_chain(**changes)) for name, (settings, changes) in CASES.items()
} | MIROSTAT
PENALTIES: list[tuple[dict[str, object], dict[str, object]]] = [
    ({"repeat_penalty": 1.3}, {"repeat": 1.3}),
    ({"repeat_penalty": 1.3, "repeat_last_n": 4}, {"repeat": 1.3, "window": 4}),
    ({"frequency_penalty": 0.3}, {"frequency": 0.3}),
    ({"presence_penalty": 0.9, "repeat_last_n": 12}, {"presence": 0.9, "window": 12}),
    (
        {"repeat_penalty": 0.9, "frequency_penalty": 0.5, "presence_penalty": -0.2},
        {"repeat": 0.9, "frequency": 0.5, "presence": -0.2},
    ),
    ({"dry_multiplier": 0.8, "dry_sequence_breakers": ()}, {"dry": [0.8, 1.75, 2, 64]}),
    (
        {"dry_multiplier": 3.0, "dry_base": 1.2, "dry_allowed_length": 3, "dry_penalty_last_n": 25}
        | {"dry_sequence_breakers": ()},
        {"dry": [3.0, 1.2, 3, 25]},
    ),
]


@pytest.fixture(scope="module")
def seeded(babbling: Path) -> dict[str, str]:
    chains = [chain for _, chain in SEEDED.values()]
    return dict(zip(SEEDED, drawn(babbling, chatml(talk(PROMPT)), TOKENS, chains), strict=True))


@pytest.mark.parametrize("case", SEEDED)
def test_answer_of_a_seed_is_what_the_chain_made_directly_gives(
    babbler: LoadedModel, seeded: dict[str, str], case: str
) -> None:
    settings, _ = SEEDED[case]
    sampling = msgspec.structs.replace(Sampling(seed=SEED, max_tokens=TOKENS), **settings)
    assert ask_anew(babbler, sampling) == seeded[case]
    if settings:
        assert seeded[case] != seeded["nothing"], "the setting must matter here, or nothing is shown"


@pytest.fixture(scope="module")
def looping(models: Path) -> Path:
    return write_tiny_model(models / "loops.gguf", never_ends=True)


@pytest.fixture(scope="module")
def by_arithmetic(looping: Path) -> list[str]:
    return penalized(looping, chatml(talk(PROMPT)), TOKENS, [{}, *(expected for _, expected in PENALTIES)])


def test_penalties_are_what_arithmetic_makes_of_the_logits(looping: Path, by_arithmetic: list[str]) -> None:
    with LoadedModel.load(looping, LoadSettings(context_length=512, threads=1)) as loops:
        for (settings, _), expected in zip(PENALTIES, by_arithmetic[1:], strict=True):
            assert ask_anew(loops, greedy(TOKENS, **settings)) == expected, settings
            assert expected != by_arithmetic[0], settings


def test_bias_is_added_to_the_logits_of_a_token_or_of_the_tokens_of_a_text(
    model: LoadedModel, tiny: Path
) -> None:
    ((_, space, token),) = tokenize(tiny, "x")
    ((_, _, other),) = tokenize(tiny, "q")
    bias = [[token, 4.5], [space, 4.5], [other, 2.0]]
    (expected,) = penalized(tiny, chatml(talk(PROMPT)), 20, [{"bias": bias}])
    biases = (TokenBias("x", 4.5), TokenBias(other, 2.0))
    assert ask(model, PROMPT, greedy(20, logit_bias=biases)).text == expected
    assert expected != ask(model, PROMPT, greedy(20)).text
    certain = ask(model, PROMPT, greedy(20, logit_bias=(TokenBias(token, 1000.0),))).text
    assert certain == "x" * 20


def test_forbidden_token_never_comes_up(babbler: LoadedModel, babbling: Path) -> None:
    usual = ask(babbler, PROMPT, Sampling(seed=3, max_tokens=200)).text
    letter = next(letter for letter in usual if letter.isalpha())
    ((_, *tokens),) = tokenize(babbling, letter)
    forbidden = tuple(TokenBias(token, -1000.0) for token in tokens)
    for seed in range(5):
        text = ask(babbler, PROMPT, Sampling(seed=seed, max_tokens=200, logit_bias=forbidden)).text
        words = [piece for piece in text.split(" ") if piece == letter]
        assert words == []


@pytest.mark.parametrize("token", [-1, 10**6, 2**40])
def test_bias_for_a_token_the_model_does_not_have_is_refused(model: LoadedModel, token: int) -> None:
    with pytest.raises(WrongChoice, match="token"):
        ask(model, PROMPT, greedy(5, logit_bias=(TokenBias(token, 1.0),)))
    assert ask(model, PROMPT, greedy(5)).statistics.tokens == 5


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": float("nan")},
        {"temperature": -1.0},
        {"top_k": 2**70},
        {"repeat_penalty": 0.0},
        {"repeat_last_n": 2**31 - 1},
        {"mirostat": 7},
        {"max_tokens": -3},
    ],
)
def test_impossible_setting_is_a_fault_and_the_next_answer_comes(
    model: LoadedModel, settings: dict[str, object]
) -> None:
    with pytest.raises(WrongChoice):
        ask(model, PROMPT, msgspec.structs.replace(Sampling(max_tokens=5), **settings))
    assert ask(model, PROMPT, greedy(5)).statistics.tokens == 5


@pytest.mark.parametrize(
    "request_sent",
    [
        Generate(messages=(), sampling=Sampling(temperature=float("nan"))),
        Generate(messages=(), sampling=Sampling(repeat_penalty=0.0)),
        Generate(messages=(), sampling=Sampling(dry_penalty_last_n=2**40)),
        Generate(messages=(), sampling=Sampling(), top_probabilities=10**6),
    ],
    ids=lambda request: "",
)
def test_worker_checks_what_the_application_did_not(tiny: Path, request_sent: Generate) -> None:
    with start_worker() as worker:
        worker.call_for(Load(path=os.fsencode(tiny), settings=LoadSettings(context_length=512, threads=1)))
        with pytest.raises(WrongChoice):
            worker.call_for(request_sent)
        assert isinstance(worker.call_for(Describe()), Described)


@pytest.mark.parametrize("mirostat", [0, 1, 2])
@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": 1000.0, "dynatemp_range": 1000.0, "dynatemp_exponent": 100.0},
        {"temperature": 1e-30},
        {"top_k": 1, "top_p": 0.0, "min_p": 1.0, "typical_p": 0.0, "top_n_sigma": 1e-9},
        {"top_k": 0, "typical_p": 0.5, "top_p": 1.0, "min_p": 0.0},
        {"xtc_probability": 1.0, "xtc_threshold": 0.0, "top_k": 0},
        {"repeat_penalty": 1e6, "frequency_penalty": 1000.0, "presence_penalty": 1000.0},
        {"repeat_penalty": 1e-6, "frequency_penalty": -1000.0, "presence_penalty": -1000.0},
        {
            "dry_multiplier": 1000.0,
            "dry_base": 1000.0,
            "dry_allowed_length": 0,
            "dry_penalty_last_n": 1 << 20,
        },
        {"mirostat_tau": 0.0, "mirostat_eta": 100.0},
        {"mirostat_tau": 100.0, "mirostat_eta": 0.0},
    ],
)
def test_extreme_settings_give_an_answer(
    babbler: LoadedModel, settings: dict[str, object], mirostat: int
) -> None:
    sampling = Sampling(seed=1, max_tokens=TOKENS, mirostat=mirostat)
    statistics = ask(babbler, PROMPT, msgspec.structs.replace(sampling, **settings)).statistics
    assert statistics.tokens == TOKENS
