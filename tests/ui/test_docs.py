"""The manual beside the window: a page for each page, the keys that there are, and pictures that can be made anew."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

import app
from app.ui.key_table import all_deeds
from app.ui.window import PAGES

SCREENS = (
    *("first-start", "discover", "hugging-face", "library", "make", "downloads"),
    *("chat", "compare", "blind-test", "settings", "about"),
)
MANUAL = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("key", [page.key for page in PAGES])
def test_every_page_of_the_window_has_one_in_the_manual(key: str) -> None:
    assert f"]({key}.md)" in (MANUAL / "README.md").read_text("utf-8")
    assert (MANUAL / f"{key}.md").is_file()


@pytest.mark.parametrize("page", SCREENS)
def test_what_the_manual_quotes_stands_in_the_window(page: str) -> None:
    told = re.sub(r"^    .*", "", (MANUAL / f"{page}.md").read_text("utf-8"), flags=re.MULTILINE)
    quotes = re.findall(r'"([^"\n]+)"', " ".join(told.split()))
    parts = [part.strip(" .:") for quote in quotes for part in quote.split("…")]
    assert [part for part in parts if part.lower() not in words_of_the_program()] == []


@cache
def words_of_the_program() -> str:
    source = "\n".join(path.read_text("utf-8") for path in Path(app.__file__).parent.rglob("*.py"))
    return re.sub(r'"\s*\n\s*f?"', "", source).lower()  # sentences that go on in the next line


def test_keys_of_the_manual_are_those_of_the_program(qapp: QApplication) -> None:
    deeds = {(key, deed.text) for deed in all_deeds() for key in deed.keys if isinstance(key, str)}
    table = (MANUAL / "keyboard.md").read_text("utf-8").partition("<!-- keys")[2]
    rows = re.findall(r"^\| (\S+) \| (.+) \|$", table, re.MULTILINE)
    told = {row for row in rows if row[0] not in ("---", "keys")}
    assert len(told) > 20
    assert told - deeds == set()


def test_number_keys_of_the_manual_are_the_pages_in_their_order(qapp: QApplication) -> None:
    told = re.search(
        r"^\| Ctrl\+1 to Ctrl\+(\d) \| (.+) \|$", (MANUAL / "keyboard.md").read_text("utf-8"), re.MULTILINE
    )
    assert told is not None
    assert told[2].split(", ") == [page.title() for page in PAGES]
    assert int(told[1]) == len(PAGES)


def test_every_picture_of_the_manual_can_be_made_anew() -> None:
    from tests.tour.manual import PICTURES, files_of  # imports all scenes

    assert {path.name for path in (MANUAL / "pictures").iterdir()} == {
        file for name in PICTURES for file, _ in files_of(name)
    }
