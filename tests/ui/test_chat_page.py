"""The Chat page with the real runtime on models of random weights."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QWidget

from app.chat import RANDOM_SEED, ConversationStore, MessageState
from app.core.errors import DataFolderFault, DiskFull, FileGone, WorkerDied
from app.memory import Spread
from app.runtime import Sampling
from app.storage import DataFolder
from app.ui import jobs
from app.ui.notice import NoticeBar
from app.ui.pages.chat import ChatPage
from app.ui.pages.chat_conversations import relative_time
from app.ui.pages.chat_spread import spread_words
from app.ui.window import MainWindow
from tests.helpers.card_worker import machine_with_card, worker_with_card
from tests.helpers.tiny_gguf import write_tiny_model
from tests.ui.conftest import settle

OpenNibble = Callable[..., MainWindow]
LOADED_MS = 30_000


def page_of(window: MainWindow) -> ChatPage:
    page = window.show_page("chat")
    assert isinstance(page, ChatPage)
    return page


def ask(page: ChatPage, text: str, max_tokens: int = 8) -> None:
    page.drawer.samplers.fields["max_tokens"].setValue(max_tokens)
    page.composer.set_text(text)
    page.composer.send()


def ask_for_long(qtbot, page: ChatPage) -> None:
    """Asks, and waits until a part of a long answer is there."""
    ask(page, "Tell me everything", max_tokens=0)
    qtbot.waitUntil(lambda: len(page.answering.text) > 40, timeout=LOADED_MS)


def stored(page: ChatPage):
    assert page.conversation is not None
    return page.window().services.conversations.messages(page.conversation.id)


def texts(part: QWidget) -> str:
    """All that can be read in it."""
    return "\n".join(each.text() for each in part.findChildren(QLabel) if each.isVisibleTo(part))


def titles(page: ChatPage) -> list[str]:
    return [line.title for line in page.list.lines]


# Where the model runs

ON_LINUX = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the stand-in for a card is for Linux"
)
WHOLE_BYTES = 1_000_000_000
"""Room for the whole of the model."""


@pytest.fixture
def chat_on_card(open_nibble: OpenNibble, folder: DataFolder, monkeypatch: pytest.MonkeyPatch, qtbot):
    """A new chat with a model of 13 layers, of which a card of so much room takes a part."""

    def opened(room_bytes: int) -> ChatPage:
        monkeypatch.setattr("app.runtime.client.worker_command", lambda: worker_with_card(room_bytes))
        monkeypatch.setattr("app.memory.keeper.ThisMachine.read", lambda here: machine_with_card(room_bytes))
        path = write_tiny_model(folder.models / "deep.gguf", layers=12, name="Deep", context=4096)
        page = page_of(open_nibble())
        page.open_model(path)
        settle(qtbot)
        return page

    return opened


@ON_LINUX
def test_split_model_says_how_many_layers_are_on_the_card_as_soon_as_it_is_loaded(chat_on_card, qtbot):
    page = chat_on_card(40_000_000)
    page.show_drawer(True)
    layers = page.answering.spread_of(page.model).offloaded
    assert 1 < layers < 13
    words = f"{layers} of 13 layers on GeForce RTX 4060"
    assert words in texts(page.head)
    assert words in texts(page.drawer)
    page.new_chat()
    settle(qtbot)
    assert words in texts(page.drawer)
    other = write_tiny_model(page.model.with_name("other.gguf"), name="Other")
    page.choose_model(other)
    assert words not in texts(page.drawer) + texts(page.head)


@ON_LINUX
def test_model_that_is_on_the_card_whole_says_so_in_the_drawer_only(chat_on_card):
    page = chat_on_card(WHOLE_BYTES)
    page.show_drawer(True)
    assert "Runs on GeForce RTX 4060" in texts(page.drawer)
    assert "GeForce" not in texts(page.head)


@ON_LINUX
def test_model_for_which_the_card_has_no_room_says_that_it_runs_on_the_processor(chat_on_card):
    page = chat_on_card(1_000_000)
    page.show_drawer(True)
    assert "Runs on the processor" in texts(page.head)
    assert "Runs on the processor" in texts(page.drawer)


def test_words_for_experts_apart_and_for_several_cards():
    card, other = "NVIDIA GeForce RTX 3090", "AMD Radeon RX 7900 XT"
    assert spread_words(Spread(49, 49, (card,), expert_layers_in_memory=30)) == (
        "Experts of 30 layers in memory, all else on GeForce RTX 3090"
    )
    assert spread_words(Spread(81, 60, (card, card))) == ("60 of 81 layers on 2 × GeForce RTX 3090")
    assert spread_words(Spread(81, 81, (card, other))) == ("Runs on GeForce RTX 3090 and Radeon RX 7900 XT")


def test_without_a_card_nothing_is_said_of_where_the_model_runs(chat):
    chat.show_drawer(True)
    assert "processor" not in texts(chat.head) + texts(chat.drawer)


# Asking


def kill_worker(chat, qtbot) -> None:
    """Between two answers; returns when the engine can see that its worker is gone."""
    os.kill(chat.answering.worker_pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: chat.answering.worker_pid is None)


def test_prompt_is_answered_shown_and_kept(chat, qtbot):
    ask(chat, "  Hello there  ", max_tokens=8)
    assert chat.composer.text == ""
    settle(qtbot)
    prompt, answer = stored(chat)
    assert (prompt.text, answer.state) == ("Hello there", MessageState.COMPLETE)
    assert [view.prose.text for view in chat.column.prompts()] == ["Hello there"]
    (view,) = chat.column.answers()
    assert view.prose.text == answer.text
    assert "8 tokens" in view.statistics.text
    assert "Endless F32" in view.statistics.text
    assert "Context" not in view.statistics.text
    view.statistics.head.click()
    assert "of 4,096 tokens" in view.statistics.text
    assert "Seed: " in view.statistics.text
    assert "Temperature 0.8" in view.statistics.text
    assert "limit of tokens" in view.state_line.text
    assert titles(chat) == ["Hello there"]


def test_second_prompt_goes_into_the_same_conversation(chat, qtbot):
    for text in ("One", "Two"):
        ask(chat, text)
        settle(qtbot)
    assert [message.text for message in stored(chat) if message.role == "user"] == ["One", "Two"]
    assert titles(chat) == ["One"]


def test_conversation_is_kept_from_the_first_prompt_on_and_not_before(chat, qtbot):
    chat.composer.set_text("A draft")
    assert titles(chat) == []
    ask(chat, "A prompt")
    assert titles(chat) == ["A prompt"]
    settle(qtbot)


def test_prompt_sent_while_the_model_loads_waits_for_it(open_nibble, endless, qtbot):
    page = page_of(open_nibble())
    page.open_model(endless)
    assert page.answering.loading == endless
    ask(page, "Hello")
    assert len(jobs.running()) == 2  # the load, and a look at the library; no second load
    settle(qtbot)
    assert stored(page)[-1].state is MessageState.COMPLETE


def test_empty_prompt_is_not_sent(chat):
    ask(chat, " \n ")
    assert chat.answering.conversation is None
    assert not chat.composer.send_button.isEnabled()


def test_enter_sends_and_shift_enter_starts_a_line(chat, qtbot):
    chat.drawer.samplers.fields["max_tokens"].setValue(4)
    field = chat.composer.field
    QTest.keyClicks(field, "one")
    QTest.keyClick(field, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClicks(field, "two")
    QTest.keyClick(field, Qt.Key.Key_Return)
    settle(qtbot)
    assert stored(chat)[0].text == "one\ntwo"


def test_field_grows_with_its_lines_up_to_a_limit(chat, qtbot):
    heights = []
    for lines in (1, 4, 8, 30):
        chat.composer.set_text("\n".join("x" * lines))
        heights.append(chat.composer.field.height())
    assert heights[0] < heights[1] < heights[2] == heights[3]


def test_prompt_that_cannot_be_saved_stays_in_the_field(chat, monkeypatch):
    def full(*arguments: object) -> None:
        raise DiskFull("The disk is full: nothing can be saved.", "Free some space.")

    monkeypatch.setattr(chat.window().services.conversations, "add_prompt", full)
    ask(chat, "Do not lose this")
    assert chat.composer.text == "Do not lose this"
    assert [bar.sentence for bar in chat.notices.bars()] == ["The disk is full: nothing can be saved."]


def test_lone_surrogates_in_a_prompt_are_no_obstacle(chat, qtbot):
    chat.drawer.samplers.fields["max_tokens"].setValue(4)
    chat.send("half \ud83d of a face")
    settle(qtbot)
    assert stored(chat)[0].text == "half ? of a face"


# Stopping


def test_stop_ends_the_answer_soon_and_keeps_what_has_arrived(chat, qtbot, record_property):
    took_s = []
    for _ in range(3):  # the best counts: the machine may be busy with something else
        ask_for_long(qtbot, chat)
        started = time.monotonic()
        chat.composer.stop_button.click()
        qtbot.waitUntil(lambda: chat.answering.conversation is None, timeout=2_000)
        took_s.append(time.monotonic() - started)
    record_property("stop_ms", round(min(took_s) * 1000))
    assert min(took_s) < 0.2
    answer = stored(chat)[-1]
    assert answer.state is MessageState.STOPPED
    view = chat.column.answers()[-1]
    assert view.prose.text == answer.text
    assert view.state_line.text == "Stopped"
    assert chat.composer.send_button.isVisible()


def test_escape_stops(chat, qtbot):
    chat.window().activateWindow()  # shortcuts are for the active window
    qtbot.waitUntil(chat.window().isActiveWindow)
    ask_for_long(qtbot, chat)
    QTest.keyClick(chat.composer.field, Qt.Key.Key_Escape)
    settle(qtbot)
    assert stored(chat)[-1].state is MessageState.STOPPED


def test_stop_while_the_model_loads_leaves_the_prompt_to_be_tried_again(open_nibble, endless, qtbot):
    page = page_of(open_nibble())
    page.open_model(endless)
    ask(page, "Hello")
    page.composer.stop_button.click()
    settle(qtbot)
    assert [message.role for message in stored(page)] == ["user"]
    assert page.answering.worker_pid is None
    page.try_again()
    settle(qtbot)
    assert stored(page)[-1].state is MessageState.COMPLETE


# What goes wrong


def test_killed_runtime_shows_a_card_keeps_the_part_and_can_be_tried_again(chat, qtbot):
    ask_for_long(qtbot, chat)
    os.kill(chat.answering.worker_pid, signal.SIGKILL)
    settle(qtbot)
    card = chat.column.fault_card()
    assert isinstance(card.fault, WorkerDied)
    assert card.fault.log
    card.toggle_log()
    assert card.log_shown
    (view,) = chat.column.answers()
    assert "Cut off" in view.state_line.text
    assert view.prose.text == stored(chat)[-1].text != ""
    assert stored(chat)[-1].state is MessageState.CUT_OFF
    chat.drawer.samplers.fields["max_tokens"].setValue(4)
    chat.try_again()
    settle(qtbot)
    assert chat.column.fault_card() is None
    (again,) = stored(chat)[1:]
    assert again.state is MessageState.COMPLETE
    assert len(again.siblings) == 2  # what was cut off is still there
    assert [view.prose.text for view in chat.column.answers()] == [again.text]


def test_model_file_that_is_gone_gives_a_card_and_the_prompt_stays(chat, endless, qtbot):
    kill_worker(chat, qtbot)
    endless.rename(endless.with_suffix(".away"))
    ask(chat, "Are you there?")
    settle(qtbot)
    assert isinstance(chat.column.fault_card().fault, FileGone)
    assert [message.text for message in stored(chat)] == ["Are you there?"]
    endless.with_suffix(".away").rename(endless)
    chat.try_again()
    settle(qtbot)
    assert stored(chat)[-1].state is MessageState.COMPLETE


@pytest.mark.skipif(sys.platform == "win32", reason="Windows deletes no file that is in use")
def test_model_whose_file_is_deleted_while_loaded_answers_and_says_what_is_so(chat, endless, qtbot):
    endless.unlink()
    chat.known.look(chat.model)
    settle(qtbot)
    assert "still in memory" in texts(chat.head)
    ask(chat, "Are you there?")
    settle(qtbot)
    assert stored(chat)[-1].state is MessageState.COMPLETE
    kill_worker(chat, qtbot)
    chat.known.look(chat.model)
    settle(qtbot)
    assert "Not found" in texts(chat.head)


def test_model_that_cannot_be_loaded_gives_a_card_before_anything_is_asked(open_nibble, folder, qtbot):
    strange = write_tiny_model(folder.models / "strange.gguf", architecture="nibbletron")
    page = page_of(open_nibble())
    page.open_model(strange)
    settle(qtbot)
    assert "nibbletron" in page.column.fault_card().fault.message
    assert page.state is page.column


def test_fault_is_there_again_when_the_conversation_is_opened_again(chat, endless, qtbot):
    kill_worker(chat, qtbot)
    endless.unlink()
    ask(chat, "Are you there?")
    settle(qtbot)
    identity = chat.conversation.id
    chat.new_chat()
    settle(qtbot)
    chat.open_conversation(identity)
    assert isinstance(chat.column.fault_card().fault, FileGone)
    settle(qtbot)


def test_database_that_cannot_be_used_gives_a_card_instead_of_the_chat(folder, endless, open_nibble, qtbot):
    folder.database.mkdir()  # what is only damaged is recovered
    page = page_of(open_nibble())
    card = page.column.fault_card()
    assert isinstance(card.fault, DataFolderFault)
    assert not page.composer.isVisible()
    page.open_model(endless)
    page.new_chat()
    settle(qtbot)
    folder.database.rmdir()
    page.open_model(endless)
    settle(qtbot)
    ask(page, "Hello", max_tokens=2)
    settle(qtbot)
    assert stored(page)[-1].state is MessageState.COMPLETE


# After a restart


def test_conversations_are_there_again_in_a_new_window(chat, open_nibble, qtbot):
    ask(chat, "Remember me")
    settle(qtbot)
    kept = stored(chat)
    chat.window().close()
    again = page_of(open_nibble())
    assert titles(again) == ["Remember me"]
    assert [view.prose.text for view in again.column.answers()] == [kept[-1].text]
    assert again.answering.loading is None  # nothing is loaded before it is needed
    again.composer.set_text("x")
    assert again.answering.loading == again.model
    settle(qtbot)


def test_answer_of_a_nibble_that_was_killed_is_shown_as_cut_off(folder, endless, open_nibble):
    with ConversationStore(folder.database) as store:
        conversation = store.create(endless, Sampling())
        store.add_prompt(conversation.id, "Hello")
        store.begin_answer(conversation.id, "Endless", "F32").append("I was about to")
    with sqlite3.connect(folder.database) as connection:
        connection.execute("UPDATE messages SET writer = '999999 0.00' WHERE role = 'assistant'")
    connection.close()
    page = page_of(open_nibble())
    (view,) = page.column.answers()
    assert view.prose.text == "I was about to"
    assert "Cut off" in view.state_line.text
    assert view.state_line.again.isVisible()


def test_prompt_without_an_answer_offers_to_try_again(folder, endless, open_nibble, qtbot):
    with ConversationStore(folder.database) as store:
        conversation = store.create(endless, Sampling(max_tokens=4))
        store.add_prompt(conversation.id, "Hello")
    page = page_of(open_nibble())
    page.column.again_asked.emit()
    settle(qtbot)
    assert stored(page)[-1].state is MessageState.COMPLETE


# Several conversations


def test_answer_goes_on_while_another_conversation_is_looked_at(chat, qtbot):
    ask(chat, "Short", max_tokens=4)
    settle(qtbot)
    other = chat.conversation.id
    chat.new_chat()
    ask_for_long(qtbot, chat)
    busy = chat.conversation.id
    chat.open_conversation(other)
    assert not chat.composer.stop_button.isVisible()
    assert len(chat.column.answers()) == 1
    before = len(chat.answering.text)
    qtbot.waitUntil(lambda: len(chat.answering.text) > before, timeout=5_000)
    chat.open_conversation(busy)
    assert chat.column.live.prose.text == chat.answering.text
    chat.composer.stop_button.click()
    settle(qtbot)
    assert chat.column.answers()[-1].prose.text == stored(chat)[-1].text


def test_opening_a_conversation_loads_nothing_until_the_person_writes(chat, folder, endless, qtbot):
    other = write_tiny_model(folder.models / "other.gguf", name="Other")
    ask(chat, "First")
    settle(qtbot)
    first = chat.conversation.id
    chat.composer.set_text("a draft")
    chat.open_model(other)
    settle(qtbot)
    chat.open_conversation(first)
    assert chat.composer.text == "a draft"
    assert chat.answering.loading is None
    assert chat.answering.is_loaded(other)
    QTest.keyClicks(chat.composer.field, "x")
    assert chat.answering.loading == endless
    settle(qtbot)


def test_every_conversation_keeps_its_draft(chat, qtbot):
    ask(chat, "First")
    settle(qtbot)
    chat.composer.set_text("about the first")
    first = chat.conversation.id
    chat.new_chat()
    assert chat.composer.text == ""
    chat.composer.set_text("about nothing yet")
    chat.open_conversation(first)
    assert chat.composer.text == "about the first"
    chat.new_chat()
    assert chat.composer.text == "about nothing yet"
    settle(qtbot)


def test_deleted_conversation_can_be_taken_back(chat, qtbot):
    ask(chat, "Keep me")
    settle(qtbot)
    identity = chat.conversation.id
    chat.delete_conversation(identity)
    assert titles(chat) == []
    chat.notices.bars()[0].findChildren(type(chat.composer.send_button))[0].click()
    assert titles(chat) == ["Keep me"]
    settle(qtbot)
    chat.open_conversation(identity)
    assert len(stored(chat)) == 2


def test_list_is_used_with_pointer_and_keys(chat, qtbot):
    for text in ("First", "Second"):
        chat.new_chat()
        ask(chat, text, max_tokens=2)
        settle(qtbot)
    rows, area = chat.list, chat.list.viewport()
    below = rows.model().index(1, 0)
    QTest.mouseClick(area, Qt.MouseButton.LeftButton, pos=rows.visualRect(below).center())
    assert chat.conversation.title == "First"
    QTest.mouseClick(area, Qt.MouseButton.LeftButton, pos=rows.bin_rect(0).center())
    assert titles(chat) == ["First"]
    assert chat.conversation.title == "First"
    QTest.keyClick(rows, Qt.Key.Key_Delete)
    assert titles(chat) == []
    settle(qtbot)


def test_deleted_conversation_is_gone_when_the_page_is_left(chat, qtbot):
    ask(chat, "Forget me")
    settle(qtbot)
    chat.delete_conversation(chat.conversation.id)
    settle(qtbot)
    chat.window().show_page("library")
    settle(qtbot)
    assert chat.window().services.conversations.conversations() == []


def test_conversation_deleted_while_it_is_answered_is_stopped_first(chat, qtbot):
    ask_for_long(qtbot, chat)
    chat.delete_conversation(chat.conversation.id)
    chat.deletions.finish()
    settle(qtbot)
    assert chat.window().services.conversations.conversations() == []


# Model and settings


def test_library_opens_a_chat_with_the_chosen_model(open_nibble, endless, qtbot):
    window = open_nibble()
    window.show_page("library").chat_requested.emit(endless)
    settle(qtbot)
    page = page_of(window)
    assert page.model == endless
    assert page.answering.is_loaded(endless)
    assert page.isVisible()


def test_another_model_can_be_chosen_for_a_conversation(chat, folder, qtbot):
    other = write_tiny_model(folder.models / "other.gguf", name="Other", type="f16")
    ask(chat, "Hello")
    settle(qtbot)
    chat.picker.picked.emit(other)
    settle(qtbot)
    ask(chat, "And you?", max_tokens=4)
    settle(qtbot)
    answers = [message for message in stored(chat) if message.role == "assistant"]
    assert [answer.model_name for answer in answers] == ["Endless", "Other"]
    assert chat.window().services.conversations.conversation(chat.conversation.id).model_path == other


def test_settings_are_kept_with_the_conversation(chat, qtbot):
    chat.drawer.samplers.fields["temperature"].setValue(0.0)
    ask(chat, "Hello", max_tokens=4)
    settle(qtbot)
    chat.drawer.samplers.fields["top_k"].setValue(7)
    chat.drawer._prompt.setPlainText("Be brief.")
    chat.drawer.flush()
    kept = chat.window().services.conversations.conversation(chat.conversation.id)
    assert (kept.sampling.temperature, kept.sampling.max_tokens, kept.sampling.top_k) == (0.0, 4, 7)
    assert kept.system_prompt == "Be brief."
    chat.drawer.samplers.reset()
    kept = chat.window().services.conversations.conversation(chat.conversation.id)
    assert kept.sampling == Sampling(seed=RANDOM_SEED)
    assert kept.system_prompt == "Be brief."


def test_random_seed_is_another_one_for_every_answer_and_a_chosen_one_stays(chat, qtbot):
    for text in ("One", "Two"):
        ask(chat, text, max_tokens=2)
        settle(qtbot)
    chat.drawer.samplers.random_seed.setChecked(False)
    chat.drawer.samplers.seed.setValue(1234)
    ask(chat, "Three", max_tokens=2)
    settle(qtbot)
    first, second, third = (
        message.statistics.seed for message in stored(chat) if message.statistics is not None
    )
    assert first != second
    assert third == 1234


def test_without_models_the_page_leads_to_the_library(open_nibble, qtbot, tmp_path, monkeypatch):
    monkeypatch.setattr("resources.guide_checkpoint", lambda: tmp_path / "not even the built-in one")
    window = open_nibble()
    page = page_of(window)
    settle(qtbot)
    assert page.state is page.no_models
    page.library_asked.emit()
    assert window.show_page("library").isVisible()
    settle(qtbot)


def test_with_several_models_the_page_asks_to_choose_one(open_nibble, endless, folder, qtbot):
    write_tiny_model(folder.models / "other.gguf", name="Other")
    page = page_of(open_nibble())
    settle(qtbot)
    assert page.state is page.no_choice
    page.pick_model()
    assert page.picker.isVisible()
    QTest.keyClick(page.picker.list, Qt.Key.Key_Down)
    QTest.keyClick(page.picker.list, Qt.Key.Key_Return)
    assert page.model == folder.models / "other.gguf"
    settle(qtbot)


# Reading


def test_view_follows_the_answer_only_while_it_is_at_the_end(folder, endless, open_nibble, qtbot):
    with ConversationStore(folder.database) as store:
        conversation = store.create(endless, Sampling())
        store.add_prompt(conversation.id, "A long story\n" * 100)
    page = page_of(open_nibble())
    bar = page.column.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 0)
    ask_for_long(qtbot, page)
    assert bar.value() == bar.maximum()
    bar.setValue(0)
    reached = bar.maximum()
    qtbot.waitUntil(lambda: bar.maximum() > reached, timeout=LOADED_MS)
    assert bar.value() == 0
    page.column.scroll_to_end()
    assert bar.value() == bar.maximum()
    page.composer.stop_button.click()
    settle(qtbot)


def test_link_in_an_answer_is_opened_only_after_asking(chat, monkeypatch):
    opened = []
    monkeypatch.setattr("app.ui.links.QDesktopServices.openUrl", lambda url: opened.append(url) or True)
    chat.column.link_asked.emit("https://example.org/x")
    assert opened == []
    bar: NoticeBar = chat.notices.bars()[0]
    assert bar.hint == "https://example.org/x"
    bar.findChildren(type(chat.composer.send_button))[0].click()
    assert [url.toString() for url in opened] == ["https://example.org/x"]
    chat.column.link_asked.emit("file:///etc/passwd")
    assert len(opened) == 1


def test_answer_is_copied_as_it_was_written(chat, qtbot):
    ask(chat, "Hello")
    settle(qtbot)
    (view,) = chat.column.answers()
    view.buttons.copy.click()
    assert QGuiApplication.clipboard().text() == stored(chat)[-1].text


@pytest.mark.parametrize(
    ("age_s", "words"),
    [(5, "Now"), (180, "3 min ago"), (26 * 3600, "Yesterday"), (400 * 86_400, "11 Feb 2024")],
)
def test_relative_time(age_s, words):
    noon = time.mktime((2025, 3, 17, 12, 0, 0, 0, 0, -1))
    assert relative_time(noon - age_s, noon) == words


def test_stop_string_set_in_the_drawer_ends_the_answer_and_is_kept(chat, qtbot):
    chat.drawer.samplers.fields["temperature"].setValue(0.0)
    ask(chat, "Hello", max_tokens=30)
    settle(qtbot)
    whole = stored(chat)[-1].text
    stop = whole[8:11]
    chat.drawer.samplers.rows["stop"].text.setPlainText(stop.replace("\\", "\\\\").replace("\n", "\\n"))
    ask(chat, "Hello", max_tokens=30)
    settle(qtbot)
    kept = chat.window().services.conversations.conversation(chat.conversation.id)
    assert kept.sampling.stop == (stop,)
    assert stop not in stored(chat)[-1].text


def test_grammar_that_the_runtime_refuses_is_a_fault_with_a_way_on(chat, qtbot):
    refused = "root ::= " + "(" * 50 + '"a"' + "){1000}" * 50
    chat.drawer.samplers.rows["grammar"].text.setPlainText(refused)
    chat.drawer.flush()
    ask(chat, "Hello")
    settle(qtbot)
    assert "llama.cpp does not take this grammar" in texts(chat)
    chat.drawer.samplers.reset()
    ask(chat, "Hello")
    settle(qtbot)
    assert stored(chat)[-1].role == "assistant"
