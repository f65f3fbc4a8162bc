"""The place of a message's buttons: painted, until the pointer or the keyboard comes to them and they are needed.

A conversation has hundreds of messages, and six buttons each: to make and style them takes longer than to lay out a
message, and nobody waits for them when a prompt was sent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QEnterEvent, QFocusEvent, QIcon, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QToolButton, QWidget

from app.chat import Message
from app.ui import theme
from app.ui.pages.chat_actions import MessageActions

ICON = QSize(16, 16)
"""As Qt has it in buttons that are not told otherwise."""


@dataclass(frozen=True)
class Sample:
    """One button: its place in the row, its icon, and whether it rests while an answer is made."""

    place: QRect
    icon: QIcon
    rests: bool


class ActionSamples:
    """What the buttons of messages look like, seen from buttons of nobody's that are asked once for each kind."""

    def __init__(self, over: QWidget) -> None:
        """`over`: a part of the window, whose style they have."""
        self._over = over
        self._tokens: theme.Tokens | None = None
        self._known: dict[tuple[str, bool], tuple[QSize, list[Sample]]] = {}
        self._asked: MessageActions | None = None

    def of(self, message: Message, *, goes_on: bool) -> tuple[QSize, list[Sample]]:
        """The room they take, and each of them. `goes_on`: whether it can be asked for more."""
        if self._tokens is not theme.current():
            self._tokens = theme.current()
            self._known.clear()
        key = (message.role, goes_on)
        if key not in self._known:
            self._known[key] = self._look_at(message, goes_on)
        return self._known[key]

    def _look_at(self, message: Message, goes_on: bool) -> tuple[QSize, list[Sample]]:
        if self._asked is None:
            self._asked = MessageActions()
            self._asked.setParent(self._over)
            self._asked.hide()
        asked = self._asked
        asked.show_message(message)
        asked.set_busy(True)
        asked.go_on.setVisible(goes_on)
        layout = asked.layout()
        assert layout is not None
        size = layout.sizeHint()
        layout.setGeometry(QRect(QPoint(0, 0), size))
        shown = [each for each in _tools(asked) if each.isVisibleTo(asked)]
        return size, [Sample(each.geometry(), each.icon(), not each.isEnabled()) for each in shown]


class ActionRow(QWidget):
    """Of one message, once `show_message` has told which. `wire` is called with the buttons once there are any."""

    def __init__(self, samples: ActionSamples, wire: Callable[[MessageActions], None]) -> None:
        super().__init__()
        self._samples = samples
        self._wire = wire
        self._message: Message | None = None
        self._is_busy = self._may_go_on = False
        self._made: MessageActions | None = None
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(_tr("What can be done with this message"))
        self._place = QHBoxLayout(self)
        self._place.setContentsMargins(0, 0, 0, 0)

    @property
    def buttons(self) -> MessageActions:
        """Made when first asked for."""
        if self._made is None:
            self._made = made = MessageActions()
            self._wire(made)
            self._place.addWidget(made)
            self._settle()
            made.show()
            self._take_turn(made)
            self.setCursor(Qt.CursorShape.ArrowCursor)
            self.setAccessibleName("")
        return self._made

    def show_message(self, message: Message) -> None:
        self._message, self._may_go_on = message, True
        if len(message.siblings) > 1:  # which of them it is, is always told
            _ = self.buttons
        self._settle()

    def set_busy(self, busy: bool) -> None:
        """An answer is being made, in this conversation or another one."""
        self._is_busy = busy
        if self._made is not None:
            self._made.set_busy(busy)
        self.update()

    def forbid_going_on(self) -> None:
        """Another message stands below it."""
        self._may_go_on = False
        if self._made is not None:
            self._made.go_on.hide()
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        return super().sizeHint() if self._made is not None or self._message is None else self._sampled()[0]

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._made is not None or self._message is None:
            return
        with QPainter(self) as painter:
            for each in self._sampled()[1]:
                mode = QIcon.Mode.Disabled if each.rests and self._is_busy else QIcon.Mode.Normal
                around = each.place.size() - ICON
                at = each.place.topLeft() + QPoint(around.width() // 2, around.height() // 2)
                painter.drawPixmap(at, each.icon.pixmap(ICON, self.devicePixelRatioF(), mode))

    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        _ = self.buttons

    def mousePressEvent(self, event: QMouseEvent) -> None:
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """A finger comes without a pointer before it: the buttons are made under it, and one of them is meant."""
        under = self.buttons.childAt(self.buttons.mapFrom(self, event.position().toPoint()))
        if isinstance(under, QToolButton):
            under.click()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        is_back = event.reason() is Qt.FocusReason.BacktabFocusReason
        reachable = [each for each in _tools(self.buttons) if each.isEnabled() and not each.isHidden()]
        if reachable:
            reachable[-1 if is_back else 0].setFocus(event.reason())

    def _settle(self) -> None:
        if self._made is not None and self._message is not None:
            self._made.show_message(self._message)
            self._made.set_busy(self._is_busy)
            if not self._may_go_on:
                self._made.go_on.hide()
        self.updateGeometry()
        self.update()

    def _sampled(self) -> tuple[QSize, list[Sample]]:
        assert self._message is not None
        return self._samples.of(self._message, goes_on=self._may_go_on and self._message.can_continue)

    def _take_turn(self, made: MessageActions) -> None:
        """They are walked through by Tab where the row was, and not after all that was made before them."""
        before: QWidget = self
        for each in _tools(made):
            QWidget.setTabOrder(before, each)
            before = each
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # not before: then it would have no place in that order

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() is QEvent.Type.StyleChange:
            self.updateGeometry()


def _tools(made: MessageActions) -> list[QToolButton]:
    return made.findChildren(QToolButton)


def _tr(text: str) -> str:
    return QCoreApplication.translate("ChatPage", text)
