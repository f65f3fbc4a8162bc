"""A field to choose one of several things with names, some of which a person saved: saving, renaming, deleting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, QEvent, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QMenu, QSizePolicy, QVBoxLayout, QWidget

from app.chat.saved_settings import MOST_NAME_CHARACTERS, name_of
from app.ui.make_menu import pop_up_under
from app.ui.parts import button, icon_button, label, plain_tip, without_mnemonics
from app.ui.wheel import WheelGuard


@dataclass(frozen=True)
class Named:
    """A line of the field. `is_own`: the person saved it, under `title`."""

    key: str
    title: str
    tip: str = ""
    is_own: bool = False


class SavedNames(QWidget):
    """`saved` and `renamed` carry names as they can be kept; the one to be renamed or deleted is the one shown."""

    chosen = Signal(str)  # a key
    saved = Signal(str)
    renamed = Signal(str)
    deleted = Signal()

    def __init__(self, name: str, explanation: str, menu_name: str) -> None:
        super().__init__()
        self._items: tuple[Named, ...] = ()
        self._current: Named | None = None
        self._can_save = False
        self._renames = False
        self._own_names: frozenset[str] = frozenset()
        self.field = QComboBox()
        self.field.setAccessibleName(name)
        self.field.setAccessibleDescription(explanation)
        self.field.setToolTip(explanation)
        self.field.setMinimumWidth(64)  # a long word is shortened before the drawer gets wider
        self.field.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.field.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._wheel = WheelGuard(self)
        self.field.installEventFilter(self._wheel)
        self.field.activated.connect(lambda: self.chosen.emit(self.field.currentData()))
        self.more = icon_button("dots-three", menu_name, self._pop_up)
        self.row = QHBoxLayout()
        self.row.setSpacing(4)
        self.row.addWidget(self.field, 1)
        self.row.addWidget(self.more)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(self.row)
        column.addWidget(self._make_naming())

    def show_items(
        self, items: Sequence[Named], current: str, words: str = "", *, can_save: bool = True
    ) -> None:
        """`words`: what stands in the field in place of the title of the `current` one. `can_save`: there is something
        to save under a name."""
        self._can_save = can_save
        self._own_names = frozenset(item.title.casefold() for item in items if item.is_own)
        if self._items != tuple(items):
            self._items = tuple(items)
            self._fill()
        index = self.field.findData(current)
        self._current = next((item for item in items if item.key == current), None)
        for number in range(self.field.count()):  # one of them had other words
            item = next((one for one in items if one.key == self.field.itemData(number)), None)
            if item is not None:
                self.field.setItemText(number, words if words and number == index else item.title)
        self.field.setCurrentIndex(index)

    def ask_name(self, *, renames: bool = False) -> None:
        """Opens the field for a name: of what is saved, or the new one of what is chosen."""
        self._renames = renames
        self._name.setText(self._current.title if renames and self._current is not None else "")
        self._keep.setText(_tr("Rename") if renames else _tr("Save"))
        self._settle_name()
        self._naming.show()
        self._name.setFocus()
        self._name.selectAll()

    # The name

    def _make_naming(self) -> QWidget:
        self._naming = QWidget()
        self._name = _NameField()
        self._name.setMaxLength(MOST_NAME_CHARACTERS)
        self._name.setPlaceholderText(_tr("Name"))
        self._name.setAccessibleName(_tr("Name"))
        self._name.textChanged.connect(self._settle_name)
        self._name.returnPressed.connect(self._take_name)
        self._name.left.connect(self._close_name)
        self._keep = button(_tr("Save"), self._take_name)
        self._problem = label("", "caption", wrap=True)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self._name, 1)
        row.addWidget(self._keep)
        row.addWidget(icon_button("x", _tr("Cancel"), self._close_name))
        column = QVBoxLayout(self._naming)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(row)
        column.addWidget(self._problem)
        self._naming.hide()
        return self._naming

    def _settle_name(self) -> None:
        name = name_of(self._name.text())
        is_taken = name.casefold() in self._own_names
        is_same = self._current is not None and name.casefold() == self._current.title.casefold()
        in_the_way = self._renames and is_taken and not is_same
        self._keep.setEnabled(bool(name) and not in_the_way)
        if in_the_way:
            words = _tr("There is one of this name.")
        elif is_taken and not self._renames:
            words = _tr("This takes the place of the one of this name.")
        else:
            words = ""
        self._problem.setText(words)
        self._problem.setVisible(bool(words))

    def _take_name(self) -> None:
        if not self._keep.isEnabled():
            return
        name = name_of(self._name.text())
        self._close_name()
        (self.renamed if self._renames else self.saved).emit(name)

    def _close_name(self) -> None:
        self._naming.hide()
        self.field.setFocus()

    # The menu

    def make_menu(self) -> QMenu:
        menu = QMenu(self)
        current = self._current
        own = current if current is not None and current.is_own else None
        save = menu.addAction(_tr("Save under a name…"), self.ask_name)
        save.setEnabled(self._can_save)
        if own is not None:
            over = menu.addAction(
                without_mnemonics(_tr("Save over “{name}”").format(name=own.title)),
                lambda: self.saved.emit(own.title),
            )
            over.setEnabled(self._can_save)
        menu.addSeparator()
        for action in (
            menu.addAction(_tr("Rename…"), lambda: self.ask_name(renames=True)),
            menu.addAction(_tr("Delete"), self.deleted.emit),
        ):
            action.setEnabled(own is not None)
            if own is None:
                action.setToolTip(_tr("Only what you saved yourself"))
        menu.setToolTipsVisible(True)
        return menu

    def _pop_up(self) -> None:
        menu = self.make_menu()
        menu.aboutToHide.connect(menu.deleteLater)
        pop_up_under(menu, self.more.mapToGlobal(QPoint(self.more.width(), self.more.height())))

    def _fill(self) -> None:
        self.field.clear()
        was_own = False
        for item in self._items:
            if item.is_own and not was_own:
                self.field.insertSeparator(self.field.count())
            was_own = item.is_own
            self.field.addItem(item.title, item.key)
            self.field.setItemData(self.field.count() - 1, plain_tip(item.tip), Qt.ItemDataRole.ToolTipRole)


class _NameField(QLineEdit):
    """`left`: Escape was pressed, which elsewhere on the page stops an answer."""

    left = Signal()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape:
            if event.type() is QEvent.Type.ShortcutOverride:
                event.accept()
                return True
            if event.type() is QEvent.Type.KeyPress:
                self.left.emit()
                return True
        return super().event(event)


def _tr(text: str) -> str:
    return QCoreApplication.translate("ChatPage", text)
