"""The downloads in the Library: what comes, in the order of the queue, and what has come since the window opened."""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, Signal
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.ui.download_wishes import QueueEntry
from app.ui.download_words import describe_all
from app.ui.downloads import Downloads
from app.ui.pages.library_download import DownloadRow
from app.ui.parts import ElidedLabel, button, label

SHARE_OF_WINDOW, SHARE_OF_LOW_WINDOW = 0.36, 0.25
"""Of its height, at most: the models are below."""


class DownloadsCard(QFrame):
    """Hidden without any. `chat_asked` carries the file of one that has come, `make_asked` the QueueEntry of a
    checkpoint that has come and where a menu may open, `page_asked` the address of a page that one which failed points
    to."""

    chat_asked = Signal(object)
    make_asked = Signal(object, QPoint)
    page_asked = Signal(str)

    def __init__(self, downloads: Downloads) -> None:
        super().__init__()
        self._downloads = downloads
        self._rows: dict[int, DownloadRow] = {}
        self._is_brief = False
        self.setProperty("role", "card")
        self.setAccessibleName(self.tr("Downloads"))
        self._told = ElidedLabel("", "muted")
        self._pause = button(self.tr("Pause all"), downloads.pause_all, role="ghost", glyph="pause")
        self._resume = button(self.tr("Go on with all"), downloads.resume_all, role="ghost", glyph="play")
        self._list = _Rows()
        self._lay_out()
        downloads.changed.connect(self._show)
        downloads.progressed.connect(self._show_progress)
        self._show()

    @property
    def rows(self) -> list[DownloadRow]:
        """From top to bottom."""
        return [self._rows[entry.id] for entry in self._downloads.entries if entry.id in self._rows]

    def dismiss_arrived(self) -> None:
        """What has come has been seen. A checkpoint is of no use before something is made of it."""
        done = [row.entry for row in self.rows if row.entry.state == "done"]
        self._downloads.dismiss_arrived([entry.id for entry in done if not entry.is_unmade])

    def set_brief(self, is_brief: bool) -> None:
        """For low windows: less of it is seen at once."""
        if is_brief != self._is_brief:
            self._is_brief = is_brief
            for row in self._rows.values():
                row.set_brief(is_brief)
        self._list.set_share(SHARE_OF_LOW_WINDOW if is_brief else SHARE_OF_WINDOW)

    def focus_first(self) -> None:
        """The keyboard's focus to the first thing that can be done here."""
        controls = [
            each for row in self.rows for each in row.controls if each.isVisible() and each.isEnabled()
        ]
        if controls:
            controls[0].setFocus()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._told.setMinimumHeight(self._pause.sizeHint().height())  # the line is as high without buttons

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, 12, 0)
        head.setSpacing(12)
        head.addWidget(label(self.tr("Downloads"), "heading"))
        head.addWidget(self._told, 1)
        head.addWidget(self._pause)
        head.addWidget(self._resume)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 8, 4, 8)
        column.setSpacing(4)
        column.addLayout(head)
        column.addWidget(self._list)

    def _show(self) -> None:
        entries = self._downloads.entries
        for id in self._rows.keys() - {entry.id for entry in entries}:
            self._drop(id)
        for place, entry in enumerate(entries):
            if entry.id not in self._rows:
                self._rows[entry.id] = row = DownloadRow(entry, self._downloads)
                row.chat_asked.connect(self.chat_asked)
                row.make_asked.connect(self.make_asked)
                row.page_asked.connect(self.page_asked)
                row.set_brief(self._is_brief)
            self._list.put(place, self._rows[entry.id])
            self._rows[entry.id].show_entry(entry)
        coming = [entry.id for entry in entries if entry.state != "done"]
        for id in coming:
            self._rows[id].show_place(is_first=id == coming[0], is_last=id == coming[-1])
        self._show_overall(entries)
        states = [entry.state for entry in entries]
        # With one alone they would say what its own button says.
        self._pause.setVisible(len(coming) > 1 and "waiting" in states)
        self._resume.setVisible(len(coming) > 1 and "paused" in states and "waiting" not in states)
        self._chain()
        self.setVisible(bool(entries))
        self._list.fit()

    def _show_progress(self, entry: QueueEntry) -> None:
        if entry.id in self._rows:
            self._rows[entry.id].show_entry(entry)
            self._show_overall(self._downloads.entries)

    def _show_overall(self, entries: list[QueueEntry]) -> None:
        # One alone is told in its row.
        self._told.setText(describe_all(entries) if len(entries) > 1 else "")
        self._told.setToolTip("")

    def _drop(self, id: int) -> None:
        row = self._rows.pop(id)
        holder = self.window().focusWidget()
        had_focus = holder is not None and row.isAncestorOf(holder)
        row.hide()
        row.deleteLater()
        if had_focus:
            self.focus_first()

    def _chain(self) -> None:
        """Tab goes from row to row, also to those that came later."""
        controls = [self._pause, self._resume, *(each for row in self.rows for each in row.controls)]
        for one, next in pairwise(controls):
            QWidget.setTabOrder(one, next)


class _Rows(QScrollArea):
    """As high as its rows are, but for a share of the window."""

    def __init__(self) -> None:
        super().__init__()
        self._share = SHARE_OF_WINDOW
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inside = QWidget()
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(0, 0, 12, 0)
        self._column.setSpacing(0)
        self.setWidget(inside)
        inside.installEventFilter(self)

    def put(self, place: int, row: QWidget) -> None:
        if self._column.indexOf(row) != place:
            self._column.insertWidget(place, row)

    def set_share(self, share: float) -> None:
        self._share = share
        self.fit()

    def fit(self) -> None:
        if not self._column.count():
            return
        wanted = self._column.totalHeightForWidth(self.viewport().width())
        if wanted < 0:
            wanted = self._column.totalSizeHint().height()
        self.setFixedHeight(min(wanted, round(self.window().height() * self._share)))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self.fit()
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit()
