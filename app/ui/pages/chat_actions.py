"""What can be done with a message: a row of small buttons below it, and the field in which its text is changed."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QEvent, QKeyCombination, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.chat import Message
from app.ui import icons
from app.ui.parts import button, icon_button, label, with_keys
from app.ui.prompt_field import PromptField

COPIED_MS = 1500
MOST_LINES = 16
_SAVING_KEYS = tuple(
    QKeyCombination(Qt.KeyboardModifier.ControlModifier, key) for key in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
)


class MessageActions(QWidget):
    """Of one message, once `show_message` has told which. What changes the conversation rests while it is answered.

    `again_asked`: another answer in the place of this one. `go_on_asked`: more of it. `compare_asked`: what
    another model says. `switch_asked` carries the
    sibling to show; `quote_asked` no text: whoever shows the message knows what is selected in it.
    """

    edit_asked = Signal()
    again_asked = Signal()
    go_on_asked = Signal()
    compare_asked = Signal()
    switch_asked = Signal(int)
    quote_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._message: Message | None = None
        self._is_busy = False
        self.switch = SiblingSwitch()
        self.switch.switch_asked.connect(self.switch_asked)
        self.go_on = icon_button(
            "fast-forward", _tr("Go on"), self.go_on_asked.emit, tip=_tr("Go on where this answer ended")
        )
        self.again = icon_button(
            "arrow-clockwise",
            _tr("Answer again"),
            self.again_asked.emit,
            tip=_tr("Answer again; this one stays"),
        )
        self.compare = icon_button(
            "scales",
            _tr("Compare"),
            self.compare_asked.emit,
            tip=_tr("Put this conversation, up to here, to another model as well"),
        )
        self.edit = icon_button("pencil-simple", _tr("Edit"), self.edit_asked.emit)
        self.quote = icon_button(
            "quotes",
            _tr("Quote"),
            self.quote_asked.emit,
            tip=_tr("Quote what is selected, or all, in your message"),
        )
        self.copy = icon_button("copy", _tr("Copy"), self._copy)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        for each in (self.switch, self.go_on, self.again, self.compare, self.edit, self.quote, self.copy):
            row.addWidget(each)

    def show_message(self, message: Message) -> None:
        self._message = message
        is_answer = message.role == "assistant"
        self.edit.setToolTip(
            _tr("Edit this answer; the old one stays")
            if is_answer
            else _tr("Edit and send again; the old one stays")
        )
        self.switch.show_place(message)
        self.again.setVisible(is_answer)
        self.compare.setVisible(is_answer)
        self.go_on.setVisible(message.can_continue)
        self._settle()

    def set_busy(self, busy: bool) -> None:
        """An answer is being made, in this conversation or another one."""
        self._is_busy = busy
        self._settle()

    def _settle(self) -> None:
        for each in (self.switch, self.go_on, self.again, self.compare, self.edit):
            each.setEnabled(not self._is_busy)

    def _copy(self) -> None:
        if self._message is not None:
            QGuiApplication.clipboard().setText(self._message.text)
            self.copy.setIcon(icons.icon("check", "good"))
            QTimer.singleShot(COPIED_MS, self.copy, lambda: self.copy.setIcon(icons.icon("copy", "muted")))


class SiblingSwitch(QWidget):
    """`‹ 2 of 3 ›`: which of several versions of a message is shown. Not there where there is but one."""

    switch_asked = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._before: int | None = None
        self._behind: int | None = None
        self.words = label("", "caption")
        self.earlier = icon_button("caret-left", _tr("Earlier version"), lambda: self._go(self._before))
        self.later = icon_button("caret-right", _tr("Later version"), lambda: self._go(self._behind))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        for each in (self.earlier, self.words, self.later):
            row.addWidget(each)
        self.hide()

    def show_place(self, message: Message) -> None:
        siblings = message.siblings
        place = siblings.index(message.id) if message.id in siblings else 0
        self._before = siblings[place - 1] if place > 0 else None
        self._behind = siblings[place + 1] if place + 1 < len(siblings) else None
        self.words.setText(_tr("{n} of {total}").format(n=place + 1, total=len(siblings)))
        self.earlier.setEnabled(self._before is not None)
        self.later.setEnabled(self._behind is not None)
        self.setVisible(len(siblings) > 1)

    def _go(self, sibling: int | None) -> None:
        if sibling is not None:
            self.switch_asked.emit(sibling)


class MessageEditor(QFrame):
    """In the place of a message's text. `done` carries the new one."""

    done = Signal(str)
    given_up = Signal()

    def __init__(self, message: Message) -> None:
        super().__init__()
        self.setProperty("role", "composer")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        is_answer = message.role == "assistant"
        self._field = PromptField(MOST_LINES)
        self._field.setAccessibleName(_tr("The answer's text") if is_answer else _tr("Your message"))
        self._field.setPlainText(message.text)
        self._field.moveCursor(self._field.textCursor().MoveOperation.End)
        self._field.installEventFilter(self)
        keys = QKeySequence("Ctrl+Return")
        if not is_answer:  # as where it was first written
            self._field.entered.connect(self._finish)
            keys = QKeySequence("Return")
        else:
            self._field.entered.connect(lambda: self._field.textCursor().insertBlock())
        self.save = button(
            _tr("Save") if is_answer else _tr("Send"),
            self._finish,
            role="primary",
            tip=with_keys(_tr("Save") if is_answer else _tr("Send"), keys),
        )
        self.cancel = button(
            _tr("Cancel"), self.given_up.emit, tip=with_keys(_tr("Leave it as it was"), QKeySequence("Esc"))
        )
        self._field.textChanged.connect(self._settle)
        below = QHBoxLayout()
        below.addWidget(label(_tr("What was there stays as another version."), "caption"), 1)
        below.addWidget(self.cancel)
        below.addWidget(self.save)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 8, 8)
        column.addWidget(self._field)
        column.addLayout(below)
        self.setFocusProxy(self._field)
        self._settle()

    @property
    def field(self) -> PromptField:
        return self._field

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if not isinstance(event, QKeyEvent):
            return super().eventFilter(watched, event)
        is_press, is_escape = event.type() is QEvent.Type.KeyPress, event.key() == Qt.Key.Key_Escape
        if is_escape and event.type() is QEvent.Type.ShortcutOverride:
            event.accept()  # not for the page, where Esc stops an answer
        elif is_escape and is_press:
            self.given_up.emit()
        elif is_press and event.keyCombination() in _SAVING_KEYS:
            self._finish()
        else:
            return super().eventFilter(watched, event)
        return True

    def _settle(self) -> None:
        self.save.setEnabled(bool(self._field.toPlainText().strip()))

    def _finish(self) -> None:
        if self.save.isEnabled():
            self.done.emit(self._field.toPlainText().strip())


def quoted(text: str) -> str:
    """As Markdown writes what somebody else said."""
    lines = text.replace("\u2029", "\n").strip().split("\n")
    return "\n".join(f"> {line}".rstrip() for line in lines) + "\n\n"


def _tr(text: str) -> str:
    return QCoreApplication.translate("ChatPage", text)
