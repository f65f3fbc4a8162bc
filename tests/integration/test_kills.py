"""A few of the kills of `tests.fuzz.kills`, which by hand are two hundred."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("PySide6")

from tests.fuzz.kills import kill_often


def test_all_that_the_window_has_shown_survives_kills_of_it_and_of_its_worker(tmp_path: Path) -> None:
    report = kill_often(tmp_path / "kills", count=3, seed=28)
    assert report.wrong == []
    assert report.workers_left == 0
    assert report.kills.keys() == {"worker", "window"}
    assert report.shown > 0
