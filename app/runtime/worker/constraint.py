"""What an answer must follow, token by token."""

from __future__ import annotations

from typing import Protocol

from app.runtime.sampling import Sampling
from app.runtime.worker.candidates import Candidates
from app.runtime.worker.vocabulary import Vocabulary


class Constraint(Protocol):
    """Its state is that after the tokens accepted so far."""

    def allows(self, token: int) -> bool: ...

    def restrict(self, candidates: Candidates) -> None:
        """Leaves only what is allowed of candidates just filled; that may be nothing."""

    def accept(self, token: int) -> None:
        """Goes on to the state after `token`, which is allowed. Raises GrammarFault where it cannot."""

    def close(self) -> None:
        """Frees what is native."""


def make_constraint(sampling: Sampling, vocabulary: Vocabulary) -> Constraint | None:
    """Raises GrammarFault for a grammar or schema that cannot be used."""
    if sampling.grammar:
        from app.runtime.worker.grammar import Grammar

        return Grammar(sampling.grammar, vocabulary)
    if sampling.json_schema:
        from app.runtime.worker.json_schema import JsonSchema

        return JsonSchema(sampling.json_schema, vocabulary)
    return None
