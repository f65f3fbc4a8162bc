"""What is kept of a comparison: a session of prompts to the same models, what they answered, and what was found out."""

from __future__ import annotations

from pathlib import Path

import msgspec

from app.compare.answers import PaneAnswer, Passage, Timing
from app.compare.votes import Vote
from app.core.errors import EnvironmentFault
from app.core.text import encodable
from app.library import LibraryEntry
from app.runtime import GenerationStatistics, Sampling
from app.runtime.protocol import TokenDivergence

CUT_OFF = "cut off"
"""The finish reason of an answer whose window or process ended in the middle of it."""


class SessionModel(msgspec.Struct, frozen=True, kw_only=True):
    """The model of a pane as it was when it was asked. `name` without the quantization. `content_key`: as
    `app.gguf.content_key` makes it, by which the file is found where it was moved to; empty where nobody knows."""

    name: str
    quantization: str | None
    path: str
    file_bytes: int | None = None
    bits_per_weight: float | None = None
    parameters: int | None = None
    content_key: str = ""

    @property
    def title(self) -> str:
        return f"{self.name} {self.quantization}" if self.quantization else self.name


class LeftFrom(msgspec.Struct, frozen=True, kw_only=True):
    """Where a "what if" branch begins: at token `token` (from 0) of the pane's answer number `answer` another token was
    taken, and the model wrote on from there."""

    answer: int
    token: int


class SessionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of one pane, or what went wrong: `problem` and `hint` are the fault's words.

    `statistics`: None where there are none. `tokens[start:]` is the answer in tokens with all that was before it, as
    `Passage` has it; empty where it has none. `sampling` and `system_prompt`: what this answer was made with.
    """

    text: str
    statistics: GenerationStatistics | None = None
    problem: str = ""
    hint: str = ""
    tokens: tuple[int, ...] = ()
    start: int = 0
    sampling: Sampling | None = None
    system_prompt: str = ""
    left_from: LeftFrom | None = None
    timing: Timing | None = None

    @property
    def passage(self) -> Passage | None:
        return Passage(self.tokens, self.start) if self.tokens else None

    @property
    def finish_reason(self) -> str:
        """As in `GenerationStatistics`, CUT_OFF, or "failed"."""
        if self.problem:
            return "failed"
        return self.statistics.finish_reason if self.statistics else CUT_OFF

    def pane_answer(self, path: Path) -> PaneAnswer:
        """As a comparison had given it."""
        fault = EnvironmentFault(self.problem, self.hint) if self.problem else None
        return PaneAnswer(path, self.text, self.statistics, fault, self.passage, timing=self.timing)


class PaneTurn(msgspec.Struct, frozen=True, kw_only=True):
    """What a pane gave for a prompt: one answer, or several of which `shown` is the one that counts. No answer while
    there is no word of one."""

    answers: tuple[SessionAnswer, ...] = ()
    shown: int = 0

    @property
    def answer(self) -> SessionAnswer | None:
        return self.answers[self.shown] if 0 <= self.shown < len(self.answers) else None


class SessionTurn(msgspec.Struct, frozen=True, kw_only=True):
    """`panes`: for each model, in their order; None for one that was not given this prompt.

    `alone`: in a conversation of its own, as each prompt of a set is. `facts`: as in `ComparePrompt`.
    """

    prompt: str
    panes: tuple[PaneTurn | None, ...]
    alone: bool = False
    facts: tuple[tuple[str, ...], ...] = ()


class MeasuredDivergence(msgspec.Struct, frozen=True, kw_only=True):
    """How the model of pane `other` differs from that of pane `reference` at each token of the answer number `answer`
    that the pane `written_by` gave in turn `turn`. All count from 0."""

    turn: int
    answer: int
    written_by: int
    reference: int
    other: int
    tokens: tuple[TokenDivergence, ...]


class BlindTest(msgspec.Struct, frozen=True, kw_only=True):
    """Votes on answers whose models were hidden. `turns`: which turns of the session were voted on, in their order, and
    `votes` what was said of each of the first of them, by the index of the model. `seed`: what `votes.shuffled` had.

    `prompt_set`: its name; empty where the person typed the prompts. `kinds`: for each of `turns` the title of the list
    it came from. `same_is_tie`: nobody is asked where all answers are the same. `voted_at`: when the person had seen
    which model is which, and no vote could be changed any more; seconds since 1970, 0 while that is to come.
    """

    seed: int
    turns: tuple[int, ...]
    votes: tuple[Vote, ...] = ()
    prompt_set: str = ""
    kinds: tuple[str, ...] = ()
    same_is_tie: bool = True
    voted_at: float = 0.0


class SessionHead(msgspec.Struct, frozen=True, kw_only=True):
    """For a list of sessions. Times in seconds since 1970. `prompts`: the beginnings of all of them, for a search."""

    id: int
    title: str
    models: tuple[str, ...]
    created_at: float
    changed_at: float
    prompts: str = ""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """`sampling`: the settings that panes share. `problem`: a sentence where something of it could not be read."""

    id: int
    title: str
    models: tuple[SessionModel, ...]
    created_at: float
    changed_at: float
    sampling: Sampling = Sampling()
    turns: tuple[SessionTurn, ...] = ()
    divergences: tuple[MeasuredDivergence, ...] = ()
    blind_tests: tuple[BlindTest, ...] = ()
    problem: str = ""


def session_model(entry: LibraryEntry) -> SessionModel:
    facts = entry.facts
    return SessionModel(
        name=encodable(entry.plain_title),
        quantization=entry.quantization,
        path=encodable(str(entry.path)),
        file_bytes=entry.file_bytes,
        bits_per_weight=facts.bits_per_weight if facts else None,
        parameters=facts.parameters if facts else None,
    )


def kept_answer(
    given: PaneAnswer,
    sampling: Sampling | None = None,
    system_prompt: str = "",
    left_from: LeftFrom | None = None,
) -> SessionAnswer:
    """What is kept of what a comparison gave."""
    passage = given.passage or Passage((), 0)
    return SessionAnswer(
        text=given.text,
        statistics=given.statistics,
        problem=given.fault.message if given.fault else "",
        hint=given.fault.hint if given.fault else "",
        tokens=passage.tokens,
        start=passage.start,
        sampling=sampling,
        system_prompt=system_prompt,
        left_from=left_from,
        timing=given.timing,
    )
