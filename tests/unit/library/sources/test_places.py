"""Where each program keeps its models on each system, and where its settings moved them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.library import library_places
from app.library.sources import PROGRAMS, System
from app.storage import DataFolder
from tests.helpers.other_programs import put

BY_ID = {program.id: program for program in PROGRAMS}


def places(program: str, system: System) -> list[str]:
    return [folder.replace("\\", "/") for folder in BY_ID[program].places(system)]


LINUX = System("linux", "/home/ann", {})
MAC = System("darwin", "/Users/ann", {})
WINDOWS = System(
    "win32",
    "C:/Users/ann",
    {"APPDATA": "C:/Users/ann/AppData/Roaming", "LOCALAPPDATA": "C:/Users/ann/AppData/Local"},
)


@pytest.mark.parametrize(
    ("program", "system", "folder"),
    [
        ("huggingface", LINUX, "/home/ann/.cache/huggingface/hub"),
        ("huggingface", MAC, "/Users/ann/.cache/huggingface/hub"),
        ("huggingface", WINDOWS, "C:/Users/ann/.cache/huggingface/hub"),
        ("lmstudio", LINUX, "/home/ann/.lmstudio/models"),
        ("lmstudio", LINUX, "/home/ann/.cache/lm-studio/models"),
        ("lmstudio", MAC, "/Users/ann/.lmstudio/models"),
        ("lmstudio", WINDOWS, "C:/Users/ann/.lmstudio/models"),
        ("ollama", LINUX, "/home/ann/.ollama/models"),
        ("ollama", LINUX, "/usr/share/ollama/.ollama/models"),
        ("ollama", MAC, "/Users/ann/.ollama/models"),
        ("ollama", WINDOWS, "C:/Users/ann/.ollama/models"),
        ("gpt4all", LINUX, "/home/ann/.local/share/nomic.ai/GPT4All"),
        ("gpt4all", MAC, "/Users/ann/Library/Application Support/nomic.ai/GPT4All"),
        ("gpt4all", WINDOWS, "C:/Users/ann/AppData/Local/nomic.ai/GPT4All"),
        ("jan", LINUX, "/home/ann/.local/share/Jan/data"),
        ("jan", LINUX, "/home/ann/.config/Jan/data"),
        ("jan", MAC, "/Users/ann/Library/Application Support/Jan/data"),
        ("jan", WINDOWS, "C:/Users/ann/AppData/Roaming/Jan/data"),
        ("llama.cpp", LINUX, "/home/ann/.cache/llama.cpp"),
        ("llama.cpp", MAC, "/Users/ann/Library/Caches/llama.cpp"),
        ("llama.cpp", WINDOWS, "C:/Users/ann/AppData/Local/llama.cpp"),
    ],
)
def test_default_place_of_program_on_system(program: str, system: System, folder: str) -> None:
    assert folder in places(program, system)


@pytest.mark.parametrize(
    ("program", "variables", "folders"),
    [
        ("huggingface", {"HF_HOME": "/big/hf"}, ["/big/hf/hub"]),
        ("huggingface", {"HF_HOME": "~/hf"}, ["/home/ann/hf/hub"]),
        ("huggingface", {"HF_HOME": "/big/hf", "HF_HUB_CACHE": "/fast/hub"}, ["/fast/hub"]),
        ("huggingface", {"HUGGINGFACE_HUB_CACHE": "/old/hub"}, ["/old/hub"]),
        ("huggingface", {"XDG_CACHE_HOME": "/cache"}, ["/cache/huggingface/hub"]),
        ("ollama", {"OLLAMA_MODELS": "/big/ollama"}, ["/big/ollama"]),
        ("ollama", {"OLLAMA_MODELS": '"/big/ollama"'}, ["/big/ollama"]),
        ("llama.cpp", {"LLAMA_CACHE": "/big/llama"}, ["/big/llama"]),
        ("llama.cpp", {"XDG_CACHE_HOME": "/cache"}, ["/cache/llama.cpp"]),
    ],
)
def test_variable_moves_the_place(program: str, variables: dict[str, str], folders: list[str]) -> None:
    assert places(program, System("linux", "/home/ann", variables)) == folders


@pytest.mark.parametrize("home", [".lmstudio", ".cache/lm-studio"])
def test_lm_studio_models_lie_also_where_its_settings_say(tmp_path: Path, home: str) -> None:
    chosen = str(tmp_path / "disk" / "models")
    put(tmp_path / home / "settings.json", json.dumps({"downloadsFolder": chosen, "other": [1]}))
    assert chosen in places("lmstudio", System("linux", str(tmp_path), {}))


def test_lm_studio_home_is_where_its_pointer_leads(tmp_path: Path) -> None:
    put(tmp_path / ".lmstudio-home-pointer", f"{tmp_path / 'elsewhere'}\n")
    assert places("lmstudio", System("linux", str(tmp_path), {}))[0] == str(tmp_path / "elsewhere" / "models")


def test_gpt4all_models_lie_where_its_settings_say(tmp_path: Path) -> None:
    put(
        tmp_path / ".config" / "nomic.ai" / "GPT4All.ini",
        "[General]\nchatTheme=Dark\nmodelPath=/big/gpt4all\n",
    )
    assert places("gpt4all", System("linux", str(tmp_path), {}))[0] == "/big/gpt4all"


def test_jan_models_lie_where_its_settings_say(tmp_path: Path) -> None:
    put(tmp_path / ".local/share/Jan/settings.json", json.dumps({"data_folder": "/big/jan"}))
    assert places("jan", System("linux", str(tmp_path), {}))[0] == "/big/jan"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"downloadsFolder": 7}',
        b'{"downloadsFolder": "a\\u0000b"}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
    ids=["empty", "cut", "list", "number", "zero", "deep", "bytes"],
)
def test_settings_that_are_anything_else_change_nothing(tmp_path: Path, content: bytes) -> None:
    system = System("linux", str(tmp_path), {})
    before = [places(program.id, system) for program in PROGRAMS]
    for file in (
        ".lmstudio/settings.json",
        ".lmstudio-home-pointer",
        ".local/share/Jan/settings.json",
        ".config/nomic.ai/GPT4All.ini",
    ):
        put(tmp_path / file, content)
    assert [places(program.id, system) for program in PROGRAMS] == before


def test_settings_of_gigabytes_are_not_read(tmp_path: Path) -> None:
    with put(tmp_path / ".lmstudio/settings.json", b'{"downloadsFolder": "/big"}').open("r+b") as file:
        file.truncate(5_000_000_000)
    assert "/big" not in places("lmstudio", System("linux", str(tmp_path), {}))


def test_library_has_own_folders_first_and_only_what_is_there_of_others(tmp_path: Path) -> None:
    data = DataFolder(tmp_path / "nibble")
    (tmp_path / ".ollama" / "models").mkdir(parents=True)
    found = library_places(
        data, ["/mine"], System("linux", str(tmp_path), {"OLLAMA_MODELS": "~/.ollama/models"})
    )
    assert [(place.program.id, place.folder) for place in found] == [
        ("nibble", data.models),
        ("nibble", data.guide),
        ("ollama", tmp_path / ".ollama" / "models"),
        ("folder", Path("/mine")),
    ]
