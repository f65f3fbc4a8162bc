"""`nibble chat --preset`: what the maker recommends, what a person saved, and options that go over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.chat.saved_settings import SavedSettings
from app.runtime import Sampling
from app.storage import data_folder
from tests.helpers.command_line import nibble
from tests.helpers.tiny_gguf import CHATML, write_tiny_model


@pytest.fixture
def sure(tmp_path: Path) -> Path:
    """Its maker recommends the likeliest token only, so that no seed matters."""
    return write_tiny_model(
        tmp_path / "sure.gguf",
        layers=1,
        chat_template=CHATML,
        never_ends=True,
        recommended={"top_k": 1},
    )


def answer(model: Path, seed: int, *options: object) -> str:
    outcome = nibble("chat", model, "-p", "hello", "--max-tokens", 24, "--seed", seed, *options, "--json")
    assert outcome.code == 0, outcome.err
    text = outcome.document["text"]
    assert isinstance(text, str)
    return text


def test_maker_s_recommendation_is_the_default_and_options_go_over_it(sure: Path, home: Path) -> None:
    likeliest = answer(sure, 1, "--temperature", 0, "--preset", "balanced")
    assert answer(sure, 1) == answer(sure, 2) == likeliest
    assert answer(sure, 2, "--top-k", 40) != likeliest
    assert answer(sure, 2, "--preset", "Balanced") == answer(sure, 2, "--top-k", 40)


def test_inspect_tells_what_is_recommended(sure: Path, home: Path) -> None:
    assert nibble("inspect", sure, "--json").document["recommended_sampling"] == {"top_k": 1}
    assert "top_k 1" in nibble("inspect", sure).out


def test_own_preset_is_found_by_its_name_and_another_is_refused(sure: Path, home: Path) -> None:
    saved = SavedSettings(data_folder().create().database)
    saved.save_preset("Short", Sampling(max_tokens=3, temperature=0.0))
    saved.close()
    outcome = nibble("chat", sure, "-p", "hello", "--preset", "short", "--json")
    assert outcome.document["tokens"] == 3
    nibble("chat", sure, "-p", "hello", "--preset", "wild").assert_refused("wild", "recommended", "Short")
