"""Reasoning, calls of tools and template options through the real runtime, by models that write set words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.chat import AnswerDelta, ChatEngine, ConversationStore, Message, MessageState
from app.runtime import (
    ChatMessage,
    Generation,
    LoadedModel,
    LoadSettings,
    Sampling,
    TemplateOptions,
    ToolCall,
)
from app.runtime.model import NO_OPTIONS
from app.runtime.protocol import Piece
from tests.helpers.command_line import nibble
from tests.helpers.conversations import answer as ask
from tests.helpers.scripted_gguf import THINKING_TEMPLATE, write_calling_model, write_scripted_model

GREEDY = Sampling(temperature=0, max_tokens=60)
QUESTION = [ChatMessage("user", "Two and two?")]
PLAIN = "{% for m in messages %}{{ m.content }}{% endfor %}{{ '\\n' }}"
TOOL = {"type": "function", "function": {"name": "go", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture(scope="module")
def thinker(models: Path) -> Path:
    return write_scripted_model(models / "thinker.gguf", "Tw.</think>4!", chat_template=THINKING_TEMPLATE)


def answer(
    path: Path, options: TemplateOptions = NO_OPTIONS, messages: list[ChatMessage] = QUESTION
) -> tuple[Generation, list[Piece]]:
    with LoadedModel.load(path, LoadSettings(context_length=512, threads=1)) as model:
        events = list(model.generate(messages, GREEDY, options=options))
    generation = events[-1]
    assert isinstance(generation, Generation)
    return generation, [event for event in events if isinstance(event, Piece)]


def test_reasoning_comes_apart_from_the_answer(thinker: Path) -> None:
    generation, pieces = answer(thinker)
    assert (generation.reasoning, generation.text) == ("Tw.", "4!")
    assert "".join(piece.text for piece in pieces if piece.kind == "reasoning") == "Tw."
    assert "".join(piece.text for piece in pieces if piece.kind == "answer") == "4!"


def test_model_told_not_to_think_gives_all_as_answer(thinker: Path) -> None:
    # This one writes the same whatever it is told: it is the prompt that says what it means.
    generation, _ = answer(thinker, TemplateOptions(thinking=False))
    assert (generation.reasoning, generation.text) == ("", "Tw.</think>4!")


def test_template_decides_what_becomes_of_earlier_reasoning(thinker: Path) -> None:
    talk = [*QUESTION, ChatMessage("assistant", "4!", reasoning="Tw."), ChatMessage("user", "And three?")]
    with_reasoning, _ = answer(thinker, messages=talk)
    without, _ = answer(thinker, messages=[*talk[:1], ChatMessage("assistant", "4!"), talk[2]])
    assert with_reasoning.statistics.prompt_tokens > without.statistics.prompt_tokens


def test_mark_that_is_a_control_token_is_seen(models: Path) -> None:
    path = write_calling_model(models / "caller.gguf")
    generation, pieces = answer(path, TemplateOptions(tools=(TOOL,)))
    assert generation.tool_calls == (ToolCall("go", "{}"),)
    assert (generation.text, pieces) == ("", [])


def test_call_of_a_tool_is_text_for_a_model_whose_template_has_none(models: Path) -> None:
    path = write_scripted_model(models / "talker.gguf", "go{}", chat_template=PLAIN)
    assert answer(path, TemplateOptions(tools=(TOOL,)))[0].text == "go{}"


def test_template_that_never_ends_is_told_and_the_model_goes_on(models: Path) -> None:
    loop = "{% if messages[0].content == 'loop' %}" + "{% for i in range(99999) %}" * 3 + "{% endfor %}" * 3
    path = write_scripted_model(models / "looper.gguf", "go", chat_template=loop + "{% endif %}" + PLAIN)
    with LoadedModel.load(path, LoadSettings(context_length=512, threads=1)) as model:
        with pytest.raises(Exception, match="works for too long"):
            list(model.generate([ChatMessage("user", "loop")], GREEDY))
        *_, generation = model.generate(QUESTION, GREEDY)
        assert isinstance(generation, Generation)
        assert generation.text == "go"


def test_reasoning_of_an_answer_is_kept_shown_and_given_to_the_template_again(
    thinker: Path, database: Path, store: ConversationStore, engine: ChatEngine
) -> None:
    emitted: list[AnswerDelta] = []
    identity = store.create(thinker, GREEDY).id
    store.add_prompt(identity, "Two and two?")
    first = ask(engine, identity, emitted.append)
    assert (first.text, first.reasoning, first.state) == ("4!", "Tw.", MessageState.COMPLETE)
    assert first.reasoning_s is not None
    assert store.messages(identity)[-1] == first
    assert {delta.kind for delta in emitted} == {"reasoning", "answer"}

    store.add_prompt(identity, "And three?")
    second = ask(engine, identity)
    forgotten = store.create(thinker, GREEDY).id
    store.add_prompt(forgotten, "Two and two?")
    writer = store.begin_answer(forgotten, "Scripted", None)
    writer.append("4!")
    writer.finish(MessageState.COMPLETE)
    store.add_prompt(forgotten, "And three?")
    assert prompt_tokens(second) > prompt_tokens(ask(engine, forgotten))

    store.change_options(identity, TemplateOptions(thinking=False))
    assert ask(engine, identity).reasoning == ""


def prompt_tokens(message: Message) -> int:
    assert message.statistics is not None
    return message.statistics.prompt_tokens


def test_command_tells_reasoning_and_calls_apart_from_the_text(
    models: Path, thinker: Path, tmp_path: Path
) -> None:
    outcome = nibble("chat", thinker, "-p", "Two and two?", "--temperature", 0, "--json")
    assert (outcome.document["text"], outcome.document["reasoning"]) == ("4!", "Tw.")
    plain = nibble("chat", thinker, "-p", "Two and two?", "--temperature", 0)
    assert plain.out == "4!\n"
    assert "Tw." in plain.err
    silent = nibble("chat", thinker, "-p", "Two and two?", "--temperature", 0, "--no-thinking", "--json")
    assert silent.document["reasoning"] == ""

    caller = write_calling_model(models / "command-caller.gguf")
    tools = tmp_path / "tools.json"
    tools.write_text(json.dumps([TOOL]), encoding="utf-8")
    options = [caller, "-p", "Go!", "--temperature", 0, "--tools", tools]
    assert nibble("chat", *options, "--json").document["tool_calls"] == [
        {"name": "go", "arguments": {}, "id": ""}
    ]
    assert nibble("chat", *options).out == "go({})\n"
    tools.write_text("[1]", encoding="utf-8")
    refused = nibble("chat", *options)
    assert refused.code == 1
    assert "holds no list of tools" in refused.err
