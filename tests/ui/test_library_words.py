"""How the Library says things."""

from __future__ import annotations

import time

import pytest

from app.library import EntryState
from app.ui.pages.library_words import DAY_S, describe_age, one_line, state_look


def test_every_state_of_a_file_has_a_symbol_and_words_of_its_own(qapp):
    looks = [state_look(state) for state in EntryState]
    assert len({look.glyph for look in looks}) == len(looks)
    assert len({look.words for look in looks}) == len(looks)
    assert all(look.meaning for look in looks)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Qwen3 8B", "Qwen3 8B"),
        ("two\nlines\tof  text", "two lines of text"),
        ("evil\u202egnp.exe", "evil gnp.exe"),
        ("\x00\x07\x1b[31m", "[31m"),
        ("漢字 – ñ", "漢字 – ñ"),
        ("", ""),
    ],
)
def test_names_from_files_become_one_line(text, line):
    assert one_line(text) == line


def test_ages_read_as_people_say_them(qapp):
    now = time.localtime()
    noon = time.mktime((now.tm_year, now.tm_mon, now.tm_mday, 12, 0, 0, 0, 0, -1))
    assert describe_age(None) == "–"
    assert describe_age(noon) == "today"
    assert describe_age(noon - DAY_S) == "yesterday"
    assert describe_age(noon - 3 * DAY_S) == "3 days ago"
    assert any(digit in describe_age(noon - 400 * DAY_S) for digit in "0123456789")
    assert "ago" not in describe_age(noon - 400 * DAY_S)
