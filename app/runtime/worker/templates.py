"""The model's own chat template, rendered where it can do no harm.

A template comes with the model file and is hostile until proven otherwise: it runs in Jinja2's
immutable sandbox with bounded memory (see `sandbox`), inside the worker process. Environment as
Transformers' `apply_chat_template` sets it up (trim_blocks, lstrip_blocks, loop controls,
`raise_exception`, `strftime_now`, `tojson` without HTML escapes), because that is what templates are
written against.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NoReturn

import jinja2

from app.core.errors import PromptTooLong, TemplateFault
from app.runtime.protocol import ChatMessage
from app.runtime.worker.sandbox import MOST_CHARACTERS, BoundedSandbox, limited_memory

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""For models that carry no template: the most widely trained format."""


class _TemplateRefusal(jinja2.TemplateError):
    """The template itself said no, through `raise_exception`."""


def render_prompt(
    template: str | None, messages: Sequence[ChatMessage], bos_token: str, eos_token: str
) -> str:
    """The conversation as one prompt that ends where the assistant's answer begins.

    Raises TemplateFault when the template is broken or refuses the conversation, and PromptTooLong
    for one that the sandbox has no room for.
    """
    characters = sum(len(message.content) for message in messages)
    if characters > MOST_CHARACTERS // 2:  # before the template is blamed for it
        raise PromptTooLong(
            f"This conversation has {characters:,} characters; Nibble takes {MOST_CHARACTERS // 2:,}.",
            "Start a new chat or shorten the prompt.",
        )
    turns = [{"role": message.role, "content": message.content} for message in messages]
    try:
        with limited_memory():
            return (
                _environment()
                .from_string(template or CHATML)
                .render(messages=turns, add_generation_prompt=True, bos_token=bos_token, eos_token=eos_token)
            )
    except _TemplateRefusal as error:
        raise TemplateFault(
            f"The model's chat template refuses this conversation: {error}.",
            "Remove the system prompt or change the order of messages, then try again.",
        ) from error
    except MemoryError:
        raise TemplateFault(
            "The model's chat template cannot be used: it asks for too much memory.",
            "Choose another build of this model.",
        ) from None
    except Exception as error:  # it ran the template's code: whatever goes wrong is the template's doing
        raise TemplateFault(
            f"The model's chat template cannot be used: {str(error) or type(error).__name__}.",
            "Choose another build of this model.",
        ) from error


def _environment() -> BoundedSandbox:
    environment = BoundedSandbox()
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = lambda pattern: datetime.now().strftime(pattern)
    return environment


def _refuse(reason: str) -> NoReturn:
    raise _TemplateRefusal(reason)


def _to_json(value: Any, indent: int | None = None) -> str:
    if isinstance(indent, int) and abs(indent) > 100:
        raise ValueError(f"an indent of {indent}")
    return json.dumps(value, ensure_ascii=False, indent=indent)
