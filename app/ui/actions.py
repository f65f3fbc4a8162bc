"""What can be done from anywhere in the window: each an action with the words and keys of the table, in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from app.ui.key_table import Deed, deed

if TYPE_CHECKING:
    from app.ui.pages.chat import ChatPage
    from app.ui.palette import Entry


class Action(QAction):
    """Does `run` at the deed's keys, in its owner and all that is in it, while it `can` be done."""

    def __init__(
        self, owner: QWidget, does: Deed, run: Callable[[], object], can: Callable[[], bool] | None = None
    ) -> None:
        super().__init__(does.text, owner)
        self._run = run
        self._can = can
        self.setShortcuts(does.sequences())
        within = Qt.ShortcutContext
        self.setShortcutContext(
            within.WindowShortcut if owner.isWindow() else within.WidgetWithChildrenShortcut
        )
        self.triggered.connect(self.do)
        owner.addAction(self)

    def can_be_done(self) -> bool:
        """Now. Asked when it matters, so that nobody has to say when it changes."""
        return self._can is None or self._can()

    def do(self) -> None:
        if self.can_be_done():
            self._run()


def add_action(
    owner: QWidget, name: str, run: Callable[[], object], can: Callable[[], bool] | None = None
) -> Action:
    """From now on the keys of the table do it."""
    return Action(owner, deed(name), run, can)


def action_entries(
    actions: Iterable[QAction], before: Callable[[], object] = lambda: None, page: str = ""
) -> list[Entry]:
    """Those that can be done now. `before` is called before any of them; `page` is told beside those without keys."""
    from app.ui.palette import Entry

    def run(action: Action) -> None:
        before()
        action.do()

    native = QKeySequence.SequenceFormat.NativeText
    return [
        Entry(action.text(), page or _tr("Action"), partial(run, action), action.shortcut().toString(native))
        for action in actions
        if isinstance(action, Action) and action.can_be_done()
    ]


def chat_entries(chat: ChatPage, show: Callable[[], object]) -> list[Entry]:
    """What can be done in it, the models that can answer from now on, and its conversations. `show` brings the page
    to the front."""
    from app.ui.palette import Entry

    def then(do: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            show()
            do()

        return run

    conversations = [
        Entry(each.title, _tr("Conversation"), then(partial(chat.open_conversation, each.id)))
        for each in chat.conversations()
    ]
    models = [
        Entry(
            chat.known.title(entry.path),
            _tr("Model for this chat"),
            then(partial(chat.choose_model, entry.path)),
        )
        for entry in chat.known.entries
    ]
    compared = chat.comparing.entries(then)
    return [*action_entries(chat.actions(), show), *models, *compared, *conversations]


def _tr(text: str) -> str:
    return QCoreApplication.translate("Actions", text)
