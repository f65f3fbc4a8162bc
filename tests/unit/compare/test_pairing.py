"""Which models are put side by side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.compare.pairing import (
    comparable,
    ladder,
    missing_steps,
    partner_of,
    quantizations_of_one,
    suggested_pair,
)
from app.gguf import ModelFacts, read_facts
from app.library import LibraryEntry
from tests.helpers.tiny_gguf import write_tiny_model

BITS = {"Q2_K": 3.2, "Q3_K_M": 4.0, "Q4_K_M": 4.9, "Q5_K_M": 5.7, "Q6_K": 6.6, "Q8_0": 8.5, "BF16": 16.0}
OTHERS = {"IQ2_XXS": 2.4, "IQ3_XXS": 3.2, "Q4_0": 4.6, "F32": 32.0}
"""Of an 8B model, as llama.cpp lists them."""


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> ModelFacts:
    return read_facts(write_tiny_model(tmp_path_factory.mktemp("models") / "tiny.gguf"))


def entry(facts: ModelFacts, name: str, quantization: str, parameters: int = 8_000_000_000) -> LibraryEntry:
    path = Path(f"/models/{name}-{quantization}.gguf")
    known = replace(
        facts,
        path=path,
        name=name,
        quantization=quantization,
        bits_per_weight=(BITS | OTHERS)[quantization],
        parameters=parameters,
    )
    return LibraryEntry(path, path.stem, known)


def quantizations(entries: list[LibraryEntry]) -> list[str | None]:
    return [each.quantization for each in entries]


def test_quantizations_of_one_groups_by_name_and_size(facts):
    entries = [
        entry(facts, "Bard", "Q8_0"),
        entry(facts, "Bard", "Q4_K_M"),
        entry(facts, "Bard", "Q6_K", parameters=70_000_000_000),
        entry(facts, "Alone", "Q4_K_M"),
    ]
    (group,) = quantizations_of_one(entries)
    assert quantizations(group) == ["Q4_K_M", "Q8_0"]


def test_quantizations_of_one_takes_one_file_of_each(facts):
    first = entry(facts, "Bard", "Q4_K_M")
    copy = replace(first, path=Path("/elsewhere/bard.gguf"))
    assert quantizations_of_one([first, copy]) == []


@pytest.mark.parametrize(
    ("there", "pair"),
    [
        (["Q4_K_M", "Q8_0"], ["Q4_K_M", "Q8_0"]),
        (list(BITS), ["Q4_K_M", "Q8_0"]),
        (["Q5_K_M", "BF16"], ["Q5_K_M", "BF16"]),
        (["Q2_K", "Q3_K_M"], ["Q2_K", "Q3_K_M"]),
    ],
)
def test_suggested_pair_is_four_against_eight_bits_or_what_comes_nearest(facts, there, pair):
    assert quantizations(list(suggested_pair([entry(facts, "Bard", each) for each in there]))) == pair


@pytest.mark.parametrize(
    ("there", "steps", "missing"),
    [
        (list(BITS), ["Q2_K", "Q3_K_M", "Q4_K_M", "Q6_K", "Q8_0"], []),
        (["Q2_K", "Q4_K_M", "BF16"], ["Q2_K", "Q4_K_M"], ["Q3_K_M", "Q6_K", "Q8_0"]),
        (["Q4_K_M", "Q5_K_M", "Q8_0"], ["Q4_K_M", "Q5_K_M", "Q8_0"], ["Q2_K", "Q3_K_M", "Q6_K"]),
        (["IQ2_XXS", "IQ3_XXS", "Q4_0", "Q6_K"], ["IQ2_XXS", "IQ3_XXS", "Q4_0", "Q6_K"], ["Q8_0"]),
        (["BF16", "F32"], [], ["Q2_K", "Q3_K_M", "Q4_K_M", "Q6_K", "Q8_0"]),
    ],
)
def test_ladder_has_of_each_step_what_is_there_and_says_what_is_not(facts, there, steps, missing):
    group = [entry(facts, "Bard", each) for each in there]
    assert quantizations(ladder(group)) == steps
    assert missing_steps(group) == missing


def test_partner_of_prefers_another_quantization_of_the_same_model(facts):
    entries = [entry(facts, "Another", "Q4_K_M"), *(entry(facts, "Bard", each) for each in BITS)]
    by_name = {each.quantization: each for each in entries[1:]}
    assert partner_of(by_name["Q4_K_M"], entries) is by_name["Q8_0"]
    assert partner_of(by_name["Q8_0"], entries) is by_name["Q4_K_M"]
    assert partner_of(entries[0], entries).name.startswith("Bard")
    assert partner_of(entries[0], entries[:1]) is None


def test_comparable_leaves_out_what_cannot_answer(facts):
    adapter = entry(facts, "Adapter", "BF16")
    adapter = replace(adapter, facts=replace(adapter.facts, metadata={"general.type": "adapter"}))
    assert comparable([adapter, entry(facts, "Bard", "Q8_0")]) == [entry(facts, "Bard", "Q8_0")]
