"""What goes into the frozen program: all that it opens, and nothing that is not used."""

from __future__ import annotations

import ast
import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import app
import resources
from installers import contents
from installers.release import ROOT

MODULE = re.compile(r"""["'](app|kernels|llama_cpp)\.""")
ALL = """
import inspect, json, sys
sys.path.insert(0, sys.argv[1])
import resources
assert resources.__file__.startswith(sys.argv[1])
given = {"theme": resources.THEMES, "icon_path": ("nibble",), "prompt_set": resources.prompt_set_names()}
said = {}
for name, function in inspect.getmembers(resources, lambda each: inspect.isfunction(inspect.unwrap(each))):
    own = inspect.unwrap(function).__module__ == "resources"
    if own and not name.startswith("_"):
        for argument in given.get(name, (None,)):
            answer = function(argument) if argument else function()
            if hasattr(answer, "iterdir"):
                names = (each.name for each in answer.rglob("*") if each.suffix != ".pyc")
                answer = sorted(name for name in names if name != "README.md")
            said[f"{name} {argument}"] = repr(answer).replace(sys.argv[1], "")
print(json.dumps(said))
"""
"""Calls each function of `resources`, and tells what came out."""


def asked(root: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-I", "-c", ALL, str(root)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_resources_tell_the_same_from_what_is_bundled(tmp_path: Path) -> None:
    for file in (*contents.resource_files(), Path("__init__.py")):
        target = tmp_path / "resources" / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / "resources" / file, target)
    here = asked(ROOT)
    assert asked(tmp_path) == here
    assert '"guide_checkpoint None": "[\'SHA256SUMS\'' in here


def test_every_icon_that_the_window_names_is_bundled() -> None:
    bundled = {file.stem for file in contents.resource_files() if file.parts[0] == "icons"}
    assert {"nibble", "check-dark", "check-light", "chevron-dark", "chevron-light"} <= bundled


def test_makers_of_the_guide_stay_out() -> None:
    files = {file.as_posix() for file in contents.resource_files()}
    assert not any(file.startswith(("guide/training", "guide/record")) for file in files)
    assert "guide/corpus/more.toml" not in files
    assert not any(file.endswith((".py", ".pyc", "README.md")) for file in files)


def test_every_module_that_the_program_names_in_a_text_is_found_by_its_package() -> None:
    """As in "app.cli.doctor:doctor": PyInstaller does not read texts."""
    named = set()
    for source in Path(app.__file__).parent.rglob("*.py"):
        code = source.read_text(encoding="utf-8")
        if not MODULE.search(code):  # most, and to parse all takes seconds
            continue
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                module = node.value.partition(":")[0]
                if (
                    module.startswith(("app.", "kernels.", "llama_cpp."))
                    and module.replace(".", "").isidentifier()
                ):
                    named.add(module)
    assert len(named) > 10
    left_out = {
        module
        for module in named
        if not module.startswith(contents.PACKAGES) and module not in contents.HIDDEN_IMPORTS
    }
    assert not left_out


@pytest.mark.parametrize(
    ("place", "wanted"),
    [
        ("PySide6/Qt/plugins/platforms/libqxcb.so", True),
        ("PySide6/plugins/platforms/qwindows.dll", True),
        ("PySide6/Qt/plugins/platforms/libqcocoa.dylib", True),
        ("PySide6/Qt/plugins/platforms/libqoffscreen.so", True),
        ("PySide6/Qt/plugins/platforms/libqvnc.so", False),
        ("PySide6/Qt/plugins/imageformats/libqsvg.so", True),
        ("PySide6/Qt/plugins/imageformats/libqpdf.so", False),
        ("PySide6/Qt/plugins/iconengines/libqsvgicon.so", True),
        ("PySide6/plugins/iconengines/qsvgicon.dll", True),
        ("PySide6/Qt/plugins/platforminputcontexts/libcomposeplatforminputcontextplugin.so", True),
        ("PySide6/Qt/plugins/platforminputcontexts/libqtvirtualkeyboardplugin.so", False),
        ("PySide6/Qt/plugins/wayland-shell-integration/libxdg-shell.so", True),
        ("PySide6/Qt/plugins/tls/libqopensslbackend.so", False),
        ("PySide6/plugins/tls/qschannelbackend.dll", False),
        ("PySide6/Qt/lib/libQt6Core.so.6", True),
        ("PySide6/Qt/lib/libQt6WaylandClient.so.6", True),
        ("PySide6/Qt/lib/libQt6Quick.so.6", False),
        ("PySide6/Qt6Core.dll", True),
        ("PySide6/Qt6Pdf.dll", False),
        ("PySide6/Qt6OpenGL.dll", False),
        ("PySide6/opengl32sw.dll", False),
        ("PySide6/Qt/lib/QtCore.framework/Versions/A/QtCore", True),
        ("PySide6/Qt/lib/QtQml.framework/Versions/A/QtQml", False),
        ("PySide6/QtCore.abi3.so", True),
        ("PySide6/QtCore.pyd", True),
        ("PySide6/Qt/lib/libicudata.so.73", True),
        ("PySide6/Qt/translations/qtbase_de.qm", False),
        ("qtawesome/fonts/phosphor-1.3.0.ttf", True),
        ("qtawesome/fonts/phosphor-charmap-1.3.0.json", True),
        ("qtawesome/fonts/fontawesome6-solid-webfont-6.7.2.ttf", False),
        ("ziafont/fonts/DejaVuSans.ttf", True),
        ("numpy.libs/libscipy_openblas64_-32a4b2a6.so", True),
        ("llama_cpp/lib/libllama.so", False),
        ("enchant/data/mingw64/bin/libenchant-2.dll", True),
        ("enchant/data/mingw64/bin/libstdc++-6.dll", True),
        ("enchant/data/mingw64/bin/libreadline8.dll", False),
        ("enchant/data/mingw64/bin/libpython3.10.dll", False),
        ("enchant/data/mingw64/lib/enchant-2/enchant_hunspell.dll", True),
        ("enchant/data/mingw64/lib/enchant-2/enchant_hunspell.la", False),
        ("enchant/data/mingw64/lib/enchant-2/enchant_nuspell.dll", False),
        ("enchant/data/mingw64/share/enchant/enchant.ordering", True),
        ("enchant/data/mingw64/share/enchant/hunspell/en_GB.dic", True),
        ("enchant/data/mingw64/share/doc/enchant/enchant.html", False),
        ("setuptools/_vendor/jaraco/text/Lorem ipsum.txt", False),
    ],
)
def test_of_other_packages_goes_along_what_is_used(place: str, wanted: bool) -> None:
    assert contents.is_wanted(place) is wanted
    assert contents.is_wanted(place.replace("/", "\\")) is wanted


def test_distributions_bring_what_they_say_of_themselves_and_their_licences() -> None:
    files = contents.metadata_files(["msgspec._core", "yaml", "numpy.linalg", "app.core", "json"])
    folders = {folder.split(".dist-info")[0].lower() for _, folder in files if ".dist-info" in folder}
    assert {name.rpartition("-")[0] for name in folders} == {"msgspec", "pyyaml", "numpy", "nibble"}
    names = {f"{folder}/{path.name}" for path, folder in files}
    for name in folders:
        of_it = [each for each in names if each.lower().startswith(name)]
        assert any(each.endswith("/METADATA") for each in of_it)
        assert any("licen" in each.lower() for each in of_it), name
    assert not any(path.suffix == ".py" for path, _ in files)


def test_functions_of_resources_are_all_asked_for() -> None:
    """Those that take something are given it in the test above."""
    functions = [each for _, each in inspect.getmembers(resources, inspect.isfunction)]
    own = [each for each in functions if each.__module__ == "resources" and not each.__name__.startswith("_")]
    needy = {
        each.__name__
        for each in own
        if any(p.default is p.empty for p in inspect.signature(each).parameters.values())
    }
    assert needy <= {"theme", "prompt_set"}
