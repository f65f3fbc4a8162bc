"""Rows of the settings, each with its explanation and a button that puts it back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from PySide6.QtCore import QCoreApplication, QObject, Qt, QTimer
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QPlainTextEdit,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.ui.pages.chat_sampler_options import Option
from app.ui.parts import icon_button, label, plain_tip

FIELD_PX = 88
TYPING_MS = 400
TEXT_PX = 64

Change = Callable[[str, Any], None]
"""Takes the name of a field of `Sampling` and its new value."""


class Row(Protocol):
    """Shows one field of `Sampling`. What `show_value` shows is told to nobody."""

    field: str

    @property
    def title(self) -> str:
        """As it is read aloud, by itself."""

    def show_value(self, value: Any, default: Any) -> None: ...

    def describe(self, value: Any) -> str:
        """A value as it is shown; "" where that would take more than a word."""

    def flush(self) -> None:
        """Tells what is still being typed."""

    def drop(self) -> None:
        """Forgets what is written and could not be taken, at the next `show_value`."""


class NumberRow(QWidget):
    def __init__(self, option: Option, change: Change, wheel: QObject) -> None:
        super().__init__()
        self.field = option.field
        self._option = option
        self._default: float = 0
        self.box = QDoubleSpinBox() if option.decimals else QSpinBox()
        if isinstance(self.box, QDoubleSpinBox):
            self.box.setDecimals(option.decimals)
            self.box.setRange(option.least, option.most)
            self.box.setSingleStep(option.step)
        else:
            self.box.setRange(int(option.least), int(option.most))
            self.box.setSingleStep(int(option.step))
            self.box.setGroupSeparatorShown(True)
        self.box.setSpecialValueText(option.least_text)
        self.box.valueChanged.connect(lambda value: change(self.field, self._kept(value)))
        prepare_box(self.box, wheel)
        self._reset = _reset_button(option.title, lambda: change(self.field, self._default))
        _lay_out_row(self, option.title, option.explanation, self.box, self._reset)

    @property
    def title(self) -> str:
        return self.box.accessibleName()

    def describe(self, value: float) -> str:
        if isinstance(self.box, QDoubleSpinBox):
            words = self.box.textFromValue(value)
        else:
            words = self.box.textFromValue(int(value))
        is_least = value in (self._option.least, self._option.off)
        return self._option.least_text if is_least and self._option.least_text else words

    def show_value(self, value: float, default: float) -> None:
        self._default = default
        self.box.blockSignals(True)
        if isinstance(self.box, QDoubleSpinBox):
            self.box.setValue(value)
        else:
            self.box.setValue(int(value))
        self.box.blockSignals(False)
        _show_reset(self._reset, value != default)

    def flush(self) -> None:
        pass

    def drop(self) -> None:
        pass

    def _kept(self, value: float) -> float:
        off = self._option.off
        return off if off is not None and value == self._option.least else value


class ChoiceRow(QWidget):
    """One of several, numbered from 0."""

    def __init__(
        self,
        field: str,
        title: str,
        explanation: str,
        choices: tuple[str, ...],
        change: Change,
        wheel: QObject,
    ) -> None:
        super().__init__()
        self.field = field
        self._default = 0
        self.box = QComboBox()
        self.box.addItems(choices)
        self.box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.box.installEventFilter(wheel)
        self.box.activated.connect(lambda index: change(field, index))
        self._reset = _reset_button(title, lambda: change(field, self._default))
        _lay_out_row(self, title, explanation, self.box, self._reset)

    @property
    def title(self) -> str:
        return self.box.accessibleName()

    def describe(self, value: int) -> str:
        return self.box.itemText(value)

    def show_value(self, value: int, default: int) -> None:
        self._default = default
        self.box.setCurrentIndex(value)
        _show_reset(self._reset, value != default)

    def flush(self) -> None:
        pass

    def drop(self) -> None:
        pass


class TextRow(QWidget):
    """Text of several lines, told when typing rests. `read` makes a value of it, or raises ValueError with what is
    wrong, which is then shown under it; `write` makes text of a value."""

    def __init__(
        self,
        field: str,
        title: str,
        explanation: str,
        hint: str,
        read: Callable[[str], Any],
        write: Callable[[Any], str],
        change: Change,
    ) -> None:
        super().__init__()
        self.field = field
        self._read, self._write, self._change = read, write, change
        self._shown: Any = None
        self._default: Any = None
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(TYPING_MS)
        self._typing.timeout.connect(self._tell)
        self.text = QPlainTextEdit()
        self.text.setProperty("role", "setting")
        self.text.setPlaceholderText(hint)
        self.text.setTabChangesFocus(True)
        self.text.setFixedHeight(TEXT_PX)
        self.text.textChanged.connect(self._typing.start)
        self._wrong = label("", "problem", wrap=True)
        self._wrong.hide()
        self._reset = _reset_button(title, self._put_back)
        name = label(title)
        name.setBuddy(self.text)
        explain(explanation, title, name, self.text)
        head = QHBoxLayout()
        head.addWidget(name, 1)
        head.addWidget(self._reset)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(head)
        column.addWidget(label(explanation, "caption", wrap=True))
        column.addWidget(self.text)
        column.addWidget(self._wrong)

    @property
    def title(self) -> str:
        return self.text.accessibleName()

    def describe(self, value: Any) -> str:
        return ""

    def show_value(self, value: Any, default: Any) -> None:
        self._default = default
        _show_reset(self._reset, value != default)
        if value == self._shown:
            return  # the person may be writing just that, in another way
        self._shown = value
        self._typing.stop()
        self.text.blockSignals(True)
        self.text.setPlainText(self._write(value))
        self.text.blockSignals(False)
        self._wrong.hide()

    def flush(self) -> None:
        if self._typing.isActive():
            self._tell()

    def drop(self) -> None:
        self._shown = None

    def _tell(self) -> None:
        self._typing.stop()
        try:
            value = self._read(self.text.toPlainText())
        except ValueError as error:
            self._wrong.setText(str(error))
            self._wrong.show()
            _show_reset(self._reset, True)
            return
        self._wrong.hide()
        if value != self._shown:
            self._shown = value
            self._change(self.field, value)

    def _put_back(self) -> None:
        self.drop()
        self._change(self.field, self._default)
        self.text.setFocus()


def prepare_box(box: QAbstractSpinBox, wheel: QObject) -> None:
    box.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
    box.setAlignment(Qt.AlignmentFlag.AlignRight)
    box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    box.setKeyboardTracking(False)
    box.installEventFilter(wheel)


def explain(explanation: str, title: str, name: QWidget, field: QWidget) -> None:
    name.setToolTip(plain_tip(explanation))
    field.setToolTip(plain_tip(explanation))
    field.setAccessibleName(title)
    field.setAccessibleDescription(explanation)


def _lay_out_row(row: QWidget, title: str, explanation: str, field: QWidget, reset: QToolButton) -> None:
    name = label(title, wrap=True)
    name.setBuddy(field)
    explain(explanation, title, name, field)
    field.setFixedWidth(FIELD_PX if isinstance(field, QAbstractSpinBox) else FIELD_PX + 16)
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    layout.addWidget(name, 1)
    layout.addWidget(reset)
    layout.addWidget(field)
    reset.clicked.connect(field.setFocus)  # it goes, and with it would the focus


def _reset_button(title: str, action: Callable[[], object]) -> QToolButton:
    made = icon_button("arrow-counter-clockwise", _tr("Put back: {name}").format(name=title), action)
    policy = made.sizePolicy()
    policy.setRetainSizeWhenHidden(True)  # or fields would move when they are changed
    made.setSizePolicy(policy)
    return made


def _show_reset(reset: QToolButton, changed: bool) -> None:
    reset.setVisible(changed)


def _tr(text: str) -> str:
    return QCoreApplication.translate("ChatPage", text)
