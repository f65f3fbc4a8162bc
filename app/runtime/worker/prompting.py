"""A conversation as the tokens that are evaluated; where it outgrows the context, without its oldest turns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.core.errors import PromptTooLong
from app.runtime.protocol import ChatMessage, Generate
from app.runtime.worker.loading import LlamaModel
from app.runtime.worker.spelling import Spelling, spell
from app.runtime.worker.templates import render_prompt
from app.runtime.worker.turns import share_out

ROOM_FOR_ANSWER = 1 / 4
"""Of the context, where turns are left out."""

_USUAL_TOKEN_BYTES = 4


@dataclass(frozen=True)
class Prompt:
    spelling: Spelling
    dropped_messages: int = 0


def make_prompt(model: LlamaModel, request: Generate, known: Iterable[Spelling]) -> Prompt:
    """The prompt that ends where the assistant's answer begins. `known`: conversations in the cache.

    Raises TemplateFault and PromptTooLong.
    """
    known = tuple(known)
    if request.when_full == "drop_oldest":
        return _make_fitting(model, request, known)
    return Prompt(_require_room(model, _spell(model, request.messages, known)))


def _make_fitting(model: LlamaModel, request: Generate, known: Sequence[Spelling]) -> Prompt:
    """Turns go a quarter of a context at a time: so what is left begins with the same turn for a while, and new turns
    evaluate only what is new."""
    messages = request.messages
    step = max(int(model.context_length * ROOM_FOR_ANSWER), 1)
    most = model.context_length - min(step, request.sampling.max_tokens or step)
    whole = None if _is_far_too_long(model, messages) else _spell(model, messages, known)
    if whole is not None and len(whole.tokens) <= most:
        return Prompt(whole)
    sizes = [_size(model, message) for message in messages]
    total = len(whole.tokens) if whole is not None else sum(sizes)
    overhead = (total - sum(sizes)) // len(sizes)  # of the template, for each message
    to_drop = -(-(total - most) // step) * step
    opening, turns = share_out(messages)
    first = len(opening)
    while len(turns) > 1 and to_drop > 0:
        dropped = len(turns.pop(0))
        to_drop -= sum(sizes[first : first + dropped]) + overhead * dropped
        first += dropped
    while True:
        left = [*opening, *messages[first:]]
        if len(turns) <= 1 or not _is_far_too_long(model, left):
            prompt = _spell(model, left, known)
            if len(turns) <= 1 or len(prompt.tokens) <= most:
                return Prompt(_require_room(model, prompt), len(messages) - len(left))
        first += len(turns.pop(0))


def _size(model: LlamaModel, message: ChatMessage) -> int:
    """In tokens, without what the template adds: the same whatever else is in the conversation."""
    if _is_far_too_long(model, [message]):
        return model.context_length
    return len(model.vocabulary.tokenize_continuation(message.content))


def _spell(model: LlamaModel, messages: Sequence[ChatMessage], known: Sequence[Spelling]) -> Spelling:
    if _is_far_too_long(model, messages):
        raise _too_long(f"{sum(len(message.content) for message in messages):,} characters", model)
    vocabulary = model.vocabulary
    text = render_prompt(model.chat_template, messages, vocabulary.bos_text, vocabulary.eos_text)
    return spell(text, vocabulary, known)


def _is_far_too_long(model: LlamaModel, messages: Sequence[ChatMessage]) -> bool:
    """Not left to the tokenizer: llama.cpp's for SentencePiece vocabularies takes time with the square of how many
    characters the vocabulary does not know (three seconds for 100,000, hours for millions)."""
    size = sum(len(message.content.encode()) for message in messages)
    if size <= model.context_length * _USUAL_TOKEN_BYTES:
        return False  # most often: the longest token need not be looked for
    return size > model.context_length * model.vocabulary.longest_token


def _require_room(model: LlamaModel, prompt: Spelling) -> Spelling:
    if len(prompt.tokens) >= model.context_length:
        raise _too_long(f"{len(prompt.tokens)} tokens", model)
    return prompt


def _too_long(what: str, model: LlamaModel) -> PromptTooLong:
    return PromptTooLong(
        f"This conversation has {what}; the context holds {model.context_length} tokens.",
        "Start a new chat, shorten the prompt, or have the oldest turns left out.",
    )
