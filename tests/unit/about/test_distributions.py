"""Distributions by their dist-info, in the layouts that tools have written over the years."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from app.about.component import Component
from app.about.distributions import read_distributions


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place with distributions."""
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    return tmp_path


def put(site: Path, name: str, *lines: str, files: dict[str, str] | None = None) -> None:
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "\n".join(["Metadata-Version: 2.4", f"Name: {name}", "Version: 1.0", *lines])
    )
    for path, text in (files or {}).items():
        (info / path).parent.mkdir(parents=True, exist_ok=True)
        (info / path).write_text(text)
    rows = [f"{info.name}/{path}.,".replace(".,", ",,") for path in ("METADATA", *(files or {}))]
    (info / "RECORD").write_text("\n".join(rows))


def only(name: str) -> Component:
    return next(each for each in read_distributions() if each.name == name)


@pytest.mark.parametrize(
    ("lines", "licence"),
    [
        (["License-Expression: mit or apache-2.0"], "MIT OR Apache-2.0"),
        (["License: MIT"], "MIT"),
        (["License: Apache 2.0"], "Apache-2.0"),
        (["License: BSD"], ""),  # which of them?
        (["License: see the file", "Classifier: License :: OSI Approved :: MIT License"], "MIT"),
        (["Classifier: License :: OSI Approved :: BSD License"], ""),
        (["License: GPL-3.0-only"], "GPL-3.0-only"),
        ([], ""),
    ],
)
def test_licence_is_read_where_it_is_named_exactly(site, lines, licence):
    put(site, "nibble", "Requires-Dist: other")
    put(site, "other", *lines)
    assert only("other").licence == licence


@pytest.mark.parametrize(
    ("lines", "path"),
    [
        (["License-File: LICENSE"], "licenses/LICENSE"),  # PEP 639
        (["License-File: LICENSE"], "LICENSE"),  # wheel, before
        ([], "LICENSE.txt"),
        ([], "licenses/COPYING.md"),  # named by the record alone
        (["License-File: sub/NOTICE"], "licenses/sub/NOTICE"),
    ],
)
def test_texts_are_found_in_every_layout_once(site, lines, path):
    put(site, "nibble", "Requires-Dist: other")
    put(site, "other", *lines, files={path: "the words"})
    assert [text.text for text in only("other").texts] == ["the words"]


def test_requirements_are_followed_as_their_markers_say(site):
    put(
        site,
        "nibble",
        "Requires-Dist: one[fast]",
        "Requires-Dist: never; sys_platform == 'amiga'",
        "Requires-Dist: gone",
        "Requires-Dist: trainer; extra == 'training'",
    )
    put(site, "one", "Requires-Dist: two; extra == 'fast'", "Requires-Dist: three; extra == 'slow'")
    for name in ("two", "three", "never", "trainer", "unrelated"):
        put(site, name, "Requires-Dist: one")
    assert [each.name for each in read_distributions()] == ["gone", "Nibble", "one", "two"]
    assert only("gone").version == ""


def test_a_frozen_program_tells_all_that_was_taken_along(site, monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    for name in ("nibble", "unrelated"):
        put(site, name)
    assert {each.name for each in read_distributions()} == {"Nibble", "unrelated"}


@pytest.mark.parametrize("damaged", ["no json", "[]", '{"components": 3}', '{"other": []}'])
def test_a_bill_of_materials_that_cannot_be_read_is_none(site, damaged):
    put(site, "nibble", files={"sboms/x.json": damaged})
    assert only("Nibble").inside == ()
