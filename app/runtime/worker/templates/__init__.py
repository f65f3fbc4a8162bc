"""The model's own chat template, rendered where it can do no harm.

A template comes with the model file and is hostile until proven otherwise: it runs in Jinja2's
immutable sandbox with bounded time and memory (see `sandbox`), inside the worker process. Environment
and arguments are those of Transformers' `apply_chat_template`, because that is what templates are
written against; `tests/bench/bench_templates.py` compares the two.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, NoReturn

import jinja2
import msgspec

from app.core.errors import PromptTooLong, TemplateFault
from app.runtime.protocol import ChatMessage, TemplateOptions
from app.runtime.worker.templates.budget import Budget
from app.runtime.worker.templates.sandbox import BoundedSandbox, limited_memory

__all__ = ["CHATML", "ChatTemplate"]

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""For models that carry no template: the most widely trained format."""

MOST_CHARACTERS = 5_000_000
"""Of a conversation: more than any context holds."""
_MOST_REASON_CHARACTERS = 300
_MOST_PATTERN_CHARACTERS = 200

Clock = Callable[[], datetime]
NO_OPTIONS = TemplateOptions()


def _unchanged(value: Any) -> Any:
    return value


class _TemplateRefusal(jinja2.TemplateError):
    """The template itself said no, through `raise_exception`."""


class ChatTemplate:
    """`text` None: the model has none. Compiled when it is first rendered, and kept."""

    def __init__(self, text: str | None, clock: Clock = datetime.now) -> None:
        self.text = text or CHATML
        self._environment = BoundedSandbox()
        self._environment.globals["raise_exception"] = _refuse
        self._environment.globals["strftime_now"] = lambda pattern: _formatted(clock(), pattern)
        self._compiled: jinja2.Template | None = None

    def prepare(self) -> None:
        """Compiles it before anybody waits for that. What is wrong with it is told when it is rendered."""
        with suppress(Exception), limited_memory():
            self._compile()

    def render(
        self,
        messages: Sequence[ChatMessage],
        options: TemplateOptions = NO_OPTIONS,
        *,
        bos_token: str = "",
        eos_token: str = "",
        protect: Callable[[Any], Any] = _unchanged,
        keeps_calls: bool = False,
    ) -> str:
        """The conversation as one prompt that ends where the assistant's answer begins, as Transformers makes it.

        `protect` is given all that comes from outside, once calls' arguments are values, and what it returns is what
        the template gets (see `TypedSpecials`). `keeps_calls`: unlike there, calls of tools that the template leaves
        out or refuses are put into the text.

        Raises TemplateFault when the template is broken, refuses the conversation or does more than a
        template has to, and PromptTooLong for one that is longer than any context.
        """
        characters = sum(len(message.said) for message in messages)
        if characters > MOST_CHARACTERS:  # before the template is blamed for it
            raise PromptTooLong(
                f"This conversation has {characters:,} characters; Nibble takes {MOST_CHARACTERS:,}.",
                "Start a new chat or shorten the prompt.",
            )
        variables = {**protect(_variables(options)), "bos_token": bos_token, "eos_token": eos_token}
        try:
            with limited_memory():
                render = self._render_with_calls if keeps_calls else self._render
                return render(messages, variables, protect)
        except _TemplateRefusal as error:
            raise TemplateFault(
                f"The model's chat template refuses this conversation: {_shortened(error)}.",
                "Remove the system prompt or change the order of messages, then try again.",
            ) from error
        except MemoryError:
            raise TemplateFault(
                "The model's chat template cannot be used: it asks for too much memory.",
                "Choose another build of this model.",
            ) from None
        except Exception as error:  # it ran the template's code: whatever goes wrong is the template's doing
            raise TemplateFault(
                f"The model's chat template cannot be used: {_shortened(error)}.",
                "Choose another build of this model.",
            ) from error

    def _render_with_calls(
        self, messages: Sequence[ChatMessage], variables: dict[str, Any], protect: Callable[[Any], Any]
    ) -> str:
        if not any(message.tool_calls for message in messages):
            return self._render(messages, variables, protect)
        if "tool_calls" in self.text:  # a template without the word would leave calls out
            # Many insist on a result behind a call, on ids of a certain length, or on one call at a time.
            with suppress(_TemplateRefusal, jinja2.UndefinedError, TypeError):
                return self._render(messages, variables, protect)
        return self._render([_in_words(each) for each in messages], variables, protect)

    def _render(
        self, messages: Sequence[ChatMessage], variables: dict[str, Any], protect: Callable[[Any], Any]
    ) -> str:
        turns = protect([_turn(message, _as_object) for message in messages])
        try:
            prompt = self._render_turns(turns, variables)
        except TypeError:
            if not any(message.tool_calls for message in messages):
                raise
        else:
            if not _shows_python(prompt, turns):
                return prompt
        # A few templates take the arguments of a call for text, as OpenAI's interface has them.
        return self._render_turns(protect([_turn(message, str) for message in messages]), variables)

    def _render_turns(self, turns: list[dict[str, Any]], variables: dict[str, Any]) -> str:
        compiled = self._compiled or self._compile()
        self._environment.budget = Budget(turns, variables, turns=len(turns))
        return compiled.render(messages=turns, add_generation_prompt=True, **variables)

    def _compile(self) -> jinja2.Template:
        self._environment.budget = Budget.for_compiling(self.text)
        self._compiled = self._environment.from_string(self.text)
        return self._compiled


def _variables(options: TemplateOptions) -> dict[str, Any]:
    variables: dict[str, Any] = {"tools": list(options.tools) or None, "documents": None}
    if options.thinking is not None:
        # Qwen's name for it, which most have taken over, and that of DeepSeek, Granite and Kimi.
        variables["enable_thinking"] = variables["thinking"] = options.thinking
    if options.reasoning_effort:
        variables["reasoning_effort"] = options.reasoning_effort
    return variables | options.arguments


def _turn(message: ChatMessage, arguments: Callable[[str], Any]) -> dict[str, Any]:
    turn: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.reasoning:
        # gpt-oss calls it so; Transformers fills in both, too.
        turn["reasoning_content"] = turn["thinking"] = message.reasoning
    if message.tool_calls:
        turn["tool_calls"] = [
            {
                "type": "function",
                **({"id": call.id} if call.id else {}),
                "function": {"name": call.name, "arguments": arguments(call.arguments)},
            }
            for call in message.tool_calls
        ]
    if message.tool_name:
        turn["name"] = message.tool_name
    if message.tool_call_id:
        turn["tool_call_id"] = message.tool_call_id
    return turn


def _in_words(message: ChatMessage) -> ChatMessage:
    """With its calls as a part of the text."""
    if not message.tool_calls:
        return message
    calls = (
        f'{{"name": {json.dumps(call.name, ensure_ascii=False)}, "arguments": {call.arguments}}}'
        for call in message.tool_calls
    )
    text = "\n\n".join(filter(None, (message.content, *calls)))
    return msgspec.structs.replace(message, content=text, tool_calls=())


def _as_object(arguments: str) -> Any:
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments


def _shows_python(prompt: str, turns: list[dict[str, Any]]) -> bool:
    """Whether a call's arguments are in the prompt in Python's notation instead of JSON's."""
    calls = (call["function"]["arguments"] for turn in turns for call in turn.get("tool_calls", ()))
    return any(isinstance(arguments, dict) and arguments and f"{arguments}" in prompt for arguments in calls)


def _refuse(reason: str) -> NoReturn:
    raise _TemplateRefusal(reason)


def _formatted(time: datetime, pattern: str) -> str:
    if len(pattern) > _MOST_PATTERN_CHARACTERS:
        raise ValueError(f"a date pattern of {len(pattern)} characters")
    return time.strftime(pattern)


def _shortened(error: Exception) -> str:
    reason = str(error) or type(error).__name__
    return reason if len(reason) <= _MOST_REASON_CHARACTERS else f"{reason[:_MOST_REASON_CHARACTERS]}…"
