"""What the list of conversations shows: those in use, those put away, or what was found; and what can be done there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QObject, QTimer, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.chat import Conversation, ConversationStore, Hit
from app.chat.search_index import IndexProgress
from app.core.errors import EnvironmentFault
from app.core.jobs import JobControl
from app.core.text import encodable
from app.ui import search_indexing
from app.ui.latest import Latest
from app.ui.notice import Action, Kind, NoticeArea
from app.ui.pages.chat_conversations import ConversationList, Line
from app.ui.pages.chat_export import export_conversations
from app.ui.parts import choice, icon_button, label, let_clear, with_keys

TYPING_MS = 120
AGAIN_MS = 1_000
SEARCH_KEYS = QKeySequence("Ctrl+Shift+F")


class ListControls(QWidget):
    """Above the list: the field to search in, and the way to those put away."""

    def __init__(self) -> None:
        super().__init__()
        self.field = QLineEdit()
        self.field.setPlaceholderText(_tr("Search chats"))
        self.field.setAccessibleName(_tr("Search all conversations"))
        self.field.setToolTip(with_keys(_tr("Search all that was said"), SEARCH_KEYS))
        let_clear(self.field)
        self.note = label("", "caption", wrap=True)
        self.note.hide()
        self.archived = choice(_tr("Archived"))
        self.export = icon_button("export", _tr("Export all…"), lambda: None)
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.archived)
        row.addStretch()
        row.addWidget(self.export)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.field)
        column.addWidget(self.note)
        column.addLayout(row)


class Overview(QObject):
    """`changed` after something was done to a conversation; `hit_chosen` carries a message to go to."""

    changed = Signal()
    hit_chosen = Signal(int)

    def __init__(
        self,
        controls: ListControls,
        shown: ConversationList,
        notices: NoticeArea,
        store: Callable[[], ConversationStore],
        database: Path,
        keep: Callable[[Callable[[], object]], bool],
    ) -> None:
        """`keep` does something with the store and tells whether it could."""
        super().__init__(shown)
        self._controls = controls
        self._list = shown
        self._notices = notices
        self._store = store
        self._database = database
        self._keep = keep
        self._search = Latest(self)
        self._hits: list[Hit] = []
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(TYPING_MS)
        self._typing.timeout.connect(self._look)
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.setInterval(AGAIN_MS)
        self._again.timeout.connect(self._look)
        controls.field.textChanged.connect(self._typed)
        controls.archived.toggled.connect(self.changed)
        controls.export.clicked.connect(lambda: self._export(None))
        shown.rename_asked.connect(self._rename)
        shown.pin_asked.connect(self._pin)
        shown.archive_asked.connect(self._archive)
        shown.copy_asked.connect(self._copy)
        shown.export_asked.connect(self._export)
        shown.message_chosen.connect(self.hit_chosen)
        search_indexing.index_later(self, database)

    @property
    def words(self) -> str:
        """What is searched for."""
        return encodable(self._controls.field.text()).strip()

    def lines(
        self, model_of: Callable[[Path], str], busy: int | None, hidden: frozenset[int]
    ) -> Sequence[Line]:
        """`model_of` names the model of a file; `busy` is being answered; `hidden` are about to be deleted."""
        if self.words:
            return [self._found(hit) for hit in self._hits if hit.conversation not in hidden]
        archived = self._controls.archived.isChecked()
        conversations = [
            each for each in self._store().conversations(archived=archived) if each.id not in hidden
        ]
        return [
            Line(
                each.id,
                each.title,
                model_of(each.model_path),
                each.updated_at,
                each.id == busy,
                is_pinned=each.is_pinned,
                is_archived=archived,
            )
            for each in sorted(conversations, key=_pinned_first)
        ]

    def _found(self, hit: Hit) -> Line:
        return Line(
            hit.conversation,
            hit.title,
            _where(hit),
            hit.written_at,
            is_archived=hit.is_archived,
            message=hit.message,
        )

    # Searching

    def _typed(self) -> None:
        if self.words:
            self._typing.start()
        else:
            self._typing.stop()
            self._search.drop()
            self._hits = []
            self._show_progress(None)
            self.changed.emit()

    def _look(self) -> None:
        words, database = self.words, self._database

        def work(control: JobControl) -> tuple[list[Hit], IndexProgress]:
            with ConversationStore(database) as store:
                return store.search(words), store.index_progress()

        self._search.ask("Search the chats", work, self._show_hits, self._fail)

    def _show_hits(self, found: tuple[list[Hit], IndexProgress]) -> None:
        self._hits, progress = found
        self._show_progress(None if progress.is_whole else progress)
        self.changed.emit()

    def _show_progress(self, progress: IndexProgress | None) -> None:
        """While an index is being made not all is found yet, so that is said and searched once more in a while."""
        self._controls.note.setVisible(progress is not None)
        if progress is None:
            self._again.stop()
            return
        percent = 100 * progress.done // max(progress.total, 1)
        words = _tr("{percent} % of what was said has been indexed: more may be found in a moment.")
        self._controls.note.setText(words.format(percent=percent))
        self._again.start()

    def _fail(self, fault: EnvironmentFault) -> None:
        self._hits = []
        self._notices.show_fault(fault)
        self.changed.emit()

    # Doing

    def _do(self, what: Callable[[], object]) -> bool:
        done = self._keep(what)
        if done:
            self.changed.emit()
        return done

    def _rename(self, identity: int, title: str) -> None:
        self._do(lambda: self._store().rename(identity, title))

    def _pin(self, identity: int) -> None:
        pinned = self._store().conversation(identity).is_pinned
        self._do(lambda: self._store().pin(identity, not pinned))

    def _archive(self, identity: int) -> None:
        conversation = self._store().conversation(identity)
        put_away = conversation.archived_at is None
        if self._do(lambda: self._store().archive(identity, put_away)):
            words = _tr("Conversation archived") if put_away else _tr("Conversation is back in the list")
            undo = Action(
                _tr("Undo"), lambda: self._do(lambda: self._store().archive(identity, not put_away))
            )
            self._notices.show_message(Kind.INFO, words, conversation.title, undo)

    def _copy(self, identity: int) -> None:
        title = self._store().conversation(identity).title
        copied = _tr("Copy of {title}").format(title=title)
        self._do(lambda: self._store().duplicate(identity, copied))

    def _export(self, identity: int | None) -> None:
        ids = None if identity is None else [identity]
        title = "" if identity is None else self._store().conversation(identity).title
        export_conversations(self._list.window(), self._database, ids, self._notices, title)


def _pinned_first(conversation: Conversation) -> bool:
    return not conversation.is_pinned


def _where(hit: Hit) -> str:
    if hit.place == "title":
        return _tr("In the title")
    if hit.place == "reasoning":
        return _tr("Thought: {snippet}").format(snippet=hit.snippet)
    if hit.attachment is not None:
        return _tr("{file}: {snippet}").format(file=hit.attachment, snippet=hit.snippet)
    return hit.snippet


def _tr(text: str) -> str:
    return QCoreApplication.translate("ChatPage", text)
