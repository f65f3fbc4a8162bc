"""The comparison behind the page: made per choice of models, asked in jobs, closed when no longer wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication, QObject, Signal

from app.compare import Comparison, PaneDelta, PaneFinished, PaneLoading, PaneReading, Passage
from app.core.errors import EnvironmentFault
from app.core.jobs import Job, JobControl
from app.memory import Keeper, Unreturned
from app.runtime import ChatMessage, Sampling, TemplateOptions
from app.runtime.model import NO_OPTIONS
from app.runtime.protocol import WhenFull
from app.ui import jobs
from app.ui.idle import IdleWatch

CLOSING_S = 10.0


class Engine(QObject):
    """Reports by the index of the pane; `ended` when a call for some panes is over, however it ended.

    `refused`: nothing was loaded for these panes, and why.
    """

    loading = Signal(int, float)
    reading = Signal(int, int, int)
    delta = Signal(int, str, int)
    finished = Signal(int, object)
    refused = Signal(object, object)
    ended = Signal(object)
    unloaded = Signal()
    """The models had been idle for as long as they are kept."""
    measuring = Signal(int, int)
    """While divergences are found out: so many of all tokens, by each of both models."""
    diverged = Signal(int, int, object)
    """The reference, the other one, and how they differ at each token."""
    undiverged = Signal(object)
    """Why that cannot be told."""
    scored = Signal(int, int, object)
    """The reference and the other one, whose vocabularies differ, and perplexity per character under each."""
    unreturned = Signal(str)
    """Memory that others gave up for them is not free."""

    def __init__(self, keeper: Keeper, parent: QObject) -> None:
        super().__init__(parent)
        self._keeper = keeper
        self.one_after_another = False
        """Whether panes never run beside each other; of a comparison that begins."""
        # In a box of its own, so that the workers can be ended when this object is gone already.
        self._open: list[Comparison] = []
        self._calls: dict[int, Job[Any]] = {}
        self._closing: list[Job[None]] = []
        self._next_call = 0
        self._idle = IdleWatch(self)
        self._idle.unloaded.connect(self.unloaded)
        boxed = self._open
        self.destroyed.connect(lambda: _close_all(boxed))
        if (application := QCoreApplication.instance()) is not None:
            application.aboutToQuit.connect(self.close)

    @property
    def running(self) -> bool:
        return bool(self._calls)

    @property
    def comparison(self) -> Comparison | None:
        """The one whose workers may be loaded."""
        return self._open[0] if self._open else None

    @property
    def loaded(self) -> bool:
        """Whether every model of the comparison is, or is about to be."""
        comparison = self.comparison
        return self.running or (comparison is not None and all(comparison.worker_pids))

    def ask(
        self,
        paths: Sequence[Path],
        conversations: Sequence[Sequence[ChatMessage]],
        prompt: str,
        sampling: Sampling,
        samplings: Mapping[int, Sampling],
        begins: Sequence[int] = (),
        options: TemplateOptions = NO_OPTIONS,
        when_full: WhenFull = "stop",
    ) -> None:
        """Asks the panes that have `samplings`. `sampling`: the settings that all share. `conversations`: what was said
        before, in every pane; `begins`: tokens that the answers begin with; `options` and `when_full`: as
        `Comparison.set_conversation` has them."""
        panes = list(samplings)
        comparison = self._comparison_of(paths, sampling)
        for index in panes:
            comparison.set_conversation(index, conversations[index], options, when_full)
        self._start(
            "Compare",
            panes,
            lambda control: comparison.ask(prompt, control, panes, samplings, begins),
            on_value=self._report,
            on_failed=lambda fault: self._refuse(panes, fault),
        )

    def diverge(
        self, paths: Sequence[Path], sampling: Sampling, passage: Passage, reference: int, other: int
    ) -> None:
        """How the model of pane `other` differs from that of pane `reference` on `passage`, which that one wrote."""
        comparison = self._comparison_of(paths, sampling)

        def report(event: object) -> None:
            if isinstance(event, PaneReading):
                self.measuring.emit(event.done, event.total)
            elif isinstance(event, Unreturned):
                self.unreturned.emit(event.sentence)

        self._start(
            "Compare token by token",
            [],
            lambda control: comparison.diverge([passage], reference, other, control)[0],
            on_value=report,
            on_done=lambda tokens: self.diverged.emit(reference, other, tokens),
            on_failed=self.undiverged.emit,
        )

    def call(
        self,
        title: str,
        paths: Sequence[Path],
        sampling: Sampling,
        work: Callable[[Comparison, JobControl], Any],
        **handlers: Callable[..., None],
    ) -> None:
        """Whatever else is asked of these models together; `handlers` as `jobs.run` takes them, without an `on_end`."""
        comparison = self._comparison_of(paths, sampling)
        self._start(title, [], lambda control: work(comparison, control), **handlers)

    def score(self, paths: Sequence[Path], sampling: Sampling, text: str, reference: int, other: int) -> None:
        """How unexpected two models find a text, where they write in different tokens."""
        comparison = self._comparison_of(paths, sampling)
        self._start(
            "Compare by characters",
            [],
            lambda control: comparison.perplexities_per_character(text, (reference, other), control),
            on_done=lambda found: self.scored.emit(reference, other, found),
            on_failed=self.undiverged.emit,
        )

    def stop_pane(self, index: int) -> None:
        """Ends the answer of that pane; the others go on."""
        if self.comparison is not None:
            self.comparison.stop(index)

    def stop(self) -> None:
        for job in list(self._calls.values()):
            job.cancel()

    def close(self) -> None:
        """Ends the workers behind; what is running is stopped first."""
        comparison = self.comparison
        if comparison is None:
            return
        self._open.clear()
        self._idle.look(None)
        calls = list(self._calls.values())
        self.stop()

        def work(control: JobControl) -> None:
            for job in calls:
                job.wait(CLOSING_S)
            comparison.close()

        self._closing.append(jobs.run(self, "Unload the compared models", work, on_end=self._closed))

    def _start(
        self,
        title: str,
        panes: Sequence[int],
        call: Callable[[JobControl], Any],
        **handlers: Callable[..., None],
    ) -> None:
        """A call in a job, for which models stay; `handlers` as `jobs.run` takes them."""
        earlier = list(self._closing)

        def work(control: JobControl) -> Any:
            for job in earlier:  # their memory is wanted
                job.wait(CLOSING_S)
            return call(control)

        number = self._next_call
        self._next_call += 1
        self._idle.look(None)
        self._calls[number] = jobs.run(self, title, work, on_end=lambda: self._end(number, panes), **handlers)

    def _comparison_of(self, paths: Sequence[Path], sampling: Sampling) -> Comparison:
        comparison = self.comparison
        if comparison is not None and comparison.paths == tuple(paths):
            return comparison
        self.close()
        self._open.append(Comparison(paths, sampling, self._keeper, one_after_another=self.one_after_another))
        return self._open[0]

    def _report(self, event: object) -> None:
        if isinstance(event, PaneDelta):
            self.delta.emit(event.index, event.text, event.tokens)
        elif isinstance(event, PaneLoading):
            self.loading.emit(event.index, event.fraction)
        elif isinstance(event, PaneReading):
            self.reading.emit(event.index, event.done, event.total)
        elif isinstance(event, PaneFinished):
            self.finished.emit(event.index, event.answer)
        elif isinstance(event, Unreturned):
            self.unreturned.emit(event.sentence)

    def _refuse(self, panes: Sequence[int], fault: EnvironmentFault) -> None:
        self.refused.emit(panes, fault)

    def _end(self, call: int, panes: Sequence[int]) -> None:
        del self._calls[call]
        self._idle.look(None if self._calls else self.comparison)
        self.ended.emit(panes)

    def _closed(self) -> None:
        self._closing = [job for job in self._closing if not job.wait(0)]


def _close_all(comparisons: list[Comparison]) -> None:
    for comparison in comparisons:

        def work(control: JobControl, comparison: Comparison = comparison) -> None:
            comparison.close()

        Job("Unload the compared models", work).start()
    comparisons.clear()
