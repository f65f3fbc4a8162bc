"""Chat: presets, the library of system prompts, the context meter and the figures of an answer."""

from __future__ import annotations

from pathlib import Path

from app.ui.pages.chat import ChatPage
from tests.helpers.tiny_gguf import CHATML, write_tiny_model
from tests.tour.props import open_chat, say, scroll_drawer, settle_chat
from tests.tour.stage import Stage, scene


@scene
def chat_preset_recommended(stage: Stage) -> None:
    page = open_chat_with(stage, recommended={"temp": 0.6, "top_k": 20})
    page.show_drawer(True)
    scroll_drawer(page, 160)


@scene
def chat_preset_changed(stage: Stage) -> None:
    page = open_chat(stage)
    page.show_drawer(True)
    page.presets.choose("precise")
    for name, value in (("temperature", 1.2), ("top_k", 20), ("max_tokens", 512)):
        page.drawer.samplers.fields[name].setValue(value)
    scroll_drawer(page, 160)


@scene
def chat_preset_saving(stage: Stage) -> None:
    page = open_chat(stage)
    page.show_drawer(True)
    page.presets.choose("creative")
    page.presets.save("Bedtime stories")
    page.drawer.presets.names.ask_name()
    page.drawer.presets.names._name.setText("bedtime stories")
    scroll_drawer(page, 160)


@scene
def chat_preset_deleted(stage: Stage) -> None:
    page = open_chat(stage)
    page.show_drawer(True)
    page.presets.choose("creative")
    page.presets.save("Bedtime stories")
    page.presets.delete()
    scroll_drawer(page, 160)


@scene
def chat_system_prompt_chosen(stage: Stage) -> None:
    page = open_chat(stage)
    page.show_drawer(True)
    page.prompt_library.choose("teacher")


@scene
def chat_figures_and_context(stage: Stage) -> None:
    page = open_chat(stage)
    page.drawer.take_system_prompt("Answer briefly, and in English.")
    say(stage, page, "What is the sea?", 60)
    page.meter.head.click()
    page.column.answers()[-1].statistics.head.click()
    page.column.scroll_to_end()


@scene
def chat_context_nearly_full(stage: Stage) -> None:
    page = open_chat_with(stage, recommended={}, context=256)
    for _ in range(3):
        say(stage, page, "hello world " * 2, 16)
    page.composer.set_text("hello world")
    page.meter.show_draft_tokens(24)
    page.meter.head.click()
    page.show_drawer(True)


@scene
def chat_context_leaving_out(stage: Stage) -> None:
    page = open_chat_with(stage, recommended={}, context=256)
    page.drawer.full_context.show_choice("drop_oldest")
    page.drawer.full_context.changed.emit("drop_oldest")
    for _ in range(5):
        say(stage, page, "hello world " * 4, 16)
    page.meter.head.click()


# Props


def open_chat_with(stage: Stage, *, recommended: dict[str, float], context: int = 4096) -> ChatPage:
    path: Path = write_tiny_model(
        stage.models / "qwen3.gguf",
        name="Qwen3 0.6B",
        context=context,
        layers=1,
        never_ends=True,
        chat_template=CHATML,
        recommended=recommended,
    )
    stage.open()
    page = settle_chat(stage)
    page.open_model(path)
    page = settle_chat(stage)
    say(stage, page, "What is the sea?", 24)
    return page
