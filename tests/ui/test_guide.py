"""The built-in model in Chat, in Compare and in a Library that has it, on a checkpoint with random weights."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from PySide6.QtCore import Qt

import app.convert
import resources
from app.core.jobs import JobControl
from app.guide import FIRST_QUESTION, GUIDE_QUANTIZATIONS, guide_file
from app.storage import DataFolder
from app.ui import guide
from app.ui.make_order import MakeOrder
from app.ui.pages.chat import ChatPage
from tests.helpers.guide_checkpoint import write_guide_checkpoint
from tests.helpers.tiny_gguf import write_tiny_model
from tests.ui.conftest import settle
from tests.ui.test_first_start import PATIENCE_MS, await_compare, library_of, rows_of, with_no_end

pytestmark = pytest.mark.usefixtures("installed_guide")


@pytest.fixture
def updated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """From now on Nibble comes with another checkpoint; returns that."""
    newer = write_guide_checkpoint(tmp_path / "newer", seed=1)
    monkeypatch.setattr(resources, "guide_checkpoint", lambda: newer)
    return newer


@pytest.fixture
def chat(qtbot, open_nibble, folder: DataFolder) -> ChatPage:
    """With one model of the person's, `Mine`, and nothing made of the guide."""
    write_tiny_model(folder.models / "mine.gguf", name="Mine")
    return chat_of(qtbot, open_nibble())


def chat_of(qtbot, window) -> ChatPage:
    page = window.show_page("chat")
    assert isinstance(page, ChatPage)
    settle(qtbot)
    return page


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def offers_guide(chat: ChatPage) -> bool:
    return any(choice.path is None for choice in chat.known.choices)


# Chosen before it is made


def test_chat_without_models_makes_the_guide_when_it_is_chosen(qtbot, open_nibble, folder):
    chat = open_nibble().show_page("chat")
    assert isinstance(chat, ChatPage)
    settle(qtbot)
    assert chat.state is chat.no_choice
    chat.pick_model()
    (choice,) = chat.known.choices
    assert (choice.name, choice.built_in, choice.path) == (guide.name(), True, None)
    qtbot.keyClick(chat.picker.list, Qt.Key.Key_Return)
    assert chat.head.shows_loading
    assert chat.state is chat.ready  # not the question which model it shall be
    qtbot.waitUntil(lambda: chat.model == guide_file(folder, "Q8_0"), timeout=PATIENCE_MS)
    settle(qtbot)
    assert not chat.guide.busy
    assert chat.state is chat.ready
    assert chat.answering.is_loaded(chat.model)
    assert [choice.path is not None for choice in chat.known.choices] == [True, True]  # BF16 is there, too


def test_making_the_guide_for_a_chat_can_be_cancelled_in_the_head(qtbot, open_nibble, folder, monkeypatch):
    def endless(source: Path, kind: str, target: Path, control: JobControl) -> Path:
        while True:
            control.cancel.raise_if_cancelled()

    monkeypatch.setattr(app.convert, "quantize", endless)
    chat = open_nibble().show_page("chat")
    settle(qtbot)
    chat.picker.guide_picked.emit()
    assert chat.guide.busy
    chat.head.cancel_asked.emit()
    settle(qtbot)
    assert not chat.head.shows_loading
    assert chat.model is None
    assert chat.state is chat.no_choice


def test_cancelling_the_guide_of_a_new_chat_leaves_the_answer_in_another_one_alone(
    qtbot, open_nibble, folder, monkeypatch
):
    write_tiny_model(folder.models / "endless.gguf", context=4096, layers=1, never_ends=True)
    chat = chat_of(qtbot, open_nibble())
    chat.send("Hello")
    qtbot.waitUntil(lambda: bool(chat.answering.text), timeout=PATIENCE_MS)
    answered = chat.answering.conversation
    chat.new_chat()
    with_no_end(monkeypatch, "app.convert.quantize")
    chat.picker.guide_picked.emit()
    chat.head.cancel_asked.emit()
    assert not chat.guide.busy
    qtbot.wait(300)
    assert chat.answering.conversation == answered
    chat.answering.stop()
    settle(qtbot)


def test_chat_takes_the_guide_by_itself_only_where_there_is_nothing_else(
    qtbot, open_nibble, folder, put_guide
):
    put_guide("BF16", *GUIDE_QUANTIZATIONS)
    window = open_nibble()
    chat = window.show_page("chat")
    settle(qtbot)
    assert chat.model == guide_file(folder, "Q8_0")


def test_chat_beside_one_own_model_takes_that_and_lists_the_guide_last(qtbot, open_nibble, folder, put_guide):
    put_guide("BF16", *GUIDE_QUANTIZATIONS)
    write_tiny_model(folder.models / "zebra.gguf", name="Zebra")
    chat = open_nibble().show_page("chat")
    settle(qtbot)
    assert chat.model == folder.models / "zebra.gguf"
    assert [choice.built_in for choice in chat.known.choices] == [False, True, True, True]


@pytest.mark.parametrize("elsewhere", ["library", "new chat", "conversation"])
def test_guide_is_not_for_the_chat_that_was_opened_while_it_was_being_made(
    qtbot, chat, folder, monkeypatch, elsewhere
):
    mine = folder.models / "mine.gguf"
    store = chat.window().services.conversations
    kept = store.create(mine, chat.drawer.sampling, "")
    store.add_prompt(kept.id, "Hello")
    chat.new_chat()
    with_no_end(monkeypatch, "app.convert.quantize")
    chat.picker.guide_picked.emit()
    if elsewhere == "library":
        chat.open_model(mine)
    elif elsewhere == "new chat":
        chat.new_chat()
    else:
        chat.list.chosen.emit(kept.id)
    assert not chat.guide.busy
    settle(qtbot)
    assert chat.model == mine
    assert store.conversation(kept.id).model_path == mine
    assert not chat.head.shows_loading


def test_guide_that_is_ready_too_late_is_not_for_the_chat_that_is_open(qtbot, chat, folder, monkeypatch):
    store = chat.window().services.conversations
    kept = store.create(folder.models / "mine.gguf", chat.drawer.sampling, "")
    store.add_prompt(kept.id, "Hello")
    guide_picked_and_made = deaf_to_cancel(monkeypatch, folder)
    chat.picker.guide_picked.emit()
    chat.open_conversation(kept.id)
    guide_picked_and_made.append(True)
    settle(qtbot)
    assert guide_file(folder, "Q8_0").exists()
    assert chat.model == store.conversation(kept.id).model_path == folder.models / "mine.gguf"


def deaf_to_cancel(monkeypatch: pytest.MonkeyPatch, folder: DataFolder) -> list[bool]:
    """`make_guide` from now on writes a file as soon as the list has something, cancelled or not."""
    go_on: list[bool] = []

    def make(*arguments: object) -> list[Path]:
        while not go_on:
            time.sleep(0.005)
        return [write_tiny_model(guide_file(folder, "Q8_0"), name="Nibble guide")]

    monkeypatch.setattr("app.guide.make_guide", make)
    return go_on


def test_same_conversation_opened_once_more_goes_on_with_making_the_guide(qtbot, chat, folder):
    store = chat.window().services.conversations
    kept = store.create(folder.models / "mine.gguf", chat.drawer.sampling, "")
    store.add_prompt(kept.id, "Hello")
    chat.open_conversation(kept.id)
    chat.picker.guide_picked.emit()
    chat.list.chosen.emit(kept.id)
    assert chat.guide.busy
    settle(qtbot)
    assert store.conversation(kept.id).model_path == guide_file(folder, "Q8_0")


def test_guide_picked_again_right_after_cancel_is_made(qtbot, chat, folder):
    chat.picker.guide_picked.emit()
    chat.head.cancel_asked.emit()
    assert not chat.head.shows_loading
    chat.picker.guide_picked.emit()
    assert chat.head.shows_loading
    qtbot.waitUntil(lambda: chat.model == guide_file(folder, "Q8_0"), timeout=PATIENCE_MS)
    settle(qtbot)
    assert chat.answering.is_loaded(chat.model)
    assert not chat.head.shows_loading


# Damaged, or from an earlier Nibble


def test_damaged_guide_is_offered_in_chat_again_and_made_again_when_picked(
    qtbot, open_nibble, folder, put_guide
):
    put_guide("BF16", *GUIDE_QUANTIZATIONS)
    whole = guide_file(folder, "Q8_0").read_bytes()
    cut(guide_file(folder, "Q8_0"))
    chat = chat_of(qtbot, open_nibble())
    assert offers_guide(chat)
    chat.picker.guide_picked.emit()
    qtbot.waitUntil(lambda: chat.model == guide_file(folder, "Q8_0"), timeout=PATIENCE_MS)
    settle(qtbot)
    assert guide_file(folder, "Q8_0").read_bytes() == whole
    assert not offers_guide(chat)


def test_conversation_with_a_damaged_guide_says_that_it_is_made_anew(qtbot, open_nibble, folder, put_guide):
    put_guide("BF16", *GUIDE_QUANTIZATIONS)
    chat = chat_of(qtbot, open_nibble())
    cut(guide_file(folder, "Q8_0"))
    chat.open_model(guide_file(folder, "Q8_0"))
    settle(qtbot)
    assert "made anew" in chat.column.fault_card().fault.hint
    assert offers_guide(chat)


def test_damaged_guide_in_the_library_says_that_it_is_made_again_and_offers_it(
    qtbot, open_nibble, folder, put_guide
):
    put_guide("BF16", *GUIDE_QUANTIZATIONS)
    cut(guide_file(folder, "Q8_0"))
    library = library_of(open_nibble())
    (damaged,) = [row for row in rows_of(library) if row.fault is not None]
    assert damaged.path == guide_file(folder, "Q8_0")
    assert "ownload" not in damaged.fault.hint
    assert "made again" in damaged.fault.hint
    (offer,) = [row for row in rows_of(library) if row.can_try]
    assert offer.subtitle == "made again at its next use, in seconds"
    library.try_guide()
    assert len(await_compare(qtbot, library).panes) == 2
    settle(qtbot)
    assert all(row.can_chat for row in rows_of(library))


def test_guide_of_an_earlier_nibble_is_offered_in_chat_and_made_again_when_picked(
    qtbot, open_nibble, folder, put_guide, updated
):
    put_guide("BF16", *GUIDE_QUANTIZATIONS)
    old = guide_file(folder, "Q8_0").read_bytes()
    chat = chat_of(qtbot, open_nibble())
    assert chat.model is None
    assert [(choice.name, choice.path) for choice in chat.known.choices] == [(guide.name(), None)]
    chat.picker.guide_picked.emit()
    qtbot.waitUntil(lambda: chat.model == guide_file(folder, "Q8_0"), timeout=PATIENCE_MS)
    settle(qtbot)
    assert guide_file(folder, "Q8_0").read_bytes() != old
    assert len(chat.known.choices) == 3


def test_guide_of_an_earlier_nibble_is_one_row_that_makes_it_again(
    qtbot, open_nibble, folder, put_guide, updated
):
    put_guide("BF16", *GUIDE_QUANTIZATIONS)
    old = guide_file(folder, "Q4_0").read_bytes()
    library = library_of(open_nibble())
    assert not library.body.is_first_start
    (offer,) = rows_of(library)
    assert offer.can_try
    assert offer.subtitle == "from an earlier Nibble; made again at its next use, in seconds"
    library.try_guide()
    await_compare(qtbot, library)
    assert guide_file(folder, "Q4_0").read_bytes() != old
    assert [row.can_chat for row in rows_of(library)] == [True] * 3


def test_guide_of_an_earlier_nibble_is_listed_where_it_cannot_be_made_again(
    qtbot, open_nibble, put_guide, updated
):
    put_guide("BF16", *GUIDE_QUANTIZATIONS)
    (updated / "model.safetensors").unlink()
    window = open_nibble()
    assert [row.can_chat for row in rows_of(library_of(window))] == [True] * 3
    assert len(chat_of(qtbot, window).known.choices) == 3


def test_compare_offers_to_make_the_guide_of_an_earlier_nibble_again(qtbot, open_nibble, put_guide, updated):
    put_guide("BF16", *GUIDE_QUANTIZATIONS)
    compare = open_nibble().show_page("compare")
    settle(qtbot)
    assert compare.empty.try_guide.isVisible()


# A file of the person's in the guide's folder


def test_own_file_in_the_folder_of_the_guide_is_the_person_s(qtbot, open_nibble, folder):
    own = write_tiny_model(folder.guide / "mine.gguf", type="f16", name="Mine")
    window = open_nibble()
    library = library_of(window)
    row = next(row for row in rows_of(library) if row.path == own)
    assert not row.built_in
    library.making.start(row, MakeOrder(("Q4_0",)))
    settle(qtbot)
    made = library.list.current_row()
    assert made.path.parent == folder.models
    assert made.title == "Mine"
    assert not guide_file(folder, "Q4_0").exists()
    chat = chat_of(qtbot, window)
    assert [choice.built_in for choice in chat.known.choices] == [False, False, True]


# In Compare


def test_compare_without_models_offers_the_guide_and_comes_back_with_it(qtbot, open_nibble):
    window = open_nibble()
    compare = window.show_page("compare")
    settle(qtbot)
    compare.empty.try_guide.click()
    library = library_of(window)
    assert library.trial.running
    assert await_compare(qtbot, library) is compare
    assert compare.composer.box.toPlainText() == FIRST_QUESTION


def test_compare_puts_the_person_s_models_first_and_marks_the_guide(qtbot, open_nibble, folder, put_guide):
    put_guide("BF16", *GUIDE_QUANTIZATIONS)
    for kind in ("f16", "f32"):
        write_tiny_model(folder.models / f"zebra-{kind}.gguf", type=kind, name="Zebra")
    compare = open_nibble().show_page("compare")
    settle(qtbot)
    assert [pane.entry.path.name for pane in compare.panes] == ["zebra-f16.gguf", "zebra-f32.gguf"]
    picker = compare.panes[0].picker
    listed = [picker.itemText(number) for number in range(picker.count())]
    assert ["Nibble guide" in text for text in listed] == [False, False, True, True, True]
    tip = picker.itemData(2, Qt.ItemDataRole.ToolTipRole)
    assert tip.startswith("Nibble's own tiny model")
