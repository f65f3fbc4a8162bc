"""A small window while a damaged database is recovered: what is being done, how far it is, and a way to put it off."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEventLoop, Qt, QTimer
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from app.chat.recovered import Recovered, recover_conversations
from app.core.errors import Cancelled, EnvironmentFault
from app.core.jobs import Job, JobControl, Progress
from app.core.units import format_duration
from app.ui import jobs
from app.ui.parts import Mark, button, label

PATIENCE_MS = 500
"""A recovery that ends sooner shows no window."""
WIDTH_PX = 600
_FINE = 1000


def recover_showing(database: Path) -> Recovered | None:
    """Returns when it has ended; meanwhile events are met. Raises as `recover_conversations`, and Cancelled."""
    window = RecoveryWindow(database)
    try:
        return window.recover()
    finally:
        window.hide()
        window.deleteLater()


class RecoveryWindow(QWidget):
    def __init__(self, database: Path) -> None:
        super().__init__()
        self._database = database
        self._job: Job[Recovered | None] | None = None
        self._recovered: Recovered | None = None
        self._fault: Exception | None = None
        # Nibble's window follows: this one is not the last.
        self.setAttribute(Qt.WidgetAttribute.WA_QuitOnClose, False)
        self.setWindowTitle(self.tr("Nibble"))
        self.setFixedWidth(WIDTH_PX)
        self._lay_out()
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(PATIENCE_MS)
        self._patience.timeout.connect(self.show)

    def _lay_out(self) -> None:
        words = self.tr(
            "Nibble's database is damaged. What can be read goes into a new one, and the damaged file is kept."
        )
        self.stage = label("", "caption", wrap=True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 0)
        self.stop = button(
            self.tr("Leave Nibble"),
            self._stop,
            tip=self.tr("Changes nothing; it begins again with the next start"),
        )
        below = QHBoxLayout()
        below.addWidget(self.stage, 1)
        below.addWidget(self.stop)
        text = QVBoxLayout()
        text.setSpacing(8)
        text.addWidget(label(self.tr("Recovering your conversations"), "heading"))
        text.addWidget(label(words, "muted", wrap=True))
        text.addSpacing(8)
        text.addWidget(self.bar)
        text.addLayout(below)
        row = QHBoxLayout(self)
        row.setContentsMargins(24, 24, 24, 16)
        row.setSpacing(16)
        row.addWidget(Mark(48), 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(text, 1)

    def recover(self) -> Recovered | None:
        loop = QEventLoop()
        database = self._database

        def work(control: JobControl) -> Recovered | None:
            return recover_conversations(database, control)

        self._job = jobs.run(
            self,
            "Recover the database",
            work,
            on_progress=self.show_progress,
            on_done=self._take,
            on_failed=self._fail,
            on_cancelled=lambda: self._fail(Cancelled()),
            on_end=loop.quit,
        )
        self._patience.start()
        loop.exec()
        self._patience.stop()
        self._job = None
        if self._fault is not None:
            raise self._fault
        return self._recovered

    def show_progress(self, progress: Progress) -> None:
        fraction = progress.fraction
        words = progress.stage
        if fraction is None:
            self.bar.setRange(0, 0)
        else:
            self.bar.setRange(0, _FINE)
            self.bar.setValue(round(fraction * _FINE))
        if progress.left_s is not None:
            words = self.tr("{stage}, about {time} left").format(
                stage=words, time=format_duration(progress.left_s)
            )
        self.stage.setText(words)
        self.bar.setAccessibleName(words)

    def closeEvent(self, event: QCloseEvent) -> None:
        event.ignore()  # it goes when what it shows has ended
        self._stop()

    def _stop(self) -> None:
        self.stop.setEnabled(False)
        if self._job is not None:
            self._job.cancel()

    def _take(self, recovered: Recovered | None) -> None:
        self._recovered = recovered

    def _fail(self, fault: EnvironmentFault | Cancelled) -> None:
        self._fault = fault
