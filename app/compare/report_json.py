"""A comparison's session as one JSON document, with units in the names of keys, as `nibble compare --json` has them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from app.compare.divergence import divergence_figures
from app.compare.session import BlindTest, MeasuredDivergence, Session, SessionAnswer, SessionTurn
from app.compare.votes import share_of, verdict
from app.runtime.protocol import TokenDivergence, TokenView


def session_document(session: Session) -> dict[str, Any]:
    return {
        "nibble_comparison": 1,
        "title": session.title,
        "created_at_s": session.created_at,
        "changed_at_s": session.changed_at,
        "problem": session.problem or None,
        "settings": msgspec.to_builtins(session.sampling),
        "models": [
            {
                "model": model.name,
                "quantization": model.quantization,
                "path": model.path,
                "file_bytes": model.file_bytes,
                "bits_per_weight": model.bits_per_weight,
                "parameters": model.parameters,
            }
            for model in session.models
        ],
        "turns": [_turn(turn) for turn in session.turns],
        "divergences": [_divergence(each) for each in session.divergences],
        "blind_tests": [_blind_test(each, session) for each in session.blind_tests],
    }


def figures_document(tokens: Sequence[TokenDivergence]) -> dict[str, Any]:
    """KL divergences in nats."""
    if not tokens:
        return {}
    figures = divergence_figures(tokens)
    return {
        "kl_divergence": {
            "mean": _number(figures.mean_kl),
            "median": _number(figures.median_kl),
            "p90": _number(figures.kl_90),
            "p99": _number(figures.kl_99),
            "max": _number(figures.maximum_kl),
        },
        "same_top_token": figures.same_top_rate,
        "flips": figures.flips,
        "first_flip_token": figures.first_flip,
        "perplexity": _number(figures.other_perplexity),
        "reference_perplexity": _number(figures.reference_perplexity),
    }


def token_document(token: TokenDivergence) -> dict[str, Any]:
    return {
        "token": token.token,
        "text": _text(token.text),
        "kl_divergence": _number(token.kl_divergence),
        "reference": _view(token.reference),
        "other": _view(token.other),
    }


def _turn(turn: SessionTurn) -> dict[str, Any]:
    return {
        "prompt": turn.prompt,
        "alone": turn.alone,
        "facts": [list(fact) for fact in turn.facts],
        "panes": [
            None
            if pane is None
            else {"shown": pane.shown, "answers": [_answer(answer) for answer in pane.answers]}
            for pane in turn.panes
        ],
    }


def _answer(answer: SessionAnswer) -> dict[str, Any]:
    document: dict[str, Any] = {
        "text": answer.text,
        "finish_reason": answer.finish_reason,
        "problem": answer.problem or None,
        "system_prompt": answer.system_prompt,
        "settings": msgspec.to_builtins(answer.sampling) if answer.sampling is not None else None,
        "left_from": msgspec.to_builtins(answer.left_from) if answer.left_from is not None else None,
        "answer_tokens": list(answer.tokens[answer.start :]),
    }
    statistics = answer.statistics
    if statistics is not None:
        document |= {
            "prompt_tokens": statistics.prompt_tokens,
            "tokens": statistics.tokens,
            "time_to_first_token_s": _number(statistics.time_to_first_token_s),
            "prompt_tokens_per_s": _number(statistics.prompt_tokens_per_s),
            "tokens_per_s": _number(statistics.tokens_per_s),
            "memory_bytes": statistics.memory_bytes,
            "timed": msgspec.to_builtins(answer.timing) if answer.timing is not None else None,
        }
    return document


def _divergence(measured: MeasuredDivergence) -> dict[str, Any]:
    return {
        "turn": measured.turn,
        "answer": measured.answer,
        "written_by": measured.written_by,
        "reference": measured.reference,
        "other": measured.other,
        **figures_document(measured.tokens),
        "tokens": [token_document(token) for token in measured.tokens],
    }


def _blind_test(test: BlindTest, session: Session) -> dict[str, Any]:
    names = [model.title for model in session.models]
    shares = [share_of(model, test.votes) for model in range(len(names))]
    return {
        "turns": list(test.turns),
        "votes": list(test.votes),
        "prompt_set": test.prompt_set or None,
        "seed": test.seed,
        "sentence": verdict(names, test.votes),
        "preferred": [
            {"wins": share.wins, "of": share.votes, "low": share.low, "high": share.high} for share in shares
        ],
    }


def _view(view: TokenView) -> dict[str, Any]:
    return {
        "log_probability": _number(view.log_probability),
        "rank": view.rank,
        "likeliest": [
            {
                "token": each.token,
                "text": _text(each.text),
                "log_probability": _number(each.log_probability),
            }
            for each in view.likeliest
        ],
    }


def _text(part: bytes) -> str:
    return part.decode("utf-8", "replace")


def _number(value: float | None) -> float | None:
    """JSON has neither infinity nor what is no number."""
    return value if value is not None and math.isfinite(value) else None
