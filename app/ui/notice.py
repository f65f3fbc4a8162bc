"""Inline messages: a sentence, what to do next, and maybe buttons that do it. Never modal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.core.errors import EnvironmentFault
from app.ui.parts import Glyph, button, icon_button, label

GOOD_NEWS_MS = 12_000
MOST_AT_ONCE = 3


class Kind(Enum):
    """How serious; each has a symbol, so that colour never stands alone."""

    INFO = "info"
    GOOD = "good"
    WARNING = "warning"
    DANGER = "danger"


_GLYPHS = {
    Kind.INFO: ("info", "accent"),
    Kind.GOOD: ("check-circle", "good"),
    Kind.WARNING: ("warning", "warning"),
    Kind.DANGER: ("warning-circle", "danger"),
}


@dataclass(frozen=True)
class Action:
    """A button in a notice; `closes`: the notice goes when it is pressed."""

    text: str
    run: Callable[[], object]
    closes: bool = True


class NoticeBar(QFrame):
    """One message."""

    def __init__(self, kind: Kind, sentence: str, hint: str = "", *actions: Action) -> None:
        super().__init__()
        self.kind, self.sentence, self.hint = kind, sentence, hint
        self.setProperty("role", f"notice-{kind.value}")
        self.setAccessibleName(f"{sentence} {hint}".strip())
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 8, 8, 8)
        row.setSpacing(12)
        row.addWidget(Glyph(*_GLYPHS[kind]), 0, Qt.AlignmentFlag.AlignVCenter)
        row.addLayout(self._words(), 1)
        for action in actions:
            row.addWidget(self._action_button(action), 0, Qt.AlignmentFlag.AlignVCenter)
        close = icon_button("x", self.tr("Dismiss this message"), self.dismiss)
        row.addWidget(close, 0, Qt.AlignmentFlag.AlignVCenter)

    def dismiss(self) -> None:
        self.hide()
        self.deleteLater()

    def _words(self) -> QVBoxLayout:
        words = QVBoxLayout()
        words.setContentsMargins(0, 6, 0, 6)
        words.setSpacing(2)
        for text, role in ((self.sentence, "strong"), (self.hint, "")):
            if text:
                line = label(text, role, wrap=True)
                line.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
                words.addWidget(line)
        return words

    def _action_button(self, action: Action) -> QWidget:
        def press() -> None:
            action.run()
            if action.closes:
                self.dismiss()

        return button(action.text, press)


class NoticeArea(QWidget):
    """Where a page or the window shows its messages: the newest on top, the same one never twice.

    `above_px`: space left above them while there are any.
    """

    def __init__(self, above_px: int = 0) -> None:
        super().__init__()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, above_px, 0, 0)
        self._column.setSpacing(8)
        self.hide()

    def bars(self) -> list[NoticeBar]:
        """The messages that are shown, newest first."""
        return [bar for bar in self.findChildren(NoticeBar) if not bar.isHidden()][::-1]

    def show_fault(self, fault: EnvironmentFault) -> None:
        self.show_message(Kind.DANGER, fault.message, fault.hint)

    def show_good(self, sentence: str, hint: str = "", *actions: Action) -> None:
        """Good news; goes by itself after a while."""
        bar = self.show_message(Kind.GOOD, sentence, hint, *actions)
        QTimer.singleShot(GOOD_NEWS_MS, bar, bar.dismiss)

    def show_bug(self, report: str) -> None:
        """Something went wrong in Nibble; `report` is what the button copies."""
        self.show_message(
            Kind.DANGER,
            self.tr("Something went wrong in Nibble."),
            self.tr("This is our mistake, not yours. Your models and conversations are safe."),
            Action(self.tr("Copy report"), lambda: QGuiApplication.clipboard().setText(report), closes=False),
        )

    def show_news(self, sentence: str) -> None:
        """What a person should know and need do nothing about."""
        self.show_message(Kind.INFO, sentence)

    def show_message(self, kind: Kind, sentence: str, hint: str = "", *actions: Action) -> NoticeBar:
        for bar in self.bars():
            if (bar.sentence, bar.hint) == (sentence, hint):
                bar.dismiss()
        for bar in self.bars()[MOST_AT_ONCE - 1 :]:
            bar.dismiss()
        made = NoticeBar(kind, sentence, hint, *actions)
        made.destroyed.connect(self._settle)
        self._column.insertWidget(0, made)
        self.show()
        # Imported here: most starts have nothing to tell.
        from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent

        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, made.accessibleName()))
        return made

    def clear(self) -> None:
        for bar in self.bars():
            bar.dismiss()

    def _settle(self) -> None:
        # An empty area must not keep its place in the page's spacing.
        self.setVisible(bool(self.bars()))
