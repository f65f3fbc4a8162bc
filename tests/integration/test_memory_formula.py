"""The memory formula against what llama.cpp would reserve, asked now: the runtime that is installed may be newer
than the one that `tests/data/memory` is from."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.gguf import read_facts
from app.memory.geometry import read_geometry
from app.recommend import read_catalogue
from tests.helpers.reservation import (
    SETTINGS,
    reserved_by_formula,
    reserved_by_llama_cpp,
    write_catalogue_ghost,
)

LOG_STEP = 0.011
"""MiB: the log has two decimals."""


@pytest.mark.parametrize(
    "name",
    ["llama-3.2-1b", "gemma-4-26b-a4b", "qwen3-next-80b-a3b"],
    ids=["plain", "windows and experts", "recurrent"],
)
def test_formula_says_what_llama_cpp_would_reserve_for_a_ghost(tmp_path: Path, name: str) -> None:
    (model,) = (model for model in read_catalogue() if model.id == name)
    ghost = write_catalogue_ghost(model, tmp_path)
    facts = read_facts(ghost)
    geometry = read_geometry(facts.metadata, facts.vocabulary_size)
    assert geometry

    reserved = reserved_by_llama_cpp(ghost)

    assert len(reserved) == len(SETTINGS)
    for setting, theirs in zip(SETTINGS, reserved, strict=True):
        ours = reserved_by_formula(geometry, facts.tensors, setting)
        assert vars(ours) == pytest.approx(vars(theirs), abs=LOG_STEP), setting
