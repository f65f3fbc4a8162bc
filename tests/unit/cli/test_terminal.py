"""What files and models say reaches a terminal as text and as nothing else."""

from __future__ import annotations

import pytest

from app.cli.running import print_fault
from app.cli.terminal import printable
from app.core.errors import EnvironmentFault

TITLE = "\x1b]0;owned\x07"


@pytest.mark.parametrize("lines", [True, False])
@pytest.mark.parametrize("text", [TITLE, "\x1b[2J", "\x9b2J", "a\x08b", "\x7f", "\0", "a\u202eb", "\x85"])
def test_printable_leaves_nothing_a_terminal_obeys(text: str, lines: bool) -> None:
    shown = printable(text, lines=lines)
    assert len(shown) == len(text)
    assert all(character.isprintable() for character in shown)


def test_printable_keeps_ordinary_text_and_its_lines_where_they_belong() -> None:
    text = "Ünïcode 漢字 🙂 [bold]\ttab\nnext"
    assert printable(text, lines=True) == text
    assert printable("name\nType: forged\r\u2028x", lines=False) == "name Type: forged  x"


def test_fault_is_printed_on_two_lines_whatever_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    print_fault(EnvironmentFault(f"The template says {TITLE}\nnibble: all is well.", "Try\nagain."))
    assert capsys.readouterr().err == (
        "nibble: The template says �]0;owned� nibble: all is well.\n        Try again.\n"
    )
