"""Chat: how it samples, and where and how its model is loaded."""

from __future__ import annotations

from unittest.mock import patch

from app.ui.pages.chat import ChatPage
from tests.helpers.card_worker import machine_with_card, worker_with_card
from tests.helpers.lora import random_pair, write_lora
from tests.helpers.tiny_gguf import write_tiny_model
from tests.tour.props import open_chat, say, scroll_drawer, settle_chat
from tests.tour.stage import Stage, scene


@scene
def chat_settings(stage: Stage) -> None:
    page = open_chat(stage)
    say(stage, page, "What is the sea?", 60)
    page.show_drawer(True)


@scene
def chat_settings_advanced(stage: Stage) -> None:
    page = open_chat(stage)
    say(stage, page, "What is the sea?", 60)
    page.show_drawer(True)
    page.drawer.samplers.fields["dry_multiplier"].setValue(0.8)
    page.drawer.samplers.show_advanced(True)
    scroll_drawer(page, 520)


@scene
def chat_settings_texts(stage: Stage) -> None:
    page = open_chat(stage)
    say(stage, page, "What is the sea?", 60)
    page.show_drawer(True)
    samplers = page.drawer.samplers
    samplers.show_advanced(True)
    for name, text in (
        ("stop", "\\nUser:\nEND"),
        ("logit_bias", " maybe=-100\n42"),
        ("grammar", 'root ::= answer "."\nanswer ::= "yes" | "no'),
    ):
        samplers.rows[name].text.setPlainText(text)
    page.drawer.flush()
    scroll_drawer(page, 100_000)


@scene
def chat_split(stage: Stage) -> None:
    page = open_chat_on_card(stage, 76_000_000)
    say(stage, page, "What is the sea?", 60)


@scene
def chat_split_settings(stage: Stage) -> None:
    page = open_chat_on_card(stage, 76_000_000)
    page.show_drawer(True)


@scene
def chat_on_the_processor(stage: Stage) -> None:
    open_chat_on_card(stage, 1_000_000).show_drawer(True)


@scene
def chat_load_settings(stage: Stage) -> None:
    page = open_chat(stage)
    page.show_load_panel(True)
    stage.wait(lambda: not page.loading.is_reading)


@scene
def chat_load_settings_on_a_card(stage: Stage) -> None:
    page = open_load_panel_on_cards(stage, 76_000_000)
    page.load_panel.choose(kv_type="q8_0", threads=2)
    stage.wait(lambda: not page.loading.is_reading)


@scene
def chat_load_settings_too_much_for_a_card(stage: Stage) -> None:
    page = open_load_panel_on_cards(stage, 76_000_000)
    page.load_panel.choose(gpu_layers=37, context_length=32768)
    stage.wait(lambda: not page.loading.is_reading)


@scene
def chat_load_settings_of_two_cards_and_adapters(stage: Stage) -> None:
    page = open_load_panel_on_cards(stage, 76_000_000, 40_000_000)
    pairs = {"blk.0.attn_v.weight": random_pair(128, 256, 8, 1)}
    names = ("A pirate's voice", "Answers in verse")
    page.load_panel.adapters.add_files(
        write_lora(stage.models / f"{name}.gguf", pairs, alpha=8.0) for name in names
    )
    page.load_panel.adapters.sliders[1].setValue(12)
    page.load_panel.choose(devices=("CUDA0", "CUDA1"), split=(2.0, 1.0))
    stage.wait(lambda: not page.loading.is_reading)
    page.load_panel.show_end()


@scene
def chat_load_settings_of_two_cards(stage: Stage) -> None:
    page = open_load_panel_on_cards(stage, 76_000_000, 40_000_000)
    page.load_panel.choose(devices=("CUDA1", "CUDA0"), split=(2.0, 1.0))
    stage.wait(lambda: not page.loading.is_reading)
    page.load_panel.show_devices_row()


@scene
def chat_load_settings_of_one_card_alone(stage: Stage) -> None:
    page = open_load_panel_on_cards(stage, 76_000_000, 40_000_000)
    page.load_panel.choose(devices=("CUDA1",))
    stage.wait(lambda: not page.loading.is_reading)
    page.load_panel.show_devices_row()


@scene
def chat_load_settings_of_a_mixture(stage: Stage) -> None:
    page = open_load_panel_on_cards(stage, 90_000_000, experts=4)
    page.load_panel.choose(expert_layers_in_memory=30)
    stage.wait(lambda: not page.loading.is_reading)
    page.load_panel.show_devices_row()


@scene
def chat_load_settings_with_a_card_that_is_gone(stage: Stage) -> None:
    page = open_load_panel_on_cards(stage, 76_000_000, 40_000_000)
    page.load_panel.choose(devices=("CUDA2", "CUDA0"))
    stage.wait(lambda: not page.loading.is_reading)


@scene
def chat_load_settings_with_an_adapter_that_is_gone(stage: Stage) -> None:
    page = open_chat(stage)
    page.show_load_panel(True)
    stage.wait(lambda: not page.loading.is_reading)
    page.load_panel.adapters.add_files([stage.models / "gone.gguf"])
    stage.wait(lambda: not page.loading.is_reading)


@scene
def chat_unloaded(stage: Stage) -> None:
    page = open_chat(stage)
    say(stage, page, "What is the sea?", 60)
    with patch.object(
        stage.window.services.chat_engine, "unload_idle", stage.window.services.chat_engine.unload
    ):
        page.loading.unload_now()
        stage.wait(lambda: page.head.resting_words != "")


# Props


def open_chat_on_card(stage: Stage, room_bytes: int) -> ChatPage:
    """A new chat with a model of 37 layers, on a computer whose card takes so much of it."""
    path = write_tiny_model(
        stage.models / "deep.gguf", layers=36, name="Qwen3 8B", context=4096, never_ends=True
    )
    with (
        patch("app.runtime.client.worker_command", lambda: worker_with_card(room_bytes)),
        patch("app.memory.keeper.ThisMachine.read", lambda here: machine_with_card(room_bytes)),
    ):
        stage.open()
        page = settle_chat(stage)
        page.open_model(path)
        return settle_chat(stage)


def open_load_panel_on_cards(stage: Stage, *rooms: int, experts: int = 0) -> ChatPage:
    """How a model of 37 layers is loaded on a computer with cards of so much room."""
    path = write_tiny_model(
        stage.models / "deep.gguf",
        layers=36,
        name="Qwen3 8B",
        context=32768,
        never_ends=True,
        experts=experts,
    )
    stage.around.enter_context(patch("app.runtime.client.worker_command", lambda: worker_with_card(*rooms)))
    stage.around.enter_context(
        patch("app.memory.keeper.ThisMachine.read", lambda here: machine_with_card(*rooms))
    )
    stage.open()
    page = settle_chat(stage)
    page.open_model(path)
    page = settle_chat(stage)
    page.show_load_panel(True)
    stage.wait(lambda: not page.loading.is_reading)
    return page
