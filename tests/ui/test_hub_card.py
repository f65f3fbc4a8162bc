"""Model cards made readable: what authors mean stays, their HTML goes, and nobody waits for a hostile one."""

from __future__ import annotations

import subprocess
import sys

import pytest

from app.ui.pages.hub_card import MOST_CHARACTERS, readable


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        ("# Title\n\nSome *words*.", "# Title\n\nSome *words*."),
        ("<!-- a\nb -->Text", "Text"),
        ("<style>\np { color: red }\n</style>\nText", "Text"),
        ("<SCRIPT src=x>alert(1)</SCRIPT >Text", "Text"),
        ('<div align="center">\n    <p>\n        <b>Text</b>\n    </p>\n</div>', "Text"),
        ("<h2 id=x>Title</h2>Text", "## Title\n\nText"),
        ('<a class="x" href="https://a.test/b"><b>Link</b></a>', "[Link](https://a.test/b)"),
        ("<a href='javascript:alert(1)'>Link</a>", "Link"),
        ('<img src="http://tracker.test/x.png" onerror="x()">Text', "Text"),
        ("one<br/>two", "one  \ntwo"),
        ("`<b>` and <b>bold</b>", "`<b>` and bold"),
        ("```html\n<b>code</b>\n```\n<b>text</b>", "```html\n<b>code</b>\n```\ntext"),
        ("~~~\n```\n<b>\n~~~\n<i>x</i>", "~~~\n```\n<b>\n~~~\nx"),
        ("<https://a.test/b> and a < b > c", "<https://a.test/b> and a < b > c"),
        ("a\n\n\n\n\nb", "a\n\nb"),
        ("one\ntwo\n  three", "one two three"),
        ("one  \ntwo\\\nthree", "one  \ntwo\\\nthree"),
        ("# one\ntwo", "# one\ntwo"),
        ("one\n===\ntwo", "one\n===\ntwo"),
        ("- one\n  goes on\n- two\n1. three", "- one goes on\n- two\n1. three"),
        ("> one\n> two", "> one\n> two"),
        ("| a | b |\n| - | - |\n| c | d |", "| a | b |\n| - | - |\n| c | d |"),
        ("text\na | b\n--- | ---", "text\na | b\n--- | ---"),
        ("one\n\n    code\n    code", "one\n\n    code\n    code"),
        ("<!-- without an end", "<!-- without an end"),
        ("", ""),
    ],
)
def test_html_becomes_markdown_or_goes(card: str, expected: str) -> None:
    assert readable(card) == expected


def test_long_cards_are_cut_to_what_can_be_laid_out() -> None:
    assert len(readable("word " * 1_000_000)) < MOST_CHARACTERS


HOSTILE = (
    "'<!--' * 100_000",
    "'<style ' * 100_000",
    "'<a href=' * 100_000",
    "'<a ' + 'href=\"https://x\" ' * 100_000",
    "'`' * 100_000",
    "'`a' * 100_000",
    "'<h1' * 100_000",
    "'</p' * 100_000",
    "'<b ' + ' ' * 400_000",
    "'\\n ' * 100_000",
    "'```\\n' * 100_000",
    "'a\\n' * 100_000",
    "'[' * 100_000",
    "('!' * 100 + 'a\\n') * 1_000",
)


def test_no_card_takes_long() -> None:
    """In a process of its own: a pattern that runs away cannot be stopped from within."""
    code = f"from app.ui.pages.hub_card import readable\nfor card in ({', '.join(HOSTILE)}):\n    readable(card)\n"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
