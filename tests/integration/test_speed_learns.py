"""After three answers of a real model, speeds are told as they were, and those of other models are corrected."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from app.chat import ChatEngine, ConversationStore
from app.recommend.runs import FEWEST_TOKENS
from app.runtime import Sampling
from app.storage import data_folder
from tests.helpers.command_line import nibble
from tests.helpers.conversations import GREEDY, answer, new_conversation
from tests.helpers.tiny_gguf import CHATML, write_tiny_model

CARD = Path(__file__).parents[1] / "data" / "machines" / "desktop-8gb-card.json"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reads 130 MB for a token: enough to wait for memory, little enough for a test."""
    return write_tiny_model(
        tmp_path_factory.mktemp("speed") / "large-f16.gguf",
        hidden=1024,
        layers=6,
        heads=16,
        kv_heads=4,
        feed_forward=2816,
        context=4096,
        type="f16",
        chat_template=CHATML,
        never_ends=True,
    )


def recommended(model: str, *options: object) -> dict[str, Any]:
    told = nibble("recommend", model, *options, "--json").document
    (choice,) = (each for each in told["choices"] if each["quantization"] == "Q8_0")
    assert isinstance(choice, dict)
    return choice


def test_three_answers_correct_what_is_told_of_speed(large: Path) -> None:
    before = nibble("estimate", large, "--json").document
    other_before = recommended("qwen3-0.6b")
    elsewhere = recommended("qwen3-0.6b", "--machine", CARD)
    assert before["speed_basis"] == other_before["speed_basis"] == "estimated"
    assert nibble("doctor", "--json").document["speed_predictions"]["count"] == 0

    rates = [
        nibble("chat", large, "-p", "hello", "--max-tokens", "48", "--json").document["tokens_per_s"]
        for _ in range(3)
    ]

    after = nibble("estimate", large, "--json").document
    assert after["speed_basis"] == "measured"
    # Told for a quarter of the context, of which the answers had hardly any: some more cache is read.
    assert after["tokens_per_s"] == pytest.approx(median(rates), rel=0.1)
    low, high = after["tokens_per_s_range"]
    assert high / low < 1.25 < before["tokens_per_s_range"][1] / before["tokens_per_s_range"][0]
    other = recommended("qwen3-0.6b")
    assert other["speed_basis"] == "estimated"
    correction = min(max(after["tokens_per_s"] / before["tokens_per_s"], 1 / 5), 5)
    assert other["tokens_per_s"] / other_before["tokens_per_s"] == pytest.approx(correction, rel=0.01)
    # Another computer is as fast as it was.
    assert recommended("qwen3-0.6b", "--machine", CARD) == elsewhere
    doctor = nibble("doctor", "--json").document["speed_predictions"]
    assert doctor["count"] == 3
    assert doctor["median_error"] <= doctor["worst_error"]
    assert "3 answers, speed predicted" in nibble("doctor").out


def test_chat_in_the_window_remembers_how_fast_an_answer_was(
    engine: ChatEngine, store: ConversationStore, database: Path, large: Path
) -> None:
    message = answer(engine, new_conversation(store, large, "hello", sampling=GREEDY))
    short = Sampling(temperature=0, max_tokens=FEWEST_TOKENS - 1)
    answer(engine, new_conversation(store, large, "hello", sampling=short))
    assert message is not None
    assert message.statistics is not None
    with sqlite3.connect(database) as connection:
        rows = connection.execute("SELECT tokens, tokens_per_s, gpu_layers FROM runs").fetchall()
    connection.close()
    assert rows == [(40, message.statistics.tokens_per_s, 0)]


def test_answer_is_given_where_the_lesson_cannot_be_kept(large: Path) -> None:
    data_folder().create().database.mkdir()
    told = nibble("chat", large, "-p", "hello", "--max-tokens", "40", "--json").document
    assert told["tokens"] == 40
    assert nibble("estimate", large, "--json").document["speed_basis"] == "estimated"
