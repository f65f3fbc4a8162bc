"""Which model a conversation is with: the head of the page, and the list to choose another one from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter, QResizeEvent, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QListView,
    QProgressBar,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.core.jobs import Progress
from app.core.units import format_bytes
from app.memory import Spread
from app.ui import guide, icons, theme
from app.ui.pages.chat_answer_lines import describe_progress
from app.ui.pages.chat_known import Choice
from app.ui.pages.chat_spread import spread_explained, spread_words
from app.ui.paint import row_height
from app.ui.parts import ElidedLabel, icon_button, label, plain_tip, set_shortcut, without_mnemonics

if TYPE_CHECKING:
    from app.library import LibraryEntry

Index = QModelIndex | QPersistentModelIndex

CHOICE_ROLE = Qt.ItemDataRole.UserRole
ROW_PX = 40
MOST_ROWS = 8
PICKER_PX = 416
ROOM_FOR_REASONS_PX = 720
"""In a narrower head only the first half of a sentence is beside the model's name, and the rest in its tooltip."""
_MOVING_KEYS = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


class ChatHead(QFrame):
    """The model with its quantization and size, how far it is loaded, and the button for the drawer."""

    pick_asked = Signal()
    settings_asked = Signal()
    loading_asked = Signal()
    cancel_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "head")
        self.model_button = QToolButton()
        self.model_button.setProperty("role", "model")
        self.model_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        # The chevron goes behind the name.
        self.model_button.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        self.model_button.setIcon(icons.icon("caret-down", "muted"))
        self.model_button.setCursor(Qt.CursorShape.PointingHandCursor)
        self.model_button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.model_button.setToolTip(self.tr("Choose the model of this chat"))
        self.model_button.clicked.connect(self.pick_asked)
        set_shortcut(self.model_button, "Ctrl+L")
        self._facts = ElidedLabel("", "muted")
        self._words: tuple[str, ...] = ()
        self._tip = ""
        self._state = ElidedLabel("", "caption")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(96)
        self._cancel = icon_button("x", self.tr("Do not load the model now"), self.cancel_asked.emit)
        self._resting = self._resting_in_full = ""
        self.loading_button = icon_button("cpu", self.tr("How it is loaded"), self.loading_asked.emit)
        self.loading_button.setCheckable(True)
        self.loading_button.setIcon(icons.icon("cpu", "muted", checked="on_accent_soft"))
        set_shortcut(self.loading_button, "Ctrl+Shift+L")
        self.settings_button = icon_button(
            "sliders-horizontal", self.tr("Model and settings"), self.settings_asked.emit
        )
        self.settings_button.setCheckable(True)
        self.settings_button.setIcon(icons.icon("sliders-horizontal", "muted", checked="on_accent_soft"))
        set_shortcut(self.settings_button, "Ctrl+I")
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 8, 12, 8)
        row.setSpacing(8)
        row.addWidget(self.model_button)
        row.addWidget(self._facts, 1)
        row.addStretch()
        row.addWidget(self._state)
        row.addWidget(self._bar)
        row.addWidget(self._cancel)
        row.addWidget(self.loading_button)
        row.addWidget(self.settings_button)
        self.show_model(None, None)
        self.show_loading(None)

    def show_model(
        self,
        path: Path | None,
        entry: LibraryEntry | None,
        *,
        is_gone: bool = False,
        is_loaded: bool = False,
    ) -> None:
        """`entry`: what is known about the file; None while that is not known, or when the file `is_gone`."""
        facts = entry.facts if entry else None
        name = path.stem if path else self.tr("Choose a model")
        if entry is not None:
            name = entry.plain_title
        metrics = QFontMetrics(theme.font("body", strong=True))
        shown = metrics.elidedText(name, Qt.TextElideMode.ElideRight, 260)
        self.model_button.setText(without_mnemonics(shown))
        self.model_button.setAccessibleName(self.tr("Model: {name}").format(name=name))
        self._words = (facts.quantization or "", format_bytes(facts.file_bytes)) if facts else ()
        self._tip = plain_tip(str(path)) if is_gone else ""
        if is_gone and is_loaded:  # the system keeps the content for whoever has it open
            self._words = (self.tr("Its file is gone, it is still in memory"),)
            self._tip = plain_tip(
                self.tr(
                    "{path} is gone.\nThe model answers until it is unloaded; the disk gets its room back then."
                ).format(path=path)
            )
        elif is_gone:
            self._words = (self.tr("Not found"),)
        self._facts.setProperty("role", "warning" if is_gone else "muted")
        self._facts.style().polish(self._facts)
        self.show_spread(None)

    def show_spread(self, spread: Spread | None) -> None:
        """Where the model runs, unless it is whole where it is fastest; None: there is nothing to say of that."""
        words, tip = self._words, self._tip
        if spread is not None and not spread.is_whole:
            words = (*words, spread_words(spread))
            tip = plain_tip(f"{spread_words(spread)}\n{spread_explained(spread)}")
        self._facts.setText(" · ".join(filter(None, words)))
        self._facts.setToolTip(tip)
        self._facts.setVisible(bool(self._facts.text()))  # what is said behind it needs the room

    def show_resting(self, words: str, more: str = "") -> None:
        """Why the model is not loaded any more, while that is so."""
        self._resting = words
        self._resting_in_full = f"{words}; {more}" if more else words
        self._state.setToolTip(self._resting_in_full)
        if not self.shows_loading:
            self.show_loading(None)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if not self.shows_loading:
            self.show_loading(None)

    @property
    def resting_words(self) -> str:
        return self._resting

    @property
    def shows_loading(self) -> bool:
        return not self._bar.isHidden()

    def show_loading(self, progress: Progress | None, what: str = "") -> None:
        """None: nothing is being loaded. `what` goes on, unless it is loading."""
        for part in (self._bar, self._cancel):
            part.setVisible(progress is not None)
        self._state.setVisible(progress is not None or bool(self._resting))
        if progress is None:
            has_room = self.width() >= ROOM_FOR_REASONS_PX
            self._state.setText(self._resting_in_full if has_room else self._resting)
            return
        words = describe_progress(progress)
        self._state.setText(what or self.tr("Loading the model"))
        self._bar.setAccessibleName(words)
        self._bar.setToolTip(plain_tip(words))
        fraction = progress.fraction
        self._bar.setRange(0, 0 if fraction is None else 1000)
        if fraction is not None:
            self._bar.setValue(round(fraction * 1000))


class ModelPicker(QFrame):
    """A list that pops up: type to narrow it down, Enter or a click to choose. Carries the chosen path.

    `guide_picked`: the choice was the built-in model, which is not made yet.
    """

    picked = Signal(object)
    guide_picked = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self.setProperty("role", "popup")
        self._choices: Sequence[Choice] = ()
        self._current: Path | None = None
        self.filter = QLineEdit()
        self.filter.setPlaceholderText(self.tr("Filter models"))
        self.filter.setAccessibleName(self.tr("Filter models"))
        self.filter.textChanged.connect(self._fill)
        self.filter.installEventFilter(self)
        self.list = QListView()
        self._rows = QStandardItemModel(self)
        self.list.setModel(self._rows)
        self.list.setItemDelegate(_RowPainter(self))
        self.list.setAccessibleName(self.tr("Models"))
        self.list.setUniformItemSizes(True)
        self.list.setMouseTracking(True)
        self.list.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.clicked.connect(self._pick)
        self._none = label(self.tr("No model matches"), "muted")
        self._none.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(8)
        column.addWidget(self.filter)
        column.addWidget(self.list)
        column.addWidget(self._none)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    @property
    def current(self) -> Path | None:
        """The model the conversation is with."""
        return self._current

    def show_choices(self, choices: Sequence[Choice], current: Path | None) -> None:
        self._choices = choices
        self._current = current
        self._fill()

    def pop_up(self, below: QWidget) -> None:
        self.filter.clear()
        self.filter.setVisible(len(self._choices) > MOST_ROWS)
        self._fill()
        self.move(below.mapToGlobal(QPoint(0, below.height() + 8)))
        self.show()
        (self.filter if self.filter.isVisible() else self.list).setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # The keys that move in the list do so while typing, too.
        if (
            isinstance(event, QKeyEvent)
            and event.type() is QEvent.Type.KeyPress
            and event.key() in _MOVING_KEYS
        ):
            self.list.keyPressEvent(event)
            return True
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._pick(self.list.currentIndex())
        else:
            super().keyPressEvent(event)

    def _fill(self) -> None:
        words = self.filter.text().casefold().split()
        self._rows.clear()
        for choice in self._choices:
            mark = guide.badge_text() if choice.built_in else ""
            text = " ".join(filter(None, (choice.words, mark)))
            if all(word in text.casefold() for word in words):
                item = QStandardItem(text)
                item.setData(choice, CHOICE_ROLE)
                tips = (guide.explanation() if choice.built_in else "", str(choice.path or ""))
                item.setToolTip(plain_tip("\n".join(filter(None, tips))))
                self._rows.appendRow(item)
                if choice.path is not None and choice.path == self._current:
                    self.list.setCurrentIndex(item.index())
        if not self.list.currentIndex().isValid():
            self.list.setCurrentIndex(self._rows.index(0, 0))
        count = self._rows.rowCount()
        self.list.setVisible(count > 0)
        self._none.setVisible(count == 0)
        page = self.parentWidget()
        room_px = page.width() * 3 // 5 if page is not None else 0
        width_px, row_px = max(PICKER_PX, min(theme.px(PICKER_PX), room_px)), row_height(ROW_PX, "body")
        self.list.setFixedSize(width_px, row_px * min(max(count, 1), MOST_ROWS) + 2)
        self._none.setFixedSize(width_px, row_px)
        self.adjustSize()

    def _pick(self, index: QModelIndex) -> None:
        choice = index.data(CHOICE_ROLE)
        if not isinstance(choice, Choice):
            return
        self.hide()
        if choice.path is None:
            self.guide_picked.emit()
        else:
            self.picked.emit(choice.path)


class _RowPainter(QStyledItemDelegate):
    """Name left; quantization and size right."""

    def __init__(self, parent: ModelPicker) -> None:
        super().__init__(parent)
        self._picker = parent

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(0, row_height(ROW_PX, "body"))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        choice: Choice = index.data(CHOICE_ROLE)
        colours = theme.current()
        state = QStyle.StateFlag
        selected = bool(option.state & state.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if selected or option.state & state.State_MouseOver:
            painter.setBrush(colours.colour("accent_soft" if selected else "hover"))
            painter.drawRoundedRect(option.rect.adjusted(0, 1, 0, -1), 6, 6)
        area = option.rect.adjusted(36, 0, -12, 0)
        if choice.path is not None and choice.path == self._picker.current:
            tick = QRect(option.rect.left() + 10, option.rect.center().y() - 7, 16, 16)
            icons.paint(painter, tick, "check", colours.colour("accent"))
        quiet = "on_accent_soft" if selected else "muted"
        painter.setFont(theme.font("caption"))
        painter.setPen(colours.colour(quiet))
        details_px = painter.fontMetrics().horizontalAdvance(choice.details)
        painter.drawText(area, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, choice.details)
        area.setRight(area.right() - details_px - 16)
        if choice.built_in:
            area.setRight(guide.paint_badge_behind(painter, area, choice.name, theme.font("body"), quiet))
        painter.setFont(theme.font("body"))
        painter.setPen(colours.colour("on_accent_soft" if selected else "text"))
        shown = painter.fontMetrics().elidedText(choice.name, Qt.TextElideMode.ElideMiddle, area.width())
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter, shown)
        painter.restore()
