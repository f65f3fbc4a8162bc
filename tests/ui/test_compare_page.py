"""The Compare page with real workers on models with random weights."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtWidgets import QMenu, QPushButton

from app.compare.answers import Timing
from app.core.errors import FileGone, NotGguf, WorkerDied
from app.hardware import Memory
from app.hardware import live as live_module
from app.storage import DataFolder
from app.ui import jobs
from app.ui.pages.compare import ComparePage
from app.ui.pages.compare_answer import AnswerView
from app.ui.pages.compare_figures import KINDS, Figures, best_fields
from app.ui.pages.compare_panes import Pane
from app.ui.pages.compare_turn import Turn, TurnState
from app.ui.pages.compare_verdict import Said, judge
from app.ui.window import MainWindow
from tests.helpers.tiny_gguf import write_tiny_model
from tests.ui.conftest import settle

PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Two quantizations of one model, and another model. Their answers never end by themselves."""
    folder = tmp_path_factory.mktemp("models")
    return (
        write_tiny_model(folder / "twin-f16.gguf", type="f16", name="Twin", never_ends=True, context=4096),
        write_tiny_model(folder / "twin-f32.gguf", type="f32", name="Twin", never_ends=True, context=4096),
        write_tiny_model(
            folder / "other.gguf", type="f16", name="Other", seed=2, never_ends=True, context=4096
        ),
    )


@pytest.fixture
def open_page(
    open_nibble: Callable[..., MainWindow], folder: DataFolder, qtbot
) -> Callable[..., ComparePage]:
    """Opens the page with these files in the library, ready for short answers."""

    def open_it(*models: Path) -> ComparePage:
        for model in models:
            os.link(model, folder.models / model.name)
        page = open_nibble().show_page("compare")
        assert isinstance(page, ComparePage)
        settle(qtbot)
        page.composer.max_tokens.setValue(12)
        return page

    return open_it


@pytest.fixture
def page(open_page: Callable[..., ComparePage], twins: tuple[Path, Path, Path]) -> ComparePage:
    return open_page(*twins)


def ask(qtbot, page: ComparePage, prompt: str = "Hello") -> None:
    page.composer.set_prompt(prompt)
    qtbot.keyClick(page.composer.box, Qt.Key.Key_Return)
    assert page.running
    settle(qtbot)


def begin(qtbot, page: ComparePage, max_tokens: int) -> None:
    """Asks and waits until both panes stream."""
    page.composer.max_tokens.setValue(max_tokens)
    page.send("Hello")
    qtbot.waitUntil(lambda: all(turn_of(pane).tokens for pane in page.panes), timeout=PATIENCE_MS)


def turn_of(pane: Pane) -> Turn:
    assert pane.turn is not None
    return pane.turn


def names(page: ComparePage) -> list[str]:
    return [pane.entry.path.name for pane in page.panes if pane.entry]


def worker_pid(page: ComparePage, pane: int) -> int:
    assert page.engine.comparison is not None
    pid = page.engine.comparison.worker_pids[pane]
    assert pid is not None
    return pid


# Choosing models


def test_page_opens_with_two_quantizations_of_one_model_and_what_they_take(page):
    assert names(page) == ["twin-f16.gguf", "twin-f32.gguf"]
    assert [pane.picker.count() for pane in page.panes] == [3, 3]
    assert "of memory" in page.strip.sentence
    assert "at once" in page.strip.sentence or "after the other" in page.strip.sentence
    assert page.engine.comparison is None


def test_fewer_than_two_models_leads_to_the_library(open_page, twins, qtbot):
    page = open_page(twins[0])
    assert page.empty.isVisible()
    assert not page.composer.isVisible()
    with qtbot.waitSignal(page.library_requested):
        page.empty.go.click()
    assert not page.isVisible()


def test_models_chosen_in_the_library_are_compared(page, folder, qtbot):
    window = page.window()
    library = window.show_page("library")
    library.compare_requested.emit([folder.models / "other.gguf", folder.models / "twin-f32.gguf"])
    settle(qtbot)
    assert page.isVisible()
    assert names(page) == ["other.gguf", "twin-f32.gguf"]


def test_one_model_to_compare_gets_another_quantization_of_it_beside_it(page, folder, qtbot):
    page.compare_models([folder.models / "twin-f32.gguf"])
    settle(qtbot)
    assert names(page) == ["twin-f32.gguf", "twin-f16.gguf"]


def test_panes_are_added_up_to_five_and_removed_down_to_two(page, qtbot):
    for _ in range(4):
        page.header.add.click()
    settle(qtbot)
    assert len(page.panes) == 5
    assert not page.header.add.isEnabled()
    assert names(page)[2] == "other.gguf"
    for _ in range(3):
        page.panes[1].remove_asked.emit()
    page.panes[1].remove_asked.emit()
    settle(qtbot)
    assert [pane.badge.letter for pane in page.panes] == ["A", "B"]


def test_pane_added_to_answers_can_be_taken_away_again_and_the_answers_brought_back(page, qtbot):
    ask(qtbot, page)
    texts = [turn_of(pane).text for pane in page.panes]
    page.header.add.click()
    settle(qtbot)
    page.panes[2].remove_asked.emit()
    settle(qtbot)
    assert names(page) == ["twin-f16.gguf", "twin-f32.gguf"]
    page.notices.bars()[0].findChildren(QPushButton)[0].click()
    settle(qtbot)
    assert [turn_of(pane).text for pane in page.panes] == texts


def test_presets_offer_the_pair(page, qtbot):
    page.compare_models([pane.entry.path for pane in page.panes[::-1]])
    settle(qtbot)
    page.header.presets.click()
    menu = next(each for each in page.findChildren(QMenu) if each.isVisible())
    action, to_make = menu.actions()
    assert to_make.text() == "For the whole ladder, make Q2_K, Q3_K_M, Q4_K_M, Q6_K, Q8_0 in the library…"
    assert action.text() == "Twin: F16 vs F32"
    action.trigger()
    menu.close()
    settle(qtbot)
    assert names(page) == ["twin-f16.gguf", "twin-f32.gguf"]


# Memory


def leave_free(monkeypatch, free: Callable[[], int]) -> None:
    monkeypatch.setattr(live_module, "read_memory", lambda: Memory(16_000_000_000, free()))


def plan_again(qtbot, page: ComparePage) -> None:
    page.planner.work_out([pane.entry for pane in page.panes if pane.entry])
    settle(qtbot)


def need_of(page: ComparePage) -> list[int]:
    """Of each pane's model."""
    assert page.planner.plan is not None
    return [each.in_use_bytes for each in page.planner.plan.memory.estimates]


def load_in_chat(qtbot, window: MainWindow, path: Path) -> None:
    window.show_page("chat").open_model(path)
    settle(qtbot)
    assert window.services.chat_engine.loaded_path == path


def test_too_little_memory_is_told_before_and_when_asked_and_keeps_the_prompt(page, monkeypatch, qtbot):
    leave_free(monkeypatch, lambda: 50_000_000)
    plan_again(qtbot, page)
    assert "Too much" in page.strip.sentence
    assert "alone needs" in page.strip.sentence
    assert "too little" in page.strip.sentence
    ask(qtbot, page, "A long thought")
    (bar,) = page.notices.bars()
    assert "memory" in bar.sentence
    assert bar.hint
    assert page.composer.box.toPlainText() == "A long thought"
    assert all(not pane.turns for pane in page.panes)


def test_models_that_fit_one_after_another_say_so_and_answer_in_turns(page, monkeypatch, qtbot):
    largest = max(need_of(page))
    leave_free(monkeypatch, lambda: largest)
    plan_again(qtbot, page)
    assert "do not fit together" in page.strip.sentence
    assert "One after the other" in page.strip.sentence
    ask(qtbot, page)
    assert [turn_of(pane).state for pane in page.panes] == [TurnState.DONE, TurnState.DONE]
    assert page.engine.comparison is not None
    assert sum(pid is not None for pid in page.engine.comparison.worker_pids) == 1
    page.new_comparison()
    settle(qtbot)
    page._refresh_plan()
    settle(qtbot)
    assert "do not fit together" in page.strip.sentence  # and not that they are loaded


def test_chats_model_gives_way_where_only_then_all_fit_and_the_strip_says_so(
    page, folder, monkeypatch, qtbot
):
    window = page.window()
    load_in_chat(qtbot, window, folder.models / "other.gguf")
    chat = window.services.chat_engine
    together = sum(need_of(page))
    # What Chat's worker has of its own, some 30 MB, is there once it has gone.
    leave_free(monkeypatch, lambda: together - (10_000_000 if chat.worker_pid else 0))
    window.show_page("compare")
    settle(qtbot)
    plan_again(qtbot, page)
    assert "Chat's model will be unloaded" in page.strip.sentence
    assert "free without Chat's model" in page.strip.sentence
    assert chat.loaded_path is not None
    ask(qtbot, page)
    assert chat.loaded_path is None
    assert all(turn_of(pane).state is TurnState.DONE for pane in page.panes)


def test_comparison_waits_for_chats_answer_and_says_so(page, folder, monkeypatch, qtbot):
    window = page.window()
    needed = min(need_of(page))
    chat_page = window.show_page("chat")
    chat_page.open_model(folder.models / "other.gguf")
    settle(qtbot)
    chat_page.send("Go on for ever")
    qtbot.waitUntil(lambda: bool(chat_page.answering.text), timeout=PATIENCE_MS)
    chat = window.services.chat_engine
    leave_free(monkeypatch, lambda: needed - 10_000_000)
    window.show_page("compare")
    page.composer.set_prompt("Hello")
    page.send("Hello")
    qtbot.waitUntil(lambda: not page.running, timeout=PATIENCE_MS)
    (bar,) = page.notices.bars()
    assert bar.sentence.startswith("Chat's model would have to be unloaded")
    assert "Wait" in bar.hint
    assert chat.worker_pid is not None
    assert page.composer.box.toPlainText() == "Hello"
    chat_page.answering.stop()
    settle(qtbot)
    assert chat_page.answering.text == ""
    assert chat.loaded_path is not None


def test_chat_takes_the_memory_of_idle_panes_and_the_strip_plans_anew(page, folder, monkeypatch, qtbot):
    window = page.window()
    ask(qtbot, page)
    page.new_comparison()
    comparison = page.engine.comparison
    assert "loaded" in page.strip.sentence
    leave_free(monkeypatch, lambda: 50_000_000 if any(comparison.worker_pids) else 1_000_000_000)
    load_in_chat(qtbot, window, folder.models / "other.gguf")
    assert comparison.worker_pids == (None, None)
    window.show_page("compare")
    page._refresh_plan()
    settle(qtbot)
    assert "All panes together" in page.strip.sentence
    assert "free beside Chat's model" in page.strip.sentence
    ask(qtbot, page)
    assert all(turn_of(pane).state is TurnState.DONE for pane in page.panes)


# Answers


def test_both_panes_answer_with_their_figures(page, qtbot):
    ask(qtbot, page)
    for pane in page.panes:
        turn = turn_of(pane)
        assert turn.state is TurnState.DONE
        assert turn.text
        told = {kind.field for kind in KINDS if pane.figures.cells[kind.field].text != "–"}
        assert told == {kind.field for kind in KINDS} - {"prompt_tokens_per_s"}  # of a short prompt
        assert pane.figures.figures.tokens == 12
    smaller, larger = page.panes
    assert smaller.figures.cells["file_bytes"].is_best
    assert not larger.figures.cells["file_bytes"].is_best
    assert page.strip.sentence.startswith("The answers")


def test_different_models_part_ways_where_it_is_marked(page, folder, qtbot):
    page.compare_models([folder.models / "twin-f16.gguf", folder.models / "other.gguf"])
    settle(qtbot)
    ask(qtbot, page)
    first, second = (turn_of(pane).answer for pane in page.panes)
    at = first.difference
    assert at is not None
    assert second.difference == at
    assert first.text[:at] == second.text[:at]
    assert first.text[at : at + 1] != second.text[at : at + 1]
    assert "part ways" in page.strip.sentence or "differ" in page.strip.sentence
    page.text.jump(1)


def test_same_file_twice_gives_identical_answers_and_says_so(page, qtbot):
    page.panes[1].picker.choose(page.panes[0].entry.path)
    page.panes[1].picker.picked.emit(page.panes[0].entry)
    ask(qtbot, page)
    first, second = page.panes
    assert turn_of(first).text == turn_of(second).text
    assert "identical" in page.strip.sentence
    assert turn_of(first).answer.difference is None


def test_follow_up_continues_the_conversation(page, qtbot):
    ask(qtbot, page)
    pids = page.engine.comparison.worker_pids
    ask(qtbot, page, "And then?")
    assert page.engine.comparison.worker_pids == pids
    for pane in page.panes:
        assert [turn.prompt for turn in pane.turns] == ["Hello", "And then?"]
        statistics = turn_of(pane).statistics
        assert statistics.prompt_tokens > statistics.evaluated_tokens


def test_changed_settings_load_nothing_again(page, qtbot):
    ask(qtbot, page)
    pids = page.engine.comparison.worker_pids
    page.composer.dice.click()
    page.composer.temperature.setValue(1.5)
    ask(qtbot, page, "And then?")
    assert page.engine.comparison.worker_pids == pids
    assert turn_of(page.panes[0]).statistics.seed == page.composer.seed.value()


def test_shift_enter_begins_a_new_line(page, qtbot):
    page.composer.box.setPlainText("one")
    page.composer.box.moveCursor(page.composer.box.textCursor().MoveOperation.End)
    qtbot.keyClick(page.composer.box, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert page.composer.box.toPlainText() == "one\n"
    assert not page.running


def test_stop_stops_all_panes_and_keeps_the_text(page, qtbot):
    begin(qtbot, page, max_tokens=0)
    assert page.composer.stop.isVisible()
    page.composer.stop.click()
    settle(qtbot)
    for pane in page.panes:
        assert turn_of(pane).state is TurnState.STOPPED
        assert turn_of(pane).text
    assert page.composer.send.isVisible()


def test_leaving_the_page_keeps_the_answers(page, qtbot):
    ask(qtbot, page)
    texts = [turn_of(pane).text for pane in page.panes]
    page.window().show_page("library")
    page.window().show_page("compare")
    settle(qtbot)
    assert [turn_of(pane).text for pane in page.panes] == texts


def test_new_comparison_clears_and_can_be_undone(page, qtbot):
    ask(qtbot, page)
    texts = [turn_of(pane).text for pane in page.panes]
    pids = page.engine.comparison.worker_pids
    page.header.new.click()
    assert all(not pane.turns for pane in page.panes)
    assert page.composer.box.toPlainText() == "Hello"
    page.clearing.bring_back()
    assert [turn_of(pane).text for pane in page.panes] == texts
    ask(qtbot, page, "And then?")
    assert page.engine.comparison.worker_pids == pids
    assert (
        turn_of(page.panes[0]).statistics.prompt_tokens > turn_of(page.panes[0]).statistics.evaluated_tokens
    )


def test_another_model_begins_a_new_comparison_and_ends_the_old_workers(page, folder, qtbot):
    ask(qtbot, page)
    text = turn_of(page.panes[0]).text
    pids = page.engine.comparison.worker_pids
    page.compare_models([folder.models / "other.gguf", folder.models / "twin-f32.gguf"])
    settle(qtbot)
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert all(not pane.turns for pane in page.panes)
    page.clearing.bring_back()
    settle(qtbot)
    assert names(page) == ["twin-f16.gguf", "twin-f32.gguf"]
    assert turn_of(page.panes[0]).text == text


def test_the_workers_end_with_the_page(page, qtbot):
    ask(qtbot, page)
    pids = page.engine.comparison.worker_pids
    page.deleteLater()
    qtbot.waitUntil(lambda: not any(psutil.pid_exists(pid) for pid in pids), timeout=PATIENCE_MS)


def test_leaving_the_program_ends_the_workers(page, qapp, qtbot):
    ask(qtbot, page)
    pids = page.engine.comparison.worker_pids
    qapp.aboutToQuit.emit()
    assert jobs.cancel_all(10)
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_linked_panes_scroll_together(page, qtbot):
    page.window().resize(900, 600)
    page.composer.max_tokens.setValue(600)
    ask(qtbot, page)
    bars = [pane.scroll_bar for pane in page.panes]
    assert all(bar.value() == bar.maximum() > 100 for bar in bars)
    bars[0].setValue(10)
    assert bars[1].value() == bars[1].maximum()
    page.header.link.click()
    bars[0].setValue(50)
    assert bars[1].value() == 50


# What goes wrong in one pane


def test_deleted_file_fails_in_its_pane_alone(page, folder, qtbot):
    (folder.models / "twin-f16.gguf").unlink()
    ask(qtbot, page)
    gone, other = (turn_of(pane) for pane in page.panes)
    assert gone.state is TurnState.FAILED
    assert isinstance(gone.fault_card.fault, FileGone)
    assert other.state is TurnState.DONE
    assert "Only one" in page.strip.sentence


def test_damaged_file_fails_in_its_pane_alone(page, folder, qtbot):
    path = folder.models / "twin-f16.gguf"
    path.unlink()
    path.write_bytes(b"<!DOCTYPE html>" * 100)
    ask(qtbot, page)
    damaged, other = (turn_of(pane) for pane in page.panes)
    assert isinstance(damaged.fault_card.fault, NotGguf)
    assert damaged.fault_card.fault.hint
    assert other.state is TurnState.DONE


def test_killed_worker_shows_its_card_and_can_be_tried_again(page, qtbot):
    begin(qtbot, page, max_tokens=0)
    os.kill(worker_pid(page, 0), signal.SIGKILL)
    killed, other = (turn_of(pane) for pane in page.panes)
    qtbot.waitUntil(lambda: not killed.under_way, timeout=PATIENCE_MS)
    assert isinstance(killed.fault_card.fault, WorkerDied)
    assert killed.text
    assert other.under_way

    killed.fault_card.buttons[0].click()  # while the other one still answers
    assert killed.fault_card is None
    qtbot.waitUntil(lambda: killed.tokens > 0, timeout=PATIENCE_MS)
    page.engine.stop()
    settle(qtbot)
    for turn in (killed, other):
        assert turn.state is not TurnState.FAILED
        assert turn.text
    assert "The answers" in page.strip.sentence


def test_log_of_a_failed_worker_can_be_shown(page, qtbot):
    begin(qtbot, page, max_tokens=0)
    os.kill(worker_pid(page, 0), signal.SIGKILL)
    killed = turn_of(page.panes[0])
    qtbot.waitUntil(lambda: not killed.under_way, timeout=PATIENCE_MS)
    card = killed.fault_card
    card.toggle_log()
    assert card.log_shown
    assert card.fault.log
    page.engine.stop()
    settle(qtbot)


# What is said of the answers


def test_marked_is_the_first_word_that_differs(qtbot):
    view = AnswerView("Answer")
    qtbot.addWidget(view)
    view.append_text("A 🦙 and\r\n")  # one character here, two where Qt counts
    view.append_text("a cow here")
    view.set_text(view.text)
    view.mark_difference(view.text.index("cow") + 1)
    (selection,) = view.prose.extraSelections()
    assert selection.cursor.selectedText() == "ow"
    view.mark_difference(None)
    assert view.prose.extraSelections() == []


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("# Title\n\nA **bold** cow, `code`", "cow"),
        ("- one\n- two\n\n```py\nx = 1\n```\nthen a cow", "cow"),
        ("| a | b |\n|---|---|\n| 1 | 2 |\n\nbehind [it](http://example.org/a/long/address) a cow", "cow"),
        ("part**ed** words, *and* a cow", "cow"),
        ("first. Second", "Second"),
    ],
)
def test_marked_word_is_found_among_what_is_shown_of_markdown(qtbot, text, word):
    view = AnswerView("Answer")
    qtbot.addWidget(view)
    view.set_text(text)
    view.mark_difference(text.index(word))
    (selection,) = view.prose.extraSelections()
    assert selection.cursor.selectedText().rstrip(",") == word


def test_answer_is_shown_as_in_a_chat_while_it_comes(qtbot):
    view = AnswerView("Answer")
    qtbot.addWidget(view)
    for letter in "# Title\n\nwith **weight**\n\n- one\n":
        view.append_text(letter)
    qtbot.waitUntil(lambda: view.prose.toPlainText() == "Title\nwith weight\none")
    assert view.text == "# Title\n\nwith **weight**\n\n- one\n"


@pytest.mark.parametrize(
    ("texts", "sentence", "marks"),
    [
        (["same", "same"], "The answers are identical.", {}),
        (["the cat", "the cow"], "The answers part ways after 5 characters.", {"A": 5, "B": 5}),
        (["a", "b"], "The answers differ from the first character.", {"A": 0, "B": 0}),
        (["ax", "ay"], "The answers part ways after 1 character.", {"A": 1, "B": 1}),
        (["abc", "abd", "abc"], "The answers part ways after 2 characters.", {"A": 2, "B": 2}),
        (["alone"], "Only one model has answered.", {}),
        ([], "There is no answer to compare.", {}),
    ],
)
def test_verdict(texts: list[str], sentence: str, marks: dict[str, int]):
    verdict = judge([Said(letter, text) for letter, text in zip("ABCD", texts, strict=False)])
    assert (verdict.sentence, verdict.marks) == (sentence, marks)


def test_verdict_on_an_answer_that_was_stopped_early():
    verdict = judge([Said("A", "To be or not"), Said("B", "To be", cut_off=True)])
    assert verdict.sentence == "The answers agree as far as they go."
    assert not verdict.parted
    assert judge([Said("A", "To be or not"), Said("B", "To be")]).marks == {"A": 5, "B": 5}


def test_best_figures_are_those_that_are_better_by_more_than_chance():
    fast = Figures(tokens_per_s=40.0, first_token_s=0.200, memory_bytes=900_000_000, file_bytes=800, tokens=9)
    slow = Figures(tokens_per_s=39.5, first_token_s=0.400, memory_bytes=500_000_000, file_bytes=900, tokens=8)
    assert best_fields([fast, slow, None]) == [{"first_token_s", "file_bytes"}, {"memory_bytes"}, frozenset()]
    assert best_fields([fast, None]) == [frozenset(), frozenset()]


def test_no_pane_is_the_fastest_where_times_were_taken_in_different_ways():
    fast, slow = (
        Figures(tokens_per_s=speed, first_token_s=1 / speed, file_bytes=9) for speed in (40.0, 20.0)
    )
    alone, beside = Timing(0, 2), Timing(1, 2)
    for one, other in ((alone, beside), (alone, None), (alone, Timing(0, 1))):
        panes = [replace(fast, timing=one, file_bytes=8), replace(slow, timing=other)]
        assert best_fields(panes) == [{"file_bytes"}, frozenset()]
    panes = [replace(each, timing=alone) for each in (fast, slow)]
    assert best_fields(panes) == [{"tokens_per_s", "first_token_s"}, frozenset()]


def test_speed_of_the_prompt_is_told_where_enough_of_it_had_to_be_read(page, qtbot):
    """What the cache still holds of a conversation was not read again: a short second prompt has no such speed."""
    ask(qtbot, page, "word " * 60)
    for pane, bits in zip(page.panes, (16.0, 32.0), strict=True):
        figures = pane.figures.figures
        statistics = pane.turn.statistics
        assert statistics.evaluated_tokens >= 60
        assert figures.prompt_tokens_per_s == pytest.approx(statistics.evaluated_tokens / statistics.prompt_s)
        assert figures.bits_per_weight == pytest.approx(bits, abs=0.2)
        assert pane.figures.label_of("bits_per_weight").text() == f"{pane.bits_per_weight:.2f}"
    ask(qtbot, page, "And?")
    for pane in page.panes:
        assert pane.turn.statistics.prompt_tokens > 60 > 32 > pane.turn.statistics.evaluated_tokens
        assert pane.figures.label_of("prompt_tokens_per_s").text() == "–"


def test_figures_scroll_with_the_answer_where_a_pane_has_little_height(page, qtbot):
    ask(qtbot, page)
    pane = page.panes[0]
    over = pane.scroll_bar.parentWidget().parentWidget()
    assert not over.isAncestorOf(pane.figures)
    page.window().resize(900, 600)
    pane.setMaximumHeight(200)
    qtbot.waitUntil(lambda: over.isAncestorOf(pane.figures) and pane.figures.isVisible())
    assert "12\N{NO-BREAK SPACE}tokens" in pane.figures.running_words
    pane.setMaximumHeight(10_000)
    page.window().resize(1280, 900)
    qtbot.waitUntil(lambda: not over.isAncestorOf(pane.figures) and pane.figures.isVisible())
    assert pane.figures.cells["tokens"].isVisible()


def test_an_answer_that_is_shown_anew_can_be_marked_again(qtbot) -> None:
    """What was marked before lay in a document that is gone: Qt ended the process."""
    view = AnswerView("An answer")
    qtbot.addWidget(view)
    view.show()
    for text in ("Once **upon** a time.", "Another *answer*, which begins otherwise."):
        view.set_text(text)
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        view.mark_difference(8)
    (selection,) = view.prose.extraSelections()
    assert selection.cursor.selectedText() == "answer,"
