"""Whether there is a newer Nibble: asked when the button is pressed, and never before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QDate, QLocale, Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QVBoxLayout

from app import __version__
from app.core.errors import EnvironmentFault
from app.core.jobs import JobControl
from app.ui import links, theme
from app.ui.latest import Latest
from app.ui.notice import NoticeArea
from app.ui.parts import Glyph, button, label

if TYPE_CHECKING:  # what asks is imported by the job
    from app.about import Release

NOTES_PX = 160


class UpdatesCard(QFrame):
    """`release`: what the last answer said, None before there was one."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self.release: Release | None = None
        self._asking = Latest(self)
        self._reading = Latest(self)
        self.privacy = label("", "muted", wrap=True)
        self.notices = NoticeArea()
        self.check = button(
            _tr("Check for updates"),
            self._ask,
            glyph="arrow-clockwise",
            tip=_tr("Ask once for the number of the newest release"),
        )
        self.stop = button(_tr("Stop"), self._stop, glyph="stop")
        self.words = label("", "strong", wrap=True)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.where = label("", "muted", wrap=True)
        self.where.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.notes = QPlainTextEdit()
        self.notes.setReadOnly(True)
        self.notes.setProperty("role", "notes")
        self.notes.setAccessibleName(_tr("What is new"))
        theme.follow(self.notes, lambda: self.notes.setFixedHeight(theme.px(NOTES_PX)))
        self.open = button(
            _tr("Go to its page"),
            self._open,
            role="primary",
            glyph="arrow-square-out",
            tip=_tr("Open the page of the release in your browser, after asking"),
        )
        self._good, self._newer = Glyph("check-circle", "good"), Glyph("arrow-circle-up", "accent")
        self._lay_out()
        self._settle()

    @property
    def is_asking(self) -> bool:
        return self._asking.is_asking

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self.privacy.text():
            self._reading.ask("Read where releases are", _read_host, self._show_host, self._show_fault)

    def _show_host(self, host: str) -> None:
        self.privacy.setText(_privacy(host))

    def _ask(self) -> None:
        def work(control: JobControl) -> Release:
            from app.about import newest_release

            return newest_release(control.cancel)

        self.notices.clear()
        self.release = None
        self._asking.ask("Ask for the newest release", work, self._show, self._show_fault)
        self._settle()
        self.stop.setFocus()

    def _stop(self) -> None:
        self._asking.drop()
        self._settle()
        self.check.setFocus()

    def _show(self, release: Release) -> None:
        self._end(release)

    def _show_fault(self, fault: EnvironmentFault) -> None:
        self.notices.show_fault(fault)
        self._end(None)

    def _end(self, release: Release | None) -> None:
        self.release = release
        had_focus = self.stop.hasFocus()
        self._settle()
        if had_focus:
            (self.open if self.open.isVisibleTo(self) else self.check).setFocus()

    def _open(self) -> None:
        if self.release is not None:
            question = _tr("Open the page of the release in your browser?")
            links.ask_to_open(self.notices, self.release.page, question)

    def _settle(self) -> None:
        release = self.release
        is_newer = release is not None and release.standing.value == "outdated"
        self.check.setVisible(not self.is_asking)
        self.stop.setVisible(self.is_asking)
        self.words.setText(
            _tr("Asking…") if self.is_asking else _told(release) if release is not None else ""
        )
        self.words.setVisible(bool(self.words.text()))
        self._good.setVisible(release is not None and not is_newer)
        self._newer.setVisible(is_newer)
        self.where.setText(links.shortened(release.page) if release is not None and is_newer else "")
        self.where.setVisible(is_newer)
        self.notes.setPlainText(release.notes if release is not None and is_newer else "")
        self.notes.setVisible(bool(self.notes.toPlainText()))
        self.open.setVisible(is_newer)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.addWidget(label(_tr("Updates"), "heading"), 1)
        head.addWidget(self.check)
        head.addWidget(self.stop)
        outcome = QHBoxLayout()
        outcome.setSpacing(8)
        outcome.addWidget(self._good, 0, Qt.AlignmentFlag.AlignTop)
        outcome.addWidget(self._newer, 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(4)
        words.addWidget(self.words)
        words.addWidget(self.where)
        outcome.addLayout(words, 1)
        outcome.addWidget(self.open, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 20)
        column.setSpacing(8)
        column.addLayout(head)
        column.addWidget(self.privacy)
        column.addLayout(outcome)
        column.addWidget(self.notes)
        column.addWidget(self.notices)


def _read_host(control: JobControl) -> str:
    """Whom the button asks; empty where nobody has said."""
    from app.about import asked_host, releases_address

    releases = releases_address()
    return asked_host(releases) if releases is not None else ""


def _privacy(host: str) -> str:
    """Whom the button asks, and what it tells them."""
    if not host:
        return _tr("Whoever built this Nibble has not said where its releases are.")
    return _tr(
        "Nibble looks only when you press the button. It asks {host} once and tells it no more than its version; "
        "nothing is downloaded or installed."
    ).format(host=host)


def _told(release: Release) -> str:
    if release.standing.value == "current":
        return _tr("Nibble {version} is the newest release.").format(version=__version__)
    if release.standing.value == "ahead":
        return _tr("Nibble {version} is newer than the newest release, {newest}.").format(
            version=__version__, newest=release.version
        )
    if not release.published:
        return _tr("Nibble {newest} is available; you have {version}.").format(
            newest=release.version, version=__version__
        )
    day = QDate.fromString(release.published, Qt.DateFormat.ISODate)
    return _tr("Nibble {newest} is available, published on {day}; you have {version}.").format(
        newest=release.version,
        version=__version__,
        day=QLocale().toString(day, QLocale.FormatType.ShortFormat),
    )


def _tr(text: str) -> str:
    return QCoreApplication.translate("About", text)
