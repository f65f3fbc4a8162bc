"""Presets and system prompts in the window: chosen, changed, saved, renamed, deleted and taken back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton

from app.storage import DataFolder
from app.ui.pages.chat import ChatPage
from app.ui.pages.chat_saved_names import SavedNames
from app.ui.window import MainWindow
from tests.helpers.tiny_gguf import CHATML, write_tiny_model
from tests.ui.conftest import settle

OpenNibble = Callable[..., MainWindow]


@pytest.fixture
def plain(folder: DataFolder) -> Path:
    return write_tiny_model(
        folder.models / "plain.gguf", name="Plain", layers=1, chat_template=CHATML, never_ends=True
    )


@pytest.fixture
def advised(folder: DataFolder) -> Path:
    """Its maker recommends something possible, and a top-p that is not."""
    return write_tiny_model(
        folder.models / "advised.gguf",
        name="Advised",
        layers=1,
        chat_template=CHATML,
        never_ends=True,
        recommended={"temp": 0.6, "top_k": 20, "top_p": 7.0},
    )


def chat_with(open_nibble: OpenNibble, model: Path, qtbot) -> ChatPage:
    page = open_nibble().show_page("chat")
    assert isinstance(page, ChatPage)
    page.open_model(model)
    settle(qtbot)
    page.show_drawer(True)
    return page


def ask(qtbot, page: ChatPage) -> int:
    page.drawer.samplers.fields["max_tokens"].setValue(4)
    page.composer.set_text("hello")
    page.composer.send()
    settle(qtbot)
    assert page.conversation is not None
    return page.conversation.id


def choose(names: SavedNames, title: str) -> None:
    names.field.setCurrentIndex(names.field.findText(title))
    names.field.activated.emit(names.field.currentIndex())


def write_name(names: SavedNames, name: str) -> None:
    names._name.clear()
    QTest.keyClicks(names._name, name)
    names._name.returnPressed.emit()


def pick(names: SavedNames, words: str) -> None:
    """From the menu."""
    menu = names.make_menu()
    next(action for action in menu.actions() if action.text() == words).trigger()
    menu.deleteLater()


def take_back(page: ChatPage) -> None:
    QApplication.processEvents()  # a notice beside another one is shown by the event loop
    bar = page.notices.bars()[0]
    next(each for each in bar.findChildren(QPushButton) if each.text() == "Undo").click()


def test_preset_sets_the_chat_and_says_what_was_changed_afterwards(open_nibble, plain, qtbot):
    page = chat_with(open_nibble, plain, qtbot)
    presets, samplers = page.drawer.presets, page.drawer.samplers
    assert presets.names.field.currentText() == "Balanced"
    choose(presets.names, "Precise")
    assert samplers.fields["temperature"].value() == 0.3
    one = ask(qtbot, page)
    assert page.window().services.conversations.conversation(one).sampling.temperature == 0.3
    assert presets.names.field.currentText() == "Precise, changed"
    assert "Max tokens: 4 instead of No limit" in presets.changes_text
    samplers.fields["top_k"].setValue(7)
    assert "Top-k: 7 instead of 40" in presets.changes_text
    page.new_chat()
    assert presets.names.field.currentText() == "Balanced"
    page.open_conversation(one)
    assert presets.names.field.currentText() == "Precise, changed"
    samplers.reset_button.click()
    assert presets.names.field.currentText() == "Precise"
    assert samplers.fields["top_k"].value() == 40
    kept = page.window().services.conversations.conversation(one).sampling
    assert (kept.temperature, kept.top_k, kept.max_tokens) == (0.3, 40, 0)


def test_choosing_a_preset_over_changes_can_be_taken_back(open_nibble, plain, qtbot):
    page = chat_with(open_nibble, plain, qtbot)
    names, samplers = page.drawer.presets.names, page.drawer.samplers
    choose(names, "Code")
    assert page.notices.bars() == []
    samplers.fields["temperature"].setValue(1.5)
    choose(names, "Creative")
    assert names.field.currentText() == "Creative"
    take_back(page)
    assert names.field.currentText() == "Code, changed"
    assert samplers.fields["temperature"].value() == 1.5


def test_what_the_maker_recommends_is_the_default_and_follows_the_model(open_nibble, plain, advised, qtbot):
    page = chat_with(open_nibble, advised, qtbot)
    names, fields = page.drawer.presets.names, page.drawer.samplers.fields
    assert names.field.currentText() == "Recommended"
    assert [fields[each].value() for each in ("temperature", "top_k", "top_p")] == [0.6, 20, 0.95]
    page.choose_model(plain)
    settle(qtbot)
    assert names.field.currentText() == "Balanced"
    assert names.field.findText("Recommended") == -1
    assert fields["temperature"].value() == 0.8
    fields["temperature"].setValue(1.0)
    page.choose_model(advised)
    settle(qtbot)
    assert fields["temperature"].value() == 1.0, "what a person chose stays"
    assert names.field.currentText() == "Recommended, changed"
    one = ask(qtbot, page)
    page.window().close()
    page = open_nibble().show_page("chat")
    settle(qtbot)
    assert page.conversation.id == one
    assert page.drawer.presets.names.field.currentText() == "Recommended, changed"
    assert "Temperature: 1.00 instead of 0.60" in page.drawer.presets.changes_text


def test_own_preset_is_saved_renamed_deleted_and_taken_back(open_nibble, plain, qtbot):
    page = chat_with(open_nibble, plain, qtbot)
    names, fields = page.drawer.presets.names, page.drawer.samplers.fields
    fields["temperature"].setValue(1.1)
    pick(names, "Save under a name…")
    write_name(names, "  My own ")
    assert names.field.currentText() == "My own"
    pick(names, "Rename…")
    write_name(names, "Ours")
    assert names.field.currentText() == "Ours"
    fields["temperature"].setValue(1.2)
    assert names.field.currentText() == "Ours, changed"
    pick(names, "Save over “Ours”")
    assert names.field.currentText() == "Ours"
    pick(names, "Delete")
    assert names.field.currentText() == "Balanced, changed"
    assert names.field.findText("Ours") == -1
    take_back(page)
    assert names.field.currentText() == "Ours"
    choose(names, "Balanced")
    choose(names, "Ours")
    assert fields["temperature"].value() == 1.2


def test_system_prompts_are_chosen_saved_and_deleted_with_a_way_back(open_nibble, plain, qtbot):
    page = chat_with(open_nibble, plain, qtbot)
    names, drawer = page.drawer.prompt_names, page.drawer
    assert names.field.currentText() == "None"
    drawer.take_system_prompt("Talk like a pirate.")
    assert names.field.currentText() == "As written below"
    choose(names, "Teacher")
    assert "patient teacher" in drawer.system_prompt
    take_back(page)
    assert drawer.system_prompt == "Talk like a pirate."
    pick(names, "Save under a name…")
    write_name(names, "Pirate")
    assert names.field.currentText() == "Pirate"
    choose(names, "None")
    one = ask(qtbot, page)
    choose(names, "Pirate")
    assert page.window().services.conversations.conversation(one).system_prompt == "Talk like a pirate."
    pick(names, "Delete")
    assert names.field.currentText() == "As written below"
    take_back(page)
    assert names.field.currentText() == "Pirate"
