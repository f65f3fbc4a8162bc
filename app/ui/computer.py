"""The "This computer" strip: processor, memory and accelerators, kept up to date while it can be seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QGridLayout, QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from app.core.jobs import JobControl
from app.core.units import format_bytes
from app.ui import jobs
from app.ui.parts import ElidedLabel, Glyph, empty, label, plain_tip

if TYPE_CHECKING:  # psutil takes 60 ms to import, so it is left to the job
    from app.hardware import Accelerator, Cpu, LiveMachine, Machine, Memory

REFRESH_MS = 1000
SEGMENT_PX = 216
WIDEST_SEGMENT_PX = 320
BRIEF_SEGMENT_PX = 300
WIDEST_BRIEF_SEGMENT_PX = 420
LOW_PX = 680
"""A page lower than this has no room for more than one line."""
SCARCE = 0.85


class Segment(QWidget):
    """One part of the computer: name, a line of facts, and a bar where there is something to fill."""

    def __init__(self, glyph: str, name: str, with_bar: bool) -> None:
        super().__init__()
        self.setMaximumWidth(WIDEST_SEGMENT_PX)
        self._with_bar = with_bar
        self._is_brief = False
        self._name = ElidedLabel(name, "strong")
        self._facts = ElidedLabel("", "caption")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 1000)
        self._words = words = QVBoxLayout()
        words.setContentsMargins(0, 0, 0, 0)
        words.setSpacing(4)
        words.addWidget(self._name)
        words.addWidget(self._facts)
        words.addWidget(self._bar)
        words.addStretch()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        column = QVBoxLayout()
        column.addWidget(Glyph(glyph, "accent", 24))
        column.addStretch()
        row.addLayout(column)
        row.addLayout(words, 1)
        self._bar.setVisible(with_bar)  # before it has a parent it would be a window of its own

    def set_brief(self, brief: bool) -> None:
        """The facts beside the name, and no bar."""
        self._is_brief = brief
        direction = QBoxLayout.Direction.LeftToRight if brief else QBoxLayout.Direction.TopToBottom
        self._words.setDirection(direction)
        self._words.setSpacing(8 if brief else 4)
        self.setMaximumWidth(WIDEST_BRIEF_SEGMENT_PX if brief else WIDEST_SEGMENT_PX)
        self._bar.setVisible(self._with_bar and not brief)

    def show_facts(self, facts: str, tip: str) -> None:
        self._facts.setText(facts)
        self.setToolTip(plain_tip(tip))
        self.setAccessibleName(f"{self._name.text()}: {facts}")

    def show_level(self, used: float | None) -> None:
        """`used`: share in use, 0 to 1; None where it is not known or does not matter."""
        self._with_bar = used is not None
        self._bar.setVisible(self._with_bar and not self._is_brief)
        if used is None:
            return
        self._bar.setValue(round(used * 1000))
        self._bar.setAccessibleName(self._name.text())
        level = "high" if used > SCARCE else ""
        if self._bar.property("level") != level:
            self._bar.setProperty("level", level)
            self._bar.style().polish(self._bar)


def _probe() -> Machine:
    from app.hardware import probe

    return probe()


class ComputerStrip(QFrame):
    """Fills itself with a job when shown, which looks at the computer with `probe`; `machine_changed` carries it, each
    time its numbers are read."""

    machine_changed = Signal(object)

    def __init__(self, probe: Callable[[], Machine] = _probe) -> None:
        super().__init__()
        self._look = probe
        self.setProperty("role", "card")
        self.setAccessibleName(self.tr("This computer"))
        self._machine: Machine | None = None
        self._segments: list[Segment] = []
        self._columns = 0
        self._is_brief = False
        self._live: LiveMachine | None = None
        self._busy = False
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(24)
        self._grid.setVerticalSpacing(16)
        self._notes = QVBoxLayout()
        self._remark = label("", "caption", wrap=True)
        self._remark.hide()
        self._column = column = QVBoxLayout(self)
        column.setContentsMargins(16, 14, 16, 14)
        column.setSpacing(8)
        column.addLayout(self._grid)
        column.addLayout(self._notes)
        column.addWidget(self._remark)
        self._place([self._processor_being_read()])
        self._timer = QTimer(self)
        self._timer.setInterval(REFRESH_MS)
        self._timer.timeout.connect(self._tick)

    @property
    def machine(self) -> Machine | None:
        """What is shown; None until the first look has ended."""
        return self._machine

    @property
    def refreshing(self) -> bool:
        return self._timer.isActive()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._probe()
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()
        self._let_go()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place(self._segments)

    def look(self) -> None:
        """Once more, as when it is shown."""
        self._probe()

    def set_brief(self, brief: bool) -> None:
        """One line, in which the processor gives way to what can be full: for a low page."""
        if brief != self._is_brief:
            self._is_brief = brief
            edge_px = 6 if brief else 14
            self._column.setContentsMargins(16, edge_px, 16, edge_px)
            self._columns = 0
            self._place(self._segments)

    @property
    def remark(self) -> str:
        return self._remark.text()

    def show_remark(self, words: str) -> None:
        """Below the parts; empty for none."""
        self._remark.setText(words)
        self._remark.setVisible(bool(words))

    def show_machine(self, machine: Machine) -> None:
        """From now on the numbers of `machine` are kept up to date."""
        self._let_go()
        self._show(machine)

    def _show(self, machine: Machine) -> None:
        described = self._machine
        self._machine = machine
        if described is None or _parts(described) != _parts(machine):
            self._rebuild(machine)
        self._show_memory(machine.memory)
        for segment, accelerator in zip(self._segments[2:], machine.accelerators, strict=False):
            self._show_accelerator(segment, accelerator)
        self.machine_changed.emit(machine)

    def _probe(self) -> None:
        self._run("Look at this computer", lambda control: self._look(), self.show_machine)

    def _tick(self) -> None:
        if self._machine is None:
            return
        if self._live is None:
            from app.hardware import LiveMachine

            self._live = LiveMachine(self._machine)
        live = self._live
        self._run(
            "Read free memory", lambda control: live.read(), lambda machine: self._refresh(live, machine)
        )

    def _refresh(self, live: LiveMachine, machine: Machine) -> None:
        if live is self._live:  # nobody has shown another machine meanwhile
            self._show(machine)

    def _run(
        self, name: str, work: Callable[[JobControl], Machine], on_done: Callable[[Machine], None]
    ) -> None:
        """One job at a time: a driver may take longer than a second."""
        if not self._busy:
            self._busy = True
            jobs.run(self, name, work, on_done=on_done, on_end=self._rest)

    def _rest(self) -> None:
        self._busy = False

    def _let_go(self) -> None:
        if self._live is not None:
            self._live.close()
            self._live = None

    def _processor_being_read(self) -> Segment:
        segment = Segment("cpu", self.tr("This computer"), with_bar=False)
        segment.show_facts(self.tr("Having a look…"), "")
        return segment

    def _rebuild(self, machine: Machine) -> None:
        segments = [self._cpu_segment(machine.cpu), Segment("hard-drives", self.tr("Memory"), with_bar=True)]
        segments += [Segment("cube", short_name(each.name), with_bar=True) for each in machine.accelerators]
        for old in self._segments:
            self._grid.removeWidget(old)
            old.hide()
            old.deleteLater()
        self._columns = 0
        self._place(segments)
        empty(self._notes)
        for note in machine.notes:
            self._notes.addWidget(label(note, "warning", wrap=True))

    def _cpu_segment(self, cpu: Cpu) -> Segment:
        segment = Segment("cpu", cpu.name, with_bar=False)
        cores = (
            self.tr("1 core")
            if cpu.physical_cores == 1
            else self.tr("{n} cores").format(n=cpu.physical_cores)
        )
        widest = next((name for name in ("AVX512", "AVX2", "AVX", "SVE", "NEON") if name in cpu.features), "")
        tip = "\n".join(
            [
                cpu.name,
                self.tr("{physical} physical cores, {logical} threads").format(
                    physical=cpu.physical_cores, logical=cpu.logical_cores
                ),
                self.tr("Instruction sets: {names}").format(names=", ".join(cpu.features) or "?"),
            ]
        )
        segment.show_facts(" · ".join(filter(None, (cores, widest))), tip)
        return segment

    def _show_memory(self, memory: Memory) -> None:
        segment = self._segments[1]
        self._show_space(segment, memory.available_bytes, memory.total_bytes)

    def _show_accelerator(self, segment: Segment, accelerator: Accelerator) -> None:
        heading = [f"{accelerator.name}, {accelerator.backend}"]
        if accelerator.integrated:
            heading.append(self.tr("It works in main memory."))
        if accelerator.usable and not accelerator.free_is_assumed:
            self._show_space(segment, accelerator.free_bytes, accelerator.total_bytes, "\n".join(heading))
            return
        total = format_bytes(accelerator.total_bytes)
        facts = total if accelerator.usable else self.tr("{total}, not used").format(total=total)
        if accelerator.free_is_assumed:
            heading.append(self.tr("How much of its memory is free is not told."))
        segment.show_facts(facts, "\n".join(heading))
        segment.show_level(None)

    def _show_space(self, segment: Segment, free_bytes: int, total_bytes: int, heading: str = "") -> None:
        facts = self.tr("{free} free of {total}").format(
            free=format_bytes(free_bytes), total=format_bytes(total_bytes)
        )
        exact = self.tr("{free:,} of {total:,} bytes free").format(free=free_bytes, total=total_bytes)
        segment.show_facts(facts, f"{heading}\n{exact}".strip())
        segment.show_level(1 - free_bytes / total_bytes if total_bytes else 0.0)

    def _place(self, segments: list[Segment]) -> None:
        room = (self.width() - 32) // (BRIEF_SEGMENT_PX if self._is_brief else SEGMENT_PX)
        without_processor = self._is_brief and len(segments) > max(room, 1)
        columns = max(1, min(len(segments) - without_processor, room))
        if columns == self._columns and segments is self._segments:
            return
        self._segments, self._columns = segments, columns
        for segment in segments:
            self._grid.removeWidget(segment)
            segment.set_brief(self._is_brief)
        for index, segment in enumerate(segments[without_processor:]):
            self._grid.addWidget(segment, index // columns, index % columns)
        segments[0].setVisible(not without_processor)
        for column in range(self._grid.columnCount()):
            self._grid.setColumnStretch(column, 100 if column < columns else 0)
        self._grid.setColumnStretch(columns, 1)  # what is left over when all are at their widest


def _parts(machine: Machine) -> object:
    """What decides which segments there are; numbers that change are left out."""
    return machine.cpu, tuple((each.name, each.backend) for each in machine.accelerators), machine.notes


def short_name(name: str) -> str:
    """Of an accelerator, without its maker."""
    return name.removeprefix("NVIDIA ").removeprefix("AMD ")
