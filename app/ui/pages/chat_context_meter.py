"""The context meter: how much of what the model can see the conversation takes, what is left, and what goes next."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from app.chat import WHEN_FULL, Message
from app.chat.context_use import ContextUse, context_use
from app.runtime.protocol import WhenFull
from app.ui import icons, theme
from app.ui.parts import Glyph, button, empty, label

BAR_WIDTH_PX, BAR_HEIGHT_PX = 96, 6


class ContextMeter(QWidget):
    """A quiet line that unfolds; hidden where no context length is known. `show_draft_tokens`: of what is being written
    and attached, once somebody has counted it."""

    def __init__(self) -> None:
        super().__init__()
        self._messages: list[Message] = []
        self._total: int | None = None
        self._max_tokens = 0
        self._when_full: WhenFull = WHEN_FULL
        self._system_prompt = ""
        self._draft = 0
        self._use: ContextUse | None = None
        self._bar = _Bar()
        self.head = button("", self._toggle, role="thought", glyph="caret-right")
        self.head.setMinimumWidth(64)  # longer words than ours are cut before the page gets wider
        self._warning = label("", "warning", wrap=True)
        self._alarm = QWidget()
        alarm = QHBoxLayout(self._alarm)
        alarm.setContentsMargins(0, 0, 0, 0)
        alarm.setSpacing(8)
        alarm.addWidget(Glyph("warning", "warning", 16), 0, Qt.AlignmentFlag.AlignTop)
        alarm.addWidget(self._warning, 1)
        self._body = QWidget()
        self._rows = QGridLayout(self._body)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setHorizontalSpacing(12)
        self._rows.setVerticalSpacing(2)
        self._rows.setColumnStretch(2, 1)
        self._next = label("", "caption", wrap=True)
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(self._bar, 0, Qt.AlignmentFlag.AlignVCenter)
        line.addWidget(self.head)
        line.addStretch(1)
        inside = QVBoxLayout()
        inside.setSpacing(4)
        inside.addWidget(self._body)
        inside.addWidget(self._next)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 0, 4, 0)
        column.setSpacing(4)
        column.addLayout(line)
        column.addWidget(self._alarm)
        column.addLayout(inside)
        self._open(False)
        self._settle()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._share_room()

    def _share_room(self) -> None:
        """The words say what the bar shows; where there is room for one of them, it is the words."""
        use = self._use
        if use is None:
            return
        for words in (
            _tr("Context: {used:,} of {total:,} tokens, {left:,} left"),
            _tr("{used:,} of {total:,} tokens"),
        ):
            self.head.setText(words.format(used=use.used, total=use.total, left=use.left))
            if not self.isVisible() or self.head.sizeHint().width() + 8 <= self.width():
                break
        self._bar.setVisible(self.width() >= self.head.sizeHint().width() + BAR_WIDTH_PX + 24)

    @property
    def text(self) -> str:
        """What can be read of it now."""
        lines = [self.head.text(), self._warning.text()]
        if not self._body.isHidden():
            lines += [f"{name}: {value}" for name, value in self._parts()]
            lines.append(self._next.text())
        return "\n".join(filter(None, lines))

    def show_messages(self, messages: Sequence[Message]) -> None:
        """Of another conversation or branch."""
        self._messages = list(messages)
        self._draft = 0
        self._settle()

    def add(self, message: Message | None) -> None:
        """A prompt that was sent, or an answer that has ended (None: without a word). It takes the place of another
        one to the same message, and of what followed on that."""
        if message is not None:
            parents = [each.parent for each in self._messages]
            if message.parent in parents:
                del self._messages[parents.index(message.parent) :]
            self._messages.append(message)
            self._draft = 0
            self._settle()

    def show_limits(
        self, total: int | None, max_tokens: int, when_full: WhenFull, system_prompt: str
    ) -> None:
        """`total`: the context length, None where it is not known."""
        self._total, self._max_tokens = total, max_tokens
        self._when_full, self._system_prompt = when_full, system_prompt
        self._settle()

    def show_draft_tokens(self, tokens: int) -> None:
        """0: nothing is being written, or nobody has counted it."""
        if tokens != self._draft:  # told with each letter
            self._draft = tokens
            self._settle()

    # Showing

    def _settle(self) -> None:
        self._use = use = self._measured()
        self.setVisible(use is not None)
        if use is None:
            return
        self._bar.show_use(use)
        self._share_room()
        warning = self._warning_for(use)
        self._warning.setText(warning)
        self._alarm.setVisible(bool(warning))
        if not self._body.isHidden():
            self._fill()

    def _measured(self) -> ContextUse | None:
        if self._total is None:
            return None
        return context_use(
            self._messages,
            self._total,
            system_prompt=self._system_prompt,
            max_tokens=self._max_tokens,
            when_full=self._when_full,
            draft=self._draft,
        )

    def _warning_for(self, use: ContextUse) -> str:
        if self._when_full == "drop_oldest":
            return ""
        if use.used + use.draft >= use.total:
            if use.draft:
                return _tr("What you are writing does not fit: it would not be answered.")
            return _tr("The context is full: the next prompt would not be answered.")
        return _tr("The context is nearly full.") if use.is_nearly_full else ""

    def _toggle(self) -> None:
        self._open(self._body.isHidden())

    def _open(self, is_open: bool) -> None:
        self._body.setVisible(is_open)
        self._next.setVisible(is_open)
        if is_open:
            self._fill()
        self.head.setIcon(icons.icon("caret-down" if is_open else "caret-right"))
        what = _tr("Hide what takes the context") if is_open else _tr("Show what takes the context")
        self.head.setToolTip(what)
        self.head.setAccessibleDescription(what)

    def _fill(self) -> None:
        empty(self._rows)
        for row, (name, value) in enumerate(self._parts()):
            self._rows.addWidget(label(name, "caption"), row, 0)
            self._rows.addWidget(label(value, "caption"), row, 1, Qt.AlignmentFlag.AlignRight)
        self._next.setText(self._what_is_next())

    def _parts(self) -> list[tuple[str, str]]:
        if (use := self._use) is None:
            return []
        parts = [(_tr("System prompt, about"), use.system_prompt)] if use.system_prompt else []
        parts.append((_tr("Conversation"), use.conversation))
        if use.draft:
            parts.append((_tr("What you are writing"), use.draft))
        if use.reserved:
            parts.append((_tr("Kept for the answer"), use.reserved))
        parts.append((_tr("Left"), use.left))
        return [(name, _tr("{n:,} tokens").format(n=value)) for name, value in parts]

    def _what_is_next(self) -> str:
        if (use := self._use) is None:
            return ""
        if self._when_full == "stop":
            return _tr("When it is full, the chat stops and says so. This can be changed in the settings.")
        lines = []
        if use.leaves_out:
            lines.append(_tr("The model no longer gets {what}.").format(what=_first(use.leaves_out)))
        if use.next_to_go:
            goes = _tr("When it is full, about {n:,} more messages will be left out, the oldest first.")
            one = _tr("When it is full, {what} will be left out.").format(what=_first(use.next_to_go))
            lines.append(goes.format(n=use.next_to_go) if use.leaves_out else one)
        return " ".join(lines)


class _Bar(QWidget):
    """Decoration: the same is said in words beside it."""

    def __init__(self) -> None:
        super().__init__()
        self._use: ContextUse | None = None
        self.setFixedSize(BAR_WIDTH_PX, BAR_HEIGHT_PX)

    def show_use(self, use: ContextUse) -> None:
        if use != self._use:
            self._use = use
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if (use := self._use) is None:
            return
        tokens = theme.current()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            colour = tokens.colour("warning" if use.is_nearly_full else "accent")
            track = tokens.colour("track")
            ends = (use.used + use.draft + use.reserved, use.used + use.draft, use.used)
            shades = (
                theme.blend(colour, track, 0.25),
                theme.blend(colour, track, 0.6),
                colour,
            )
            radius = BAR_HEIGHT_PX / 2
            painter.setBrush(track)
            painter.drawRoundedRect(QRectF(self.rect()), radius, radius)
            for end, shade in zip(ends, shades, strict=True):
                width = BAR_WIDTH_PX * min(end / use.total, 1.0)
                if width >= 1:
                    painter.setBrush(shade)
                    painter.drawRoundedRect(
                        QRectF(0, 0, max(width, BAR_HEIGHT_PX), BAR_HEIGHT_PX), radius, radius
                    )


def _first(messages: int) -> str:
    return _tr("the first message") if messages == 1 else _tr("the first {n:,} messages").format(n=messages)


def _tr(text: str) -> str:
    return QCoreApplication.translate("ChatPage", text)
