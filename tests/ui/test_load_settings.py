"""How a model is loaded, chosen in the window: the panel of the Chat page, and idle models that leave."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.memory import Unreturned
from app.recommend.choices import LoadChoices, read_choices
from app.runtime.protocol import Adapter
from app.storage import DataFolder
from app.ui.pages.chat import ChatPage
from app.ui.window import MainWindow
from tests.helpers.card_worker import machine_with_card, worker_with_card
from tests.helpers.lora import random_pair, write_lora
from tests.helpers.tiny_gguf import write_tiny_model
from tests.ui.conftest import settle
from tests.ui.test_chat_page import ask, page_of, texts

OpenNibble = Callable[..., MainWindow]


@pytest.fixture
def model(folder: DataFolder) -> Path:
    return write_tiny_model(
        folder.models / "plain.gguf", name="Plain", context=16384, layers=2, never_ends=True
    )


@pytest.fixture
def chat(open_nibble: OpenNibble, model: Path, qtbot) -> ChatPage:
    page = page_of(open_nibble())
    page.open_model(model)
    settle(qtbot)
    page.show_load_panel(True)
    settle(qtbot)
    return page


def engine(page: ChatPage):
    return page.window().services.chat_engine


def test_panel_takes_the_place_of_the_chats_settings_and_says_what_the_model_takes(chat):
    assert chat.head.loading_button.isChecked()
    chat.show_drawer(True)
    assert chat.load_panel.isHidden()
    assert not chat.head.loading_button.isChecked()
    chat.show_load_panel(True)
    assert chat.drawer.isHidden()
    # Two layers with two heads of 64 keys and as many values in F16, for 4,096 tokens.
    assert "context 4.19 MB" in texts(chat.load_panel)
    assert not chat.load_panel.apply_button.isEnabled()
    assert not any(row.reset.isVisibleTo(row) for row in chat.load_panel.rows.values())


def test_choosing_shows_at_once_what_it_takes_and_applying_loads_the_model_again(chat, model, qtbot):
    panel, first = chat.load_panel, engine(chat).worker_pid
    panel.context.choose(8192)
    panel.rows["kv_type"].field.setCurrentIndex(1)
    settle(qtbot)
    # Twice the tokens, and 34 bytes for 32 numbers instead of 64.
    assert "context 4.46 MB" in texts(panel)
    assert "Recommended: 4,096 tokens" in texts(panel)
    assert "Recommended: F16" in texts(panel.rows["kv_type"])
    assert "Apply loads the model again" in texts(panel)
    assert engine(chat).settings.context_length == 4096
    panel.apply_button.click()
    settle(qtbot)
    assert engine(chat).worker_pid != first
    settings = engine(chat).settings
    assert (settings.context_length, settings.kv_type, settings.value_type) == (8192, "q8_0", None)
    assert not panel.apply_button.isEnabled()
    assert read_choices(chat.window().services.folder.database, model) == LoadChoices(
        context_length=8192, kv_type="q8_0"
    )


def test_setting_and_then_all_of_them_go_back_to_what_is_recommended(chat, qtbot):
    panel = chat.load_panel
    panel.rows["threads"].field.setValue(1)
    panel.rows["ubatch"].field.setValue(64)
    panel.context.choose(2048)
    settle(qtbot)
    panel.rows["ubatch"].reset.click()
    settle(qtbot)
    assert panel.choices == LoadChoices(threads=1, context_length=2048)
    assert panel.rows["ubatch"].field.value() == 512
    panel.reset_button.click()
    settle(qtbot)
    assert panel.choices == LoadChoices()
    assert panel.context.context == 4096
    assert not panel.apply_button.isEnabled()


def test_choice_that_makes_no_sense_is_told_before_it_is_applied_and_can_be_mended(chat, qtbot):
    panel = chat.load_panel
    panel.choose(kv_type="q4_0", flash_attention="off")
    settle(qtbot)
    assert "needs flash attention" in texts(panel)
    assert not panel.apply_button.isEnabled()
    panel.choose(flash_attention="on")
    settle(qtbot)
    assert "needs flash attention" not in texts(panel)
    assert panel.apply_button.isEnabled()


def test_adapter_is_added_made_weaker_and_used(chat, folder, qtbot):
    path = write_lora(
        folder.models / "voice.gguf", {"blk.0.attn_v.weight": random_pair(128, 256, 8, 1)}, alpha=8.0
    )
    panel = chat.load_panel
    panel.adapters.add_files([path, path])
    panel.adapters.sliders[0].setValue(10)
    settle(qtbot)
    assert "0.50" in texts(panel.adapters)
    panel.apply_button.click()
    settle(qtbot)
    assert engine(chat).settings.adapters == (Adapter(os.fsencode(path), 0.5),)


def test_adapter_for_another_model_is_told_before_anything_is_loaded_and_can_be_removed(chat, folder, qtbot):
    path = write_lora(folder.models / "foreign.gguf", {}, alpha=8.0, architecture="qwen2")
    panel = chat.load_panel
    panel.adapters.add_files([path])
    settle(qtbot)
    assert "foreign.gguf is an adapter for models of" in texts(panel)
    assert not panel.apply_button.isEnabled()
    panel.choose(adapters=())
    settle(qtbot)
    assert "foreign.gguf" not in texts(panel)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the stand-in for a card is for Linux")
def test_layers_and_cards_are_chosen_where_there_are_any(
    open_nibble: OpenNibble, folder: DataFolder, monkeypatch: pytest.MonkeyPatch, qtbot
):
    rooms = (60_000_000, 60_000_000)
    monkeypatch.setattr("app.runtime.client.worker_command", lambda: worker_with_card(*rooms))
    monkeypatch.setattr("app.memory.keeper.ThisMachine.read", lambda here: machine_with_card(*rooms))
    path = write_tiny_model(folder.models / "deep.gguf", layers=8, name="Deep", context=4096)
    page = page_of(open_nibble())
    page.open_model(path)
    settle(qtbot)
    page.show_load_panel(True)
    settle(qtbot)
    panel = page.load_panel
    assert panel.rows["gpu_layers"].field.value() == 9
    assert panel.rows["expert_layers_in_memory"].isHidden()
    panel.devices.parts[0].setValue(0)
    panel.rows["gpu_layers"].field.setValue(4)
    settle(qtbot)
    panel.apply_button.click()
    settle(qtbot)
    assert "4 of 9 layers on GeForce RTX 4060" in texts(page.head)
    assert engine(page).settings.devices == ("CUDA1",)


@pytest.fixture
def on_two_cards(
    open_nibble: OpenNibble, folder: DataFolder, monkeypatch: pytest.MonkeyPatch, qtbot
) -> ChatPage:
    rooms = (60_000_000, 60_000_000)
    monkeypatch.setattr("app.runtime.client.worker_command", lambda: worker_with_card(*rooms))
    monkeypatch.setattr("app.memory.keeper.ThisMachine.read", lambda here: machine_with_card(*rooms))
    path = write_tiny_model(folder.models / "deep.gguf", layers=8, name="Deep", context=4096)
    page = page_of(open_nibble())
    page.open_model(path)
    settle(qtbot)
    page.show_load_panel(True)
    settle(qtbot)
    return page


needs_stand_in = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the stand-in for a card is for Linux"
)


@needs_stand_in
def test_main_card_is_chosen_and_shares_or_has_the_model_alone(on_two_cards, qtbot):
    devices = on_two_cards.load_panel.devices
    assert [devices.main.itemText(index) for index in range(2)] == [
        "CUDA0 · GeForce RTX 4060",
        "CUDA1 · GeForce RTX 4060",
    ]
    assert not devices.reset.isVisibleTo(devices)
    devices.main.setCurrentIndex(1)
    settle(qtbot)
    assert on_two_cards.load_panel.choices == LoadChoices(devices=("CUDA1", "CUDA0"))
    devices.sharing.setCurrentIndex(1)
    settle(qtbot)
    assert on_two_cards.load_panel.choices == LoadChoices(devices=("CUDA1",))
    assert not devices.parts[0].isVisibleTo(devices)
    on_two_cards.load_panel.apply_button.click()
    settle(qtbot)
    assert engine(on_two_cards).settings.devices == ("CUDA1",)
    assert set(engine(on_two_cards).spread.accelerators) == {"NVIDIA GeForce RTX 4060"}
    devices.sharing.setCurrentIndex(0)
    settle(qtbot)
    assert on_two_cards.load_panel.choices == LoadChoices(devices=("CUDA1", "CUDA0"))
    devices.parts[1].setValue(3)
    settle(qtbot)
    assert on_two_cards.load_panel.choices == LoadChoices(devices=("CUDA1", "CUDA0"), split=(3.0, 1.0))
    devices.main.setCurrentIndex(0)
    settle(qtbot)
    assert on_two_cards.load_panel.choices == LoadChoices(devices=("CUDA0", "CUDA1"), split=(1.0, 3.0))
    devices.reset.click()
    settle(qtbot)
    assert on_two_cards.load_panel.choices == LoadChoices()


@needs_stand_in
def test_card_that_is_gone_is_told_before_anything_is_loaded_and_all_can_be_taken_back(on_two_cards, qtbot):
    panel = on_two_cards.load_panel
    panel.choose(devices=("CUDA2",))
    settle(qtbot)
    assert "no device CUDA2" in texts(panel)
    assert not panel.apply_button.isEnabled()
    panel.reset_button.click()
    settle(qtbot)
    assert "no device CUDA2" not in texts(panel)
    assert panel.choices == LoadChoices()


def test_card_is_not_spoken_of_where_there_is_none(chat):
    assert chat.load_panel.rows["gpu_layers"].isHidden()
    assert chat.load_panel.devices.isHidden()


def test_idle_model_leaves_and_says_so_until_it_is_loaded_again(
    open_nibble: OpenNibble, model: Path, monkeypatch: pytest.MonkeyPatch, qtbot
):
    monkeypatch.setattr("app.recommend.choices.DEFAULT_KEEP_MINUTES", 0)
    page = page_of(open_nibble())
    page.open_model(model)
    settle(qtbot)
    ask(page, "hello")
    qtbot.waitUntil(lambda: page.head.resting_words != "", timeout=30_000)
    assert engine(page).worker_pid is None
    assert "Unloaded after the answer" in texts(page.head)
    page.composer.set_text("more")
    qtbot.waitUntil(lambda: engine(page).worker_pid is not None, timeout=30_000)
    settle(qtbot)
    assert "Unloaded" not in texts(page.head)


def test_context_that_was_chosen_is_told_wherever_the_context_is(chat, qtbot):
    chat.load_panel.context.choose(2048)
    chat.load_panel.apply_button.click()
    settle(qtbot)
    chat.show_drawer(True)
    assert "2,048 tokens" in texts(chat.drawer)
    ask(chat, "hello")
    settle(qtbot)
    figures = chat.column.answers()[-1].statistics
    figures.head.click()
    assert "of 2,048" in texts(figures)


def test_memory_that_does_not_come_back_is_told_beside_the_model_that_was_loaded_for_it(
    chat, folder, monkeypatch: pytest.MonkeyPatch, qtbot
):
    missed = Unreturned("Chat's model", "RTX 4060", 6_000_000_000, 2_000_000_000)
    monkeypatch.setattr("app.memory.keeper.wait_until_returned", lambda *arguments: (missed,))
    chat.choose_model(write_tiny_model(folder.models / "next.gguf", name="Next", seed=4))
    settle(qtbot)
    assert missed.sentence in texts(chat.notices)
