"""Asking a loaded model, in one line."""

from __future__ import annotations

from app.core.jobs import CancelToken
from app.runtime import ChatMessage, Generation, LoadedModel, Sampling
from app.runtime.protocol import Piece, PromptProgress

Event = PromptProgress | Piece | Generation


def talk(*contents: str) -> list[ChatMessage]:
    """User, assistant, user, … in turn."""
    roles = ("user", "assistant")
    return [ChatMessage(roles[number % 2], content) for number, content in enumerate(contents)]


def greedy(max_tokens: int = 0, **options: object) -> Sampling:
    return Sampling(temperature=0, max_tokens=max_tokens, **options)  # type: ignore[arg-type]


def events(
    model: LoadedModel,
    messages: list[ChatMessage] | str,
    sampling: Sampling,
    cancel: CancelToken | None = None,
) -> list[Event]:
    conversation = talk(messages) if isinstance(messages, str) else messages
    return list(model.generate(conversation, sampling, cancel))


def ask(
    model: LoadedModel,
    messages: list[ChatMessage] | str,
    sampling: Sampling,
    cancel: CancelToken | None = None,
) -> Generation:
    """The whole answer, which comes last."""
    answer = events(model, messages, sampling, cancel)[-1]
    assert isinstance(answer, Generation)
    return answer
