"""Presets and what a person saves under names."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from app.chat import RANDOM_SEED, ConversationStore
from app.chat.presets import (
    BALANCED,
    BUILT_IN,
    CODE,
    CREATIVE,
    DEFAULT,
    OWN,
    PRECISE,
    Change,
    applied,
    changes,
    fitting,
    recommended,
    values_of,
)
from app.chat.saved_settings import SavedSettings, name_of
from app.core.errors import WrongChoice
from app.gguf import RecommendedSampling
from app.runtime import Sampling
from app.runtime.sampling_limits import require_possible

QWEN = RecommendedSampling(temperature=0.6, top_k=20, top_p=0.95)


@pytest.fixture
def saved(tmp_path: Path) -> Iterator[SavedSettings]:
    made = SavedSettings(tmp_path / "nibble.sqlite")
    yield made
    made.close()


def test_balanced_is_llama_cpp_s_own() -> None:
    assert BUILT_IN[BALANCED] == Sampling(seed=RANDOM_SEED)


def test_built_in_presets_are_possible_and_differ() -> None:
    assert set(BUILT_IN) == {BALANCED, PRECISE, CREATIVE, CODE}
    assert len({msgspec.json.encode(each) for each in BUILT_IN.values()}) == 4
    for each in BUILT_IN.values():
        require_possible(each)


def test_preset_leaves_what_an_answer_must_follow_and_where_it_ends() -> None:
    present = Sampling(temperature=2.0, seed=7, max_tokens=99, stop=("END",), json_schema="true")
    chosen = applied(PRECISE, BUILT_IN[PRECISE], present)
    assert chosen == msgspec.structs.replace(present, temperature=0.3)


def test_own_preset_brings_everything_but_the_seed() -> None:
    own = Sampling(temperature=0.5, seed=1, max_tokens=10, stop=("END",))
    chosen = applied(OWN + "Mine", own, Sampling(seed=7, max_tokens=99))
    assert chosen == msgspec.structs.replace(own, seed=7)


def test_changes_are_told_with_both_values() -> None:
    present = msgspec.structs.replace(BUILT_IN[BALANCED], temperature=1.2, stop=("x",))
    assert changes(BUILT_IN[BALANCED], present) == (
        Change("temperature", 1.2, 0.8),
        Change("stop", ("x",), ()),
    )
    assert changes(present, present) == ()


def test_maker_s_words_go_over_llama_cpp_s_defaults() -> None:
    by_maker = recommended(QWEN)
    assert by_maker == Sampling(seed=RANDOM_SEED, temperature=0.6, top_k=20)
    assert values_of(DEFAULT, {}, by_maker) == by_maker
    assert values_of(DEFAULT, {}, None) == BUILT_IN[BALANCED]


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": -1.0},
        {"top_p": 1.5},
        {"min_p": -0.1},
        {"repeat_penalty": 0.0},
        {"repeat_last_n": -5},
        {"mirostat": 3},
        {"mirostat_tau": math.nan},
    ],
)
def test_what_is_not_possible_is_ignored_and_the_rest_taken(wrong: dict[str, float]) -> None:
    assert recommended(RecommendedSampling(**wrong)) is None  # type: ignore[arg-type]
    both = recommended(RecommendedSampling(top_k=20, **wrong))  # type: ignore[arg-type]
    assert both == Sampling(seed=RANDOM_SEED, top_k=20)


def test_chat_from_before_presets_gets_the_one_that_fits() -> None:
    own = {"Mine": Sampling(temperature=1.9)}
    by_maker = recommended(QWEN)
    assert fitting(Sampling(seed=5), own, None) == DEFAULT
    assert fitting(Sampling(seed=5), own, by_maker) == BALANCED
    assert fitting(Sampling(temperature=0.6, top_k=20), own, by_maker) == DEFAULT
    assert fitting(Sampling(temperature=1.9), own, None) == OWN + "Mine"
    assert fitting(Sampling(temperature=1.7), own, None) == BALANCED


def test_saved_presets_are_there_again_renamed_and_deleted(tmp_path: Path, saved: SavedSettings) -> None:
    mine = Sampling(temperature=0.4, stop=("\n",))
    saved.save_preset("Mine", Sampling())
    saved.save_preset("mine", mine)
    again = SavedSettings(tmp_path / "nibble.sqlite")
    assert again.presets() == {"mine": mine}
    again.close()
    saved.save_preset("Other", Sampling())
    with pytest.raises(WrongChoice):
        saved.rename_preset("Other", "MINE")
    saved.rename_preset("mine", "Mine")
    assert set(saved.presets()) == {"Mine", "Other"}
    saved.delete_preset("Mine")
    assert set(saved.presets()) == {"Other"}


def test_conversation_keeps_its_preset_under_a_new_name_and_until_it_is_deleted(
    tmp_path: Path, saved: SavedSettings
) -> None:
    with ConversationStore(tmp_path / "nibble.sqlite") as store:
        one = store.create(tmp_path / "model.gguf", Sampling())
        assert saved.preset_of(one.id) is None
        saved.save_preset("Mine", Sampling())
        saved.choose_preset(one.id, OWN + "Mine")
        saved.rename_preset("Mine", "Ours")
        assert saved.preset_of(one.id) == OWN + "Ours"
        store.delete(one.id)
    assert saved.preset_of(one.id) is None


def test_saved_system_prompts(saved: SavedSettings) -> None:
    saved.save_system_prompt("Pirate", "Talk like a pirate. ☠")
    saved.save_system_prompt("Poet", "Rhyme.")
    with pytest.raises(WrongChoice):
        saved.rename_system_prompt("Poet", "pirate")
    saved.rename_system_prompt("Poet", "Bard")
    assert saved.system_prompts() == {"Bard": "Rhyme.", "Pirate": "Talk like a pirate. ☠"}
    saved.delete_system_prompt("Pirate")
    assert saved.system_prompts() == {"Bard": "Rhyme."}


def test_names_are_one_line_that_can_be_kept() -> None:
    assert name_of("  My \n preset\ud800 ") in ("My preset�", "My preset?", "My preset")
    assert len(name_of("x" * 1000)) == 60
    assert name_of(" \n ") == ""
