"""What estimates of speed learn from answers, with answers whose speed is chosen so that the ratio is known."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from functools import cache
from pathlib import Path

import msgspec
import pytest

from app.gguf import ModelFacts
from app.recommend.budget import Budget
from app.recommend.catalogue import read_catalogue
from app.recommend.fit import speed_with
from app.recommend.need import need_of
from app.recommend.runs import FEWEST_TOKENS, corrected, past_runs, remember_run
from app.recommend.speed import ACCELERATOR_EFFICIENCY, LAYER_S, PROCESSOR_EFFICIENCY, Learned
from app.runtime.protocol import LoadSettings
from tests.helpers.past_answers import description, statistics
from tests.helpers.plain_recommendation import variants_of

MEMORY = 60e9
CARD = 300e9
BUDGET = Budget(24_000_000_000, 60_000_000_000, CARD, MEMORY, is_shared=False)
SETTINGS = LoadSettings(context_length=4096)


@cache
def facts(model_id: str, quantization: str = "Q4_K_M") -> ModelFacts:
    (model,) = (model for model in read_catalogue() if model.id == model_id)
    (found,) = (each.facts for each in variants_of(model) if each.quantization == quantization)
    return found


def estimated(of: ModelFacts, *, on_card: bool, prompt_tokens: int, tokens: int) -> float:
    """Tokens per second, from bytes and bandwidth alone, with the cache that the middle of the answer has."""
    need = need_of(of, SETTINGS)
    read = need.read_bytes + need.kv_bytes * (prompt_tokens + tokens / 2) / SETTINGS.context_length
    if on_card:
        return 1 / (read / (CARD * ACCELERATOR_EFFICIENCY) + need.layers * LAYER_S)
    return MEMORY * PROCESSOR_EFFICIENCY / read


def answered(
    database: Path,
    ratio: float,
    of: ModelFacts | None = None,
    *,
    on_card: bool = False,
    prompt_tokens: int = 100,
    tokens: int = 200,
) -> None:
    """An answer that was `ratio` times as fast as estimated."""
    of = of or facts("qwen3-4b")
    rate = ratio * estimated(of, on_card=on_card, prompt_tokens=prompt_tokens, tokens=tokens)
    devices = ("CUDA0" if on_card else "CPU",) * (need_of(of, SETTINGS).layers + 1)
    remember_run(database, of, SETTINGS, description(devices, 4096), statistics(prompt_tokens, tokens, rate))


def learned(database: Path) -> Learned:
    return corrected(BUDGET, database).learned


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "nibble.db"


def test_nothing_is_learnt_before_the_first_answer(database: Path) -> None:
    assert corrected(BUDGET, database) == BUDGET
    assert past_runs(database, BUDGET).count == 0
    assert not database.exists()


def test_an_answer_of_a_few_tokens_teaches_nothing(database: Path) -> None:
    answered(database, 0.5, tokens=FEWEST_TOKENS - 1)
    assert learned(database) == Learned()


def test_two_answers_do_not_teach_about_other_models_and_three_do(database: Path) -> None:
    for ratio in (0.5, 0.6):
        answered(database, ratio)
    assert learned(database).processor is None
    answered(database, 0.9)
    assert learned(database).processor == pytest.approx(0.6)
    assert learned(database).accelerator is None


def test_card_and_processor_learn_apart(database: Path) -> None:
    for ratio in (0.5, 0.6, 0.7):
        answered(database, ratio)
        answered(database, ratio + 0.7, on_card=True)
    assert learned(database).processor == pytest.approx(0.6)
    assert learned(database).accelerator == pytest.approx(1.3)


def test_answers_of_a_model_on_both_teach_about_that_model_only(database: Path) -> None:
    of = facts("qwen3-4b")
    need = need_of(of, SETTINGS)
    devices = ("CPU",) * (need.layers - 10) + ("CUDA0",) * 11
    for _ in range(3):
        remember_run(database, of, SETTINGS, description(devices, 4096), statistics(10, 100, 20.0))
    found = learned(database)
    assert (found.processor, found.accelerator) == (None, None)
    speed = speed_with(need, corrected(BUDGET, database), 11)
    assert speed.is_measured
    # Ten of 36 layers and a tenth of the cache more than the answers had: about as fast as they were.
    assert speed.middle == pytest.approx(20.0, rel=0.1)


def test_the_model_that_is_always_asked_does_not_speak_for_all(database: Path) -> None:
    for _ in range(10):
        answered(database, 0.2, facts("gemma-3-1b"))
    answered(database, 0.8, facts("qwen3-4b"))
    answered(database, 0.9, facts("llama-3.2-1b"))
    assert learned(database).processor == pytest.approx(0.8)


def test_a_correction_is_bounded(database: Path) -> None:
    for _ in range(3):
        answered(database, 0.001)
        answered(database, 1000, on_card=True)
    assert learned(database).processor == pytest.approx(1 / 5)
    assert learned(database).accelerator == pytest.approx(5)


def test_what_is_too_small_to_wait_for_memory_teaches_about_itself_only(database: Path) -> None:
    of = facts("smollm2-135m", "Q2_K")
    assert need_of(of, SETTINGS).read_bytes > 50_000_000
    small = replace(of, tensors=tuple(each for each in of.tensors if "ffn" not in each.name))
    assert need_of(small, SETTINGS).read_bytes < 50_000_000
    for _ in range(3):
        answered(database, 0.3, small)
    assert learned(database).processor is None
    assert list(learned(database).variants.values()) == [pytest.approx(0.3)]


def test_what_has_answered_is_told_as_it_was(database: Path) -> None:
    of = facts("qwen3-4b")
    need = need_of(of, SETTINGS)
    # Measured where the estimate is made for: a quarter of the context is full.
    for ratio in (0.5, 0.7, 0.6):
        answered(database, ratio, of, prompt_tokens=1024 - 100, tokens=200)
    quarter = estimated(of, on_card=False, prompt_tokens=1024 - 100, tokens=200)
    speed = speed_with(need, corrected(BUDGET, database), 0)
    assert speed.is_measured
    assert speed.middle == pytest.approx(0.6 * quarter)
    assert speed.low < 0.6 * quarter < speed.high < 0.7 * quarter
    # Another quantization has not.
    other = speed_with(need_of(facts("qwen3-4b", "Q8_0"), SETTINGS), corrected(BUDGET, database), 0)
    assert (other.is_measured, other.is_corrected) == (False, True)


def test_a_full_context_is_held_against_what_a_full_context_takes(database: Path) -> None:
    """4,000 tokens of Qwen3 4B's cache are 590 MB to read besides 2.5 GB of weights: a fifth slower is no lesson."""
    of = facts("qwen3-4b")
    full = estimated(of, on_card=False, prompt_tokens=3900, tokens=200)
    empty = estimated(of, on_card=False, prompt_tokens=10, tokens=200)
    assert full < 0.85 * empty
    for _ in range(3):
        answered(database, 1.0, of, prompt_tokens=3900, tokens=200)
    assert learned(database).processor == pytest.approx(1.0)


def test_latest_answers_count(database: Path) -> None:
    for ratio in [0.3] * 20 + [0.8] * 5:
        answered(database, ratio)
    assert list(learned(database).variants.values()) == [pytest.approx(0.8)]


def test_how_good_speeds_were_told_counts_what_had_been_learnt_by_then(database: Path) -> None:
    answered(database, 0.5)
    # Told twice too fast.
    assert past_runs(database, BUDGET).median_error == pytest.approx(1.0)
    for _ in range(2):
        answered(database, 0.5)
    # The second and the third time it was known.
    told = past_runs(database, BUDGET)
    assert told.count == 3
    assert told.median_error == pytest.approx(0.0, abs=1e-9)
    assert told.worst_error == pytest.approx(1.0)


def test_a_file_that_is_no_database_costs_the_lesson_only(database: Path) -> None:
    database.write_bytes(b"this is no database, and long enough to be seen as none" * 20)
    answered(database, 0.5)
    assert learned(database) == Learned()
    assert past_runs(database, BUDGET).count == 0


@pytest.mark.parametrize(
    "damage",
    [
        "tokens_per_s = 9e999",
        "tokens_per_s = -1",
        "tokens_per_s = 0",
        "processor_bytes = 9e999",
        "processor_bytes = -5",
        "processor_bytes = 0",
        "expert_layers = -1",
    ],
)
def test_a_damaged_row_teaches_nothing(database: Path, damage: str) -> None:
    for _ in range(3):
        answered(database, 0.5)
    with sqlite3.connect(database) as connection:
        connection.execute(f"UPDATE runs SET {damage}")
    connection.close()
    assert learned(database) == Learned()
    assert past_runs(database, BUDGET).count == 0


def test_statistics_without_a_speed_teach_nothing(database: Path) -> None:
    told = statistics(10, 100, 0.0)
    remember_run(database, facts("qwen3-4b"), SETTINGS, description(("CPU",) * 37, 4096), told)
    faultless = msgspec.structs.replace(told, tokens_per_s=10.0)
    remember_run(database, facts("qwen3-4b"), SETTINGS, description(("CPU",) * 37, 4096), faultless)
    assert past_runs(database, BUDGET).count == 1
