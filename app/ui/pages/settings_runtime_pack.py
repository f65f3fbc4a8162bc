"""One runtime pack in the settings: what it is for, whether it is used, and why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QDateTime, QLocale, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.core.errors import EnvironmentFault
from app.core.units import format_bytes
from app.ui.fault_card import FaultCard
from app.ui.parts import Glyph, button, label

if TYPE_CHECKING:  # the runtime is imported by the job that asks
    from app.hardware.pack_reports import PackReport
    from app.runtime.packs import PackState
    from app.runtime.protocol import Device

_BACKENDS = {"cpu": "", "cuda": "CUDA", "rocm": "ROCm", "metal": "Metal", "sycl": "SYCL", "vulkan": "Vulkan"}
_GLYPHS = {"used": ("check-circle", "accent"), "works": ("circle", "muted"), "aside": ("warning", "warning")}


class PackRow(QWidget):
    """`try_asked`: again; `stop_asked`: not to wait for that any longer."""

    try_asked = Signal()
    stop_asked = Signal()

    def __init__(self, state: PackState, report: PackReport | None, *, is_tried: bool = False) -> None:
        """`report`: None until it is known what a worker on it says. `is_tried`: just now."""
        super().__init__()
        self.state = state
        pack = state.pack
        self.fault: FaultCard | None = None
        self.setAccessibleName(pack.name)
        glyph = "aside" if state.fault else "used" if report is not None and report.is_used else "works"
        self.words = [pack.name, _standing(state, report, is_tried=is_tried)]
        above = QHBoxLayout()
        above.setSpacing(8)
        above.addWidget(label(pack.name, "strong"))
        above.addWidget(label(self.words[1], "muted"), 1)
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
            self.words.append(state.fault)
            column.addSpacing(4)
            column.addWidget(self._make_fault(state))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 4, 0, 4)
        row.setSpacing(12)
        row.addWidget(Glyph(*_GLYPHS[glyph]), 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(column, 1)

    def _make_fault(self, state: PackState) -> FaultCard:
        until = _tr("Nibble tries it again by itself once its files or the graphics driver are others.")
        again = (_tr("Try again"), "arrow-clockwise", self.try_asked.emit)
        # What speaks against it without a trial is in its files.
        steps = [] if state.pack.flaw else [again]
        hint = _tr("Get a pack made for this Nibble, or remove its folder.") if state.pack.flaw else until
        self.fault = FaultCard(EnvironmentFault(state.fault or "", hint, state.log), steps, margin_px=12)
        return self.fault

    def _make_stop(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addWidget(button(_tr("Stop"), self.stop_asked.emit, glyph="stop"))
        row.addStretch()
        return row


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
        return _tr("For the processor; comes with Nibble. llama-cpp-python {version}.").format(
            version=pack.version
        )
    if not pack.backend:
        return ""
    backend = _BACKENDS.get(pack.backend, pack.backend.upper())
    kind = (
        _tr("For graphics cards, by {backend}.").format(backend=backend)
        if backend
        else _tr("For the processor.")
    )
    return f"{kind} llama-cpp-python {pack.version}."


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
