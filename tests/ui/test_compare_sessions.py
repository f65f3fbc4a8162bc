"""Comparisons are kept while they come, shown again as they were, renamed, exported and deleted."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton

from app.compare.session import CUT_OFF, Session
from app.compare.session_store import SessionStore
from app.storage import DataFolder
from app.ui.pages.compare import ComparePage
from app.ui.pages.compare_history import History
from app.ui.window import MainWindow
from tests.helpers.tiny_gguf import write_tiny_model
from tests.ui.conftest import settle

PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("models")
    return (
        write_tiny_model(folder / "twin-f16.gguf", type="f16", name="Twin", never_ends=True, context=4096),
        write_tiny_model(folder / "twin-f32.gguf", type="f32", name="Twin", never_ends=True, context=4096),
    )


@pytest.fixture
def page(
    open_nibble: Callable[..., MainWindow], folder: DataFolder, twins: tuple[Path, Path], qtbot
) -> ComparePage:
    for model in twins:
        os.link(model, folder.models / model.name)
    return shown_page(open_nibble, qtbot)


def shown_page(open_nibble: Callable[..., MainWindow], qtbot) -> ComparePage:
    page = open_nibble().show_page("compare")
    assert isinstance(page, ComparePage)
    settle(qtbot)
    page.composer.max_tokens.setValue(12)
    return page


def ask(qtbot, page: ComparePage, prompt: str) -> None:
    page.composer.set_prompt(prompt)
    qtbot.keyClick(page.composer.box, Qt.Key.Key_Return)
    settle(qtbot)


def kept(folder: DataFolder) -> list[Session]:
    with SessionStore(folder.database) as store:
        return [store.session(head.id) for head in store.sessions()]


def texts(page: ComparePage) -> list[list[str]]:
    return [[turn.text for turn in pane.turns] for pane in page.panes]


def history_of(page: ComparePage) -> History:
    page.sessions.show_history()
    assert page.sessions.history is not None
    return page.sessions.history


def test_what_was_asked_and_answered_is_kept(qtbot, page: ComparePage, folder: DataFolder) -> None:
    ask(qtbot, page, "Hello")
    ask(qtbot, page, "And again")
    (session,) = kept(folder)
    assert session.title == "Hello"
    assert [model.quantization for model in session.models] == [
        pane.entry.quantization if pane.entry else None for pane in page.panes
    ]
    answers = [[turn.panes[index].answer for turn in session.turns] for index in range(2)]  # type: ignore[union-attr]
    assert [[each.text for each in column if each] for column in answers] == texts(page)
    assert all(each and each.passage is not None and each.statistics for column in answers for each in column)
    assert session.sampling.max_tokens == 12


def test_words_are_kept_before_an_answer_has_ended(qtbot, page: ComparePage, folder: DataFolder) -> None:
    page.composer.max_tokens.setValue(0)
    page.send("Go on")
    qtbot.waitUntil(
        lambda: all(pane.turn and pane.turn.tokens > 5 for pane in page.panes), timeout=PATIENCE_MS
    )
    shown = texts(page)
    (session,) = kept(folder)  # as another process finds it, were this one killed now
    for index, pane in enumerate(session.turns[0].panes):
        assert pane is not None
        assert pane.answer is not None
        assert pane.answer.text.startswith(shown[index][0])
        assert pane.answer.finish_reason == CUT_OFF
    page.engine.stop()
    settle(qtbot)


def test_an_earlier_comparison_is_shown_as_it_was_and_goes_on(
    qtbot, page: ComparePage, folder: DataFolder
) -> None:
    ask(qtbot, page, "Hello")
    before, sentence = texts(page), page.strip.sentence
    page.new_comparison()
    ask(qtbot, page, "Something else")
    assert len(kept(folder)) == 2
    history = history_of(page)
    history.field.setText("hello")
    assert history.list.count() == 1
    history.show_button.click()
    assert texts(page) == before
    assert page.strip.sentence == sentence
    ask(qtbot, page, "And again")
    sessions = {session.title: len(session.turns) for session in kept(folder)}
    assert sessions == {"Hello": 2, "Something else": 1}


def test_a_comparison_outlives_the_window(
    qtbot, page: ComparePage, folder: DataFolder, open_nibble: Callable[..., MainWindow]
) -> None:
    ask(qtbot, page, "Hello")
    before = texts(page)
    page.window().close()
    settle(qtbot)
    again = shown_page(open_nibble, qtbot)
    history_of(again).show_button.click()
    assert texts(again) == before


def test_what_was_measured_is_shown_without_measuring_again(
    qtbot, page: ComparePage, folder: DataFolder
) -> None:
    ask(qtbot, page, "Hello")
    page.tokens.ask()
    qtbot.waitUntil(lambda: page.tokens.window is not None, timeout=PATIENCE_MS)
    settle(qtbot)
    (session,) = kept(folder)
    (measured,) = session.divergences
    assert len(measured.tokens) == 12
    page.new_comparison()
    history_of(page).show_button.click()
    page.engine.close()
    settle(qtbot)
    page.tokens.ask()
    assert page.tokens.window is not None
    assert not page.running
    page.tokens.drop()


def test_a_model_that_is_gone_is_named_and_the_answers_stay(
    qtbot, page: ComparePage, folder: DataFolder
) -> None:
    ask(qtbot, page, "Hello")
    before = texts(page)
    page.new_comparison()
    (folder.models / "twin-f32.gguf").unlink()
    page.shelf.look()
    settle(qtbot)
    history_of(page).show_button.click()
    assert texts(page) == before
    settle(qtbot)
    assert any("Not on this computer any more" in bar.sentence for bar in page.notices.bars())
    ask(qtbot, page, "And again")
    assert any(pane.turn is not None and pane.turn.fault is not None for pane in page.panes)
    assert any(pane.turn is not None and pane.turn.counts for pane in page.panes)


def test_what_was_measured_of_a_model_that_is_gone_is_still_shown(
    qtbot, page: ComparePage, folder: DataFolder
) -> None:
    ask(qtbot, page, "Hello")
    page.tokens.ask()
    qtbot.waitUntil(lambda: page.tokens.window is not None, timeout=PATIENCE_MS)
    settle(qtbot)
    page.new_comparison()
    (folder.models / "twin-f32.gguf").unlink()  # the one with more bits, which the other is held against
    page.shelf.look()
    settle(qtbot)
    history_of(page).show_button.click()
    settle(qtbot)
    page.tokens.drop()
    page.tokens.ask()
    assert page.tokens.window is not None
    assert not page.running
    page.tokens.drop()


def test_a_pane_that_is_removed_stays_in_the_comparison_that_was_kept(
    qtbot, page: ComparePage, folder: DataFolder
) -> None:
    page.header.add_asked.emit()
    settle(qtbot)
    ask(qtbot, page, "Hello")
    before = texts(page)
    page.panes[0].remove_asked.emit()
    ask(qtbot, page, "And again")
    sessions = kept(folder)
    assert sorted(len(session.models) for session in sessions) == [2, 3]
    for session in sessions:
        columns = before if len(session.models) == 3 else before[1:]
        answers = [given.answer for given in session.turns[0].panes if given is not None]
        assert [[each.text] for each in answers if each] == columns
        assert len(session.turns) == (1 if len(session.models) == 3 else 2)


def test_a_deletion_can_be_taken_back_until_the_list_is_closed(
    qtbot, page: ComparePage, folder: DataFolder
) -> None:
    ask(qtbot, page, "Hello")
    history = history_of(page)
    history.delete_button.click()
    assert history.list.count() == 0
    assert len(kept(folder)) == 1
    (bar,) = history.notices.bars()
    next(each for each in bar.findChildren(QPushButton) if each.text() == "Undo").click()
    assert history.list.count() == 1
    history.delete_button.click()
    history.close()
    assert kept(folder) == []
    ask(qtbot, page, "And again")
    # What is still on the page goes on as a new one, with what was said before.
    (session,) = kept(folder)
    assert [turn.prompt for turn in session.turns] == ["Hello", "And again"]


def test_a_report_is_written_where_the_person_says(
    qtbot, page: ComparePage, folder: DataFolder, tmp_path: Path
) -> None:
    ask(qtbot, page, "Hello")
    history = history_of(page)
    head = history.selected
    assert head is not None
    for name in ("report.html", "report.json"):
        history.export_to(head, tmp_path / name)
        settle(qtbot)
    assert "Hello" in (tmp_path / "report.html").read_text()
    document = json.loads((tmp_path / "report.json").read_text())
    assert document["turns"][0]["panes"][0]["answers"][0]["text"] == texts(page)[0][0]
