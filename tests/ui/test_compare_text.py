"""Words that differ are marked in every pane, and answers stand line by line beside each other."""

from __future__ import annotations

import pytest

from app.compare.alignment import align, differences
from app.compare.rows import rows_of
from app.ui.pages.compare_answer import AnswerView
from app.ui.pages.compare_lines import LinesView
from app.ui.pages.compare_places import place_in, places_in

FIRST = "# Moon\n\nIt is **far** away, some 384,400 km.\n\nLight needs a second."
SECOND = "# Moon\n\nIt is **very far** away, some 400,000 km.\n\nLight needs a second."


def marked(view: AnswerView) -> list[str]:
    return [selection.cursor.selectedText() for selection in view.prose.extraSelections()]


def test_every_word_that_differs_is_marked_among_what_is_shown(qtbot) -> None:
    stretches = align(FIRST, SECOND)
    for which, text, expected in ((0, FIRST, ["384,400"]), (1, SECOND, ["very", "400,000"])):
        view = AnswerView("Answer")
        qtbot.addWidget(view)
        view.set_text(text)
        spans = differences(stretches, which, text)
        view.mark_difference(spans[0][0], spans)
        words = "".join(marked(view))
        assert all(word in words for word in expected), words
        assert "Light" not in words
        assert "away" not in words
        assert view.differences == len(spans)


def test_several_places_are_found_as_one_by_one() -> None:
    shown = "Moon It is very far away, some 400,000 km. Light needs a second."
    places = list(range(0, len(SECOND), 3))
    assert places_in(shown, SECOND, places) == [place_in(shown, SECOND, place) for place in places]


@pytest.fixture
def view(qtbot) -> LinesView:
    made = LinesView()
    qtbot.addWidget(made)
    made.resize(600, 400)
    made.show()
    return made


def test_what_agrees_is_folded_until_it_is_asked_for(qtbot, view: LinesView) -> None:
    same = "All of these many words are the same in both of the answers, every single one of them."
    view.show_rows(["A", "B"], rows_of([f"one\n{same}\nthree", f"two\n{same}\nfour"]), [0, 1])
    text = view.text.toPlainText()
    assert "one" in text
    assert "four" in text
    assert same not in text
    assert "18 words agree" in text
    assert view.summary.text() == "2 of 3 lines differ"
    view.text.anchorClicked.emit("fold:1")
    assert view.text.toPlainText().count(same) == 2
    view.hide_same.setChecked(False)
    assert view.text.toPlainText().count(same) == 2


def test_hostile_answers_are_text(qtbot, view: LinesView) -> None:
    hostile = '<script>alert(1)</script><img src="http://example.org/x.png"> & \u202e'
    view.show_rows(["<b>A</b>", "B"], rows_of([hostile, "two"]), [0, 1])
    text = view.text.toPlainText()
    assert "<script>alert(1)</script>" in text
    assert "<b>A</b>" in text
    assert "example.org" not in "".join(
        fragment for fragment in view.text.toHtml().split('"') if fragment.startswith("http")
    )


def test_long_answers_are_shown_a_part_at_a_time(qtbot, view: LinesView) -> None:
    first = "\n".join(f"Line {number} has some words of its own." for number in range(3_000))
    view.show_rows(["A", "B"], rows_of([first, first.replace("own", "mine")]), [0, 1])
    assert "Line 0 has" in view.text.toPlainText()
    assert "Line 2999 has" not in view.text.toPlainText()
    for _ in range(4):
        view.text.anchorClicked.emit("more:")
    assert "Line 2999 has" in view.text.toPlainText()
    whole = "x" * 100_000
    view.show_rows(["A", "B"], rows_of(["one", whole]), [0, 1], is_coarse=True)
    assert "96,000 characters more" in view.text.toPlainText()
    assert "roughly" in view.summary.text()


def test_keys_go_from_one_line_that_differs_to_the_next(qtbot, view: LinesView) -> None:
    lines = [f"Line {number}." for number in range(60)]
    others = [*lines[:1], "Other.", *lines[2:58], "Another.", *lines[59:]]
    view.hide_same.setChecked(False)
    view.show_rows(["A", "B"], rows_of(["\n".join(lines), "\n".join(others)]), [0, 1])
    bar = view.text.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 0)
    view.jump(1)
    first = bar.value()
    view.jump(1)
    assert bar.value() > first
    view.jump(1)
    assert bar.value() == first
    view.jump(-1)
    assert bar.value() > first
