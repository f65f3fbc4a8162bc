""" "What if": from a token of an answer on, in either model, as another answer in its pane."""

from __future__ import annotations

from PySide6.QtWidgets import QPushButton

from app.compare.session_store import SessionStore
from app.storage import DataFolder
from app.ui.pages.compare import ComparePage
from app.ui.pages.compare_divergence import DivergenceWindow
from tests.ui.conftest import settle
from tests.ui.test_compare_page import PATIENCE_MS, ask, open_page, page, turn_of, twins

__all__ = ["open_page", "page", "twins"]


def token_window(qtbot, page: ComparePage) -> DivergenceWindow:
    ask(qtbot, page)
    page.strip.tokens_button.click()
    qtbot.waitUntil(lambda: page.tokens.window is not None, timeout=PATIENCE_MS)
    settle(qtbot)
    assert page.tokens.window is not None
    return page.tokens.window


def test_either_model_goes_on_from_a_token_and_nothing_is_overwritten(
    qtbot, page: ComparePage, folder: DataFolder
) -> None:
    window = token_window(qtbot, page)
    before = [turn_of(pane).text for pane in page.panes]
    # The reference is the one with the most bits, F32, in the second pane.
    window.choose(5)
    window.go_on[1].click()
    settle(qtbot)
    turn = turn_of(page.panes[0])
    assert [len(turn_of(pane).versions) for pane in page.panes] == [2, 1]
    reference, made = turn_of(page.panes[1]).passage, turn.passage
    assert reference is not None
    assert made is not None
    begun = slice(made.start, made.start + 6)
    assert made.tokens[begun] == reference.tokens[reference.start : reference.start + 6]
    # Twelve tokens are the limit of what is new.
    assert turn.statistics is not None
    assert (turn.statistics.tokens, turn.statistics.continued_tokens) == (12, 6)
    turn.show_version(0)
    assert turn.text == before[0]
    turn.show_version(1)
    with SessionStore(folder.database) as store:
        kept = store.session(store.sessions()[0].id).turns[-1].panes[0]
    assert kept is not None
    assert [answer.text for answer in kept.answers] == [before[0], turn.text]
    assert kept.shown == 1
    left = kept.answers[1].left_from
    assert left is not None
    assert left.token == 5


def test_a_token_of_a_list_is_taken_instead(qtbot, page: ComparePage) -> None:
    window = token_window(qtbot, page)
    window.choose(3)
    rows = [
        each
        for each in window.details.findChildren(QPushButton)
        if each.text() and not each.text().startswith("▸")
    ]
    rows[0].click()
    settle(qtbot)
    (branched,) = [turn_of(pane) for pane in page.panes if len(turn_of(pane).versions) == 2]
    first, second = (version.answer.passage for version in branched.versions)
    assert first is not None
    assert second is not None
    assert second.tokens[: second.start + 3] == first.tokens[: first.start + 3]
    assert second.tokens[second.start + 3] != first.tokens[first.start + 3]


def test_the_answer_that_is_shown_is_what_the_conversation_goes_on_with(qtbot, page: ComparePage) -> None:
    window = token_window(qtbot, page)
    window.choose(2)
    window.go_on[0].click()
    settle(qtbot)
    turn = turn_of(page.panes[1])
    turn.show_version(0)
    assert page.panes[1].messages[-1].content == turn.versions[0].answer.text
    turn.show_version(1)
    assert page.panes[1].messages[-1].content == turn.versions[1].answer.text
