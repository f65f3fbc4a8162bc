"""Packs as they were built, in the hands of the check and of the program. Needs them (`tests.helpers.built_packs`)."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.runtime.packs import runtime_packs
from app.storage import DataFolder
from tests.helpers.built_packs import ROOT, built_pack
from tests.helpers.command_line import nibble

NAMES = ("cpu", "rpc", "vulkan")


def check(pack: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kernels.native", "check", str(pack), "--json", *options],
        cwd=ROOT,
        env={**os.environ, "GGML_VK_VISIBLE_DEVICES": "0", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=900,
    )


@pytest.mark.parametrize("name", NAMES)
def test_built_pack_passes_its_check(name: str) -> None:
    done = check(built_pack(name))
    assert done.returncode == 0, done.stdout + done.stderr
    steps = {each["name"]: each["told"] for each in json.loads(done.stdout)["steps"]}
    assert list(steps) == ["files", "devices", "answer", "offload"]
    device = {"cpu": "CPU", "rpc": "RPC0", "vulkan": "Vulkan0"}[name]
    assert device in steps["devices"]
    assert device in steps["offload"]


def test_check_fails_for_a_pack_with_a_changed_file(tmp_path: Path) -> None:
    pack = shutil.copytree(built_pack("cpu"), tmp_path / "cpu")
    with (pack / "licences" / "llama.cpp.txt").open("a") as file:
        file.write("!")
    done = check(pack)
    assert done.returncode == 1
    assert "llama.cpp.txt is not the file that was built" in done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_pack_is_tried_and_used(name: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLAMA_CPP_LIB_PATH", raising=False)
    monkeypatch.setenv("GGML_VK_VISIBLE_DEVICES", "0")
    folder = DataFolder(home).packs / name
    shutil.copytree(built_pack(name), folder)
    assert [state.fault for state in runtime_packs().states()] == [None, ""]
    assert runtime_packs().chosen().folder == folder
    assert runtime_packs().states()[0].fault == ""


def test_every_processor_finds_the_variant_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plain x64 one is in every pack; here a better one is there, as on any computer of this century."""
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(built_pack("cpu")))
    told = nibble("doctor", "--json").document["runtime"]
    assert told["backends"] == ["CPU"]
    assert len(told["devices"]) == 1


def test_pack_in_the_place_of_the_bindings_own_libraries_works_without_being_named(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the frozen program."""
    monkeypatch.delenv("LLAMA_CPP_LIB_PATH", raising=False)
    bindings = importlib.util.find_spec("llama_cpp")
    assert bindings is not None
    assert bindings.origin is not None
    copy = tmp_path / "site" / "llama_cpp"
    shutil.copytree(Path(bindings.origin).parent, copy, ignore=shutil.ignore_patterns("lib", "__pycache__"))
    shutil.copytree(built_pack("cpu"), copy / "lib")
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join((str(copy.parent), os.environ.get("PYTHONPATH", str(ROOT))))
    )
    answer = nibble("chat", "guide", "-p", "hello", "--temperature", "0", "--max-tokens", "8", "--json")
    assert answer.code == 0, answer.err
    assert str(copy / "lib") in answer.err or answer.document["tokens"] == 8
    assert nibble("doctor", "--json").document["runtime"]["backends"] == ["CPU"]
