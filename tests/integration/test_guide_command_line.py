"""The guide as commands meet it: made when it is named, listed as built in, and no hindrance where it is damaged."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.gguf import read_facts
from app.storage import data_folder
from tests.helpers.command_line import obey_permissions
from tests.helpers.guide_checkpoint import nibble_with, write_guide_checkpoint
from tests.helpers.tiny_checkpoint import write_tiny_checkpoint
from tests.helpers.tiny_gguf import CHATML, write_tiny_model


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not to be changed."""
    return write_guide_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture
def mine(home: Path) -> Path:
    """A model of the person's own."""
    folder = home / "models"
    folder.mkdir(parents=True)
    return write_tiny_model(folder / "mine.gguf", chat_template=CHATML)


def guide_files() -> list[str]:
    folder = data_folder().guide
    return sorted(file.name for file in folder.iterdir()) if folder.exists() else []


# What the commands do with it


def test_list_on_a_fresh_machine_mentions_the_guide_and_makes_nothing(checkpoint: Path, home: Path) -> None:
    outcome = nibble_with(checkpoint, "list")
    assert (outcome.code, outcome.err) == (0, "")
    assert str(home / "models") in outcome.out
    assert "nibble chat guide" in outcome.out
    document = nibble_with(checkpoint, "list", "--json").document
    assert (document["models"], document["problems"]) == ([], [])
    assert document["guide"] == {"name": "guide", "made": False, "problem": None}
    assert not home.exists()


def test_list_marks_the_guide_as_built_in(checkpoint: Path, mine: Path) -> None:
    assert nibble_with(checkpoint, "inspect", "guide-Q4_0").code == 0
    document = nibble_with(checkpoint, "list", "--json").document
    assert {model["name"]: model["built_in"] for model in document["models"]} == {
        "guide-BF16": True,
        "guide-Q4_0": True,
        "mine": False,
    }
    assert document["guide"] == {"name": "guide", "made": True, "problem": None}
    lines = nibble_with(checkpoint, "list").out.splitlines()
    assert [line.endswith("built in") for line in map(str.rstrip, lines)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("name", "model"),
    [("guide", "guide-Q8_0"), ("GUIDE-q4_0", "guide-Q4_0"), ("guide-Q2_K.gguf", "guide-Q2_K")],
)
def test_chat_with_the_guide_makes_it_and_answers(checkpoint: Path, name: str, model: str) -> None:
    outcome = nibble_with(checkpoint, "chat", name, "-p", "hello", "--max-tokens", 5, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.document["model"] == model
    assert guide_files() == ["guide-BF16.gguf", f"{model}.gguf"]


def test_compare_makes_what_is_missing(checkpoint: Path) -> None:
    outcome = nibble_with(
        checkpoint, "compare", "guide-Q4_0", "guide-Q8_0", "-p", "hello", "--max-tokens", 5, "--json"
    )
    assert outcome.code == 0
    assert [pane["quantization"] for pane in outcome.document["panes"]] == ["Q4_0", "Q8_0"]


def test_inspect_makes_what_it_is_asked_about(checkpoint: Path) -> None:
    document = nibble_with(checkpoint, "inspect", "guide-Q2_K", "--json").document
    assert (document["name"], document["quantization"]) == ("Nibble guide", "Q2_K")


@pytest.mark.parametrize("name", ["guide", "guide-Q4_0"])
def test_convert_of_the_guide_starts_from_its_checkpoint(checkpoint: Path, name: str) -> None:
    document = nibble_with(checkpoint, "convert", name, "--to", "BF16,Q6_K", "--json").document
    assert [Path(output["path"]).name for output in document["outputs"]] == [
        "guide-BF16.gguf",
        "guide-Q6_K.gguf",
    ]
    assert guide_files() == ["guide-BF16.gguf", "guide-Q6_K.gguf"]


def test_convert_of_the_guide_to_another_folder_leaves_a_copy_of_the_persons_there(
    checkpoint: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    outcome = nibble_with(checkpoint, "convert", "guide", "--to", "Q6_K,BF16", "--out", out, "--json")
    assert outcome.code == 0
    assert sorted(file.name for file in out.iterdir()) == ["guide-BF16.gguf", "guide-Q6_K.gguf"]
    assert guide_files() == ["guide-BF16.gguf"]


def test_guide_that_was_deleted_by_hand_is_made_again(checkpoint: Path) -> None:
    assert nibble_with(checkpoint, "inspect", "guide").code == 0
    shutil.rmtree(data_folder().guide)
    assert nibble_with(checkpoint, "chat", "guide", "-p", "hello", "--max-tokens", 3).code == 0
    assert guide_files() == ["guide-BF16.gguf", "guide-Q8_0.gguf"]


def test_model_of_the_persons_with_the_guides_name_is_reached_by_its_path(
    checkpoint: Path, mine: Path
) -> None:
    theirs = mine.rename(mine.with_name("guide-Q8_0.gguf"))
    by_name = nibble_with(checkpoint, "inspect", "guide-Q8_0", "--json").document
    by_path = nibble_with(checkpoint, "inspect", theirs, "--json").document
    assert (by_name["name"], by_path["name"]) == ("Nibble guide", "Tiny random")


def test_name_that_only_begins_like_the_guides_is_looked_up_in_the_library(checkpoint: Path) -> None:
    nibble_with(checkpoint, "inspect", "guide-lines").assert_refused("guide-lines", "try guide")
    assert guide_files() == []


def test_bare_word_is_the_guide_or_a_name_in_the_library_before_a_folder_here(
    checkpoint: Path, mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("guide", "mine"):
        write_tiny_checkpoint(tmp_path / "here" / name)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.chdir(tmp_path / "here")

    def made(source: str) -> str:
        outcome = nibble_with(
            checkpoint, "convert", source, "--to", "Q8_0", "--out", tmp_path / "out", "--json"
        )
        assert outcome.code == 0, outcome.err
        (output,) = outcome.document["outputs"]
        name = read_facts(Path(output["path"])).name
        assert name is not None
        return name

    assert [made(source) for source in ("guide", "mine")] == ["Nibble guide", "Tiny random"]
    assert [made(source) for source in ("./guide", "./mine")] == ["Guide", "Mine"]
    assert made(str(tmp_path / "here" / "guide")) == "Guide"


# What can be wrong with it


def lose_the_weights(checkpoint: Path) -> str:
    (checkpoint / "model.safetensors").unlink()
    return "model.safetensors"


def cut_the_weights(checkpoint: Path) -> str:
    path = checkpoint / "model.safetensors"
    os.truncate(path, path.stat().st_size // 2)
    return "model.safetensors"


def lose_everything(checkpoint: Path) -> str:
    shutil.rmtree(checkpoint)
    return str(checkpoint)


def flip_a_bit(checkpoint: Path) -> str:
    path = checkpoint / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    return "model.safetensors"


def may_not_be_read(checkpoint: Path) -> str:
    if sys.platform != "linux":
        pytest.skip("permissions as on Linux")
    (checkpoint / "tokenizer.model").chmod(0)
    return "tokenizer.model"


SEEN_AT_A_GLANCE = [lose_the_weights, cut_the_weights, lose_everything, may_not_be_read]


@pytest.fixture
def damaged(checkpoint: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint, tmp_path / "damaged"))


ruled = obey_permissions if sys.platform == "linux" else None


@pytest.mark.parametrize("damage", [*SEEN_AT_A_GLANCE, flip_a_bit], ids=lambda damage: damage.__name__)
def test_command_that_needs_a_damaged_guide_is_refused_with_what_is_wrong(
    damaged: Path, damage: Callable[[Path], str]
) -> None:
    word = damage(damaged)
    outcome = nibble_with(damaged, "chat", "guide", "-p", "hello", "--json", before=ruled)
    outcome.assert_refused("built-in model is damaged or missing", word, "Install Nibble again")
    assert outcome.out == ""
    assert guide_files() == []


@pytest.mark.parametrize("damage", SEEN_AT_A_GLANCE, ids=lambda damage: damage.__name__)
def test_list_says_that_the_guide_is_damaged(
    damaged: Path, mine: Path, damage: Callable[[Path], str]
) -> None:
    word = damage(damaged)
    outcome = nibble_with(damaged, "list", before=ruled)
    assert (outcome.code, outcome.err) == (0, "")
    assert "mine" in outcome.out
    assert outcome.out.count("built-in model is damaged or missing") == 1
    document = nibble_with(damaged, "list", "--json", before=ruled).document
    assert word in document["guide"]["problem"]
    assert [model["name"] for model in document["models"]] == ["mine"]


def test_commands_that_do_not_need_the_guide_work_without_it(
    damaged: Path, mine: Path, tmp_path: Path
) -> None:
    lose_everything(damaged)
    for arguments in (
        ("inspect", "mine"),
        ("chat", "mine", "-p", "hello", "--max-tokens", 3),
        ("compare", "mine", mine, "-p", "hello", "--max-tokens", 3),
        ("convert", "mine", "--to", "Q8_0", "--out", tmp_path / "out"),
        ("doctor",),
    ):
        assert nibble_with(damaged, *arguments).code == 0, arguments


def test_compare_of_a_damaged_guide_with_another_model_is_refused(damaged: Path, mine: Path) -> None:
    word = lose_the_weights(damaged)
    nibble_with(damaged, "compare", "mine", "guide", "-p", "hello").assert_refused(word)


@pytest.mark.skipif(sys.platform != "linux", reason="permissions as on Linux")
def test_data_folder_that_may_not_be_written_is_refused(checkpoint: Path, home: Path) -> None:
    home.mkdir(mode=0o500)
    outcome = nibble_with(checkpoint, "chat", "guide", "-p", "hello", before=obey_permissions)
    outcome.assert_refused("not allowed to write", str(home))


def test_truncated_file_of_the_guide_is_listed_as_a_problem_and_made_again_when_named(
    checkpoint: Path,
) -> None:
    assert nibble_with(checkpoint, "inspect", "guide-Q4_0").code == 0
    path = data_folder().guide / "guide-Q4_0.gguf"
    os.truncate(path, 100_000)
    (problem,) = nibble_with(checkpoint, "list", "--json").document["problems"]
    assert problem["name"] == "guide-Q4_0"
    assert problem["problem"].endswith("It is made again at its next use.")
    assert nibble_with(checkpoint, "inspect", "guide-Q4_0").code == 0
    assert read_facts(path).quantization == "Q4_0"
