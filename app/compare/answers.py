"""What a comparison tells while it is asked, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.core.errors import EnvironmentFault
from app.memory import LoadPlan
from app.runtime import ChatMessage, GenerationStatistics, Sampling


@dataclass(frozen=True)
class PaneLoading:
    """Emitted while pane `index` (from 0) loads; `fraction` of its weights are read."""

    index: int
    fraction: float


@dataclass(frozen=True)
class PaneReading:
    """Emitted while pane `index` evaluates a prompt or, to tell of divergences, an answer: `done` of `total` tokens."""

    index: int
    done: int
    total: int


@dataclass(frozen=True)
class PaneDelta:
    """Emitted while pane `index` streams."""

    index: int
    text: str
    tokens: int


@dataclass(frozen=True)
class PanePrompt:
    """Emitted when pane `index` begins with prompt `number` (from 0) of several."""

    index: int
    number: int


@dataclass(frozen=True)
class Passage:
    """Something a model wrote, in tokens with all that was before it: `tokens[start:]`."""

    tokens: tuple[int, ...]
    start: int


@dataclass(frozen=True)
class AskedWith:
    """What one answer was made with."""

    sampling: Sampling
    system_prompt: str = ""


@dataclass(frozen=True)
class Timing:
    """How an answer's times were taken: with at most so many others at work beside it, and with so many threads."""

    beside: int
    threads: int


@dataclass(frozen=True)
class PaneAnswer:
    """What one pane gave: an answer with its figures, or what went wrong.

    After a failure `text` is what had arrived; `statistics` is None. `passage`: the answer in tokens, None where it has
    none. `message`: the answer as the next turn tells it, with what was thought apart; None where that is not known, as
    `timing` where nothing was timed.
    """

    path: Path
    text: str
    statistics: GenerationStatistics | None
    fault: EnvironmentFault | None = None
    passage: Passage | None = None
    message: ChatMessage | None = None
    timing: Timing | None = None


@dataclass(frozen=True)
class PaneFinished:
    """Emitted when pane `index` has its answer or its fault; after a fault the others go on."""

    index: int
    answer: PaneAnswer


@dataclass(frozen=True)
class MemoryPlanned:
    """Emitted before anything is loaded, where anything has to be: how it goes into memory."""

    plan: LoadPlan
