"""Packs as they were built, in the hands of the check and of the program. Needs them (`tests.helpers.built_packs`)."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from app.core.jobs import CancelToken, JobControl
from app.guide import make_guide
from app.runtime import LoadedModel, LoadSettings, start_worker
from app.runtime.packs import runtime_packs
from app.runtime.protocol import Describe, Described
from app.storage import DataFolder
from tests.helpers.answers import ask, greedy
from tests.helpers.built_packs import ROOT, built_pack
from tests.helpers.command_line import nibble

NAMES = ("cpu", "rpc", "vulkan")
QUIET = JobControl(CancelToken(), lambda event: None)


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


def test_best_variant_for_this_processor_is_the_only_one_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(built_pack("cpu")))
    with start_worker() as worker:
        described = worker.call_for(Describe())
        assert isinstance(described, Described)
        loaded = {
            Path(each.path).name
            for each in psutil.Process(worker.pid).memory_maps()
            if "ggml-cpu" in each.path
        }
    assert [device.kind for device in described.devices] == ["cpu"]
    (variant,) = loaded
    assert variant != "libggml-cpu-x64.so"  # there was none better than that before 2008


VARIANTS = (
    *(
        "x64",
        "sse42",
        "sandybridge",
        "ivybridge",
        "piledriver",
        "haswell",
        "skylakex",
        "cannonlake",
        "cascadelake",
    ),
    *("icelake", "cooperlake", "zen4", "alderlake", "sapphirerapids"),
)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="variants of x86-64")
@pytest.mark.parametrize("variant", VARIANTS)
def test_each_variant_answers_as_the_plain_build_where_the_processor_can_run_it(
    variant: str, tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In Q4_0, which variants lay out anew for their instructions, and with prompts longer than a block."""
    folder = tmp_path / variant
    folder.mkdir()
    for file in built_pack("cpu").glob("*.so*"):
        if "ggml-cpu-" not in file.name or file.stem.endswith(f"-{variant}"):
            (folder / file.name).symlink_to(file)
    (path,) = make_guide(DataFolder(models / "variants").create(), ["Q4_0"], QUIET)
    prompt = "What is a token, and how much memory does a model need? " * 4
    settings = LoadSettings(context_length=512, threads=1)
    monkeypatch.delenv("LLAMA_CPP_LIB_PATH", raising=False)
    with LoadedModel.load(path, settings) as model:
        expected = ask(model, prompt, greedy(24)).text
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(folder))
    with start_worker() as worker:
        described = worker.call_for(Describe())
        assert isinstance(described, Described)
    if not described.devices:
        pytest.skip(f"this processor lacks instructions of {variant}")
    with LoadedModel.load(path, settings) as model:
        assert ask(model, prompt, greedy(24)).text == expected


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
