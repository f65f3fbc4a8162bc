"""The blind test with real workers: nothing tells which model is which until the person wants to know."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QFileDialog,
    QLabel,
    QMenu,
    QTextEdit,
    QWidget,
)

from app.compare.ballot import Ballot, PromptState
from app.compare.session_store import SessionStore
from app.hardware import Memory
from app.hardware import live as live_module
from app.storage import DataFolder
from app.ui.pages.compare import ComparePage
from app.ui.pages.compare_blind import BlindTests
from tests.helpers.tiny_gguf import write_tiny_model
from tests.ui.conftest import settle
from tests.ui.test_compare_page import PATIENCE_MS, open_page, twins, worker_pid

__all__ = ["open_page", "twins"]
PROMPTS = ("One", "Two", "Three", "Four")


@pytest.fixture
def own_list(tmp_path: Path) -> Path:
    path = tmp_path / "mine.txt"
    path.write_text("\n".join(PROMPTS), "utf-8")
    return path


@pytest.fixture
def page(open_page: Callable[..., ComparePage], twins: tuple[Path, Path, Path]) -> ComparePage:
    """With two models that do not answer alike."""
    return open_page(*twins[1:])


@pytest.fixture
def blind(qtbot, page: ComparePage, own_list: Path) -> BlindTests:
    """The setup, with four prompts of the person's chosen."""
    return set_up(qtbot, page, own_list)


def set_up(qtbot, page: ComparePage, prompts: Path) -> BlindTests:
    page.window().activateWindow()
    qtbot.waitUntil(page.window().isActiveWindow)
    page.header.blind.click()
    settle(qtbot)
    page.blind.setup.files_chosen.emit([prompts])
    settle(qtbot)
    for row in page.blind.setup.rows:
        row.box.setChecked(row.prompts.title == prompts.stem)
    return page.blind


def begin(qtbot, blind: BlindTests) -> Ballot:
    """Runs all prompts to their end."""
    blind.setup.start.click()
    settle(qtbot)
    assert blind.voting.isVisible()
    return ballot_of(blind)


def ballot_of(blind: BlindTests) -> Ballot:
    assert blind.voting.ballot is not None
    return blind.voting.ballot


def press(qtbot, blind: BlindTests, *keys: Qt.Key) -> None:
    for key in keys:
        qtbot.keyClick(blind.voting.answers, key)


def words_of(widget: QWidget, *, seen: bool = True) -> Iterator[str]:
    """All that a person, or a program that reads aloud, can find out about what is seen, or about all there is."""
    for each in [widget, *widget.findChildren(QWidget)]:
        if seen and not each.isVisibleTo(widget.window()):
            continue
        yield from (each.toolTip(), each.statusTip(), each.whatsThis())
        yield from (each.accessibleName(), each.accessibleDescription(), each.windowTitle())
        if isinstance(each, QLabel | QAbstractButton):
            yield each.text()
        if isinstance(each, QComboBox):
            yield from (each.itemText(index) for index in range(each.count()))
        if isinstance(each, QTextEdit):
            yield each.toPlainText()


def test_nothing_tells_which_model_is_which(qtbot, page: ComparePage, blind: BlindTests) -> None:
    telling = ("twin", "f16", "f32", "gb", " mb", "tokens/s", "bits")
    said = " ".join(words_of(blind.view)).casefold()
    assert "f16" in said  # before the test it may be told, and this test would see it
    ballot = begin(qtbot, blind)
    for number in range(len(ballot)):
        texts = {answer.text for answer in ballot.answers(number) if answer}
        said = " ".join(words_of(page.window()))
        for text in texts:
            said = said.replace(text, "")
        assert not [each for each in telling if each in said.casefold()], said
        press(qtbot, blind, Qt.Key.Key_T)
    said = " ".join(words_of(page.window())).casefold()
    assert "which is which" in said
    assert not [each for each in telling if each in said], said
    hidden = " ".join(words_of(blind.voting, seen=False)).casefold()
    for answer in ballot.answers(3):
        hidden = hidden.replace(answer.text.casefold(), "") if answer else hidden
    assert not [each for each in telling if each in hidden], hidden


def test_votes_by_keys_and_buttons_lead_to_what_came_out(qtbot, page: ComparePage, blind: BlindTests) -> None:
    ballot = begin(qtbot, blind)
    press(qtbot, blind, Qt.Key.Key_A)
    assert blind.voting.number == 1
    press(qtbot, blind, Qt.Key.Key_2)
    blind.voting.bar.choices["tie"].click()
    press(qtbot, blind, Qt.Key.Key_Left, Qt.Key.Key_Left)
    assert blind.voting.number == 1
    assert blind.voting.bar.choices[1].isChecked()
    press(qtbot, blind, Qt.Key.Key_A)  # another vote for the second prompt
    assert blind.voting.number == 3
    press(qtbot, blind, Qt.Key.Key_N)
    wanted = (ballot.order(0)[0], ballot.order(1)[0], "tie", "both bad")
    assert ballot.kept_votes == wanted
    qtbot.keyClick(blind.voting.answers, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert blind.voting.number == 3
    assert ballot.kept_votes == wanted[:3]
    press(qtbot, blind, Qt.Key.Key_S)
    assert "3 of 4" in blind.voting.plate.words
    blind.voting.plate.buttons[0].click()
    assert blind.results.isVisible()
    names = ("Other F16", "Twin F32")
    first, second = sorted((0, 1), key=lambda model: -wanted.count(model))
    times = {0: "never", 1: "once", 2: "2 times"}
    assert blind.results.sentence.text() == (
        f"In 3 prompts you preferred {names[first]} {times[wanted.count(first)]} and"
        f" {names[second]} {times[wanted.count(second)]}: no difference you can see."
    )
    blind.results.list.setCurrentRow(1)
    titles = [card.accessibleName() for card in blind.results.answers.cards]
    assert [name.split("  ·  ")[1].split(" ")[0] for name in titles] == [
        names[m].split(" ")[0] for m in ballot.order(1)
    ]
    texts = [card.answer.text for card in blind.results.answers.cards]
    assert texts == [answer.text for answer in ballot.answers(1) if answer]


def test_every_vote_is_kept_at_once_and_the_test_goes_on_in_another_window(
    qtbot, blind: BlindTests, folder: DataFolder, open_nibble
) -> None:
    begin(qtbot, blind)
    for said, key in enumerate((Qt.Key.Key_B, Qt.Key.Key_T, Qt.Key.Key_A), start=1):
        press(qtbot, blind, key)
        with SessionStore(folder.database) as store:
            (found,) = store.blind_tests()
            kept = store.session(found.session)
        assert len(kept.blind_tests[0].votes) == said
    assert [turn.prompt for turn in kept.turns] == list(PROMPTS)
    again = open_nibble().show_page("compare")
    assert isinstance(again, ComparePage)
    settle(qtbot)
    again.header.blind.click()
    settle(qtbot)
    again.blind.setup.resume.click()
    settle(qtbot)
    assert again.blind.voting.isVisible()
    assert again.blind.voting.number == 3
    assert ballot_of(again.blind).kept_votes == ballot_of(blind).kept_votes
    again.blind.voting.finish()
    again.blind.voting.finish()
    with SessionStore(folder.database) as store:
        (found,) = store.blind_tests()
    assert found.test.voted_at > 0
    assert found.test.votes == (*ballot_of(blind).kept_votes,)
    again.blind.results.again_asked.emit()
    assert not again.blind.setup.resume.isVisible()
    again.blind.setup.earlier.click()
    (menu,) = again.blind.setup.findChildren(QMenu)
    (action,) = menu.actions()
    assert "3 of 4 voted, finished" in action.text()
    action.trigger()
    menu.close()
    assert again.blind.results.isVisible()


def test_a_model_that_dies_is_said_without_its_name_and_asked_again(
    qtbot, page: ComparePage, blind: BlindTests
) -> None:
    blind.setup.max_tokens.setValue(1500)
    blind.setup.start.click()
    qtbot.waitUntil(
        lambda: blind.voting.ballot is not None and ballot_of(blind).count(PromptState.READY) >= 1,
        timeout=PATIENCE_MS,
    )
    ballot = ballot_of(blind)
    os.kill(worker_pid(page, 0), signal.SIGKILL)
    settle(qtbot)
    assert not page.running
    (notice,) = blind.voting.notices.bars()
    assert "stopped answering" in notice.sentence
    assert "Twin" not in notice.accessibleName()
    ready = ballot.count(PromptState.READY)
    assert 1 <= ready < len(PROMPTS)
    blind.voting.vote_at(0)
    kept = ballot.kept_votes
    assert len(kept) == 1
    next(each for each in notice.findChildren(QAbstractButton) if each.text() == "Try again").click()
    settle(qtbot)
    assert ballot.count(PromptState.READY) == len(PROMPTS)
    assert ballot.kept_votes == kept
    assert not blind.voting.notices.bars()


def test_stopped_models_go_on(qtbot, page: ComparePage, blind: BlindTests) -> None:
    blind.setup.max_tokens.setValue(800)
    blind.setup.start.click()
    qtbot.waitUntil(
        lambda: blind.voting.ballot is not None and ballot_of(blind).count(PromptState.READY) >= 1,
        timeout=PATIENCE_MS,
    )
    blind.voting.stop.click()
    settle(qtbot)
    ballot = ballot_of(blind)
    ready = ballot.count(PromptState.READY)
    assert ready < len(PROMPTS)
    first = ballot.turns[0]
    blind.voting.again.click()
    settle(qtbot)
    assert ballot.count(PromptState.READY) == len(PROMPTS)
    assert ballot.turns[0] == first  # what was there is not asked again


def test_answers_are_shown_only_together(qtbot, page: ComparePage, blind: BlindTests) -> None:
    seen: list[bool] = []

    def look() -> None:
        ballot = blind.voting.ballot
        if ballot is not None and blind.voting.answers.isVisible():
            shown = [each.text for each in blind.voting.answers.shown]
            seen.append(shown == [answer.text for answer in ballot.answers(blind.voting.number) if answer])

    page.engine.delta.connect(look)
    blind.setup.max_tokens.setValue(200)
    blind.setup.start.click()
    qtbot.waitUntil(lambda: not page.running and blind.voting.isVisible(), timeout=PATIENCE_MS)
    look()
    assert seen
    assert all(seen)


def test_in_turns_voting_begins_before_all_is_answered(
    qtbot, page: ComparePage, own_list: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = page.planner.plan
    assert plan is not None
    free = max(each.in_use_bytes for each in plan.memory.estimates) + 200_000
    monkeypatch.setattr(live_module, "read_memory", lambda: Memory(16_000_000_000, free))
    blind = set_up(qtbot, page, own_list)
    blind.setup.max_tokens.setValue(300)
    blind.setup.start.click()
    loaded: list[int] = []
    page.engine.loading.connect(lambda index, fraction: loaded.append(index))
    qtbot.waitUntil(
        lambda: blind.voting.ballot is not None and ballot_of(blind).count(PromptState.READY) == 1,
        timeout=PATIENCE_MS,
    )
    assert page.running
    press(qtbot, blind, Qt.Key.Key_A)
    assert len(ballot_of(blind).kept_votes) == 1
    settle(qtbot)
    assert ballot_of(blind).count(PromptState.READY) == len(PROMPTS)


def test_a_prompt_that_is_too_long_for_a_model_is_left_out_with_the_reason(
    qtbot, page: ComparePage, tmp_path: Path
) -> None:
    path = tmp_path / "long.txt"
    path.write_text(f"One\n{'word ' * 8000}\nThree\n", "utf-8")
    blind = set_up(qtbot, page, path)
    ballot = begin(qtbot, blind)
    assert [ballot.state(number) for number in range(3)] == [
        PromptState.READY,
        PromptState.LEFT_OUT,
        PromptState.READY,
    ]
    press(qtbot, blind, Qt.Key.Key_Right)
    assert "Left out" in blind.voting.plate.words
    assert "context" in blind.voting.plate.words
    press(qtbot, blind, Qt.Key.Key_Left, Qt.Key.Key_A, Qt.Key.Key_B)
    assert "You have voted on 2 of 3" in blind.voting.plate.words


def test_where_every_prompt_is_left_out_others_can_be_chosen(
    qtbot, page: ComparePage, folder: DataFolder, tmp_path: Path
) -> None:
    path = tmp_path / "long.txt"
    path.write_text(f"{'word ' * 8000}\n", "utf-8")
    blind = set_up(qtbot, page, path)
    begin(qtbot, blind)
    assert "No prompt could be answered" in blind.voting.plate.words
    blind.voting.plate.buttons[0].click()
    assert blind.setup.isVisible()
    with SessionStore(folder.database) as store:
        assert store.sessions() == []


def test_same_answers_are_said_and_counted(qtbot, open_page, twins, own_list: Path) -> None:
    page = open_page(*twins[:2])  # f16 and f32 of one model write the same for a while
    blind = set_up(qtbot, page, own_list)
    blind.setup.temperature.setValue(0.0)
    blind.setup.max_tokens.setValue(4)
    ballot = begin(qtbot, blind)
    assert ballot.kept_votes == ("tie",) * 4
    assert "Same answers, counted as ties: 4" in blind.voting.plate.words
    press(qtbot, blind, Qt.Key.Key_Left)
    assert "same, word for word" in blind.voting.note.text()
    blind.voting.finish()
    blind.voting.finish()
    assert "preferred none" in blind.results.sentence.text()


def test_three_models(qtbot, page: ComparePage, folder: DataFolder, tmp_path: Path, own_list: Path) -> None:
    write_tiny_model(folder.models / "third.gguf", name="Third", seed=5, never_ends=True, context=4096)
    page.shelf.look()
    settle(qtbot)
    page.header.add.click()
    blind = set_up(qtbot, page, own_list)
    ballot = begin(qtbot, blind)
    press(qtbot, blind, Qt.Key.Key_C, Qt.Key.Key_D, Qt.Key.Key_B)
    assert ballot.kept_votes == (ballot.order(0)[2], ballot.order(1)[1])  # nobody stands at D
    assert [each.text() for each in blind.voting.bar.choices.values()][-2:] == ["All bad", "Skip"]


def test_a_bad_file_has_its_sentence_and_others_are_taken(qtbot, blind: BlindTests, tmp_path: Path) -> None:
    empty, noise, good = tmp_path / "empty.txt", tmp_path / "noise.txt", tmp_path / "good.toml"
    empty.write_text("\n \n", "utf-8")
    noise.write_bytes(bytes(range(256)) * 20)
    good.write_text('title = "Mine & <b>yours</b>"\n[[prompt]]\ntext = "2 + 2?"\nfacts = [["4"]]\n', "utf-8")
    blind.setup.files_chosen.emit([empty, noise, tmp_path / "gone.txt", good])
    settle(qtbot)
    said = [bar.sentence for bar in blind.setup.notices.bars()]
    assert len(said) == 3
    assert all(any(name in each for each in said) for name in ("empty.txt", "noise.txt", "gone.txt"))
    assert blind.setup.rows[-1].prompts.title == "Mine & <b>yours</b>"
    assert blind.setup.rows[-1].is_chosen


def test_the_set_up_tells_what_lists_are_for_and_how_many_prompts_are_asked(qtbot, page: ComparePage) -> None:
    page.composer.set_prompt("What is love?")
    page.header.blind.click()
    settle(qtbot)
    setup = page.blind.setup
    assert [row.prompts.title for row in setup.rows if row.is_chosen] == ["The prompt in the box"]
    assert len(setup.rows) == 7
    sums = next(row for row in setup.rows if row.prompts.name == "arithmetic")
    sums.box.setChecked(True)
    assert "47 times 38" in " ".join(words_of(setup))
    assert setup.start.text() == "Begin with 15 prompts"
    setup.count.setValue(3)
    assert next(prompt.text for _, prompt in setup.prompts) == "What is love?"
    assert len(setup.prompts) == 3
    for row in setup.rows:
        row.box.setChecked(False)
    assert not setup.start.isEnabled()


def test_keys_vote_also_after_a_vote_by_mouse(qtbot, blind: BlindTests) -> None:
    ballot = begin(qtbot, blind)
    for _ in range(3):
        made = blind.voting.bar.choices["tie"]
        qtbot.mouseClick(made, Qt.MouseButton.LeftButton)
    press(qtbot, blind, Qt.Key.Key_B)
    assert ballot.kept_votes == ("tie", "tie", "tie", ballot.order(3)[1])
    qtbot.keyClick(blind.voting, Qt.Key.Key_Left)
    assert blind.voting.number == 3
    assert blind.voting.isAncestorOf(blind.view.window().focusWidget())


def test_models_that_do_not_fit_are_not_tested(
    qtbot, page: ComparePage, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert page.header.blind.isEnabled()
    monkeypatch.setattr(live_module, "read_memory", lambda: Memory(16_000_000_000, 1_000_000))
    page.planner.work_out([pane.entry for pane in page.panes if pane.entry])
    settle(qtbot)
    assert not page.header.blind.isEnabled()


def test_a_dropped_file_is_taken(qtbot, page: ComparePage, own_list: Path) -> None:
    page.header.blind.click()
    settle(qtbot)
    setup = page.blind.setup
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(own_list))])
    left = Qt.MouseButton.LeftButton
    enter = QDragEnterEvent(
        QPoint(9, 9), Qt.DropAction.CopyAction, mime, left, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(setup, enter)
    assert setup.drop.veil.isVisible()
    drop = QDropEvent(QPointF(9, 9), Qt.DropAction.CopyAction, mime, left, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(setup, drop)
    settle(qtbot)
    assert setup.rows[-1].prompts.title == own_list.stem
    assert not setup.drop.veil.isVisible()


def test_leaving_keeps_the_test_and_the_panes_come_back(qtbot, page: ComparePage, blind: BlindTests) -> None:
    begin(qtbot, blind)
    press(qtbot, blind, Qt.Key.Key_A)
    blind.voting.leave_asked.emit()
    assert page.composer.isVisible()
    assert not blind.is_open
    (notice,) = page.notices.bars()
    assert "1 of 4" in notice.sentence
    next(each for each in notice.findChildren(QAbstractButton) if each.text() == "Go on").click()
    settle(qtbot)
    assert blind.voting.isVisible()
    assert blind.voting.number == 1


def test_models_that_cannot_be_loaded_lead_back_to_the_set_up(
    qtbot, page: ComparePage, blind: BlindTests, folder: DataFolder
) -> None:
    for pane in page.panes:
        assert pane.entry is not None
        pane.entry.path.unlink()
    blind.setup.start.click()
    settle(qtbot)
    assert blind.setup.isVisible()
    assert blind.setup.notices.bars()
    with SessionStore(folder.database) as store:
        assert store.sessions() == []


def test_a_test_is_exported_with_its_votes(
    qtbot, blind: BlindTests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ballot = begin(qtbot, blind)
    press(qtbot, blind, Qt.Key.Key_A, Qt.Key.Key_S)
    blind.voting.finish()
    blind.voting.finish()
    target = tmp_path / "out"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), "JSON (*.json)"))
    blind.results.export.click()
    settle(qtbot)
    exported = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert exported["blind_tests"][0]["votes"] == [ballot.order(0)[0], "skipped"]
    assert "1 prompt you preferred" in exported["blind_tests"][0]["sentence"]
    blind.results.copy.click()
    assert blind.results.sentence.text() in QGuiApplication.clipboard().text().replace("\\", "")
