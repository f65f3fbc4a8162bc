"""The Chat page: conversations left, messages in the middle, the model and its settings in a drawer right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QHideEvent, QShowEvent

from app.chat import (
    NO_OPTIONS,
    WHEN_FULL,
    AnswerDelta,
    Conversation,
    ConversationStore,
    Message,
    MessageState,
)
from app.core.errors import EnvironmentFault, PromptTooLong
from app.core.jobs import Progress
from app.core.text import encodable
from app.runtime import Sampling, TemplateOptions
from app.runtime.protocol import WhenFull
from app.ui.pages.chat_answering import Answering, Outcome, Redo
from app.ui.pages.chat_branches import BranchActs
from app.ui.pages.chat_comparing import ChatComparing
from app.ui.pages.chat_deletion import Deletions
from app.ui.pages.chat_drafts import DraftKeeper
from app.ui.pages.chat_drop import FileDrop
from app.ui.pages.chat_fitting import Fitting
from app.ui.pages.chat_guide import GuideForChat
from app.ui.pages.chat_keys import ChatKeys
from app.ui.pages.chat_known import KnownModels
from app.ui.pages.chat_layout import ChatLayout
from app.ui.pages.chat_loading import ChatLoading
from app.ui.pages.chat_overview import Overview
from app.ui.pages.chat_presets import ChatPresets
from app.ui.pages.chat_prompt_library import PromptLibrary
from app.ui.pages.chat_samplers import DEFAULTS
from app.ui.pages.chat_titles import Titles
from app.ui.services import Services
from app.ui.spelling.marks import SpellMarks

if TYPE_CHECKING:  # with it comes Compare's engine
    from app.compare.to_chat import Taken

STOPPING_S = 1.0


class ChatPage(ChatLayout):
    """`library_requested`: there is no model to chat with, or to compare with. `compare_requested` carries the Opening
    of a conversation and the file of the model that is to go on with it beside its own."""

    library_requested = Signal()
    compare_requested = Signal(object, object)

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._is_usable = False
        self._conversation: Conversation | None = None
        self._model: Path | None = None
        self._faults: dict[int, EnvironmentFault] = {}
        self._load_fault: EnvironmentFault | None = None
        self._spared: Path | None = None  # not to be loaded until it is needed
        self.known = KnownModels(services)
        self.answering = Answering(services.chat_engine)
        self.titles = Titles(services, self.answering)
        self.loading = ChatLoading(services, self, self.answering, self.known)
        self.guide = GuideForChat(services.folder, self.picker, self.head, self.notices, self)
        self.deletions = Deletions(self.notices, self._delete_for_good)
        self.drafts = DraftKeeper(self.composer, lambda: self._store)
        self.overview = Overview(
            self.list_controls,
            self.list,
            self.notices,
            lambda: self._store,
            services.folder.database,
            self._kept,
        )
        self.branches = BranchActs(
            self.column,
            self.composer,
            lambda: self._store,
            keep=self._kept,
            show=self._show_messages,
            answer=self._answer_again,
            go_on=self._go_on,
        )
        self.presets = ChatPresets(
            lambda: services.saved_settings, self.drawer.presets, self.drawer.samplers, self.notices
        )
        self.prompt_library = PromptLibrary(lambda: services.saved_settings, self.drawer, self.notices)
        self.column.context_of = self.known.context_of
        self.column.statistics_fold.is_open = services.preferences.settings.statistics_open
        self.column.statistics_fold.changed.connect(services.preferences.set_statistics_open)
        self.fitting = Fitting(services.chat_engine, self)
        self.fitting.trained_length = lambda: self.known.trained_length(self._model)
        self.fitting.leave_out_oldest = lambda: self._choose_when_full("drop_oldest")
        self.fitting.draft_measured.connect(self.meter.show_draft_tokens)
        self.file_drop = FileDrop(self, self.composer.attaching.add_files)
        self.keys = ChatKeys(self)
        self.comparing = ChatComparing(self, lambda: self._store)
        self.spelling = SpellMarks(self.composer.field, services.speller)
        self.spelling_of_prompt = SpellMarks(self.drawer.prompt_field, services.speller)
        self.column.editing.connect(lambda editor: SpellMarks(editor.field, services.speller))
        self._connect()
        self._open_latest()

    @property
    def _store(self) -> ConversationStore:
        return self._services.conversations

    @property
    def conversation(self) -> Conversation | None:
        """The one that is open; None: a new chat nothing has been sent in."""
        return self._conversation

    @property
    def model(self) -> Path | None:
        """The model the next prompt goes to."""
        return self._model

    def conversations(self) -> list[Conversation]:
        """All but those put away or about to be deleted, the latest first."""
        known = self._store.conversations() if self._is_usable else ()
        return [each for each in known if each.id not in self.deletions.pending]

    # What a person or the window asks for

    def open_model(self, path: Path) -> None:
        """Starts a new chat with a model; it is kept from the first prompt on."""
        if not self._is_usable:
            self._open_latest()
        if self._is_usable:
            self._open(None, path)
            self._prepare()
            self.known.look(path)

    def new_chat(self) -> None:
        """A new chat with the model of the one that is open."""
        if self._is_usable:
            self._open(None, self._model or self._likely_model())
            self._prepare()

    def take_over(self, taken: Taken) -> None:
        """Goes on with what was said in Compare, in a conversation of its own."""
        from app.compare.to_chat import keep_taken

        kept: list[int] = []
        if self._is_usable and self._kept(lambda: kept.append(keep_taken(self._store, taken))):
            self.open_conversation(kept[0])
            self.known.look(taken.model_path)

    def open_conversation(self, identity: int) -> None:
        """To read, perhaps: its model is loaded when the person begins to write."""
        if self._conversation is None or self._conversation.id != identity:
            conversation = self._store.conversation(identity)
            self._open(conversation, conversation.model_path)

    def open_message(self, message: int) -> None:
        """The conversation with it, on its branch, where it stands."""
        if self._kept(lambda: self._store.show(message)):
            conversation = self._store.conversation(self._store.conversation_with(message))
            self._open(conversation, conversation.model_path)
            self.column.go_to(message)

    def choose_model(self, path: Path) -> None:
        """From now on `path` answers in this chat."""
        conversation = self._conversation
        if conversation is not None:
            if not self._kept(lambda: self._store.change_model(conversation.id, path)):
                return
            self._conversation = self._store.conversation(conversation.id)
        self._model, self._load_fault = path, None
        self._show_list()
        self._show_model()
        self._show_centre()
        self._prepare()

    def send(self, text: str) -> None:
        """Keeps the prompt, then gets it answered."""
        path, words = self._model, encodable(text).strip()
        is_empty = not words and not self.composer.attaching.attachments
        if path is None or is_empty or self.answering.conversation is not None:
            return
        self.drawer.flush()
        self._kept(lambda: self._send(path, words))

    def try_again(self) -> None:
        """Answers the last prompt once more, or loads the model once more where nothing was asked."""
        self._load_fault = None
        if self._conversation is None:
            self._show_centre()
            self._prepare()
        elif self.answering.conversation is None and self._model is not None:
            self._ask(self._conversation.id, self._model)

    def leave_out_oldest(self) -> None:
        """Answers the last prompt without the oldest turns, and those that follow when they need it."""
        self._choose_when_full("drop_oldest")
        self.try_again()

    def delete_conversation(self, identity: int) -> None:
        """Takes it off the list; there is a way back for a while."""
        title = next((line.title for line in self.list.lines if line.id == identity), "")
        if self.answering.conversation == identity:
            self.answering.stop()
        if self._conversation is not None and self._conversation.id == identity:
            self.new_chat()
        self.deletions.ask(identity, title)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.known.look(self._model)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if not event.spontaneous():  # else the window was only put aside
            self.drawer.flush()
            self.drafts.flush()
            self.deletions.finish()

    # Opening

    def _connect(self) -> None:
        self.list.chosen.connect(self.open_conversation)
        self.list.delete_asked.connect(self.delete_conversation)
        self.overview.changed.connect(self._show_list)
        self.overview.hit_chosen.connect(self.open_message)
        self.head.cancel_asked.connect(lambda: self.guide.cancel() if self.guide.busy else self._stop())
        self.picker.picked.connect(self.choose_model)
        self.guide.ready.connect(self.choose_model)
        self.guide.ready.connect(self.known.look)
        self.guide.changed.connect(self._show_centre)
        self.column.again_asked.connect(self.try_again)
        self.composer.send_asked.connect(self.send)
        self.composer.stop_asked.connect(self._stop)
        self.composer.field.textChanged.connect(self._warm_up)
        self.composer.attaching.changed.connect(self._warm_up)
        self.new_asked.connect(self.new_chat)
        self.library_asked.connect(self.library_requested)
        self.drawer.sampling_changed.connect(self._change_sampling)
        self.drawer.thinking.changed.connect(self._change_options)
        self.drawer.full_context.changed.connect(self._change_when_full)
        self.drawer.system_prompt_changed.connect(self._change_system_prompt)
        self.drawer.sampling_changed.connect(self._show_limits)
        self.drawer.system_prompt_edited.connect(self._show_limits)
        self.deletions.changed.connect(self._show_list)
        self.known.changed.connect(self._models_known)
        self.known.failed.connect(self.notices.show_fault)
        self._services.preferences.changed.connect(lambda: self.known.look(self._model))
        self.answering.changed.connect(self._show_busy)
        self.answering.changed.connect(self.fitting.follow)
        self.answering.load_progressed.connect(self._load_progressed)
        self.answering.load_failed.connect(self._load_failed)
        self.answering.progressed.connect(self._progressed)
        self.answering.left_out.connect(self._left_out)
        self.answering.arrived.connect(self._arrived)
        self.answering.ended.connect(self._ended)
        self.titles.given.connect(self._show_list)

    def _open_latest(self) -> None:
        """Where the person left off; its model is loaded when it is clear that it will be used."""
        try:
            latest = next(iter(self._store.conversations()), None)
        except EnvironmentFault as fault:  # no database, no chat
            self.column.show_fault(fault, [(self.tr("Try again"), "arrow-clockwise", self._open_latest)])
            self.show_state(self.column)
            self.composer.hide()
            return
        self._is_usable = True
        self._open(latest, latest.model_path if latest else None)

    def _open(self, conversation: Conversation | None, model: Path | None) -> None:
        self.guide.cancel()  # it was chosen for the one that was open
        self.drawer.flush()
        self._conversation, self._model, self._load_fault = conversation, model, None
        self._spared = model  # a draft that comes back is not the person writing
        self.drawer.show_settings(
            conversation.sampling if conversation else DEFAULTS,
            conversation.system_prompt if conversation else "",
        )
        self.presets.open(conversation.id if conversation else None)
        self.prompt_library.open()
        self.drawer.thinking.show_options(conversation.options if conversation else NO_OPTIONS)
        self.drawer.full_context.show_choice(conversation.when_full if conversation else WHEN_FULL)
        self.drafts.open(conversation.id if conversation else None)
        self._spared = None
        self.composer.field.setFocus()
        self._show_list()
        self._show_model()
        self._show_messages()
        self.answering.put_aside(but=conversation.id if conversation else None)

    def _likely_model(self) -> Path | None:
        """The one used last if it is still there, or else the likely one of those there are."""
        paths = [entry.path for entry in self.known.entries]
        used = (conversation.model_path for conversation in self._store.conversations())
        return next((path for path in used if path in paths), self.known.likely)

    def _models_known(self) -> None:
        if not self._is_usable:
            return
        if self._model is None:
            self._model = self._likely_model()
        self._show_list()
        self._show_model()
        self._show_centre()
        self.column.update_contexts()

    # Loading, asking, answering

    def _prepare(self) -> None:
        self._spared = None
        if self._model is not None:
            self.answering.prepare(self._model)

    def _warm_up(self) -> None:
        """Who begins to write will want an answer."""
        idle = self.answering.loading is None and self.answering.conversation is None
        if self._model is None or not idle or self._load_fault is not None or self._spared == self._model:
            return
        has_content = bool(self.composer.text) or bool(self.composer.attaching.entries)
        if has_content and not self.answering.is_loaded(self._model):
            self.answering.prepare(self._model)

    def _send(self, path: Path, text: str) -> None:
        conversation = self._conversation
        if conversation is None:
            drawer = self.drawer
            conversation = self._store.create(
                path,
                drawer.sampling,
                drawer.system_prompt,
                drawer.thinking.options,
                drawer.full_context.choice,
            )
            self.presets.keep(conversation.id)
        prompt = self._store.add_prompt(conversation.id, text, self.composer.attaching.attachments)
        self._conversation = self._store.conversation(conversation.id)
        self._begin_answer(conversation.id, path)  # first: the model reads while the rest is shown
        self.composer.clear()
        self.drafts.sent(conversation.id)
        self._show_centre()
        self.column.add_prompt(prompt)
        self.meter.add(prompt)
        self.column.begin_answer()
        self._show_list()

    def _ask(self, identity: int, path: Path) -> None:
        self._begin_answer(identity, path)
        self.column.begin_answer()
        self._show_list()

    def _answer_again(self, message: Message | None) -> None:
        """Another answer in the place of that one; None: an answer to the last prompt."""
        conversation, path = self._conversation, self._model
        if conversation is None or path is None or self.answering.conversation is not None:
            return
        if message is None:
            self._ask(conversation.id, path)
            return
        self._begin_answer(conversation.id, path, Redo(message))
        self.column.keep_to(message.parent)
        self.column.begin_answer()
        self._show_list()

    def _go_on(self, message: Message) -> None:
        conversation, path = self._conversation, self._model
        if conversation is None or path is None or self.answering.conversation is not None:
            return
        self._begin_answer(conversation.id, path, Redo(message, goes_on=True))
        self.column.keep_to(message.parent)
        self.column.begin_answer(message.text, reasoning=message.reasoning)
        self._show_list()

    def _begin_answer(self, identity: int, path: Path, redo: Redo | None = None) -> None:
        self._faults.pop(identity, None)
        self._load_fault = None
        self.answering.ask(identity, path, redo)

    def _stop(self) -> None:
        self._spared = self._model
        self.answering.stop()

    def _load_progressed(self, path: Path, progress: Progress) -> None:
        if self.answering.conversation is None and not self.guide.busy:
            self.head.show_loading(progress)

    def _load_failed(self, path: Path, fault: EnvironmentFault) -> None:
        if path == self._model:
            self._load_fault = fault
            self.known.look(path)
            self._show_centre()
            self._show_fault(fault)

    def _progressed(self, identity: int, progress: Progress) -> None:
        if self._is_open(identity) and self.column.live is not None:
            self.column.live.show_progress(progress)

    def _left_out(self, identity: int, messages: int) -> None:
        if self._is_open(identity):
            self.column.leave_out(messages)

    def _arrived(self, identity: int, delta: AnswerDelta) -> None:
        live = self.column.live
        if self._is_open(identity) and live is not None:
            (live.think if delta.kind == "reasoning" else live.append)(delta.text)

    def _ended(self, identity: int, outcome: Outcome) -> None:
        if outcome.fault is not None:
            self._faults[identity] = outcome.fault
            self.known.look(self._model)
        if self._is_open(identity):
            message = outcome.message or self._kept_in_part(identity)
            if message is None and self.answering.redo is not None:
                self._show_messages()  # as it was before
            else:
                self.column.end_answer(message)
                self.meter.add(message)
                self._show_missing(identity, message)
                self._look_at_room(identity)
            self._announce(self.tr("No answer") if message is None else self.tr("The answer is there"))
        self._show_list()

    def _kept_in_part(self, identity: int) -> Message | None:
        """What an answer that failed has left behind."""
        last = self._store.messages(identity)[-1]
        return last if last.role == "assistant" and self.column.ends_with(last.parent) else None

    def _announce(self, words: str) -> None:
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, words))

    # Settings and deleting

    def _change_sampling(self, sampling: Sampling) -> None:
        if (conversation := self._conversation) is not None:
            self._kept(lambda: self._store.change_sampling(conversation.id, sampling))

    def _change_options(self, options: TemplateOptions) -> None:
        conversation = self._conversation
        if conversation is not None:
            self._kept(lambda: self._store.change_options(conversation.id, options))

    def _change_when_full(self, choice: WhenFull) -> None:
        self._show_limits()
        if (conversation := self._conversation) is not None:
            self._kept(lambda: self._store.change_when_full(conversation.id, choice))

    def _choose_when_full(self, choice: WhenFull) -> None:
        self.drawer.full_context.show_choice(choice)
        self._change_when_full(choice)
        self.fitting.follow()

    def _change_system_prompt(self, text: str) -> None:
        conversation = self._conversation
        if conversation is not None:
            self._kept(lambda: self._store.change_system_prompt(conversation.id, encodable(text)))

    def _delete_for_good(self, identity: int) -> None:
        self._faults.pop(identity, None)
        # Whoever writes an answer must have let go of it; that it was stopped is a moment ago.
        if self.answering.conversation != identity or self.answering.wait(STOPPING_S):
            self._kept(lambda: self._store.delete(identity))

    def _kept(self, write: Callable[[], object]) -> bool:
        """Whether the store could keep it; if not, the person is told."""
        try:
            write()
        except EnvironmentFault as fault:
            self.notices.show_fault(fault)
            return False
        return True

    # Showing

    def _is_open(self, identity: int) -> bool:
        return self._conversation is not None and self._conversation.id == identity

    def _show_list(self) -> None:
        lines = self.overview.lines(self.known.title, self.answering.conversation, self.deletions.pending)
        self.list.show_lines(lines, self._conversation.id if self._conversation else None)

    def _show_model(self) -> None:
        entry = self.known.entry(self._model)
        self._show_head()
        self._show_limits()
        self.drawer.show_facts(self._model, *self.known.described(self._model))
        self.drawer.thinking.show_controls(entry.facts.thinking if entry and entry.facts else None)
        self.presets.show_model(entry.facts if entry else None)
        self.picker.show_choices(self.known.choices, self._model)
        self.loading.show_model(self._model, self.known.title(self._model) if self._model else "")

    def _show_limits(self) -> None:
        drawer, (_, context_length) = self.drawer, self.known.described(self._model)
        self.meter.show_limits(
            context_length, drawer.sampling.max_tokens, drawer.full_context.choice, drawer.system_prompt
        )

    def _show_head(self) -> None:
        model = self._model
        self.head.show_model(
            model,
            self.known.entry(model),
            is_gone=model is not None and self.known.lacks(model),
            is_loaded=model is not None and self.answering.is_loaded(model),
        )

    def _show_messages(self) -> None:
        conversation = self._conversation
        if conversation is None:
            self.column.clear()
            self.meter.show_messages(())
            self.fitting.look(None, [])
        else:
            messages = self._store.messages(conversation.id)
            self.fitting.look(conversation, messages)
            answering = self.answering.conversation == conversation.id
            redo = self.answering.redo
            if answering and messages[-1].state is MessageState.STREAMING:
                messages.pop()  # what has arrived so far is also with `answering`, and grows there
            elif answering and redo is not None and redo.answer.parent is not None:
                messages = self._store.branch_to(redo.answer.parent)  # its model is still being loaded
            self.column.show_messages(messages)
            self.meter.show_messages(messages)
            if answering:
                so_far = self.answering
                self.column.begin_answer(
                    so_far.text,
                    so_far.progress,
                    reasoning=so_far.reasoning,
                    left_out=so_far.messages_left_out,
                )
            else:
                self._show_missing(conversation.id, messages[-1])
        self._show_centre()

    def _look_at_room(self, identity: int) -> None:
        self.fitting.look(self._store.conversation(identity), self._store.messages(identity))

    def _show_missing(self, identity: int, last: Message | None) -> None:
        """Why the last prompt has no answer, or none that is whole."""
        fault = self._faults.get(identity)
        if fault is not None:
            self._show_fault(fault)
        elif last is None or last.role == "user":
            self.column.show_unanswered(self.tr("There is no answer to this yet."))

    def _show_fault(self, fault: EnvironmentFault) -> None:
        fault = self.guide.explained(fault, self._model)
        again = (self.tr("Try again"), "arrow-clockwise", self.try_again)
        another = (self.tr("Choose another model"), "stack", self.pick_model)
        fresh = (self.tr("New chat"), "note-pencil", self.new_chat)
        leave_out = (self.tr("Leave out the oldest turns"), "scissors", self.leave_out_oldest)
        if not isinstance(fault, PromptTooLong):
            steps = [again, another]
        elif self.drawer.full_context.choice == "stop" and self.column.answers():
            steps = [leave_out, again]  # again: with a longer context
        else:  # the last turn is too long by itself
            steps = [again, fresh]
        self.column.show_fault(fault, steps)

    def _show_centre(self) -> None:
        if self._conversation is not None or self._load_fault is not None:
            self.show_state(self.column)
        elif self._model is not None:
            self.show_ready(self.tr("Chat with {model}").format(model=self.known.title(self._model)))
        elif self.guide.busy:
            self.show_ready(self.tr("The built-in model is being made"))
        elif not self.known.has_looked:
            self.show_state(self.blank)
        else:
            self.show_state(self.no_choice if self.known.choices else self.no_models)
        self._show_busy()

    def _show_busy(self) -> None:
        self._show_head()
        self.show_spread(self.answering.spread_of(self._model))
        answered = self.answering.conversation
        busy = answered is not None and self._is_open(answered)
        why_not = ""
        if self._model is None:
            why_not = self.guide.why_wait or self.tr("Choose a model first")
        elif answered is not None and not busy:
            why_not = self.tr("Still answering in another conversation")
        self.composer.set_state(busy, why_not)
        self.column.set_busy(answered is not None)
        if self.guide.busy:
            return  # the head shows how far that is
        if self.answering.loading is None or busy:
            self.head.show_loading(None)
        elif not self.head.shows_loading:
            self.head.show_loading(Progress(self.tr("Loading")))
