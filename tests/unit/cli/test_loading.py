"""The options for loading, as they are typed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.cli.loading import choices_with
from app.core.errors import WrongChoice
from app.recommend.choices import LoadChoices
from app.runtime.protocol import Adapter

NOTHING = dict.fromkeys(
    (
        "context",
        "kv",
        "gpu_layers",
        "expert_layers_on_cpu",
        "devices",
        "split",
        "flash_attention",
        "threads",
        "ubatch",
        "load_mode",
        "lora",
    )
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("voice.gguf", "a:0.5", "b:1"):
        (tmp_path / name).write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "name", "strength"),
    [
        ("voice.gguf", "voice.gguf", 1.0),
        ("voice.gguf:0.5", "voice.gguf", 0.5),
        ("voice.gguf:-2", "voice.gguf", -2.0),
        ("a:0.5", "a:0.5", 1.0),  # it is a file's name
        ("b:1:0.25", "b:1", 0.25),
    ],
)
def test_adapter_is_a_file_with_a_strength_behind_it(
    folder: Path, words: str, name: str, strength: float
) -> None:
    choices = choices_with(LoadChoices(), **NOTHING | {"lora": [words]})
    assert choices.adapters == (Adapter(os.fsencode(folder / name), strength),)


@pytest.mark.parametrize("words", ["none.gguf", "none.gguf:1", "voice.gguf:strong", ":", ""])
def test_adapter_that_is_no_file_is_refused(folder: Path, words: str) -> None:
    with pytest.raises(WrongChoice, match="no adapter"):
        choices_with(LoadChoices(), **NOTHING | {"lora": [words]})


def test_what_is_given_takes_the_place_of_what_was_chosen_and_nothing_else_does() -> None:
    saved = LoadChoices(
        context_length=1024, kv_type="q8_0", value_type="f16", threads=2, adapters=(Adapter(b"x"),)
    )
    assert choices_with(saved, **NOTHING) == saved
    told = choices_with(saved, **NOTHING | {"kv": "q4_0", "flash_attention": False, "threads": 0})
    assert told == LoadChoices(
        context_length=1024,
        kv_type="q4_0",
        value_type="q4_0",
        flash_attention="off",
        threads=0,
        adapters=(Adapter(b"x"),),
    )
