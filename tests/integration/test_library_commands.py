"""`nibble list` and `nibble remove` with models of Nibble and of other programs, and their names as MODEL."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.helpers.command_line import nibble
from tests.helpers.other_programs import cached_file, ollama_blob, ollama_model, put
from tests.helpers.raw_gguf import llama_header
from tests.helpers.tiny_gguf import CHATML, write_tiny_model

WEIGHTS = llama_header().to_bytes()


@pytest.fixture
def person(tmp_path: Path) -> Path:
    folder = tmp_path / "person"
    folder.mkdir()
    return folder


@pytest.fixture
def models(home: Path) -> Path:
    folder = home / "models"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def ollama(person: Path) -> Path:
    """With `llama3.2:3b`."""
    folder = person / "ollama"
    ollama_model(folder, "registry.ollama.ai/library/llama3.2/3b", WEIGHTS, license="LLAMA LICENSE\n")
    return folder


def test_list_shows_whose_the_models_are_and_how_they_are(person: Path, models: Path, ollama: Path) -> None:
    put(models / "mine.gguf", WEIGHTS + bytes(32))
    put(person / ".lmstudio/models/ann/Poet-GGUF/Poet-Q4_K_M.gguf", WEIGHTS + bytes(64))
    ollama_model(ollama, "registry.ollama.ai/library/half/1b", b"x" * 100)
    ollama_blob(ollama, b"x" * 100).unlink()
    document = nibble("list", "--json").document
    found = {model["name"]: model for model in document["models"]}
    assert {name: (model["source"], model["state"]) for name, model in found.items()} == {
        "mine": ("nibble", "ok"),
        "llama3.2:3b": ("ollama", "ok"),
        "Poet-Q4_K_M": ("lmstudio", "ok"),
    }
    assert found["Poet-Q4_K_M"]["origin"] == "ann/Poet-GGUF"
    assert found["llama3.2:3b"]["licence"] == "LLAMA LICENSE"
    assert found["mine"]["file_bytes"] == len(WEIGHTS) + 32
    (problem,) = document["problems"]
    assert (problem["name"], problem["source"], problem["state"]) == ("half:1b", "ollama", "incomplete")
    assert {folder["source"]: folder["models"] for folder in document["folders"]} == {
        "nibble": 1,
        "ollama": 1,
        "lmstudio": 1,
    }
    text = nibble("list").out
    assert "Ollama" in text
    assert "LM Studio" in text


def test_list_tells_what_is_gone_and_remove_takes_it_off(models: Path) -> None:
    path = put(models / "mine.gguf", WEIGHTS)
    nibble("list")
    path.unlink()
    (problem,) = nibble("list", "--json").document["problems"]
    assert (problem["name"], problem["state"]) == ("mine", "gone")
    assert nibble("remove", "mine", "--yes", "--json").document["files"] == []
    assert nibble("list", "--json").document["problems"] == []


def test_model_of_ollama_is_inspected_by_its_name(ollama: Path) -> None:
    inspected = nibble("inspect", "llama3.2:3b", "--json").document
    assert inspected["path"] == str(ollama_blob(ollama, WEIGHTS))
    assert nibble("inspect", "llama3.2", "--json").document == inspected


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_cached_model_is_inspected_by_its_repository(person: Path) -> None:
    link = cached_file(person / ".cache/huggingface/hub", "ann/Poet-GGUF", "1", "Poet-Q4_K_M.gguf", WEIGHTS)
    assert nibble("inspect", "ann/Poet-GGUF:Q4_K_M", "--json").document["path"] == str(link)


def test_chat_with_a_model_of_ollama_calls_it_by_its_name_and_notes_its_use(
    person: Path, tmp_path: Path
) -> None:
    weights = write_tiny_model(tmp_path / "tiny.gguf", chat_template=CHATML, never_ends=True).read_bytes()
    ollama_model(person / "ollama", "registry.ollama.ai/library/tiny/1b", weights)
    answer = nibble("chat", "tiny:1b", "-p", "hello", "--max-tokens", "3", "--json")
    assert answer.document["model"] == "tiny:1b"
    (listed,) = nibble("list", "--json").document["models"]
    assert listed["last_used_at_s"] > 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into the bin of freedesktop systems")
def test_remove_moves_all_parts_to_the_bin(person: Path, models: Path) -> None:
    write_tiny_model(models / "Big.gguf", tensors_per_part=8)
    put(models / "kept.gguf", WEIGHTS)
    document = nibble("remove", "big", "--yes", "--json").document
    parts = [f"Big-0000{part}-of-00003.gguf" for part in (1, 2, 3)]
    assert [Path(file).name for file in document["files"]] == parts
    assert document["bin"] is True
    assert sorted(path.name for path in (person / ".local/share/Trash/files").iterdir()) == parts
    assert [path.name for path in models.iterdir()] == ["kept.gguf"]


def test_remove_for_good_deletes_and_says_so(models: Path) -> None:
    path = put(models / "mine.gguf", WEIGHTS)
    outcome = nibble("remove", "mine.gguf", "--yes", "--for-good")
    assert "mine was deleted" in outcome.out
    assert not path.exists()


def test_remove_without_a_yes_asks_and_does_nothing_where_nobody_can_answer(models: Path) -> None:
    path = put(models / "mine.gguf", WEIGHTS)
    nibble("remove", "mine").assert_refused("to the bin", "--yes")
    assert path.exists()


def test_remove_of_another_programs_model_is_refused_and_nothing_happens(ollama: Path) -> None:
    nibble("remove", "llama3.2:3b", "--yes").assert_refused("belongs to Ollama", "Delete it in Ollama")
    assert ollama_blob(ollama, WEIGHTS).exists()


def test_remove_of_unknown_and_of_ambiguous_names_is_refused(models: Path) -> None:
    for folder in ("a", "b"):
        put(models / folder / "mine.gguf", WEIGHTS + folder.encode())
    nibble("remove", "nothing", "--yes").assert_refused("nothing")
    nibble("remove", "mi", "--yes").assert_refused("No model called mi")
    nibble("remove", "mine", "--yes").assert_refused("2 models called mine", "path")
    assert nibble("remove", str(models / "a" / "mine.gguf"), "--yes", "--for-good").code == 0
    assert [path.parent.name for path in models.rglob("*.gguf")] == ["b"]
