"""Panes with settings of their own, and a pane that is spoken to alone."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.compare.session_store import SessionStore
from app.storage import DataFolder
from app.ui.pages.compare import ComparePage
from app.ui.pages.compare_turn import TurnState
from tests.ui.conftest import settle
from tests.ui.test_compare_page import ask, open_page, page, turn_of, twins

__all__ = ["open_page", "page", "twins"]


def test_panes_with_settings_of_their_own_are_asked_with_them(
    qtbot, page: ComparePage, folder: DataFolder
) -> None:
    page.composer.temperature.setValue(1.0)
    assert all(pane.settings.isHidden() for pane in page.panes)
    assert "same seed and settings" in page.header.explanation.text()
    page.composer.same.click()
    assert "its own settings" in page.header.explanation.text()
    first, second = (pane.settings for pane in page.panes)
    # They begin with what all had.
    assert (first.temperature.value(), second.max_tokens.value()) == (1.0, 12)
    first.max_tokens.setValue(4)
    second.seed.setValue(7)
    ask(qtbot, page)
    shorter, longer = (turn_of(pane) for pane in page.panes)
    assert shorter.statistics is not None
    assert longer.statistics is not None
    assert (shorter.statistics.tokens, longer.statistics.tokens) == (4, 12)
    assert (shorter.statistics.seed, longer.statistics.seed) == (42, 7)
    with SessionStore(folder.database) as store:
        panes = store.session(store.sessions()[0].id).turns[0].panes
    kept = [pane.answer.sampling for pane in panes if pane is not None and pane.answer is not None]
    assert [(each.max_tokens, each.seed) for each in kept if each is not None] == [(4, 42), (12, 7)]
    # What was other than what all have is told beside the answer.
    assert "at most 4 tokens" in shorter.settings_note
    assert "seed 7" in longer.settings_note
    page.composer.same.click()
    assert "same seed and settings" in page.header.explanation.text()
    ask(qtbot, page, "And again")
    assert [turn_of(pane).statistics.tokens for pane in page.panes] == [12, 12]  # type: ignore[union-attr]
    assert turn_of(page.panes[0]).settings_note == ""


def test_the_same_seed_and_settings_give_the_same_as_for_all(qtbot, page: ComparePage) -> None:
    entry = page.panes[0].entry
    assert entry is not None
    page.panes[1].picker.choose(entry.path)
    page.panes[1].picker.picked.emit(entry)
    page.composer.same.click()
    ask(qtbot, page)
    first, second = (turn_of(pane).text for pane in page.panes)
    assert first == second
    page.panes[1].settings.seed.setValue(43)
    ask(qtbot, page, "And again")
    assert turn_of(page.panes[0]).text != turn_of(page.panes[1]).text


def test_one_pane_is_spoken_to_alone(qtbot, page: ComparePage, folder: DataFolder) -> None:
    ask(qtbot, page)
    page.composer.target.setCurrentIndex(2)
    ask(qtbot, page, "Only thou")
    first, second = page.panes
    assert turn_of(first).state is TurnState.NOT_ASKED
    assert turn_of(second).text
    assert page.strip.sentence == "B was asked alone."
    timed = turn_of(second).timing
    assert timed is not None
    assert timed.beside == 0
    assert "Timed alone, " in second.figures.how_taken
    assert first.figures.how_taken == ""
    assert [message.content for message in first.messages if message.role == "user"] == ["Hello"]
    assert [message.content for message in second.messages if message.role == "user"] == [
        "Hello",
        "Only thou",
    ]
    with SessionStore(folder.database) as store:
        panes = store.session(store.sessions()[0].id).turns[1].panes
    assert [pane.answer.timing if pane and pane.answer else None for pane in panes] == [None, timed]
    page.composer.target.setCurrentIndex(0)
    ask(qtbot, page, "Both again")
    assert all(turn_of(pane).text for pane in page.panes)
    with SessionStore(folder.database) as store:
        turns = store.session(store.sessions()[0].id).turns
    assert [turn.panes[0] is None for turn in turns] == [False, True, False]
    page.new_comparison()
    page.sessions.show_history()
    assert page.sessions.history is not None
    page.sessions.history.show_button.click()
    settle(qtbot)
    assert first.turns[1].state is TurnState.NOT_ASKED
    assert second.turns[1].text


def test_a_pane_that_was_not_asked_can_have_an_answer_tried_again_in_the_other(
    qtbot, page: ComparePage
) -> None:
    page.composer.target.setCurrentIndex(1)
    ask(qtbot, page)
    assert turn_of(page.panes[0]).text
    assert turn_of(page.panes[1]).state is TurnState.NOT_ASKED
    assert not page.running


def test_what_an_answer_was_asked_with_stays_with_it_whatever_is_changed_later(
    qtbot, page: ComparePage, folder: DataFolder
) -> None:
    page.composer.same.click()
    page.panes[1].settings.seed.setValue(7)
    ask(qtbot, page)
    page.panes[1].settings.seed.setValue(99)
    page.composer.temperature.setValue(0.1)
    page.sessions.write_last()  # as showing another version does
    with SessionStore(folder.database) as store:
        number = store.sessions()[0].id
        panes = store.session(number).turns[0].panes
    kept = [pane.answer.sampling for pane in panes if pane is not None and pane.answer is not None]
    assert [(each.seed, each.temperature) for each in kept if each is not None] == [(42, 0.8), (7, 0.8)]
    page.new_comparison()
    page.sessions.open(number)
    assert turn_of(page.panes[0]).settings_note == ""
    assert turn_of(page.panes[1]).settings_note == "seed 7"


def test_keys_choose_the_pane_that_is_asked_and_escape_all_of_them(qtbot, page: ComparePage) -> None:
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
    QTest.keyClick(page.composer.box, Qt.Key.Key_2, both)
    assert page.composer.alone == 1
    assert "Only B" in page.composer.box.placeholderText()
    QTest.keyClick(page.composer.box, Qt.Key.Key_3, both)  # there is no third one
    assert page.composer.alone == 1
    ask(qtbot, page)
    assert page.strip.sentence == "B was asked alone."
    QTest.keyClick(page.composer.box, Qt.Key.Key_Escape)
    assert page.composer.alone is None
    assert page.composer.box.placeholderText() == "One prompt for all panes"


def test_the_system_prompt_is_told_to_every_model_also_folded_and_kept(
    qtbot, page: ComparePage, folder: DataFolder
) -> None:
    ask(qtbot, page)
    without = [each.statistics.prompt_tokens for each in map(turn_of, page.panes) if each.statistics]
    page.new_comparison()
    page.composer.system_button.click()
    assert page.composer.system.hasFocus()
    page.composer.system.setPlainText("Be brief.")
    page.composer.system_button.click()
    assert not page.composer.system.isVisible()
    ask(qtbot, page)
    told = [each.statistics.prompt_tokens for each in map(turn_of, page.panes) if each.statistics]
    assert all(more > less for more, less in zip(told, without, strict=True))
    with SessionStore(folder.database) as store:
        number = store.sessions()[0].id
    page.new_comparison()
    page.composer.show_system_prompt("")
    page.sessions.open(number)
    assert page.composer.system_prompt == "Be brief."
    assert page.composer.system.isVisible()
