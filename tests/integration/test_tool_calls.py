"""Calls of tools through the real runtime, by models that write set words: kept, and given to the model again."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.chat import ChatEngine, ConversationStore, MessageState
from app.runtime import TemplateOptions, ToolCall
from tests.helpers.conversations import GREEDY, answer
from tests.helpers.scripted_gguf import CALLING_TEMPLATE, write_calling_model, write_scripted_model

CALL = ToolCall("go", "{}")
OFFERED = TemplateOptions(tools=({"type": "function", "function": {"name": "go", "parameters": {}}},))
REFUSING = (
    "{% for m in messages %}{% if m.tool_calls %}{{ raise_exception('No id') }}{% endif %}{% endfor %}"
    + CALLING_TEMPLATE
)
"""As Mistral Nemo's template refuses calls without an id of nine letters."""


@pytest.fixture(scope="module")
def caller(models: Path) -> Path:
    return write_calling_model(models / "caller-kept.gguf")


def test_call_of_a_tool_is_kept_with_its_answer(
    caller: Path, store: ConversationStore, engine: ChatEngine
) -> None:
    identity = store.create(caller, GREEDY, options=OFFERED).id
    store.add_prompt(identity, "Go!")
    message = answer(engine, identity)
    assert message is not None
    assert (message.text, message.tool_calls, message.state) == ("", (CALL,), MessageState.COMPLETE)
    assert store.messages(identity)[-1] == message


@pytest.mark.parametrize("template", [CALLING_TEMPLATE, REFUSING], ids=["knows", "refuses"])
def test_call_is_given_to_the_model_when_the_conversation_goes_on(
    models: Path, store: ConversationStore, engine: ChatEngine, template: str
) -> None:
    path = write_calling_model(models / "caller-again.gguf", template)
    with_call, without = (store.create(path, GREEDY, options=OFFERED).id for _ in range(2))
    for identity, calls in ((with_call, (CALL,)), (without, ())):
        store.add_prompt(identity, "Go!")
        writer = store.begin_answer(identity, "Caller", None)
        writer.append("As you wish.")
        writer.finish(MessageState.COMPLETE, None, calls)
        store.add_prompt(identity, "Again!")
    told, untold = answer(engine, with_call), answer(engine, without)
    assert told is not None
    assert untold is not None
    assert told.statistics is not None
    assert untold.statistics is not None
    assert told.statistics.prompt_tokens > untold.statistics.prompt_tokens
    assert told.tool_calls == (CALL,)


def test_model_that_knows_no_calls_is_told_those_of_the_one_before(
    caller: Path, models: Path, store: ConversationStore, engine: ChatEngine
) -> None:
    talker = write_scripted_model(
        models / "knows-no-calls.gguf",
        "Yes.",
        chat_template="{% for m in messages %}{{ m.content }}{% endfor %}{{ '\\n' }}",
    )
    identity = store.create(caller, GREEDY, options=OFFERED).id
    store.add_prompt(identity, "Go!")
    answer(engine, identity)
    store.change_model(identity, talker)
    store.add_prompt(identity, "So?")
    message = answer(engine, identity)
    assert message is not None
    assert message.text == "Yes."
    assert message.statistics is not None
    # Of the tiny vocabulary nearly each character is a token of its own.
    assert message.statistics.prompt_tokens > len('Go!{"name": "go", "arguments": {}}So?') / 2
