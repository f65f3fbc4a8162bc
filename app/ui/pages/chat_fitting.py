"""Whether the next message fits into the context: counted while it is written, with ways out where it does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, QTimer, Signal

from app.chat import ChatEngine, Conversation, Message
from app.chat.attachments import estimate_tokens
from app.chat.context_use import ContextUse, context_use
from app.core.jobs import JobControl
from app.ui.latest import Latest
from app.ui.pages.chat_attaching import Entry
from app.ui.pages.chat_layout import ChatLayout
from app.ui.pages.chat_too_long import WayOut

PAUSE_MS = 250
"""Without a key, until the text is counted."""
WORTH_TELLING_CHARACTERS = 400
"""A short text fits, and a figure below it would only disturb."""
LEAST_TO_KEEP = 64


class Fitting(QObject):
    """`trained_length`: tells the context length that the chat's model was made for; `leave_out_oldest`: has the
    conversation go on without its oldest turns."""

    draft_measured = Signal(int)
    """Tokens of what is being written, with its files."""

    def __init__(self, engine: ChatEngine, page: ChatLayout) -> None:
        super().__init__(page)
        self.trained_length: Callable[[], int | None] = lambda: None
        self.leave_out_oldest: Callable[[], object] = lambda: None
        self._engine, self._page = engine, page
        self._composer, self._attaching = page.composer, page.composer.attaching
        self._attaching.count_tokens = engine.count_tokens
        self._attaching.failed.connect(page.notices.show_fault)
        self._attaching.changed.connect(self._show)
        self._system_prompt = ""
        self._messages: Sequence[Message] = ()
        self._use: ContextUse | None = None
        self._counted: tuple[str, int] | None = None
        self._model: object = None
        self._latest = Latest(self)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.timeout.connect(self._count)
        self._composer.field.textChanged.connect(self._text_changed)
        page.drawer.full_context.changed.connect(lambda choice: self._show())

    def look(self, conversation: Conversation | None, messages: list[Message]) -> None:
        """What the conversation takes now."""
        self._messages = messages
        self._system_prompt = conversation.system_prompt if conversation else ""
        self._use = None
        self._show()

    def follow(self) -> None:
        """Another model may be loaded, or in another way."""
        model = self._engine.worker_pid
        if model != self._model:
            self._model, self._counted = model, None
            if model is not None:
                self._attaching.recount()
                self._pause.start()
        self._show()

    def _text_changed(self) -> None:
        self._pause.start()
        self._show()

    def _count(self) -> None:
        text, count = self._composer.text, self._engine.count_tokens
        if len(text) < WORTH_TELLING_CHARACTERS and not self._attaching.entries:
            return

        def work(control: JobControl) -> tuple[str, int] | None:
            tokens = count(text)
            return None if tokens is None else (text, tokens)

        self._latest.ask("Count a message's tokens", work, self._take_count, lambda fault: None)

    def _take_count(self, counted: tuple[str, int] | None) -> None:
        self._counted = counted
        self._show()

    # What it comes to

    def _text_tokens(self) -> tuple[int, bool]:
        text = self._composer.text
        if not text:
            return 0, True
        if self._counted is not None and self._counted[0] == text:
            return self._counted[1], True
        return estimate_tokens(text), False

    def _measured(self) -> ContextUse | None:
        """Measured again only where it can have changed: it is asked for with each letter."""
        length, choice = self._engine.context_length, self._page.drawer.full_context.choice
        if length is None:
            return None
        use = self._use
        if use is None or (use.total, use.when_full) != (length, choice):
            use = self._use = context_use(
                self._messages, length, system_prompt=self._system_prompt, when_full=choice
            )
        return use

    def _show(self) -> None:
        entries = self._attaching.entries
        tokens, is_exact = self._text_tokens()
        tokens += sum(entry.tokens for entry in entries)
        self.draft_measured.emit(tokens)
        is_exact = is_exact and all(entry.is_exact for entry in entries)
        use = self._measured()
        is_worth_telling = bool(entries) or len(self._composer.text) >= WORTH_TELLING_CHARACTERS
        if not is_worth_telling or self._attaching.is_reading:
            self._composer.show_room("")
            self._composer.too_long.hide()
            return
        about = "" if is_exact else self.tr("about ")
        if use is None:
            self._composer.show_room(
                self.tr("{about}{n:,} tokens").format(about=about, n=tokens),
                self.tr("Counted by the model itself once it is loaded."),
            )
            self._composer.too_long.hide()
            return
        self._composer.show_room(
            self.tr("{about}{n:,} of {left:,} tokens left").format(about=about, n=tokens, left=use.room),
            self._explain(use),
        )
        if tokens > use.room:
            ways = self._ways(use, tokens, list(entries))
            self._composer.too_long.show_ways(tokens, use.room, is_exact=is_exact, ways=ways)
        else:
            self._composer.too_long.hide()

    def _explain(self, use: ContextUse) -> str:
        words = self.tr(
            "The context holds {total:,} tokens, of which the conversation takes about {used:,}. "
            "Some stay free for the answer."
        )
        return words.format(total=use.total, used=use.used + use.uncounted)

    def _ways(self, use: ContextUse, tokens: int, entries: list[Entry]) -> list[WayOut]:
        ways = []
        largest = max(entries, key=lambda entry: entry.tokens, default=None)
        if largest is not None:
            most = largest.tokens - (tokens - use.room)
            if most >= LEAST_TO_KEEP:
                share = max(round(100 * most / max(largest.tokens, 1)), 1)
                ways.append(
                    WayOut(
                        self.tr("Only the beginning"),
                        self.tr(
                            "About the first {share} % of {name} fits; the model gets nothing of the rest."
                        ).format(share=share, name=largest.name),
                        "scissors",
                        lambda: self._attaching.shorten(largest.number, most),
                    )
                )
        trained = self.trained_length()
        if trained is None or trained > use.total:
            ways.append(
                WayOut(
                    self.tr("Longer context…"),
                    self.tr(
                        "Shows which lengths fit into memory, and loads the model again with the one you choose."
                    ),
                    "arrows-out-line-horizontal",
                    lambda: self._page.show_load_panel(True),
                )
            )
        if use.when_full == "stop" and tokens <= use.room_without_oldest and use.has_messages:
            ways.append(
                WayOut(
                    self.tr("Leave out the oldest turns"),
                    self.tr("The model no longer gets the beginning of this chat; here it stays to read."),
                    "clock-counter-clockwise",
                    lambda: self.leave_out_oldest(),
                )
            )
        if largest is not None:
            ways.append(
                WayOut(
                    self.tr("Without the file"),
                    self.tr("Takes {name} away again; what you wrote stays.").format(name=largest.name),
                    "x",
                    lambda: self._attaching.remove(largest.number),
                )
            )
        return ways
