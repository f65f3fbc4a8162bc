"""A conversation as the tokens that are evaluated: checked, rendered by the model's template, spelled; where it
outgrows the context, without its oldest turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.core.errors import PromptTooLong, TemplateFault, WrongChoice
from app.runtime.protocol import ChatMessage, Generate
from app.runtime.worker.answers import AnswerFormat, AnswerReader
from app.runtime.worker.continuing import as_written, written_anew
from app.runtime.worker.loading import LlamaModel
from app.runtime.worker.spelling import Spelling, spell
from app.runtime.worker.templates import ChatTemplate
from app.runtime.worker.turns import share_out

ROOM_FOR_ANSWER = 1 / 4
"""Of the context, where turns are left out."""

_USUAL_TOKEN_BYTES = 4


@dataclass(frozen=True)
class Prompt:
    """`written`: how much of the spelling's end, in characters and tokens, is the answer that goes on. `begins`: tokens
    that the answer begins with, behind the spelling."""

    spelling: Spelling
    dropped_messages: int = 0
    written: tuple[int, int] = (0, 0)
    begins: tuple[int, ...] = ()

    @property
    def tokens(self) -> tuple[int, ...]:
        """All that is read before the model chooses the next one."""
        return (*self.spelling.tokens, *self.begins)

    @property
    def before_answer(self) -> str:
        return self.spelling.text[: len(self.spelling.text) - self.written[0]]

    @property
    def written_text(self) -> str:
        return self.spelling.text[len(self.spelling.text) - self.written[0] :]

    @property
    def written_tokens(self) -> tuple[int, ...]:
        return self.spelling.tokens[len(self.spelling.tokens) - self.written[1] :]


def make_prompt(
    model: LlamaModel, template: ChatTemplate, answers: AnswerFormat, request: Generate
) -> Prompt:
    """The prompt that ends where the assistant's answer begins, or goes on.

    Raises TemplateFault, PromptTooLong, and WrongChoice for a token that no answer goes on after.
    """
    if request.when_full == "drop_oldest":
        prompt = _make_fitting(model, template, request)
    else:
        prompt = Prompt(_require_room(model, _spell(model, template, request, request.messages)))
    if request.begins:
        return _begin_with(model, request.begins, prompt)
    return prompt if request.continues is None else _go_on(model, answers, request, prompt)


def reader_of(answers: AnswerFormat, request: Generate, prompt: str) -> AnswerReader:
    """For the answer to `prompt`, which ends where that begins."""
    return answers.reader(prompt, request.options.tools, follows_grammar=_follows_grammar(request))


def _begin_with(model: LlamaModel, begins: Sequence[int], prompt: Prompt) -> Prompt:
    for token in begins:
        if not 0 <= token < model.vocabulary.size or model.vocabulary.written(token) is None:
            raise WrongChoice("With that token the answer ends.", "Choose another token to go on from.")
    begun = replace(prompt, begins=tuple(begins))
    if len(begun.tokens) >= model.context_length:
        raise _too_long(f"{len(begun.tokens)} tokens", model)
    return begun


def _go_on(model: LlamaModel, answers: AnswerFormat, request: Generate, prompt: Prompt) -> Prompt:
    so_far, opening = request.continues, prompt.spelling
    assert so_far is not None
    known = [slot.spelling for slot in model.slots]
    whole = as_written(opening, so_far, known, lambda: reader_of(answers, request, opening.text))
    if whole is None:
        text, reasoning = map(model.typed_specials.protect, (so_far.text, so_far.reasoning))
        beginning = text if _follows_grammar(request) else answers.beginning(opening.text, reasoning, text)
        whole = written_anew(opening, beginning, model.vocabulary, model.typed_specials, known)
    written = (len(whole.text) - len(opening.text), max(len(whole.tokens) - len(opening.tokens), 0))
    return replace(prompt, spelling=_require_room(model, whole), written=written)


def _follows_grammar(request: Generate) -> bool:
    return bool(request.sampling.grammar or request.sampling.json_schema)


def _make_fitting(model: LlamaModel, template: ChatTemplate, request: Generate) -> Prompt:
    """Turns go a quarter of a context at a time: so what is left begins with the same turn for a while, and new turns
    evaluate only what is new."""
    messages = request.messages
    step = max(int(model.context_length * ROOM_FOR_ANSWER), 1)
    most = (
        model.context_length - min(step, request.sampling.max_tokens or step) - _size_so_far(model, request)
    )
    whole = None if _is_far_too_long(model, messages) else _spell(model, template, request, messages)
    if whole is not None and len(whole.tokens) <= most:
        return Prompt(whole)
    sizes = [_size(model, message) for message in messages]
    total = len(whole.tokens) if whole is not None else sum(sizes)
    overhead = (total - sum(sizes)) // max(len(sizes), 1)  # of the template, for each message
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
            prompt = _spell(model, template, request, left)
            if len(turns) <= 1 or len(prompt.tokens) <= most:
                return Prompt(_require_room(model, prompt), len(messages) - len(left))
        first += len(turns.pop(0))


def _size_so_far(model: LlamaModel, request: Generate) -> int:
    """Of the answer that goes on, in tokens."""
    so_far = request.continues
    return _size(model, ChatMessage("assistant", so_far.text, so_far.reasoning)) if so_far is not None else 0


def _size(model: LlamaModel, message: ChatMessage) -> int:
    """In tokens, without what the template adds: the same whatever else is in the conversation."""
    if _is_far_too_long(model, [message]):
        return model.context_length
    return len(model.vocabulary.tokenize_plain(message.said))


def _spell(
    model: LlamaModel, template: ChatTemplate, request: Generate, messages: Sequence[ChatMessage]
) -> Spelling:
    so_far = request.continues
    written = [] if so_far is None else [ChatMessage("assistant", so_far.text, so_far.reasoning)]
    if _is_far_too_long(model, [*messages, *written]):
        characters = sum(len(message.said) for message in messages)
        raise _too_long(f"{characters:,} characters", model)
    text = template.render(
        messages,
        request.options,
        bos_token=model.vocabulary.bos_text,
        eos_token=model.vocabulary.eos_text,
        protect=model.typed_specials.protect,
        keeps_calls=True,
    )
    known = (slot.spelling for slot in model.slots)
    prompt = spell(text, model.vocabulary, model.typed_specials, known)
    if not prompt.tokens:
        raise TemplateFault(
            "The model's chat template makes nothing of this conversation.",
            "Write a message, or choose another build of this model.",
        )
    return prompt


def _is_far_too_long(model: LlamaModel, messages: Sequence[ChatMessage]) -> bool:
    """Not left to the tokenizer: llama.cpp's for SentencePiece vocabularies takes time with the square of how many
    characters the vocabulary does not know (three seconds for 100,000, hours for millions)."""
    size = sum(len(message.said.encode()) for message in messages)
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
