"""Finding the model a person means by a path or a name."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.errors import DamagedGguf, FileGone, NotGguf, UnknownModel, UnreadableFile, WrongChoice
from tests.helpers.library import find_in
from tests.helpers.raw_gguf import llama_header
from tests.helpers.tiny_gguf import write_tiny_model


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    for name in ("Bard-Q4_K_M.gguf", "Bard-Q8_0.gguf", "deep/Stories.gguf"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(llama_header().to_bytes())
    return folder


@pytest.mark.parametrize(
    ("reference", "file"),
    [
        ("Stories", "deep/Stories.gguf"),
        ("stories", "deep/Stories.gguf"),
        ("STORIES.GGUF", "deep/Stories.gguf"),
        ("s", "deep/Stories.gguf"),
        ("bard-q4", "Bard-Q4_K_M.gguf"),
        ("Bard-Q8_0.gguf", "Bard-Q8_0.gguf"),
    ],
)
def test_find_model_by_name_or_unique_beginning_gives_its_entry(
    library: Path, reference: str, file: str
) -> None:
    entry = find_in(reference, [library])
    assert entry.path == library / file
    assert entry.facts is not None


def test_find_model_by_path_gives_its_entry_without_a_library(library: Path) -> None:
    path = library / "deep" / "Stories.gguf"
    assert find_in(str(path), []).path == path


def test_find_model_by_file_name_in_current_folder_gives_it(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(library)
    assert find_in("Bard-Q8_0.gguf", []).path == Path("Bard-Q8_0.gguf")
    assert find_in("deep/Stories.gguf", []).path == Path("deep/Stories.gguf")


def test_find_model_by_name_prefers_the_library_to_a_folder_of_that_name(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (library / "Stories").mkdir()
    monkeypatch.chdir(library)
    assert find_in("Stories", [library]).path == library / "deep" / "Stories.gguf"


def test_find_model_by_split_models_name_gives_its_first_part(tmp_path: Path) -> None:
    first = write_tiny_model(tmp_path / "Big.gguf", tensors_per_part=8)
    assert find_in("big", [tmp_path]).path == first
    assert find_in(str(first.with_name("Big-00002-of-00003.gguf")), []).path == first


def test_find_model_with_exact_name_ignores_longer_ones(library: Path) -> None:
    (library / "Bard.gguf").write_bytes(llama_header().to_bytes())
    assert find_in("bard", [library]).path == library / "Bard.gguf"


def test_find_model_with_beginning_of_two_raises_wrong_choice_and_lists_them(library: Path) -> None:
    with pytest.raises(WrongChoice, match="2 models in the library fit bard") as caught:
        find_in("bard", [library])
    assert "Bard-Q4_K_M, Bard-Q8_0" in caught.value.hint


def test_find_model_with_same_name_in_two_folders_raises_wrong_choice_with_paths(library: Path) -> None:
    (library / "Stories.gguf").write_bytes(llama_header().to_bytes())
    with pytest.raises(WrongChoice, match="2 models called Stories") as caught:
        find_in("Stories", [library])
    assert str(library / "deep" / "Stories.gguf") in caught.value.hint


def test_find_model_of_unknown_name_raises_unknown_model_and_lists_what_there_is(library: Path) -> None:
    with pytest.raises(UnknownModel, match="No model called nothing") as caught:
        find_in("nothing", [library])
    assert "Bard-Q4_K_M, Bard-Q8_0, Stories" in caught.value.hint


@pytest.mark.parametrize("reference", ["nothing", "", "nothing.gguf"])
def test_find_model_in_empty_library_raises_unknown_model(tmp_path: Path, reference: str) -> None:
    with pytest.raises(UnknownModel, match="library is empty") as caught:
        find_in(reference, [tmp_path])
    assert "path of a .gguf file" in caught.value.hint


def test_find_model_of_empty_name_raises_unknown_model(library: Path) -> None:
    with pytest.raises(UnknownModel):
        find_in("", [library])


@pytest.mark.parametrize("reference", ["bartowski/Llama-3.2-1B-Instruct-GGUF", "owner/repo.x:Q4_K_M"])
def test_find_model_of_hub_name_raises_unknown_model_that_speaks_of_the_hub(
    library: Path, reference: str
) -> None:
    with pytest.raises(UnknownModel, match="Hugging Face Hub") as caught:
        find_in(reference, [library])
    assert f"nibble pull {reference}" in caught.value.hint


def test_find_model_of_missing_path_raises_file_gone(tmp_path: Path) -> None:
    with pytest.raises(FileGone):
        find_in(str(tmp_path / "gone.gguf"), [])
    with pytest.raises(FileGone):
        find_in("./gone", [])


def test_find_model_of_folder_raises_unreadable(library: Path) -> None:
    with pytest.raises(UnreadableFile, match="is a folder"):
        find_in(str(library), [])


def test_find_model_that_is_damaged_raises_its_fault(library: Path) -> None:
    (library / "Page.gguf").write_bytes(b"<html>")
    (library / "Cut.gguf").write_bytes(llama_header().to_bytes()[:100])
    with pytest.raises(NotGguf):
        find_in("page", [library])
    with pytest.raises(DamagedGguf):
        find_in(str(library / "Cut.gguf"), [library])
