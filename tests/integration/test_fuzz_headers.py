"""A few hundred of the mutated headers of `tests.fuzz.headers`, which by hand runs thousands."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.headers import TOO_LONG, fuzz, tiny_originals


def test_mutated_headers_give_facts_or_typed_faults_and_workers_load_them_or_say_why_not(
    tmp_path: Path,
) -> None:
    report = fuzz(tiny_originals(tmp_path), count=400, load_every=20, seed=1, folder=tmp_path)
    assert report.wrong == []
    assert sum(report.read.values()) == 400
    assert sum(report.loaded.values()) == 20
    assert report.loaded[TOO_LONG] == 0
