"""All that is in Nibble has a licence that fits and a text: a new requirement without one fails here."""

from __future__ import annotations

import re
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import resources
from app.about import (
    Component,
    Inside,
    Kind,
    LicenceText,
    all_notices,
    components,
    notices_of,
    problems_of,
    read_versions,
)
from app.about.components import package_folder
from app.about.problems import gpl_libraries, unknown_files
from app.storage import data_folder


@pytest.fixture(scope="module")
def listed() -> list[Component]:
    return components()


def named(listed: list[Component], name: str) -> Component:
    return next(each for each in listed if each.name == name)


def words(component: Component) -> str:
    return "\n".join(text.text for text in component.texts)


def test_all_that_is_in_nibble_may_be_given_to_others(listed):
    assert problems_of(listed) == []
    assert list(unknown_files()) == []


def test_requirements_of_requirements_are_told_and_tools_of_developers_are_not(listed):
    names = {each.name.casefold() for each in listed}
    assert {"numpy", "huggingface-hub", "idna", "markupsafe", "shiboken6"} <= names
    assert not {"pytest", "ruff", "mypy", "hypothesis", "torch"} & names


def test_nibble_comes_first_under_its_own_licence(listed):
    assert (listed[0].name, listed[0].kind, listed[0].licence) == ("Nibble", Kind.OWN, "Apache-2.0")
    assert "Apache License" in words(listed[0])


def test_python_and_what_it_incorporates_are_told(listed):
    python = named(listed, "Python")
    assert python.version == sys.version.split()[0]
    assert "PYTHON SOFTWARE FOUNDATION LICENSE" in words(python)
    assert "Mersenne Twister" in words(python)


def test_qt_is_told_with_all_that_the_lgpl_asks_for(listed):
    qt = named(listed, "Qt")
    told = notices_of(qt)
    assert qt.version == version("PySide6-Essentials")
    assert "GNU LESSER GENERAL PUBLIC LICENSE\n                       Version 3" in told
    assert "GNU GENERAL PUBLIC LICENSE\n                       Version 3" in told
    assert "https://download.qt.io/official_releases/qt/" in told  # where the source is
    assert "replace them" in told
    assert "The Qt Company Ltd." in told
    assert {"FreeType, and its rasterizer", "HarfBuzz", "PCRE2", "zlib"} <= {each.name for each in qt.inside}


def test_fonts_are_told_under_their_own_licences(listed):
    fonts = {each.name: each.licence for each in listed if each.kind is Kind.FONT}
    assert fonts["STIX Two Math"] == "OFL-1.1"
    assert fonts["Phosphor Icons"] == "MIT"
    assert "SIL OPEN FONT LICENSE" in words(named(listed, "STIX Two Math"))


def test_libraries_compiled_into_wheels_are_told_by_their_bills_of_materials(listed):
    inside = {each.name: each for each in named(listed, "cryptography").inside}
    assert inside["OpenSSL"].version
    assert inside["OpenSSL"].licence == "Apache-2.0"
    assert len(named(listed, "hf-xet").inside) > 50


def test_licences_of_a_runtime_pack_are_told_and_nothing_outside_its_folder(home: Path):
    pack = data_folder().packs / "vulkan"
    (pack / "licences").mkdir(parents=True)
    (pack / "pack.json").write_text(f'{{"name": "Vulkan", "backend": "vulkan", "version": "{bindings()}"}}')
    (pack / "licences" / "llama.cpp.txt").write_text("MIT of llama.cpp")
    (pack / "licences" / "shaderc.txt").write_bytes(b"Apache \xff of shaderc")
    (home / "secret.txt").write_text("a secret")
    if sys.platform != "win32":
        (pack / "licences" / "link.txt").symlink_to(home / "secret.txt")
    told = named(components(), "llama.cpp, runtime pack Vulkan")
    assert [text.title for text in told.texts] == ["llama.cpp.txt", "shaderc.txt"]
    assert "a secret" not in words(told)
    assert problems_of([told]) == []


def test_version_of_ggml_is_the_one_in_the_names_of_its_libraries():
    """Which is how pip builds them; the names of runtime packs do not have it."""
    folder = package_folder("llama_cpp")
    assert folder is not None
    named = {
        found[1]
        for file in (folder / "lib").iterdir()
        if (found := re.search(r"base\.(?:so\.)?(\d+\.\d+\.\d+)", file.name))
    }
    if not named:
        pytest.skip("names of libraries on this system have no versions")
    assert {read_versions().ggml} == named


def test_libraries_of_the_build_system_are_told_by_their_copyright_files(tmp_path, monkeypatch):
    for path in sorted(resources.licences_folder().rglob("*")):
        target = tmp_path / path.relative_to(resources.licences_folder())
        target.mkdir() if path.is_dir() else target.write_bytes(path.read_bytes())
    (tmp_path / "system" / "libxcb1").mkdir(parents=True)
    (tmp_path / "system" / "libxcb1" / "copyright").write_text("Copyright of XCB")
    (tmp_path / "system" / "libffi8.txt").write_text("Copyright of libffi")
    monkeypatch.setattr(resources, "licences_folder", lambda: tmp_path)
    system = [each for each in components() if each.kind is Kind.SYSTEM]
    assert [each.name for each in system] == ["libffi8", "libxcb1"]
    assert "Copyright of XCB" in words(system[1])


@pytest.mark.parametrize(
    ("component", "word"),
    [
        (Component("x", Kind.DISTRIBUTION, licence="MIT"), "no text"),
        (Component("x", Kind.DISTRIBUTION, texts=(LicenceText("a", "b"),)), "does not name its licence"),
        (
            Component("x", Kind.DISTRIBUTION, licence="GPL-3.0-only", texts=(LicenceText("a", "b"),)),
            "does not fit",
        ),
        (
            Component("x", Kind.QT, licence="MIT", inside=(Inside("y", ""),), texts=(LicenceText("a", "b"),)),
            "y in x is under no known licence",
        ),
        (
            Component(
                "x", Kind.QT, licence="MIT", inside=(Inside("y", "ISC"),), texts=(LicenceText("a", "b"),)
            ),
            "words of ISC",
        ),
    ],
)
def test_what_speaks_against_giving_it_away_is_named(component, word):
    (problem,) = problems_of([component])
    assert word in problem


def test_libraries_under_the_gpl_are_found_by_their_names(tmp_path):
    for name in (
        "libreadline.so.8",
        "libQt6Core.so.6",
        "libQt6QuickTimeline.so.6",
        "libhistory8.dll",
        "history.txt",
    ):
        (tmp_path / name).touch()
    found = " ".join(gpl_libraries(tmp_path))
    for name in ("libreadline.so.8", "libQt6QuickTimeline.so.6", "libhistory8.dll"):
        assert name in found
    assert "libQt6Core" not in found
    assert "history.txt" not in found


def test_a_font_that_nobody_has_looked_at_is_found(tmp_path, monkeypatch):
    (tmp_path / "fonts").mkdir()
    (tmp_path / "fonts" / "new-1.0.ttf").touch()
    monkeypatch.setattr(
        "app.about.problems.package_folder",
        lambda name: tmp_path if name == "qtawesome" else package_folder(name),
    )
    assert [problem for problem in unknown_files() if "new-1.0.ttf" in problem]


def test_notices_of_the_whole_program_name_every_part(listed):
    told = all_notices(listed)
    assert all(f"\n{each.name} {each.version}".rstrip() in told for each in listed)


def bindings() -> str:
    return version("llama-cpp-python")
