"""A conversation as the tokens that are evaluated: checked, rendered by the model's template, spelled."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.errors import PromptTooLong, TemplateFault
from app.runtime.protocol import ChatMessage, TemplateOptions
from app.runtime.worker.loading import LlamaModel
from app.runtime.worker.spelling import Spelling, spell
from app.runtime.worker.templates import ChatTemplate

_USUAL_TOKEN_BYTES = 4


def make_prompt(
    model: LlamaModel, template: ChatTemplate, messages: Sequence[ChatMessage], options: TemplateOptions
) -> Spelling:
    """The prompt that ends where the assistant's answer begins.

    Raises TemplateFault and PromptTooLong.
    """
    vocabulary, room = model.vocabulary, model.context_length
    _require_room(model, messages)
    text = template.render(
        messages,
        options,
        bos_token=vocabulary.bos_text,
        eos_token=vocabulary.eos_text,
        protect=model.typed_specials.protect,
    )
    known = (slot.spelling for slot in model.slots)
    prompt = spell(text, vocabulary, model.typed_specials, known)
    if not prompt.tokens:
        raise TemplateFault(
            "The model's chat template makes nothing of this conversation.",
            "Write a message, or choose another build of this model.",
        )
    if len(prompt.tokens) >= room:
        raise _too_long(f"{len(prompt.tokens)} tokens", room)
    return prompt


def _require_room(model: LlamaModel, messages: Sequence[ChatMessage]) -> None:
    """Not left to the tokenizer: llama.cpp's for SentencePiece vocabularies takes time with the square of how many
    characters the vocabulary does not know (three seconds for 100,000, hours for millions)."""
    size = sum(len(f"{message.reasoning}{message.content}".encode()) for message in messages)
    if size <= model.context_length * _USUAL_TOKEN_BYTES:
        return  # most often; the longest token need not be looked for
    if size > model.context_length * model.vocabulary.longest_token:
        characters = sum(len(message.reasoning) + len(message.content) for message in messages)
        raise _too_long(f"{characters:,} characters", model.context_length)


def _too_long(what: str, room: int) -> PromptTooLong:
    return PromptTooLong(
        f"This conversation has {what}; the context holds {room} tokens.",
        "Start a new chat or shorten the prompt.",
    )
