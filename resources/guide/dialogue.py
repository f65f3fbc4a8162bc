"""How a conversation is written for the guide: the chat template in Python and as Jinja."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

BEGIN, END = "<s>", "<|end|>"
Role = Literal["system", "user", "assistant"]

CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] | trim + '<|end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


class Message(NamedTuple):
    role: Role
    content: str


def marker(role: Role) -> str:
    return f"<|{role}|>"


def rendered(messages: Sequence[Message]) -> str:
    """The conversation as the template renders it, without an opened answer."""
    return BEGIN + "".join(f"{marker(m.role)}{m.content}{END}" for m in messages)
