"""How probable a text is to the model: the log-probability of every token given those before it."""

from __future__ import annotations

from collections.abc import Callable

from app.core.errors import PromptTooLong
from app.runtime.protocol import Reply, Score, Scored, ScoreProgress
from app.runtime.worker.evaluating import logits_after
from app.runtime.worker.loading import LlamaModel
from app.runtime.worker.log_softmax import log_probabilities
from app.runtime.worker.stop_flag import StopFlag


def score(model: LlamaModel, request: Score, report: Callable[[Reply], None], stop: StopFlag) -> Scored:
    """Scores the text of `request`.

    Raises PromptTooLong, LoadFailed, Cancelled.
    """
    tokens = _tokens(model, request)
    found: list[float] = []
    for logits in logits_after(model, tokens[:-1], 0, stop):
        found += log_probabilities(logits, tokens[len(found) + 1 : len(found) + 1 + len(logits)])
        report(ScoreProgress(done=len(found), total=len(tokens) - 1))
    return Scored(tokens=tuple(tokens), log_probabilities=tuple(found))


def _tokens(model: LlamaModel, request: Score) -> list[int]:
    vocabulary, room = model.vocabulary, model.context_length
    hint = "Cut it into shorter pieces."
    # Not left to the tokenizer: llama.cpp's for SentencePiece vocabularies takes time with the square of
    # how many characters the vocabulary does not know (three seconds for 100,000, hours for millions).
    if len(request.text.encode("utf-8")) > room * vocabulary.longest_token:
        characters = f"{len(request.text):,} characters"
        raise PromptTooLong(f"This text has {characters}; the context holds {room} tokens.", hint)
    tokens = vocabulary.tokenize_text(request.text, parse_special=request.parse_special)
    if len(tokens) > room:
        raise PromptTooLong(f"This text has {len(tokens)} tokens; the context holds {room}.", hint)
    return tokens
