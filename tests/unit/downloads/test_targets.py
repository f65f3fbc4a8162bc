"""Where a repository's file goes, whatever a stranger has called it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import WrongChoice
from app.downloads.targets import target_of

FOLDER = Path("/models/ada/M")


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("M-Q4_K_M.gguf", ["M-Q4_K_M.gguf"]),
        ("Q8_0/M 1.5 (new)-00001-of-00002.gguf", ["Q8_0", "M 1.5 (new)-00001-of-00002.gguf"]),
        ("模型-Q4_0.gguf", ["模型-Q4_0.gguf"]),
        ("console.gguf", ["console.gguf"]),
        ("a//b.gguf", ["a", "b.gguf"]),
        ("M" * 195 + ".gguf", ["M" * 195 + ".gguf"]),
    ],
)
def test_usual_names_stay_as_they_are(path: str, parts: list[str]) -> None:
    assert target_of(FOLDER, path) == FOLDER.joinpath(*parts)


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "..",
        "../M.gguf",
        "a/../M.gguf",
        "/etc/M.gguf",
        "//host/share/M.gguf",
        "C:/M.gguf",
        "C:M.gguf",
        "C:\\M.gguf",
        "..\\M.gguf",
        "\\\\host\\share\\M.gguf",
        "M.gguf:stream",
        "M\x00.gguf",
        "M\x1b[2J.gguf",
        "M\r\n.gguf",
        "M\x7f.gguf",
        "M\ud800.gguf",
        "M?.gguf",
        "M*.gguf",
        "M|.gguf",
        '"M".gguf',
        "<M>.gguf",
        "M.gguf.",
        "M.gguf ",
        " M.gguf",
        ".M.gguf",
        ".cache/M.gguf",
        "con",
        "NUL.gguf",
        "aux/M.gguf",
        "COM1.gguf",
        "lpt².gguf",
        "conin$",
        "M" * 300 + ".gguf",
        "模" * 100 + ".gguf",
    ],
)
def test_names_that_lead_elsewhere_or_that_some_system_cannot_have_are_refused(path: str) -> None:
    with pytest.raises(WrongChoice, match="not safe") as caught:
        target_of(FOLDER, path)
    assert len(str(caught.value)) < 500
    str(caught.value).encode()


@given(st.text())
def test_no_name_leads_out_of_the_folder(path: str) -> None:
    try:
        target = target_of(FOLDER, path)
    except WrongChoice:
        return
    assert target != FOLDER
    assert target.resolve().is_relative_to(FOLDER)
