"""One runtime pack in the settings: what it is for, whether it is used, and why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QDateTime, QLocale, Qt, Signal
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.core.units import format_bytes
from app.ui.folded_log import FoldedLog
from app.ui.parts import Glyph, button, icon_button, label

if TYPE_CHECKING:  # the runtime is imported by the job that asks
    from app.hardware.pack_reports import PackReport
    from app.runtime.packs import PackState
    from app.runtime.protocol import Device

_GLYPHS = {"used": ("check-circle", "accent"), "works": ("circle", "muted"), "aside": ("warning", "warning")}


class PackRow(QWidget):
    """`try_asked`: again; `stop_asked`: not to wait for that any longer; `remove_asked`: the person has said yes."""

    try_asked = Signal()
    stop_asked = Signal()
    remove_asked = Signal()

    def __init__(
        self,
        state: PackState,
        report: PackReport | None,
        *,
        is_tried: bool = False,
        is_removable: bool = False,
    ) -> None:
        """`report`: None until it is known what a worker on it says. `is_tried`: just now."""
        super().__init__()
        self.state = state
        pack = state.pack
        self.log: FoldedLog | None = None
        self.again: QPushButton | None = None
        self.stop: QPushButton | None = None
        self.remove: QToolButton | None = None
        self.question: PackQuestion | None = None
        self.setAccessibleName(pack.name)
        glyph = "aside" if state.fault else "used" if report is not None and report.is_used else "works"
        self.words = [pack.name, _standing(state, report, is_tried=is_tried)]
        above = QHBoxLayout()
        above.setSpacing(8)
        above.addWidget(label(pack.name, "strong"))
        above.addWidget(label(self.words[1], "muted"), 1)
        if is_removable and not is_tried:
            name = _tr("Remove {name}").format(name=pack.name)
            self.remove = icon_button("trash", name, self._ask_to_remove, tip=_tr("Remove this pack…"))
        column = QVBoxLayout()
        column.setSpacing(2)
        column.addLayout(above)
        for line in (_kind(state), _devices(report) if not state.fault and not is_tried else ""):
            if line:
                self.words.append(line)
                column.addWidget(label(line, "muted", wrap=True))
        if is_tried:
            column.addLayout(self._make_stop())
        elif state.fault:
            self._add_fault(state, column)
        if self.remove is not None:
            self.question = PackQuestion(pack.name)
            self.question.answered.connect(self._hear)
            column.addSpacing(4)
            column.addWidget(self.question)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 4, 0, 4)
        row.setSpacing(12)
        row.addWidget(Glyph(*_GLYPHS[glyph]), 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(column, 1)
        if self.remove is not None:
            row.addWidget(self.remove, 0, Qt.AlignmentFlag.AlignTop)

    @property
    def has_focus(self) -> bool:
        focused = QApplication.focusWidget()
        return focused is not None and self.isAncestorOf(focused)

    def take_focus(self) -> None:
        button = self.stop or self.again or self.remove
        if button is not None:
            button.setFocus()

    def _ask_to_remove(self) -> None:
        if self.question is not None:
            self.question.ask()

    def _hear(self, is_yes: bool) -> None:
        if is_yes:
            self.remove_asked.emit()
        elif self.remove is not None:
            self.remove.setFocus()

    def _add_fault(self, state: PackState, column: QVBoxLayout) -> None:
        # What speaks against it without a trial is in its files.
        if state.pack.flaw:
            hint = _tr("Get one made for this Nibble, or remove it.")
        else:
            hint = _tr("Nibble tries it again by itself once its files or the graphics driver change.")
            self.again = button(_tr("Try again"), self.try_asked.emit, glyph="arrow-clockwise")
        for words in (state.fault or "", hint):
            self.words.append(words)
            line = label(words, "" if words == state.fault else "muted", wrap=True)
            line.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            column.addWidget(line)
        column.addSpacing(4)
        self.log = FoldedLog(state.log, [self.again] if self.again else [])
        column.addWidget(self.log)

    def _make_stop(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.stop = button(_tr("Stop"), self.stop_asked.emit, glyph="stop")
        row.addWidget(self.stop)
        row.addStretch()
        return row


class PackQuestion(QFrame):
    """Whether a pack is to go; `answered` carries whether it is."""

    answered = Signal(bool)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setProperty("role", "notice-warning")
        self.keep = button(_tr("Keep it"), lambda: self._answer(is_yes=False))
        self.lose = button(_tr("Remove"), lambda: self._answer(is_yes=True), role="danger")
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 6, 8, 6)
        row.setSpacing(8)
        words = _tr("Remove {name}? Its files will be deleted.")
        row.addWidget(label(words.format(name=name), wrap=True), 1)
        row.addWidget(self.keep)
        row.addWidget(self.lose)
        self.hide()

    def ask(self) -> None:
        self.show()
        self.keep.setFocus()

    def _answer(self, *, is_yes: bool) -> None:
        self.hide()
        self.answered.emit(is_yes)


def _standing(state: PackState, report: PackReport | None, *, is_tried: bool) -> str:
    if is_tried:
        return _tr("Being tried…")
    if state.fault:
        return _tr("Set aside, chosen by you") if state.is_chosen else _tr("Set aside")
    if report is not None and report.is_used:
        return _tr("In use, chosen by you") if state.is_chosen else _tr("In use")
    if state.tried_at is not None:
        return _tr("Works; last tried {day}").format(day=_day(state.tried_at))
    return _tr("Not tried yet") if state.pack.folder is not None else _tr("Always works")


def _kind(state: PackState) -> str:
    """What it is for and which llama.cpp it is."""
    pack = state.pack
    if pack.folder is None:
        return _tr("For the processor; comes with Nibble. Version {version} of llama-cpp-python.").format(
            version=pack.version
        )
    if not pack.backend:
        return ""
    hardware = _hardware().get(pack.backend, pack.backend.upper())
    return _tr("For {hardware}. Version {version} of llama-cpp-python.").format(
        hardware=hardware, version=pack.version
    )


def _hardware() -> dict[str, str]:
    return {
        "cpu": _tr("the processor"),
        "cuda": _tr("NVIDIA graphics cards (CUDA)"),
        "rocm": _tr("AMD graphics cards (ROCm)"),
        "hip": _tr("AMD graphics cards (ROCm)"),
        "metal": _tr("the graphics of a Mac (Metal)"),
        "sycl": _tr("Intel graphics (SYCL)"),
        "vulkan": _tr("graphics cards of any maker (Vulkan)"),
        "rpc": _tr("other computers (RPC)"),
    }


def _devices(report: PackReport | None) -> str:
    if report is None:
        return _tr("Looking for its devices…")
    names = _tr(", ").join(map(_device, report.devices))
    return _tr("Computes on: {devices}").format(devices=names) if names else ""


def _device(device: Device) -> str:
    name = device.description or device.name
    if device.kind == "cpu" or not device.total_bytes:
        return name
    return f"{name} ({format_bytes(device.total_bytes)})"


def _day(seconds: float) -> str:
    return QLocale().toString(
        QDateTime.fromSecsSinceEpoch(int(seconds)).date(), QLocale.FormatType.ShortFormat
    )


def _tr(text: str) -> str:
    return QCoreApplication.translate("SettingsPage", text)
