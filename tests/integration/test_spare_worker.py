"""A worker that waits for its model: taken by the next load, and gone with the application."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from app.runtime import LoadedModel, LoadSettings, Worker
from app.runtime.spare import SpareWorker

WITHIN_S = 30.0


@pytest.fixture
def spare() -> Iterator[SpareWorker]:
    spare = SpareWorker(start_after_s=0.0)
    with closing(spare):
        yield spare


def waiting_process(but: frozenset[int] = frozenset()) -> int:
    """Of the worker that has started in the background, once its runtime is loaded."""
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        for child in psutil.Process().children():
            if child.pid not in but and any("llama" in each.path for each in child.memory_maps()):
                return child.pid
        time.sleep(0.02)
    raise AssertionError("no worker has started")


def test_the_next_load_takes_it_and_another_one_starts(
    spare: SpareWorker, guide: Callable[[str], Path]
) -> None:
    spare.prepare()
    first = waiting_process()
    with LoadedModel.load(guide("Q8_0"), LoadSettings(context_length=256), start=spare.take) as loaded:
        assert loaded.worker_pid == first
        second = waiting_process(frozenset({first}))
        with LoadedModel.load(guide("Q8_0"), LoadSettings(context_length=256), start=spare.take) as other:
            assert other.worker_pid == second


def test_one_that_died_is_not_taken(spare: SpareWorker) -> None:
    spare.prepare()
    dead = waiting_process()
    psutil.Process(dead).kill()
    psutil.Process(dead).wait(WITHIN_S)
    with spare.take() as worker:
        assert worker.pid != dead
        assert worker.alive


def test_one_on_a_runtime_that_is_not_the_best_any_more_is_not_taken(
    spare: SpareWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spare.prepare()
    old = waiting_process()
    (tmp_path / "another runtime").mkdir()
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", os.fspath(tmp_path / "another runtime"))
    with spare.take() as worker:
        assert worker.pid != old
    assert not psutil.pid_exists(old)


def test_it_ends_with_the_application() -> None:
    spare = SpareWorker(start_after_s=0.0)
    spare.prepare()
    pid = waiting_process()
    spare.close()
    assert not psutil.pid_exists(pid)


def test_nothing_is_started_once_it_is_closed() -> None:
    spare = SpareWorker(start_after_s=0.0)
    spare.close()
    spare.prepare()
    worker: Worker = spare.take()
    with worker:
        assert [child.pid for child in psutil.Process().children()] == [worker.pid]
