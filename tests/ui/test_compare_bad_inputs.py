"""The Compare page where one pane is unlike the others: stopped, too small, without a template, the same file."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel

from app.core.errors import PromptTooLong, TemplateFault
from app.ui.pages.compare import ComparePage
from app.ui.pages.compare_panes import Pane
from app.ui.pages.compare_turn import TurnState
from tests.helpers.tiny_gguf import write_tiny_model
from tests.ui.conftest import settle
from tests.ui.test_compare_page import PATIENCE_MS, ask, begin, open_page, page, turn_of, twins, worker_pid

__all__ = ["open_page", "page", "twins"]


def said_in(pane: Pane) -> str:
    return " ".join(each.text() for each in pane.findChildren(QLabel) if each.isVisible())


def pane_of(page: ComparePage, path: Path) -> Pane:
    (found,) = (pane for pane in page.panes if pane.entry and pane.entry.path.name == path.name)
    return found


def test_one_pane_is_stopped_and_the_other_goes_on(page: ComparePage, qtbot) -> None:
    begin(qtbot, page, max_tokens=0)
    first, second = (turn_of(pane) for pane in page.panes)
    assert first.stop.isVisible()
    first.stop.click()
    qtbot.waitUntil(lambda: not first.under_way, timeout=PATIENCE_MS)
    assert first.state is TurnState.STOPPED
    assert first.text
    assert not first.stop.isVisible()
    written = second.tokens
    qtbot.waitUntil(lambda: second.tokens > written, timeout=PATIENCE_MS)
    assert page.running
    second.stop.click()
    settle(qtbot)
    assert second.state is TurnState.STOPPED
    assert not page.running
    assert page.strip.sentence.startswith("The answers")


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="processes cannot be held here")
def test_a_pane_that_is_much_slower_keeps_nobody_waiting(page: ComparePage, qtbot) -> None:
    page.composer.max_tokens.setValue(3_000)
    page.send("Hello")
    slow, quick = (turn_of(pane) for pane in page.panes)
    qtbot.waitUntil(lambda: slow.tokens > 0, timeout=PATIENCE_MS)
    held = worker_pid(page, 0)
    os.kill(held, signal.SIGSTOP)
    try:
        qtbot.waitUntil(lambda: not quick.under_way, timeout=PATIENCE_MS)
        assert quick.state is TurnState.DONE
        assert slow.under_way
        assert "1 of 2 done" in page.strip.sentence
    finally:
        os.kill(held, signal.SIGCONT)
    settle(qtbot)
    assert slow.state is TurnState.DONE


def test_same_file_twice_differs_by_nothing(page: ComparePage, qtbot) -> None:
    page.panes[1].picker.choose(page.panes[0].entry.path)
    page.panes[1].picker.picked.emit(page.panes[0].entry)
    ask(qtbot, page)
    assert "identical" in page.strip.sentence
    page.strip.tokens_button.click()
    qtbot.waitUntil(lambda: page.tokens.window is not None, timeout=PATIENCE_MS)
    settle(qtbot)
    measured = page.sessions.divergence(0, 1) or page.sessions.divergence(1, 0)
    assert measured
    assert {token.kl_divergence for token in measured} == {0.0}


def test_prompt_too_long_for_one_pane_says_so_there_and_the_other_answers(
    open_page: Callable[..., ComparePage], twins: tuple[Path, Path, Path], tmp_path: Path, qtbot
) -> None:
    small = write_tiny_model(tmp_path / "small.gguf", type="f16", name="Small", never_ends=True, context=256)
    page = open_page(twins[1], small)
    ask(qtbot, page, "word " * 100)
    failed, answered = turn_of(pane_of(page, small)), turn_of(pane_of(page, twins[1]))
    assert isinstance(failed.fault, PromptTooLong)
    assert "the context holds 256 tokens" in said_in(pane_of(page, small))
    assert "shorten the prompt" in said_in(pane_of(page, small))
    assert answered.state is TurnState.DONE


@pytest.mark.parametrize("template", ["{% if %}", None], ids=["broken", "missing"])
def test_pane_without_a_usable_template_leaves_the_other_alone(
    open_page: Callable[..., ComparePage],
    twins: tuple[Path, Path, Path],
    tmp_path: Path,
    template: str | None,
    qtbot,
) -> None:
    odd = write_tiny_model(
        tmp_path / "odd.gguf", type="f16", name="Odd", never_ends=True, chat_template=template
    )
    page = open_page(twins[1], odd)
    ask(qtbot, page)
    turn = turn_of(pane_of(page, odd))
    if template is None:
        assert turn.state is TurnState.DONE
    else:
        assert isinstance(turn.fault, TemplateFault)
        assert turn.fault.hint in said_in(pane_of(page, odd))
    assert turn_of(pane_of(page, twins[1])).state is TurnState.DONE
