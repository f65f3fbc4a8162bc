"""A comparison: one prompt to every pane, with one seed and one set of settings.

Each pane is a worker of its own, and a pane that fails leaves the others alone. Panes run beside
each other only as far as their threads do not add up to more than the cores: two full thread
pools on two cores were seen to slow each other more than tenfold. Where there are more panes than
cores, the rest wait their turn.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from app.core.errors import Cancelled, EnvironmentFault, WrongChoice
from app.core.jobs import CancelToken, JobControl
from app.gguf import ModelFacts, read_facts
from app.hardware import read_memory
from app.memory import default_context_length, require_memory
from app.runtime import ChatMessage, Generation, GenerationStatistics, LoadedModel, LoadSettings, Sampling
from app.runtime.protocol import Piece

MAXIMUM_PANES = 4


@dataclass(frozen=True)
class PaneLoading:
    """Emitted while pane `index` (from 0) loads; `fraction` of its weights are read."""

    index: int
    fraction: float


@dataclass(frozen=True)
class PaneDelta:
    """Emitted while pane `index` streams."""

    index: int
    text: str
    tokens: int


@dataclass(frozen=True)
class PaneAnswer:
    """What one pane gave: an answer with its figures, or what went wrong.

    After a failure `text` is what had arrived; `statistics` is None.
    """

    path: Path
    text: str
    statistics: GenerationStatistics | None
    fault: EnvironmentFault | None = None


@dataclass(frozen=True)
class PaneFinished:
    """Emitted when pane `index` has its answer or its fault; after a fault the others go on."""

    index: int
    answer: PaneAnswer


@dataclass
class _Pane:
    path: Path
    facts: ModelFacts | None = None
    model: LoadedModel | None = None
    messages: list[ChatMessage] = field(default_factory=list)


def plan_threads(panes: int, cores: int) -> tuple[int, int]:
    """How many panes run at once, and with how many threads each; their product is at most `cores`."""
    at_once = max(1, min(panes, cores))
    return at_once, max(1, cores // at_once)


class Comparison:
    """Two to four models that are asked together. `ask` runs inside a job; `close` ends the workers."""

    def __init__(self, paths: Sequence[Path], sampling: Sampling, system_prompt: str = "") -> None:
        if not 2 <= len(paths) <= MAXIMUM_PANES:
            raise WrongChoice(
                f"A comparison takes two to {MAXIMUM_PANES} models, not {len(paths)}.",
                "Choose two to four models.",
            )
        opening = [ChatMessage("system", system_prompt)] if system_prompt else []
        self._panes = [_Pane(path, messages=list(opening)) for path in paths]
        self._sampling = sampling
        cores = psutil.cpu_count(logical=False) or 1
        self._at_once, self._threads = plan_threads(len(paths), cores)

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(pane.path for pane in self._panes)

    @property
    def panes_at_once(self) -> int:
        return self._at_once

    @property
    def threads_per_pane(self) -> int:
        return self._threads

    def ask(self, prompt: str, control: JobControl) -> tuple[PaneAnswer, ...]:
        """One answer for each pane, in the order of `paths`.

        Emits PaneLoading, PaneDelta and one PaneFinished for each pane, from several threads.
        Raises TooLittleMemory before anything is loaded, and Cancelled when it was stopped before
        any pane had begun to answer.
        """
        self._read_headers()
        slots = threading.Semaphore(self._at_once)
        # The token of this call, not of the job: a bug in one pane must be able to end the others.
        cancel = CancelToken()
        forget = control.cancel.on_cancel(cancel.cancel)
        try:
            with ThreadPoolExecutor(len(self._panes), thread_name_prefix="pane") as pool:
                futures = [
                    pool.submit(self._run_pane, index, prompt, slots, cancel, control)
                    for index in range(len(self._panes))
                ]
                for future in futures:
                    if future.exception() is not None:
                        cancel.cancel()
                answers = tuple(future.result() for future in futures)
        finally:
            forget()
        if control.cancel.cancelled and not any(answer.text for answer in answers):
            raise Cancelled
        return answers

    def close(self) -> None:
        for pane in self._panes:
            if pane.model is not None:
                pane.model.close()
                pane.model = None

    def __enter__(self) -> Comparison:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read_headers(self) -> None:
        """Reads what is not known yet and makes sure that what is not loaded yet fits together."""
        missing: list[tuple[ModelFacts, int]] = []
        for pane in self._panes:
            if pane.facts is None:
                try:
                    pane.facts = read_facts(pane.path)
                except EnvironmentFault:
                    continue  # reported as this pane's failure when it is loaded
            if pane.model is None or not pane.model.alive:
                missing.append((pane.facts, default_context_length(pane.facts)))
        require_memory(missing, read_memory().available_bytes)

    def _run_pane(
        self, index: int, prompt: str, slots: threading.Semaphore, cancel: CancelToken, control: JobControl
    ) -> PaneAnswer:
        pane = self._panes[index]
        parts: list[str] = []
        try:
            with slots:
                answer = self._answer(index, pane, prompt, parts, cancel, control)
        except Cancelled:
            answer = PaneAnswer(pane.path, "".join(parts), None)
        except EnvironmentFault as fault:
            answer = PaneAnswer(pane.path, "".join(parts), None, fault)
        control.emit(PaneFinished(index, answer))
        return answer

    def _answer(
        self,
        index: int,
        pane: _Pane,
        prompt: str,
        parts: list[str],
        cancel: CancelToken,
        control: JobControl,
    ) -> PaneAnswer:
        cancel.raise_if_cancelled()
        model = self._loaded(index, pane, cancel, control)
        messages = [*pane.messages, ChatMessage("user", prompt)]
        for event in model.generate(messages, self._sampling, cancel):
            if isinstance(event, Piece):
                parts.append(event.text)
                control.emit(PaneDelta(index, event.text, event.tokens))
            elif isinstance(event, Generation):
                pane.messages = [*messages, ChatMessage("assistant", event.text)]
                return PaneAnswer(pane.path, event.text, event.statistics)
        raise AssertionError("generate() ends with a Generation")

    def _loaded(self, index: int, pane: _Pane, cancel: CancelToken, control: JobControl) -> LoadedModel:
        if pane.model is not None and pane.model.alive:
            return pane.model
        control.emit(PaneLoading(index, 0.0))
        if pane.facts is None:
            pane.facts = read_facts(pane.path)
        pane.model = LoadedModel.load(
            pane.facts.path,
            LoadSettings(context_length=default_context_length(pane.facts), threads=self._threads),
            cancel,
            lambda fraction: control.emit(PaneLoading(index, fraction)),
        )
        return pane.model
