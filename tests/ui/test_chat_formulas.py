"""Mathematics in answers: set by a process of its own, and source where that fails."""

from __future__ import annotations

import pytest

from app.ui.pages.chat_text import Prose
from app.ui.prose.formulas import Formulas

PICTURE = "\ufffc"
NESTED = "\\frac{1}{" * 30 + "x" + "}" * 30
"""Takes twice as long with every level."""


@pytest.fixture
def prose(qtbot):
    made = Prose("Answer")
    qtbot.addWidget(made)
    made.resize(600, 100)
    made.show()
    yield made
    Formulas.of_window().close()


def settled(prose) -> bool:
    return prose._formulas is not None and not prose._formulas._places


def test_formulas_become_pictures_and_are_copied_as_they_were_written(prose, qtbot):
    text = "so $\\frac{a}{b}$ and \\(x^2\\) hold\n\n$$\n\\int_0^1 x\\,dx\n$$\n\nfor $5 and $10"
    prose.show_markdown(text)
    assert "\\frac{a}{b}" in prose.toPlainText()  # until the picture is there
    qtbot.waitUntil(lambda: settled(prose), timeout=30_000)
    assert prose.toPlainText() == f"so {PICTURE} and {PICTURE} hold\n{PICTURE}\nfor $5 and $10"
    prose.selectAll()
    copied = prose.createMimeDataFromSelection().text()
    assert copied == "so $\\frac{a}{b}$ and \\(x^2\\) hold\n$$\n\\int_0^1 x\\,dx\n$$\nfor $5 and $10"


def test_formula_that_comes_in_pieces_is_set_while_more_comes(prose, qtbot):
    prose.append("first $x_1$ is\n\nthen ")
    qtbot.waitUntil(lambda: settled(prose), timeout=30_000)
    for piece in ("$", "y", "$", " and", " more"):
        prose._soon.stop()
        prose.append(piece)
    qtbot.waitUntil(lambda: settled(prose), timeout=30_000)
    assert prose.toPlainText() == f"first {PICTURE} is\nthen {PICTURE} and more"


def test_what_cannot_be_set_or_not_in_time_stays_source(prose, qtbot):
    loop = "\\def\\a{\\a\\a}\\a"
    prose.show_markdown(f"bad $\\frac{{$ bomb ${NESTED}$ loop ${loop}$ power $x^{{{'9' * 300}}}$ good $z$")
    qtbot.waitUntil(lambda: settled(prose), timeout=60_000)
    words = prose.toPlainText()
    assert "bad $\\frac{$ bomb" in words
    assert NESTED in words
    assert loop in words
    assert words.endswith(f"good {PICTURE}")


def test_all_of_many_formulas_become_pictures(prose, qtbot):
    """More than are put in their place in one turn of the event loop."""
    prose.show_markdown("\n\n".join(f"$a_{{{number}}}$ " * 30 for number in range(5)))
    qtbot.waitUntil(lambda: not prose.is_reading and settled(prose), timeout=30_000)
    assert prose.toPlainText().count(PICTURE) == 150
