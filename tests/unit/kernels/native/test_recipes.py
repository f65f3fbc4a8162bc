"""Recipes, their presets, and what is said where the tools for one are missing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import kernels.native.tools as tools
from app.runtime.packs import pack as application
from kernels.native.building import PRESETS, read_cache
from kernels.native.fault import Fault
from kernels.native.recipes import RECIPES, Recipe, recipe_for, recipes_named
from kernels.native.tools import find_tools, vulkan_headers_in

PRESET = {
    each["name"]: each for each in json.loads((PRESETS / "CMakePresets.json").read_text())["configurePresets"]
}
SWITCHES = {"GGML_CUDA", "GGML_METAL", "GGML_VULKAN", "GGML_HIP", "GGML_RPC"}


def named(name: str) -> Recipe:
    return next(recipe for recipe in RECIPES if recipe.name == name)


def settings_of(preset: str) -> dict[str, str]:
    inherited = PRESET[preset].get("inherits")
    return {**(settings_of(inherited) if inherited else {}), **PRESET[preset].get("cacheVariables", {})}


def test_every_recipe_has_a_preset_and_every_preset_a_recipe() -> None:
    assert {recipe.name for recipe in RECIPES} == {
        name for name, each in PRESET.items() if not each.get("hidden")
    }


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_preset_switches_its_backend_on_and_no_other(recipe: Recipe) -> None:
    settings = settings_of(recipe.name)
    own = {"cpu": set(), "rpc": {"GGML_RPC"}}.get(
        recipe.backend, {f"GGML_{recipe.backend.upper()}", "GGML_RPC"}
    )
    assert {name for name in SWITCHES if settings.get(name) == "ON"} == own
    # Runs on any processor of its kind, each backend a plug-in.
    assert settings["GGML_NATIVE"] == "OFF"
    assert (
        settings["GGML_CPU_ALL_VARIANTS"]
        == settings["GGML_BACKEND_DL"]
        == settings["BUILD_SHARED_LIBS"]
        == "ON"
    )


@pytest.mark.skipif(shutil.which("cmake") is None, reason="needs CMake")
def test_cmake_takes_the_presets() -> None:
    done = subprocess.run(["cmake", "--list-presets"], cwd=PRESETS, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all(f'"{recipe.name}"' in done.stdout for recipe in RECIPES)


def test_application_knows_where_each_backend_stands_in_its_order() -> None:
    order = [backend for backend in application._ORDER if recipe_for(backend)]
    assert order == ["cuda", "metal", "hip", "vulkan", "rpc", "cpu"]


def test_backends_are_chosen_by_name_and_refused_where_they_cannot_be() -> None:
    assert [each.name for each in recipes_named("cpu, vulkan,cpu", "linux")] == ["cpu", "vulkan"]
    assert "metal" in [each.name for each in recipes_named("all", "macos")]
    assert "metal" not in [each.name for each in recipes_named("all", "linux")]
    with pytest.raises(Fault, match="no backend cuda"):
        recipes_named("cuda", "linux")
    with pytest.raises(Fault, match="built on macos, not on linux"):
        recipes_named("cpu,metal", "linux")


@pytest.mark.skipif(os.name != "posix", reason="programs are shell scripts")
@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ("cpu", ["CMake is missing: install", "C\\+\\+ compiler is missing: install"]),
        ("vulkan", ["glslc.* is missing", "headers in .* are too old.*VULKAN_SDK"]),
        ("cuda-13", ["nvcc.* is missing: install the CUDA toolkit 13"]),
        ("hip", ["HIP is missing: install ROCm"]),
        ("metal", ["xcode-select"]),
    ],
)
def test_what_is_missing_is_named_with_what_to_install(
    recipe: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = tmp_path / "sdk" / "include" / "vulkan"
    headers.mkdir(parents=True)
    (headers / "vulkan_core.h").write_text(
        "#define VK_HEADER_VERSION 239\n"
        "#define VK_HEADER_VERSION_COMPLETE VK_MAKE_API_VERSION(0, 1, 3, VK_HEADER_VERSION)\n"
    )
    monkeypatch.setattr(tools, "_CUDA_HOME", str(tmp_path / "none"))
    environment = {"PATH": str(tmp_path), "VULKAN_SDK": str(tmp_path / "sdk"), "ROCM_PATH": str(tmp_path)}
    with pytest.raises(Fault) as caught:
        find_tools(named(recipe), environment)
    for each in words:
        caught.match(each)


@pytest.mark.skipif(os.name != "posix", reason="programs are shell scripts")
def test_compiler_of_another_cuda_is_told(tmp_path: Path) -> None:
    nvcc = tmp_path / "bin" / "nvcc"
    nvcc.parent.mkdir()
    nvcc.write_text("#!/bin/sh\necho 'Cuda compilation tools, release 12.4, V12.4.131'\n")
    nvcc.chmod(0o755)
    with pytest.raises(Fault, match=r"nvcc here is of CUDA 12\.4\.131: install the CUDA toolkit 13"):
        find_tools(named("cuda-13"), {"PATH": os.defpath, "CUDACXX": str(nvcc)})
    with pytest.raises(Fault, match="licence"):
        find_tools(named("cuda-12"), {"PATH": os.defpath, "CUDACXX": str(nvcc)})


def test_headers_of_the_first_folder_that_has_any_count(tmp_path: Path) -> None:
    for name, more in (("new", "#define VK_EXT_layer_settings 1\n"), ("old", "")):
        (tmp_path / name / "vulkan").mkdir(parents=True)
        (tmp_path / name / "vulkan" / "vulkan_core.h").write_text(
            "#define VK_HEADER_VERSION 309\n"
            "#define VK_HEADER_VERSION_COMPLETE VK_MAKE_API_VERSION(0, 1, 4, VK_HEADER_VERSION)\n" + more
        )
    none, new, old = (tmp_path / name for name in ("none", "new", "old"))
    assert vulkan_headers_in([none]) == (None, "")
    assert vulkan_headers_in([none, new, old]) == (new, "1.4.309")
    assert vulkan_headers_in([old, new]) == (old, "")


def test_cmakes_cache_is_read_with_values_that_have_colons_and_equals_signs(tmp_path: Path) -> None:
    cache = tmp_path / "CMakeCache.txt"
    cache.write_text("# words\n//More words\nA:STRING=75-real;80\nB:FILEPATH=C:/x=y\nC:INTERNAL=\n")
    assert read_cache(cache) == {"A": "75-real;80", "B": "C:/x=y", "C": ""}


@pytest.mark.parametrize(
    "arguments", [["build", "--backend", "nothing", "--out", "x"], ["check", "no-such-pack"]]
)
def test_command_refuses_with_a_sentence_and_no_traceback(arguments: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kernels.native", *arguments],
        cwd=PRESETS.parents[1],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("kernels.native: ")
    assert "Traceback" not in done.stderr
