"""From a conversation to Compare, with real workers on models with random weights."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QMenu, QPushButton

from app.chat import ConversationStore, MessageState
from app.chat.attachments import Attachment, AttachmentHead
from app.runtime import Sampling
from app.runtime.protocol import GenerationStatistics
from app.storage import DataFolder
from app.ui.pages.chat import ChatPage
from app.ui.pages.compare import ComparePage
from app.ui.pages.compare_earlier import EarlierView
from app.ui.window import MainWindow
from tests.helpers.tiny_gguf import CHATML, write_tiny_model
from tests.ui.conftest import settle

CHOSEN = Sampling(temperature=0.0, seed=7, max_tokens=8, top_k=3)
STATISTICS = GenerationStatistics(
    prompt_tokens=9,
    evaluated_tokens=9,
    tokens=3,
    prompt_s=0.1,
    prompt_tokens_per_s=90.0,
    time_to_first_token_s=0.1,
    tokens_per_s=10.0,
    memory_bytes=1,
    seed=1234,
    finish_reason="stop",
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    made = {
        "twin-f16": ("f16", "Twin", 1, 4096),
        "twin-f32": ("f32", "Twin", 1, 4096),
        "other": ("f16", "Other", 2, 128),
    }
    return {
        key: write_tiny_model(
            folder / f"{key}.gguf",
            type=type,
            name=name,
            seed=seed,
            context=context,
            never_ends=True,
            chat_template=CHATML,
        )
        for key, (type, name, seed, context) in made.items()
    }


@pytest.fixture
def put(files: dict[str, Path], folder: DataFolder) -> Callable[..., None]:
    def put_them(*keys: str) -> None:
        for key in keys:
            os.link(files[key], folder.models / files[key].name)

    return put_them


def write_chat(
    folder: DataFolder, *, answers: int = 2, sampling: Sampling = CHOSEN, prompt: str = "Prompt"
) -> int:
    """Prompts and answers in turn with the twin in F16; with `answers` 1, the second prompt has none."""
    with ConversationStore(folder.database) as store:
        identity = store.create(folder.models / "twin-f16.gguf", sampling, "Be brief.").id
        for number in (1, 2):
            notes = (
                [Attachment(AttachmentHead("notes.txt", "text/plain", 6), "Hamlet")] if number == 1 else []
            )
            store.add_prompt(identity, f"{prompt} {number}", notes)
            if number <= answers:
                writer = store.begin_answer(identity, "Twin", "F16")
                writer.append(f"thought {number}", "reasoning")
                writer.append(f"Answer {number}")
                writer.finish(MessageState.COMPLETE, STATISTICS)
    return identity


def open_chat(qtbot, window: MainWindow, identity: int) -> ChatPage:
    page = window.show_page("chat")
    assert isinstance(page, ChatPage)
    page.open_conversation(identity)
    page.known.look(None)
    settle(qtbot)
    return page


def compared(qtbot, window: MainWindow) -> ComparePage:
    """What is shown now: Compare."""
    settle(qtbot)
    page = window.show_page("compare")
    assert isinstance(page, ComparePage)
    settle(qtbot)
    return page


def titles(page: ComparePage) -> list[str]:
    return [pane.entry.title for pane in page.panes if pane.entry is not None]


def words_of(menu: QMenu) -> list[str]:
    return [action.text() for action in menu.actions()]


def test_the_whole_conversation_goes_on_beside_the_other_quantization(qtbot, open_nibble, folder, put):
    put("twin-f16", "twin-f32", "other")
    identity = write_chat(folder)
    window = open_nibble()
    chat = open_chat(qtbot, window, identity)
    with ConversationStore(folder.database) as store:
        before = store.messages(identity)
    menu = QMenu(chat)
    chat.comparing.fill_menu(menu, identity)
    assert words_of(menu) == ["Compare with F32", "Compare with …"]
    menu.actions()[0].trigger()
    page = compared(qtbot, window)
    assert titles(page) == ["Twin F16", "Twin F32"]
    for pane in page.panes:
        first, *rest, last = pane.earlier
        assert (first.role, first.content) == ("system", "Be brief.")
        assert [each.role for each in rest] == ["user", "assistant", "user"]
        assert "Prompt 1" in rest[0].content
        assert "Hamlet" in rest[0].content  # what is attached
        assert (last.content, last.reasoning) == ("Answer 2", "thought 2")
        view = pane.findChild(EarlierView)
        assert view.head.text() == "4 messages from ‘Prompt 1’"
        assert view.words.isHidden()
        view.head.click()
        assert "Hamlet" in view.words.toPlainText()
        assert view.words.isVisible()
    assert page.composer.sampling == CHOSEN
    assert page.composer.box.toPlainText() == ""
    page.send("Prompt 3")
    settle(qtbot)
    assert all(pane.turn.tokens == 8 for pane in page.panes)
    without = page.panes[0].turn.statistics.prompt_tokens
    assert without > 40  # all of it was read, and not the new prompt alone
    with ConversationStore(folder.database) as store:
        assert store.messages(identity) == before


def test_the_last_prompt_is_asked_again_in_every_pane(qtbot, open_nibble, folder, put):
    put("twin-f16", "twin-f32")
    identity = write_chat(folder)
    window = open_nibble()
    open_chat(qtbot, window, identity)
    QTest.keyClick(
        window, Qt.Key.Key_M, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    )
    page = compared(qtbot, window)
    (bar,) = page.notices.bars()
    bar.findChildren(QPushButton)[0].click()
    settle(qtbot)
    for pane in page.panes:
        assert [turn.prompt for turn in pane.turns] == ["Prompt 2"]
        assert [each.content for each in pane.earlier][2:] == ["Answer 1"]
        assert pane.turn.text


def test_a_prompt_without_an_answer_is_typed_in(qtbot, open_nibble, folder, put):
    put("twin-f16", "twin-f32")
    identity = write_chat(folder, answers=1)
    window = open_nibble()
    chat = open_chat(qtbot, window, identity)
    chat.comparing._compare_open_one()
    page = compared(qtbot, window)
    assert page.composer.box.toPlainText() == "Prompt 2"
    assert page.panes[0].earlier[-1].content == "Answer 1"


def test_up_to_one_of_its_answers(qtbot, open_nibble, folder, put):
    put("twin-f16", "twin-f32")
    identity = write_chat(folder)
    window = open_nibble()
    chat = open_chat(qtbot, window, identity)
    first = chat.column.answers()[0].message
    menu = QMenu(chat)
    chat.comparing.fill_menu(menu, identity, first.id)
    menu.actions()[0].trigger()
    page = compared(qtbot, window)
    assert page.panes[1].earlier[-1].content == "Answer 1"


def test_random_seed_becomes_that_of_the_last_answer(qtbot, open_nibble, folder, put):
    put("twin-f16", "twin-f32")
    identity = write_chat(folder, sampling=Sampling(seed=-1))
    window = open_nibble()
    open_chat(qtbot, window, identity).comparing._compare_open_one()
    assert compared(qtbot, window).composer.seed.value() == 1234


def test_palette_offers_every_other_model_for_the_open_chat(qtbot, open_nibble, folder, put):
    put("twin-f16", "twin-f32", "other")
    window = open_nibble()
    open_chat(qtbot, window, write_chat(folder))
    window.open_palette()
    window.palette_.field.setText("compare with")
    assert {"Compare with Twin F32", "Compare with Other F16"} <= {
        each.text for each in window.palette_.found
    }
    assert "Compare with Twin F16" not in {each.text for each in window.palette_.found}


def test_model_that_is_gone_is_said(qtbot, open_nibble, folder, put):
    put("twin-f32", "other")
    identity = write_chat(folder)
    window = open_nibble()
    chat = open_chat(qtbot, window, identity)
    menu = QMenu(chat)
    chat.comparing.fill_menu(menu, identity)
    (action,) = menu.actions()
    assert action.text() == "Compare: twin-f16.gguf is not in the library any more"
    assert not action.isEnabled()
    chat.comparing._compare_open_one()
    assert "twin-f16.gguf" in chat.notices.bars()[0].sentence


def test_without_another_model_the_menu_leads_to_the_library(qtbot, open_nibble, folder, put):
    put("twin-f16")
    identity = write_chat(folder)
    window = open_nibble()
    chat = open_chat(qtbot, window, identity)
    menu = QMenu(chat)
    chat.comparing.fill_menu(menu, identity)
    menu.actions()[0].trigger()
    settle(qtbot)
    assert window.show_page("library").isVisible()


def test_too_long_for_a_pane_is_said_there_alone(qtbot, open_nibble, folder, put):
    put("twin-f16", "other")
    identity = write_chat(folder, prompt="word " * 100)
    window = open_nibble()
    chat = open_chat(qtbot, window, identity)
    chat.comparing._compare_open_one()
    page = compared(qtbot, window)
    page.send("And now?")
    settle(qtbot)
    twin, other = (pane.turn for pane in page.panes)
    assert twin.text
    assert other.fault_card is not None


def test_a_chat_that_leaves_out_its_oldest_turns_does_so_in_the_panes_and_says_it(
    qtbot, open_nibble, folder, put
):
    put("twin-f16", "other")
    identity = write_chat(folder, prompt="word " * 60)
    with ConversationStore(folder.database) as store:
        store.change_when_full(identity, "drop_oldest")
    window = open_nibble()
    open_chat(qtbot, window, identity).comparing._compare_open_one()
    page = compared(qtbot, window)
    page.send("And now?")
    settle(qtbot)
    twin, other = (pane.turn for pane in page.panes)
    assert twin.statistics.dropped_messages == 0
    assert other.statistics.dropped_messages > 0
    told = [label.text() for label in other.findChildren(QLabel)]
    assert any(text.startswith("Without the first") for text in told)


def test_new_comparison_leaves_the_chat_and_can_be_undone(qtbot, open_nibble, folder, put):
    put("twin-f16", "twin-f32")
    window = open_nibble()
    open_chat(qtbot, window, write_chat(folder)).comparing._compare_open_one()
    page = compared(qtbot, window)
    page.send("Prompt 3")
    settle(qtbot)
    page.new_comparison()
    assert all(not pane.earlier for pane in page.panes)
    assert page.composer.sampling.top_k == Sampling().top_k
    page.notices.bars()[0].findChildren(QPushButton)[0].click()
    assert all(len(pane.earlier) == 5 for pane in page.panes)


def test_another_model_goes_on_with_the_same_chat(qtbot, open_nibble, folder, put):
    put("twin-f16", "twin-f32", "other")
    window = open_nibble()
    open_chat(qtbot, window, write_chat(folder)).comparing._compare_open_one()
    page = compared(qtbot, window)
    page.header.add.click()
    settle(qtbot)
    assert [len(pane.earlier) for pane in page.panes] == [5, 5, 5]


def test_an_answer_of_a_pane_goes_on_in_a_chat_of_its_own(qtbot, open_nibble, folder, put):
    put("twin-f16", "twin-f32")
    identity = write_chat(folder)
    window = open_nibble()
    open_chat(qtbot, window, identity).comparing._compare_open_one()
    page = compared(qtbot, window)
    page.send("Prompt 3")
    settle(qtbot)
    second = page.panes[1].turn
    second.go_on.click()
    settle(qtbot)
    chat = window.show_page("chat")
    assert chat.conversation.id != identity
    assert chat.conversation.model_path == folder.models / "twin-f32.gguf"
    assert (chat.conversation.system_prompt, chat.conversation.sampling) == ("Be brief.", CHOSEN)
    with ConversationStore(folder.database) as store:
        messages = store.messages(chat.conversation.id)
        assert len(store.messages(identity)) == 4
    *earlier, prompt, answer = messages
    assert [each.role for each in earlier] == ["user", "assistant"] * 2
    assert "Hamlet" in earlier[0].text
    assert (earlier[3].text, earlier[3].reasoning, earlier[3].model_name) == (
        "Answer 2",
        "thought 2",
        "twin-f16",
    )
    assert (prompt.text, answer.text) == ("Prompt 3", second.text)
    assert (answer.model_name, answer.quantization) == ("Twin", "F32")
    assert answer.statistics.tokens == 8
