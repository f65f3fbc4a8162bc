"""Getting answers: loads models and runs the engine, one thing at a time, and tells the page how it goes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.chat import AnswerDelta, ChatEngine, Message, TurnsLeftOut
from app.core.errors import EnvironmentFault
from app.core.jobs import Job, JobControl, Progress
from app.memory import Spread, Unreturned
from app.ui import jobs


@dataclass(frozen=True)
class Outcome:
    """How getting an answer ended. `message`: the answer that is kept, also when it was stopped.

    `fault` where it failed. Neither: it was stopped before the first word, or the mistake is Nibble's own,
    which is told elsewhere.
    """

    message: Message | None = None
    fault: EnvironmentFault | None = None


@dataclass(frozen=True)
class Redo:
    """What is asked for where there is an answer already: another one in its place or, where it `goes_on`, more of
    it."""

    answer: Message
    goes_on: bool = False


class Answering(QObject):
    """`ask` and `prepare` load the model where it is not. All signals name the conversation or the file."""

    changed = Signal()
    """What is loading or being answered is another."""
    load_progressed = Signal(object, object)  # Path, Progress
    load_failed = Signal(object, object)  # Path, EnvironmentFault
    unreturned = Signal(str)
    """Memory that was given up for the model is not free."""
    progressed = Signal(int, object)  # conversation, Progress
    left_out = Signal(int, int)  # conversation, messages
    arrived = Signal(int, object)  # conversation, AnswerDelta
    ended = Signal(int, object)  # conversation, Outcome

    def __init__(self, engine: ChatEngine) -> None:
        super().__init__()
        self._engine = engine
        self._load: _Load | None = None
        self._answer: Job[Message | None] | None = None
        self._wanted: Path | None = None
        self._conversation: int | None = None
        self._text = ""
        self._reasoning = ""
        self._progress: Progress | None = None
        self._messages_left_out = 0
        self.redo: Redo | None = None
        """Of the answer that is being made."""

    @property
    def conversation(self) -> int | None:
        """The one that is being answered."""
        return self._conversation

    @property
    def text(self) -> str:
        """What has arrived of its answer."""
        return self._text

    @property
    def reasoning(self) -> str:
        """What has arrived of the reasoning before it."""
        return self._reasoning

    @property
    def progress(self) -> Progress | None:
        return self._progress

    @property
    def messages_left_out(self) -> int:
        """How many of the first messages the answer does without."""
        return self._messages_left_out

    @property
    def loading(self) -> Path | None:
        return self._load.path if self._load else None

    @property
    def worker_pid(self) -> int | None:
        """Of the process that holds the model."""
        return self._engine.worker_pid

    def spread_of(self, path: Path | None) -> Spread | None:
        """Where that model runs; None where it is not loaded or there is but one place for it."""
        return self._engine.spread if path is not None and self.is_loaded(path) else None

    def is_loaded(self, path: Path) -> bool:
        return self._engine.loaded_path == path

    def prepare(self, path: Path) -> None:
        """Loads `path` in the background, once nothing is being answered."""
        if self._conversation is not None:
            self._wanted = path
        elif self.loading != path:
            self._cancel_load()
            if not self.is_loaded(path):
                self._start_load(path)
        self.changed.emit()

    def ask(self, conversation: int, path: Path, redo: Redo | None = None) -> None:
        """Answers the last prompt of the conversation, whose model is `path`, unless `redo` says otherwise."""
        assert self._conversation is None, "one answer at a time"
        self._conversation = conversation
        self._forget_answer()
        self.redo = redo
        if redo is not None and redo.goes_on:
            self._text, self._reasoning = redo.answer.text, redo.answer.reasoning
        self._wanted = None
        if self.loading != path:
            self._cancel_load()
            if self.is_loaded(path):
                self._start_answer(conversation)
            else:
                self._start_load(path)
        self.changed.emit()

    def put_aside(self, but: int | None) -> None:
        """Another conversation is open now: what the model has computed of those before is saved meanwhile."""
        engine = self._engine
        if engine.loaded_path is not None and self._conversation is None and self._load is None:
            jobs.run(self, "Save what was computed", lambda control: engine.put_aside(but))

    def stop(self) -> None:
        """Ends what is going on, keeping what has arrived."""
        self._wanted = None
        if self._load is not None:
            # A process that is only starting cannot be told to stop yet; nobody needs to wait for that.
            self._cancel_load()
            if self._conversation is not None:
                self._finish(Outcome())
        elif self._answer is not None:
            self._answer.cancel()
        self.changed.emit()

    def wait(self, timeout_s: float) -> bool:
        """Whether what was stopped has ended by then; for what cannot be done before."""
        return self._answer is None or self._answer.wait(timeout_s)

    # Loading

    def _start_load(self, path: Path) -> None:
        engine = self._engine
        load = _Load(path)
        self._load = load

        def work(control: JobControl) -> None:
            engine.load(path, control)

        load.job = jobs.run(
            self,
            f"Load {path.name}",
            work,
            on_progress=lambda progress: self._load_went_on(load, progress),
            on_value=self._take,
            on_done=lambda _: load.succeed(),
            on_failed=load.fail,
            on_end=lambda: self._load_ended(load),
        )

    def _cancel_load(self) -> None:
        load, self._load = self._load, None
        if load is not None:
            load.job.cancel()

    def _load_went_on(self, load: _Load, progress: Progress) -> None:
        if load is not self._load:
            return
        self.load_progressed.emit(load.path, progress)
        if self._conversation is not None:
            self._went_on(progress)

    def _load_ended(self, load: _Load) -> None:
        if load is not self._load:  # it was stopped, or another one took its place
            return
        self._load = None
        waiting = self._conversation
        if waiting is not None and load.loaded:
            self._start_answer(waiting)
        elif waiting is not None:
            self._finish(Outcome(fault=load.fault))
        elif load.fault is not None:
            self.load_failed.emit(load.path, load.fault)
        self.changed.emit()

    # Answering

    def _start_answer(self, conversation: int) -> None:
        engine = self._engine
        outcome = [Outcome()]  # until one of the handlers knows better
        redo = self.redo

        def work(control: JobControl) -> Message | None:
            if redo is None:
                return engine.answer(conversation, control)
            if redo.goes_on:
                return engine.continue_answer(redo.answer.id, control)
            return engine.answer(conversation, control, redo.answer.id)

        def settle(found: Outcome) -> None:
            outcome[0] = found

        self._answer = jobs.run(
            self,
            "Answer",
            work,
            on_progress=self._went_on,
            on_value=self._take,
            on_done=lambda message: settle(Outcome(message=message)),
            on_failed=lambda fault: settle(Outcome(fault=fault)),
            on_end=lambda: self._finish(outcome[0]),
        )

    def _went_on(self, progress: Progress) -> None:
        self._progress = progress
        if self._conversation is not None:
            self.progressed.emit(self._conversation, progress)

    def _take(self, value: AnswerDelta | TurnsLeftOut | Unreturned) -> None:
        if isinstance(value, Unreturned):
            self.unreturned.emit(value.sentence)
        elif isinstance(value, TurnsLeftOut):
            self._messages_left_out = value.messages
            if self._conversation is not None:
                self.left_out.emit(self._conversation, value.messages)
        else:
            self._take_text(value)

    def _take_text(self, value: AnswerDelta) -> None:
        if value.kind == "reasoning":
            self._reasoning += value.text
        else:
            self._text += value.text
        if self._conversation is not None:
            self.arrived.emit(self._conversation, value)

    def _forget_answer(self) -> None:
        self._text, self._reasoning, self._progress, self._messages_left_out = "", "", None, 0

    def _finish(self, outcome: Outcome) -> None:
        conversation, self._conversation, self._answer = self._conversation, None, None
        assert conversation is not None
        self._forget_answer()
        self.ended.emit(conversation, outcome)
        if self._conversation is None:  # whoever was told has not asked again
            self.redo = None
        wanted, self._wanted = self._wanted, None
        if wanted is not None and self._conversation is None:
            self.prepare(wanted)
        self.changed.emit()


class _Load:
    """One load on its way."""

    job: Job[None]

    def __init__(self, path: Path) -> None:
        self.path = path
        self.loaded = False
        self.fault: EnvironmentFault | None = None

    def succeed(self) -> None:
        self.loaded = True

    def fail(self, fault: EnvironmentFault) -> None:
        self.fault = fault
