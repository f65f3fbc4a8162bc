"""What `nibble compare` found, as a session that a report is made of."""

from __future__ import annotations

import time
from collections.abc import Sequence

from app.cli.compare_divergence import ModelDivergence
from app.compare import PaneAnswer
from app.compare.prompt_sets import ComparePrompt
from app.compare.session import (
    MeasuredDivergence,
    PaneTurn,
    Session,
    SessionTurn,
    kept_answer,
    session_model,
)
from app.library import LibraryEntry
from app.runtime import Sampling

Result = tuple[ComparePrompt, Sequence[PaneAnswer], Sequence[ModelDivergence]]


def session_of(entries: Sequence[LibraryEntry], sampling: Sampling, results: Sequence[Result]) -> Session:
    """`results`: for each prompt the answers of all models, and how each but the first differs from that one."""
    now = time.time()
    return Session(
        id=0,
        title=" ".join(results[0][0].text.split())[:80],
        models=tuple(map(session_model, entries)),
        created_at=now,
        changed_at=now,
        sampling=sampling,
        turns=tuple(
            SessionTurn(
                prompt=prompt.text,
                panes=tuple(PaneTurn(answers=(kept_answer(answer, sampling),)) for answer in answers),
                alone=True,
                facts=prompt.facts,
            )
            for prompt, answers, _ in results
        ),
        divergences=tuple(
            MeasuredDivergence(
                turn=turn, answer=0, written_by=0, reference=0, other=other, tokens=tuple(divergence.tokens)
            )
            for turn, (_, _, divergences) in enumerate(results)
            for other, divergence in enumerate(divergences, 1)
            if divergence.tokens
        ),
    )
