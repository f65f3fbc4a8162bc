"""A model that always writes the same words: real llama.cpp, weights worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from tests.helpers.bigram_gguf import write_bigram_model
from tests.helpers.tiny_gguf import tiny_vocabulary

CERTAIN = 50.0
"""A logit beside which all others are nothing."""

START = "<|im_start|>"

THINKING_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.reasoning_content %}<think>\n{{ m.reasoning_content }}\n</think>\n\n{% endif %}"
    "{{ m.content }}<|im_end|>\n{% endfor %}"
    "<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% else %}<think>\n{% endif %}"
)
"""ChatML of a model that thinks first: its prompt opens the block."""


CALLING_TEMPLATE = (
    "{% for m in messages %}{{ m.content }}"
    "{% for c in m.tool_calls or [] %}[TOOL_CALLS]{{ c.function.name }}{{ c.function.arguments | tojson }}{% endfor %}"
    "{% endfor %}{{ '\\n' }}"
)
"""Mistral's notation of calls."""


def write_calling_model(path: Path, chat_template: str = CALLING_TEMPLATE) -> Path:
    """A model that calls the tool `go` with no arguments; a part of the notation is a control token."""
    return write_scripted_model(
        path,
        ["[TOOL_CALLS]", *"go{}"],
        chat_template=chat_template,
        name="Caller",
        control="[TOOL_CALLS]",
    )


def write_scripted_model(
    path: Path,
    words: Sequence[str],
    *,
    chat_template: str,
    name: str = "Scripted",
    control: str = "",
) -> Path:
    """A model that, after a prompt that ends with a line, writes `words` and ends: characters, or tokens of the
    tiny vocabulary. Each of its tokens follows the one before, so none may occur twice, nor a line's end.

    `control`, of twelve characters, takes the place of the control token <|im_start|>.
    """
    tokens = tiny_vocabulary().tokens
    spelled = ["▁" if word == " " else word.replace(control, START) if control else word for word in words]
    assert len(set(spelled)) == len(spelled)
    places = [tokens.index(token) for token in ("\n", *spelled, "</s>")]
    logits = np.zeros((len(tokens), len(tokens)))
    for token, following in pairwise(places):
        logits[token, following] = CERTAIN
    write_bigram_model(path, logits, chat_template=chat_template, name=name)
    if control:
        assert len(control) == len(START)
        path.write_bytes(path.read_bytes().replace(START.encode(), control.encode()))
    return path
