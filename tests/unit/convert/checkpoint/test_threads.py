"""Work on several processors: its order, its bounds, and what becomes of it when something goes wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from app.convert.checkpoint.tensors import UntilLastRow
from app.convert.checkpoint.threads import in_order
from app.gguf.source import LocalFile


def test_results_come_in_order_whichever_is_done_first() -> None:
    def work(number: int) -> int:
        time.sleep(0.002 * (number % 3 == 0))
        return number * number

    assert list(in_order(work, range(50))) == [number * number for number in range(50)]


def test_no_more_is_begun_than_is_soon_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    begun = 0

    def items() -> Iterator[int]:
        nonlocal begun
        for number in range(100):
            begun += 1
            yield number

    with closing(in_order(lambda number: number, items())) as results:
        for taken in range(10):
            assert next(results) == taken
            assert begun <= taken + 5
    assert begun <= 15


def test_what_fails_is_raised_at_its_place_and_nothing_runs_on() -> None:
    before = threading.active_count()

    def work(number: int) -> int:
        if number == 5:
            raise ValueError("five")
        return number

    results = in_order(work, range(100))
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="five"):
        next(results)
    assert threading.active_count() == before


def test_what_rows_share_is_read_once_and_dropped_after_the_last() -> None:
    read = 0

    def content() -> list[int]:
        nonlocal read
        read += 1
        time.sleep(0.005)
        return [read]

    shared = UntilLastRow(content, rows=40)
    assert list(in_order(lambda _: shared.for_rows(4)[0], range(10))) == [1] * 10
    assert shared.for_rows(4) == [2]


def test_a_file_is_read_by_several_threads_at_once(tmp_path: Path) -> None:
    path = tmp_path / "numbers"
    path.write_bytes(b"".join(number.to_bytes(4, "little") * 1000 for number in range(200)))
    with LocalFile(path) as file:
        places = list(range(200)) * 5
        read = in_order(lambda number: file.read_at(4000 * number, 4000), places)
        assert [int.from_bytes(content[-4:], "little") for content in read] == places
