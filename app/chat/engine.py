"""Answers for conversations: the model that is loaded, and the way of an answer into the store."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from app.chat.answers import AnswerWriter
from app.chat.history import History
from app.chat.kept_caches import cache_stamp
from app.chat.model_caches import SPARED_S, ModelCaches, cache_name
from app.chat.records import Conversation, Message, MessageState, WrittenWith
from app.chat.store import ConversationStore
from app.chat.titling import ask_for_title, can_be_asked
from app.core.errors import Cancelled, EnvironmentFault, WorkerDied
from app.core.jobs import CancelToken, JobControl
from app.gguf import ThinkingControls, read_facts
from app.gguf.thinking import thinking_controls
from app.hardware import Accelerator
from app.memory import Held, Keeper, Load, Rest, Spread, held_by, spread_of
from app.recommend.choices import LoadChoices, read_choices, wanted_load, write_choices
from app.recommend.loading import load_recommended, plan_recommended
from app.recommend.runs import remember_run
from app.runtime import (
    AnswerSoFar,
    Generation,
    GenerationStatistics,
    LoadedModel,
    LoadSettings,
    Sampling,
    TemplateOptions,
)
from app.runtime.protocol import Piece, PieceKind, PromptProgress

RANDOM_SEED = -1
"""As a conversation's seed: a new one for every answer, which its statistics then tell."""

TURN_S = 0.05
GIVING_WAY_S = 2.0
"""For a step of a large model on a slow computer, when it is told to stop."""


@dataclass(frozen=True)
class AnswerDelta:
    """Emitted while an answer streams: text that is in the database already."""

    text: str
    tokens: int
    kind: PieceKind = "answer"


@dataclass(frozen=True)
class TurnsLeftOut:
    """Emitted before an answer whose model does not get the whole conversation: so many of its first messages, the
    system prompt not counted, are left out of it."""

    messages: int


@dataclass(frozen=True)
class _Loaded:
    path: Path
    stamp: tuple[int, int] | None
    choices: LoadChoices
    load: Load
    model: LoadedModel
    caches: ModelCaches


class ChatEngine:
    """Holds the one model chat has loaded. Its methods run inside jobs, one at a time.

    Who else wants the memory may have it (`unload`) while nothing is being answered.
    """

    title = "Chat's model"

    def __init__(
        self,
        database: Path,
        keeper: Keeper,
        clock: Callable[[], float] = time.monotonic,
        spared_s: float = SPARED_S,
    ) -> None:
        """`clock`: seconds, by which a model is found to be idle. `spared_s`: see `ModelCaches`."""
        self._database = database
        self._spared_s = spared_s
        self._rest = Rest(clock)
        self._is_outdated = False
        self._keeper = keeper
        self._lock = threading.Lock()
        self._loaded: _Loaded | None = None
        self._closed = False
        self._titling: CancelToken | None = None
        keeper.join(self)

    def load(self, path: Path, control: JobControl) -> None:
        """Makes `path` the loaded model. Emits Unreturned where memory that was given up is not free.

        Raises what reading and loading it raise.
        """
        with self._turn(control, is_answer=False):
            self._ensure(path, control)

    def answer(self, conversation_id: int, control: JobControl, to: int | None = None) -> Message | None:
        """Answers the last prompt at or before the message `to`, without it of the branch that is shown; None when
        stopped before the first word. Where there is an answer already, this is another one.

        Emits `TurnsLeftOut`, `AnswerDelta`, and what `load` emits. The prompt is in the store before, so after any
        failure the same call tries again. Raises what loading raises, PromptTooLong, TemplateFault, WorkerDied.
        """
        with self._turn(control, is_answer=True), ConversationStore(self._database) as store:
            conversation = store.conversation(conversation_id)
            branch = store.messages(conversation_id) if to is None else store.branch_to(to)
            history = History(conversation, branch, store.attachments_of(branch))
            loaded = self._ensure(conversation.model_path, control)
            given = _given(conversation, loaded)
            loaded.caches.open(conversation_id, control.cancel)
            writer = store.begin_answer(conversation_id, *_name(loaded), _written_with(given), history.prompt)
            return self._stream(loaded, history, given, writer, control)

    def continue_answer(self, message_id: int, control: JobControl) -> Message | None:
        """Goes on with an answer that was cut, where its text ends: with the conversation's model and sampling, and
        the system prompt and template options that it was begun with. An answer may be as long again as any.

        Emits and raises what `answer` does; and KeyError where it is no answer, or one that is being written.
        """
        with self._turn(control, is_answer=True), ConversationStore(self._database) as store:
            conversation = store.conversation(store.conversation_with(message_id))
            cut = store.message(message_id)
            if cut.written_with is not None:
                begun = cut.written_with
                conversation = replace(conversation, system_prompt=begun.system_prompt, options=begun.options)
            branch = store.branch_to(message_id)
            history = History(conversation, branch, store.attachments_of(branch))
            loaded = self._ensure(conversation.model_path, control)
            given = _given(conversation, loaded)
            loaded.caches.open(conversation.id, control.cancel)
            writer = store.continue_answer(message_id, *_name(loaded))
            so_far = AnswerSoFar(cut.text, cut.reasoning)
            return self._stream(loaded, history, given, writer, control, so_far)

    def give_title(self, conversation_id: int, cancel: CancelToken) -> str | None:
        """Asks the model that is loaded what to call a conversation it has just answered; None, and nothing is changed,
        where it cannot be asked now, says nothing of use, or a person has given a title.

        Whatever else is wanted of the engine cancels it. Raises Cancelled.
        """
        if not self._lock.acquire(blocking=False):
            return None
        self._titling = own = CancelToken()
        forget = cancel.on_cancel(own.cancel)
        try:
            loaded = self._loaded
            if loaded is None or loaded.path != self.loaded_path or not can_be_asked(loaded.model):
                return None
            with ConversationStore(self._database) as store:
                return self._give_title(store, loaded, conversation_id, own)
        except (KeyError, EnvironmentFault):
            return None  # deleted, too long, the worker is gone: there are the first words
        finally:
            forget()
            self._titling = None
            self._rest.begin(after_answer=True)
            self._lock.release()

    def _give_title(
        self, store: ConversationStore, loaded: _Loaded, conversation_id: int, cancel: CancelToken
    ) -> str | None:
        conversation, branch = store.conversation(conversation_id), store.messages(conversation_id)
        is_answered = bool(branch) and branch[-1].role == "assistant"
        if not is_answered or conversation.model_path != loaded.path:
            return None
        history = History(conversation, branch, store.attachments_of(branch))
        given = _given(conversation, loaded)
        title = ask_for_title(loaded.model, given, history.messages, branch[-1], cancel)
        return title if title and store.give_title(conversation_id, title) else None

    def put_aside(self, but: int | None) -> None:
        """Saves what the model has computed of all conversations except `but`, the one that is open now: while the
        person reads or writes it need not be waited for. Nothing where the engine is busy."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            if self._loaded is not None:
                self._loaded.caches.save(but)
        finally:
            self._lock.release()

    def close(self) -> None:
        """Ends the worker for good; whatever is running fails with WorkerDied and keeps its text."""
        self._closed = True
        self._keeper.leave(self)
        loaded = self._loaded
        if loaded is None:
            return
        try:
            if self._lock.acquire(timeout=GIVING_WAY_S if self._drop_title() else 0):  # nothing is running
                try:
                    loaded.caches.save()
                finally:
                    self._lock.release()
        finally:
            loaded.model.close()

    def held(self, accelerators: Sequence[Accelerator]) -> Held | None:
        """What the loaded model takes; may be asked from any thread."""
        loaded = self._loaded
        if loaded is None or not loaded.model.alive:
            return None
        facts = loaded.load.facts
        is_busy = self._lock.locked() and self._titling is None
        models = [(facts.name or facts.path.stem, loaded.model)]
        return held_by(self.title, models, accelerators, is_busy=is_busy, unload=self.unload)

    def unload(self) -> bool:
        """Ends the worker, to be started again by the next prompt; False, and nothing, during a load or an answer."""
        if not self._lock.acquire(timeout=GIVING_WAY_S if self._drop_title() else 0):
            return False
        try:
            self._drop()
        finally:
            self._lock.release()
        return True

    def choose(self, path: Path, choices: LoadChoices) -> None:
        """From now on `path` is loaded so; where it is loaded already, the next `load` or `answer` does it again.

        Raises what `write_choices` raises.
        """
        write_choices(self._database, path, choices)
        loaded = self._loaded
        if loaded is not None and loaded.path == path:
            self._rest.keep_s = choices.keep_s
            self._is_outdated = choices.for_loading != loaded.choices.for_loading

    @property
    def idle_left_s(self) -> float | None:
        """How long the model may go on being idle before `unload_idle` unloads it; None where it is busy, kept without
        end or not loaded. May be asked from any thread."""
        loaded = self._loaded
        if loaded is None or not loaded.model.alive or self._lock.locked():
            return None
        return self._rest.left_s

    @property
    def kept_minutes(self) -> int | None:
        """For how long the model that is or was loaded last is kept while it is idle; None: without end."""
        return None if self._rest.keep_s is None else round(self._rest.keep_s / 60)

    def unload_idle(self) -> bool:
        """Whether the model had been idle for as long as it is kept, and so was unloaded."""
        left = self.idle_left_s
        return left is not None and left <= 0 and self.unload()

    @property
    def loaded_path(self) -> Path | None:
        """None also where the model is to be loaded in another way. May be asked from any thread, as may `spread`,
        `settings` and `worker_pid`."""
        loaded = self._loaded
        is_there = loaded is not None and loaded.model.alive and not self._is_outdated
        return loaded.path if loaded is not None and is_there else None

    @property
    def settings(self) -> LoadSettings | None:
        """How the model is loaded."""
        loaded = self._loaded
        return loaded.load.settings if loaded is not None and loaded.model.alive else None

    @property
    def spread(self) -> Spread | None:
        """Where the loaded model runs; None also where there is but one place for it."""
        loaded = self._loaded
        if loaded is None or not loaded.model.alive:
            return None
        return spread_of(loaded.load, loaded.model.description.buffers)

    @property
    def context_length(self) -> int | None:
        """Of the loaded model, in tokens, for one conversation."""
        loaded = self._loaded
        return loaded.model.description.context_length if loaded is not None and loaded.model.alive else None

    def count_tokens(self, text: str) -> int | None:
        """How many tokens `text` is to the loaded model; None where none is loaded. May be asked from any thread, also
        during an answer."""
        loaded = self._loaded
        if loaded is None or not loaded.model.alive:
            return None
        try:
            return loaded.model.count_tokens(text)
        except WorkerDied:  # unloaded meanwhile, or whoever waits for an answer is told why
            return None

    @property
    def worker_pid(self) -> int | None:
        loaded = self._loaded
        return loaded.model.worker_pid if loaded is not None and loaded.model.alive else None

    @contextmanager
    def _turn(self, control: JobControl, *, is_answer: bool) -> Iterator[None]:
        """Waits until the job before this one has ended, or this one is cancelled."""
        self._drop_title()
        while not self._lock.acquire(timeout=TURN_S):
            self._drop_title()  # one that had only just begun
            control.cancel.raise_if_cancelled()
        try:
            yield
        finally:
            self._rest.begin(after_answer=is_answer)
            self._lock.release()

    def _drop_title(self) -> bool:
        """Whether one was being asked for, which will end at once."""
        titling = self._titling
        if titling is not None:
            titling.cancel()
        return titling is not None

    def _ensure(self, path: Path, control: JobControl) -> _Loaded:
        stamp, loaded = _stamp(path), self._loaded
        if loaded is not None and self._is_usable(loaded, path, stamp):
            return loaded
        choices = read_choices(self._database, path)
        stage = f"Loading {path.stem}"
        control.progress(stage)
        facts = read_facts(path)
        wanted = wanted_load(facts, choices)
        # With what the model before this one gives back: it goes only where this one fits.
        plan = plan_recommended(self._keeper, self.title, [wanted])
        for unreturned in self._keeper.make_room(plan, self._drop):
            control.emit(unreturned)
        load, model = load_recommended(
            self._keeper,
            plan.loads[0],
            control.cancel,
            lambda fraction: control.progress(
                stage, fraction * facts.tensor_bytes, facts.tensor_bytes, "bytes"
            ),
        )
        stamped = cache_stamp(path, stamp, load.settings)
        caches = ModelCaches(self._database, model, stamped, self._spared_s)
        loaded = self._loaded = _Loaded(path, stamp, choices, load, model, caches)
        self._rest.keep_s = choices.keep_s
        self._is_outdated = False
        self._keeper.remember(load, model)
        if self._closed:  # meanwhile, and `close` may have seen nothing to end
            model.close()
            raise Cancelled
        return loaded

    def _is_usable(self, loaded: _Loaded, path: Path, stamp: tuple[int, int] | None) -> bool:
        # A file that is gone meanwhile is still loaded; one that was made anew is another model.
        is_same = loaded.path == path and stamp in (loaded.stamp, None)
        return is_same and loaded.model.alive and not self._is_outdated

    def _drop(self) -> None:
        loaded, self._loaded = self._loaded, None
        if loaded is not None:
            try:
                loaded.caches.save()
            finally:
                loaded.model.close()

    def _note(self, loaded: _Loaded, conversation_id: int, figures: GenerationStatistics) -> None:
        loaded.caches.note(conversation_id, figures)
        described = loaded.model.description
        remember_run(self._database, loaded.load.facts, loaded.load.settings, described, figures)

    def _stream(
        self,
        loaded: _Loaded,
        history: History,
        conversation: Conversation,
        writer: AnswerWriter,
        control: JobControl,
        continues: AnswerSoFar | None = None,
    ) -> Message | None:
        dropped, message, figures = 0, None, None
        try:
            for event in loaded.model.generate(
                history.messages,
                conversation.sampling,
                control.cancel,
                conversation.options,
                conversation=cache_name(conversation.id),
                when_full=conversation.when_full,
                continues=continues,
            ):
                if isinstance(event, PromptProgress):
                    if event.dropped_messages != dropped:
                        dropped = event.dropped_messages
                        control.emit(TurnsLeftOut(history.kept_of(dropped)))
                    control.progress("Reading the conversation", event.done, event.total, "tokens")
                elif isinstance(event, Piece):
                    writer.append(event.text, event.kind)
                    control.emit(AnswerDelta(event.text, event.tokens, event.kind))
                elif isinstance(event, Generation):
                    stopped = event.statistics.finish_reason == "cancelled"
                    state = MessageState.STOPPED if stopped else MessageState.COMPLETE
                    left_out = history.kept_of(event.statistics.dropped_messages)
                    figures = msgspec.structs.replace(event.statistics, dropped_messages=left_out)
                    message = writer.finish(state, figures, event.tool_calls)
        except Cancelled:
            return writer.finish(MessageState.STOPPED)
        except BaseException:
            writer.finish(MessageState.CUT_OFF)
            raise
        assert figures is not None, "generate() ends with a Generation"
        self._note(loaded, conversation.id, figures)
        return message


def _given(conversation: Conversation, loaded: _Loaded) -> Conversation:
    """The conversation with what the model is really given of its settings."""
    controls = thinking_controls(loaded.load.facts.chat_template)
    options = _known_to(controls, conversation.options)
    return replace(conversation, sampling=_with_seed(conversation.sampling), options=options)


def _name(loaded: _Loaded) -> tuple[str, str | None]:
    """Of the model, and its quantization."""
    facts = loaded.load.facts
    return facts.name or facts.path.stem, facts.quantization


def _written_with(conversation: Conversation) -> WrittenWith:
    return WrittenWith(
        model_path=str(conversation.model_path),
        sampling=conversation.sampling,
        system_prompt=conversation.system_prompt,
        options=conversation.options,
    )


def _known_to(controls: ThinkingControls | None, options: TemplateOptions) -> TemplateOptions:
    """An effort that was chosen for another model may be one that this one's template refuses."""
    if controls is not None and options.reasoning_effort in controls.efforts:
        return options
    return msgspec.structs.replace(options, reasoning_effort="")


def _stamp(path: Path) -> tuple[int, int] | None:
    """Changes when the file does; None when there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _with_seed(sampling: Sampling) -> Sampling:
    if sampling.seed != RANDOM_SEED:
        return sampling
    return msgspec.structs.replace(sampling, seed=secrets.randbits(32))
