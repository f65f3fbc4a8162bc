"""After every load the prediction is held against what the load took, and the next one learns."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from app.gguf import read_facts
from app.memory import estimate, past_loads, remember_load, worker_bytes
from app.memory.overhead import WORKER_BYTES
from app.runtime import LoadedModel, LoadSettings
from tests.helpers.tiny_gguf import write_random_model

SETTINGS = LoadSettings(context_length=1024, threads=1)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_model(tmp_path_factory.mktemp("loads") / "random.gguf", parameters=40_000_000)


def load_and_remember(model: Path, database: Path) -> None:
    with LoadedModel.load(model, SETTINGS) as loaded:
        remember_load(database, read_facts(model), SETTINGS, loaded.description)


def test_formula_gives_what_the_runtime_says_it_allocated(model: Path) -> None:
    told = estimate(read_facts(model), SETTINGS)
    with LoadedModel.load(model, SETTINGS) as loaded:
        buffers = loaded.description.buffers
    # The log has MiB with two decimals.
    assert told.kv_bytes == pytest.approx(buffers.kv_cache_bytes, abs=2 * 5243)
    allocated = sum(each.size_bytes or 0 for each in (*buffers.compute, *buffers.output))
    assert told.compute_bytes == pytest.approx(allocated, abs=3 * 5243)


def test_nothing_is_told_before_the_first_load(tmp_path: Path) -> None:
    assert past_loads(tmp_path / "none.db").count == 0
    assert worker_bytes(tmp_path / "none.db") == WORKER_BYTES


def test_prediction_learns_what_a_worker_takes_on_this_machine(model: Path, tmp_path: Path) -> None:
    database = tmp_path / "nibble.db"
    for _ in range(3):
        load_and_remember(model, database)
    before = past_loads(database)
    assert before.count == 3
    learned = worker_bytes(database)
    # A process without its weights and cache: Python, the bindings, llama.cpp.
    assert 20_000_000 < learned < 150_000_000
    assert before.median_error <= before.worst_error < 0.2
    load_and_remember(model, database)
    with sqlite3.connect(database) as connection:
        predicted, real = connection.execute(
            "SELECT predicted_bytes, real_bytes FROM loads ORDER BY id DESC"
        ).fetchone()
    assert predicted == pytest.approx(real, rel=0.02)


def test_database_that_cannot_be_written_costs_only_the_lesson(model: Path, tmp_path: Path) -> None:
    database = tmp_path / "nibble.db"
    database.write_bytes(b"this is no database, and long enough to be seen as none" * 20)
    load_and_remember(model, database)
    assert past_loads(database).count == 0
    assert worker_bytes(database) == WORKER_BYTES
