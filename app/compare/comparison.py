"""A comparison: one prompt to every pane, with one seed and one set of settings.

Each pane is a worker of its own, and a pane that fails leaves the others alone. Panes run beside
each other only as far as their threads do not add up to more than the cores: two full thread
pools on two cores were seen to slow each other more than tenfold. Where there are more panes than
cores, the rest wait their turn. Models that do not fit into memory together are loaded one after
another, each with all cores: each leaves before the next comes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from app.compare.answers import (
    MemoryPlanned,
    PaneAnswer,
    PaneDelta,
    PaneFinished,
    PaneLoading,
    PanePrompt,
    PaneReading,
    Passage,
    Timing,
)
from app.compare.divergence import perplexity_per_character
from app.compare.plan import COMPARED, count_cores, plan_threads
from app.core.errors import Cancelled, EnvironmentFault, WrongChoice
from app.core.jobs import CancelToken, JobControl
from app.gguf import read_facts
from app.hardware import Accelerator
from app.memory import Held, Keeper, Load, Rest, Way, held_by
from app.recommend.choices import LoadChoices, read_choices, wanted_load
from app.recommend.loading import load_recommended, plan_recommended
from app.runtime import ChatMessage, Generation, LoadedModel, Sampling, TemplateOptions
from app.runtime.model import NO_OPTIONS
from app.runtime.protocol import Piece, PromptProgress, TokenDivergence, WhenFull
from app.storage.atomic import scratch_folder

MAXIMUM_PANES = 5
"""As many as the ladder of quantizations has steps."""
STOP_SEEN_S = 0.1
"""A pane that waits for its turn looks so often whether it was stopped."""
TOKENS_ON_DISK = 8_000
"""Of how many tokens one model's logits are kept until the next one is loaded: 4 GB with a vocabulary of 128 k."""


@dataclass
class _Pane:
    """`load`: how its model is loaded, None where the file could not be read. `messages` ends with the prompt while it
    has no answer. The lock: one request at a time."""

    path: Path
    choices: LoadChoices = field(default_factory=LoadChoices)
    load: Load | None = None
    model: LoadedModel | None = None
    messages: list[ChatMessage] = field(default_factory=list)
    options: TemplateOptions = NO_OPTIONS
    when_full: WhenFull = "stop"
    lock: threading.Lock = field(default_factory=threading.Lock)
    cancel: CancelToken | None = None
    """Of the answer that is asked for, while it is."""
    beside: int = 0
    """How many others have been at work at the same time, at most, since this one began."""

    @property
    def is_loaded(self) -> bool:
        return self.model is not None and self.model.alive

    def unload(self) -> None:
        model, self.model = self.model, None
        if model is not None:
            model.close()

    def add(self, message: ChatMessage) -> None:
        # After a prompt that got no answer the two become one: many templates insist that roles alternate.
        if self.messages and self.messages[-1].role == message.role == "user":
            message = ChatMessage("user", f"{self.messages.pop().content}\n\n{message.content}")
        self.messages.append(message)


class Comparison:
    """Two to five models that are asked together.

    `ask` runs inside a job; calls for different panes may overlap. Who else wants the memory may have it (`unload`)
    while nothing is being answered. `close` ends the workers.
    """

    title = COMPARED

    def __init__(
        self,
        paths: Sequence[Path],
        sampling: Sampling,
        keeper: Keeper,
        system_prompt: str = "",
        choose: Callable[[LoadChoices], LoadChoices] = lambda choices: choices,
        clock: Callable[[], float] = time.monotonic,
        one_after_another: bool = False,
    ) -> None:
        """`one_after_another`: panes never run beside each other, so that their speeds are those they have alone.
        `choose`: how a model is loaded, of what a person chose for it. `clock`: seconds, by which models are found
        to be idle."""
        if not 2 <= len(paths) <= MAXIMUM_PANES:
            raise WrongChoice(
                f"A comparison takes two to {MAXIMUM_PANES} models, not {len(paths)}.",
                f"Choose two to {MAXIMUM_PANES} models.",
            )
        self._opening = [ChatMessage("system", system_prompt)] if system_prompt else []
        self._panes = [_Pane(path, messages=list(self._opening)) for path in paths]
        self._sampling = sampling
        self._share_cores(one_after_another)
        self._turn = threading.Lock()
        self._calls = 0
        self._calls_lock = threading.Lock()
        self._at_work: list[_Pane] = []
        self._choose = choose
        self._rest = Rest(clock)
        self._keeper = keeper
        keeper.join(self)

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(pane.path for pane in self._panes)

    @property
    def panes_at_once(self) -> int:
        return self._at_once

    @property
    def threads_per_pane(self) -> int:
        return self._threads

    @property
    def worker_pids(self) -> tuple[int | None, ...]:
        """For each pane the process that runs its model; None where none is loaded."""
        models = [pane.model for pane in self._panes]
        return tuple(model.worker_pid if model is not None and model.alive else None for model in models)

    def ask(
        self,
        prompt: str,
        control: JobControl,
        panes: Collection[int] | None = None,
        sampling: Sampling | Mapping[int, Sampling] | None = None,
        begins: Sequence[int] = (),
    ) -> tuple[PaneAnswer, ...]:
        """One answer for each pane, or for those of the given indexes, in the order of `paths`.

        `sampling`: for this prompt instead of the comparison's own, or one for each pane; the models stay loaded.
        `begins`: tokens that the
        answers begin with, of the models' vocabulary, as if they had chosen them.
        Emits MemoryPlanned, Unreturned where memory that was given up is not free, then PaneLoading, PaneReading,
        PaneDelta and one PaneFinished for each pane, from several threads.
        Raises TooLittleMemory before anything is loaded, and Cancelled when it was stopped before any pane
        had begun to answer. A prompt that got no answer is given again together with the next one.
        """
        indexes = range(len(self._panes)) if panes is None else sorted(panes)
        with self._asking():
            in_turns = self._make_room(indexes, control)
            for index in indexes:
                self._panes[index].add(ChatMessage("user", prompt))
            return self._run(indexes, sampling or self._sampling, in_turns, control, begins)

    def ask_each(self, prompts: Sequence[str], control: JobControl) -> list[tuple[PaneAnswer, ...]]:
        """Every prompt to every pane, each in a conversation of its own: for each prompt the panes' answers.

        Emits and raises what `ask_some` does.
        """
        indexes = range(len(self._panes))
        given: dict[tuple[int, int], PaneAnswer] = {}

        def take(number: int, answers: Mapping[int, PaneAnswer]) -> None:
            given.update({(number, index): answer for index, answer in answers.items()})

        self.ask_some([(prompt, indexes) for prompt in prompts], self._sampling, control, take)
        return [tuple(given[number, index] for index in indexes) for number in range(len(prompts))]

    def ask_some(
        self,
        asked: Sequence[tuple[str, Collection[int]]],
        sampling: Sampling,
        control: JobControl,
        take: Callable[[int, Mapping[int, PaneAnswer]], None],
    ) -> None:
        """Each prompt to the panes named with it, in a conversation of its own. Where only one model fits, it answers
        all of its prompts before the next one is loaded.

        `take` is called with a prompt's number and what panes have just answered; what it raises ends it all.
        Emits and raises what `ask` does, and PanePrompt. Afterwards nothing has been said in any pane.
        """
        indexes = [index for index in range(len(self._panes)) if any(index in panes for _, panes in asked)]
        with self._asking():
            in_turns = self._make_room(indexes, control)
            # What is loaded goes first: in turns it would have to be loaded again later.
            order = sorted(indexes, key=lambda index: not self._panes[index].is_loaded)
            try:
                for turn in [[index] for index in order] if in_turns else [indexes]:
                    for number, (prompt, wanted) in enumerate(asked):
                        panes = [index for index in turn if index in wanted]
                        for index in panes:
                            self.set_conversation(index, [ChatMessage("user", prompt)])
                            control.emit(PanePrompt(index, number))
                        if panes:
                            answers = self._run(panes, sampling, in_turns, control)
                            take(number, dict(zip(panes, answers, strict=True)))
            finally:
                for index in indexes:
                    self.set_conversation(index, [])

    def diverge(
        self, passages: Sequence[Passage], reference: int, other: int, control: JobControl
    ) -> list[list[TokenDivergence]]:
        """How much the model of pane `other` differs from that of pane `reference` at each token of `passages`, answers
        of either or any other text.

        The models are loaded where they are not; in turns where only one fits. The panes' conversations are not
        touched. Emits what `ask` does, but no delta and no answer. Raises OtherVocabulary and what loading raises.
        """
        found: list[list[TokenDivergence]] = []
        with self._asking(), scratch_folder(self._keeper.database) as folder:
            in_turns = self._make_room({reference, other}, control)
            for batch in _batches(passages, TOKENS_ON_DISK if in_turns else 1):
                files: list[tuple[Passage, Path, str]] = []
                with self._model_of(reference, in_turns, control) as model:
                    for number, passage in enumerate(batch):
                        file = folder / str(number)
                        vocabulary = model.write_logits(
                            passage.tokens, passage.start, file, control.cancel, _reading(reference, control)
                        )
                        files.append((passage, file, vocabulary))
                with self._model_of(other, in_turns, control) as model:
                    for passage, file, vocabulary in files:
                        found.append(
                            model.diverge(
                                passage.tokens,
                                passage.start,
                                file,
                                vocabulary,
                                cancel=control.cancel,
                                on_progress=_reading(other, control),
                            )
                        )
                        file.unlink()
        return found

    def perplexities_per_character(self, text: str, panes: Sequence[int], control: JobControl) -> list[float]:
        """How unexpected each of these panes' models finds `text` by itself, for models with different vocabularies:
        see `perplexity_per_character`. Emits what `diverge` does. Raises PromptTooLong and what loading raises."""
        found = []
        with self._asking():
            in_turns = self._make_room(panes, control)
            for index in panes:
                with self._model_of(index, in_turns, control) as model:
                    scores = model.score(text, cancel=control.cancel, on_progress=_reading(index, control))
                found.append(perplexity_per_character(scores.log_probabilities, len(text)))
        return found

    def stop(self, index: int) -> None:
        """Ends the answer of that pane alone, also where it waits for its turn. From any thread."""
        cancel = self._panes[index].cancel
        if cancel is not None:
            cancel.cancel()

    def set_conversation(
        self,
        index: int,
        messages: Sequence[ChatMessage],
        options: TemplateOptions = NO_OPTIONS,
        when_full: WhenFull = "stop",
    ) -> None:
        """What pane `index` is told to have been said so far, without the system prompt unless it has one of its own;
        how its template is to put that, and what happens where it outgrows the context. Loads nothing.

        Not while that pane is asked.
        """
        pane = self._panes[index]
        pane.options, pane.when_full = options, when_full
        has_own = bool(messages) and messages[0].role == "system"
        pane.messages = [] if has_own else list(self._opening)
        for message in messages:
            pane.add(message)

    def held(self, accelerators: Sequence[Accelerator]) -> Held | None:
        """What the loaded models take; may be asked from any thread."""
        models = [(pane.path.stem, pane.model) for pane in self._panes]
        return held_by(
            self.title,
            [(name, model) for name, model in models if model is not None and model.alive],
            accelerators,
            is_busy=self._calls > 0,
            unload=self.unload,
        )

    def unload(self) -> bool:
        """Ends the workers, to be started again by the next prompt; False, and nothing, while a pane is asked."""
        with self._calls_lock:
            if self._calls:
                return False
            for pane in self._panes:
                pane.unload()
        return True

    @property
    def idle_left_s(self) -> float | None:
        """How long the models may go on being idle before `unload_idle` unloads them; None where they are asked, kept
        without end or not loaded. May be asked from any thread."""
        if self._calls or not any(pane.is_loaded for pane in self._panes):
            return None
        return self._rest.left_s

    def unload_idle(self) -> bool:
        """Whether the models had been idle for as long as they are kept, and so were unloaded."""
        left = self.idle_left_s
        return left is not None and left <= 0 and self.unload()

    def close(self) -> None:
        self._keeper.leave(self)
        for pane in self._panes:
            pane.unload()

    def __enter__(self) -> Comparison:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _share_cores(self, one_after_another: bool) -> None:
        self._at_once, self._threads = plan_threads(len(self._panes), count_cores(), one_after_another)
        self._slots = threading.Semaphore(self._at_once)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        with self._calls_lock:
            self._calls += 1
        try:
            yield
        finally:
            with self._calls_lock:
                self._calls -= 1
                # They are needed together: the one that is kept for the longest keeps the others.
                kept = [pane.choices.keep_s for pane in self._panes]
                self._rest.keep_s = None if None in kept else max(each for each in kept if each is not None)
                self._rest.begin(after_answer=True)

    def _make_room(self, indexes: Collection[int], control: JobControl) -> bool:
        """Makes sure that what is not loaded yet fits; whether only in turns."""
        missing: list[_Pane] = []
        loads: list[Load] = []
        for pane in (self._panes[index] for index in indexes):
            choices = self._choose(read_choices(self._keeper.database, pane.path))
            as_chosen = choices.for_loading == pane.choices.for_loading
            pane.choices = choices
            if pane.is_loaded and as_chosen:
                continue
            try:
                # Read anew each time: the file may have been replaced since the pane failed.
                loads.append(wanted_load(read_facts(pane.path), choices, self._threads))
            except EnvironmentFault:
                pane.load = None  # reported as this pane's failure when it is loaded
                continue
            missing.append(pane)
            with pane.lock:  # another call may still be answered by it
                pane.unload()
        if not missing:
            return False
        plan = plan_recommended(self._keeper, self.title, loads, keeping=self)
        if plan.way is Way.IN_TURNS and self._at_once > 1:
            # For good: one that has been loaded with all cores must not be at work beside another.
            self._share_cores(one_after_another=True)
            return self._make_room(indexes, control)
        for pane, load in zip(missing, plan.loads, strict=True):
            pane.load = load
        control.emit(MemoryPlanned(plan))
        for unreturned in self._keeper.make_room(plan):
            control.emit(unreturned)
        return plan.way is Way.IN_TURNS

    def _run(
        self,
        indexes: Collection[int],
        sampling: Sampling | Mapping[int, Sampling],
        in_turns: bool,
        control: JobControl,
        begins: Sequence[int] = (),
    ) -> tuple[PaneAnswer, ...]:
        samplings = sampling if isinstance(sampling, Mapping) else dict.fromkeys(indexes, sampling)
        # The token of this call, not of the job: a bug in one pane must be able to end the others.
        cancel = CancelToken()
        forget = control.cancel.on_cancel(cancel.cancel)
        own = {index: CancelToken() for index in indexes}  # so that one pane can be stopped
        for index in indexes:
            cancel.on_cancel(own[index].cancel)
            self._panes[index].cancel = own[index]

        def stop_others_after_a_bug(future: Future[PaneAnswer]) -> None:
            if future.exception() is not None:
                cancel.cancel()

        try:
            with ThreadPoolExecutor(1 if in_turns else MAXIMUM_PANES, thread_name_prefix="pane") as pool:
                run_pane = self._run_in_turn if in_turns else self._run_pane
                # What is loaded goes first: in turns it would have to be loaded again later.
                order = sorted(indexes, key=lambda index: not self._panes[index].is_loaded)
                started = {
                    index: pool.submit(run_pane, index, samplings[index], begins, own[index], control)
                    for index in order
                }
                futures = [started[index] for index in indexes]
                for future in futures:
                    future.add_done_callback(stop_others_after_a_bug)
                answers = tuple(future.result() for future in futures)
        finally:
            forget()
            for index in indexes:
                self._panes[index].cancel = None
        if control.cancel.cancelled and not any(answer.text for answer in answers):
            raise Cancelled
        return answers

    def _run_in_turn(
        self,
        index: int,
        sampling: Sampling,
        begins: Sequence[int],
        cancel: CancelToken,
        control: JobControl,
    ) -> PaneAnswer:
        with self._turn:
            self._unload_others(index, cancel)
            return self._run_pane(index, sampling, begins, cancel, control)

    def _unload_others(self, index: int, cancel: CancelToken) -> None:
        """Before this pane's lock is held: one that answers a call of its own is waited for."""
        for other in self._panes:
            if other is not self._panes[index] and not cancel.cancelled:
                with other.lock:
                    other.unload()

    @contextmanager
    def _model_of(self, index: int, in_turns: bool, control: JobControl) -> Iterator[LoadedModel]:
        """That of a pane for a while in which it is asked nothing else."""
        pane = self._panes[index]
        with self._turn if in_turns else nullcontext():
            if in_turns:
                self._unload_others(index, control.cancel)
            with pane.lock, self._slots:
                control.cancel.raise_if_cancelled()
                yield self._loaded(index, pane, control.cancel, control)

    @contextmanager
    def _slot(self, pane: _Pane, cancel: CancelToken) -> Iterator[None]:
        """For one pane to be at work. Raises Cancelled where it is stopped while it waits for that."""
        while not self._slots.acquire(timeout=STOP_SEEN_S):
            cancel.raise_if_cancelled()
        with self._calls_lock:
            self._at_work.append(pane)
            pane.beside = 0
            for each in self._at_work:
                each.beside = max(each.beside, len(self._at_work) - 1)
        try:
            yield
        finally:
            with self._calls_lock:
                self._at_work.remove(pane)
            self._slots.release()

    def _run_pane(
        self,
        index: int,
        sampling: Sampling,
        begins: Sequence[int],
        cancel: CancelToken,
        control: JobControl,
    ) -> PaneAnswer:
        pane = self._panes[index]
        parts: list[str] = []
        try:
            with pane.lock, self._slot(pane, cancel):
                answer = self._answer(index, pane, sampling, begins, parts, cancel, control)
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
        sampling: Sampling,
        begins: Sequence[int],
        parts: list[str],
        cancel: CancelToken,
        control: JobControl,
    ) -> PaneAnswer:
        cancel.raise_if_cancelled()
        model = self._loaded(index, pane, cancel, control)
        thinks = False
        asked = model.generate(
            pane.messages,
            sampling,
            cancel,
            pane.options,
            when_full=pane.when_full,
            tells_tokens=True,
            begins=begins,
        )
        for event in asked:
            if isinstance(event, PromptProgress):
                control.emit(PaneReading(index, event.done, event.total))
            elif isinstance(event, Piece):
                # What models think is compared like their answers, which begin below it.
                is_first = event.kind == "answer" and thinks
                text, thinks = f"\n\n{event.text}" if is_first else event.text, event.kind == "reasoning"
                parts.append(text)
                control.emit(PaneDelta(index, text, event.tokens))
            elif isinstance(event, Generation):
                text = "".join(parts)
                if text or event.statistics.finish_reason != "cancelled":
                    pane.messages.append(event.message)
                start = event.statistics.prompt_tokens
                passage = Passage(event.conversation, start) if len(event.conversation) > start else None
                timing = Timing(pane.beside, self._threads)
                return PaneAnswer(
                    pane.path, text, event.statistics, passage=passage, message=event.message, timing=timing
                )
        raise AssertionError("generate() ends with a Generation")

    def _loaded(self, index: int, pane: _Pane, cancel: CancelToken, control: JobControl) -> LoadedModel:
        if pane.model is not None and pane.model.alive:
            return pane.model
        pane.unload()
        control.emit(PaneLoading(index, 0.0))
        if pane.load is None:
            wanted = wanted_load(read_facts(pane.path), pane.choices, self._threads)
            pane.load = plan_recommended(self._keeper, self.title, [wanted], keeping=self).loads[0]
        pane.load, pane.model = load_recommended(
            self._keeper, pane.load, cancel, lambda fraction: control.emit(PaneLoading(index, fraction))
        )
        self._keeper.remember(pane.load, pane.model)
        return pane.model


def _batches(passages: Sequence[Passage], most_tokens: int) -> Iterator[list[Passage]]:
    """In their order, each with so many tokens at most or a single passage."""
    batch: list[Passage] = []
    tokens = 0
    for passage in passages:
        size = len(passage.tokens) - passage.start
        if batch and tokens + size > most_tokens:
            yield batch
            batch, tokens = [], 0
        batch.append(passage)
        tokens += size
    if batch:
        yield batch


def _reading(index: int, control: JobControl) -> Callable[[int, int], None]:
    return lambda done, total: control.emit(PaneReading(index, done, total))
