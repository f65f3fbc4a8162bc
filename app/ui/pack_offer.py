"""A runtime pack that can be had: what for, how large, and getting it, with its progress where the button was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QApplication, QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from app.core.units import format_bytes
from app.ui.pack_getting import Getting, PackGetting
from app.ui.parts import Glyph, button, label

if TYPE_CHECKING:  # the engine is imported by the job that asks
    from app.hardware.pack_offers import PackOffer


class PackOfferRow(QWidget):
    """Follows `getting` while it is there. `stands_alone`: nothing around it says what it is, and nobody has asked."""

    def __init__(self, offer: PackOffer, getting: PackGetting, *, stands_alone: bool = False) -> None:
        super().__init__()
        self.offer = offer
        self._getting = getting
        pack = offer.pack
        self.setAccessibleName(pack.title)
        self._told = label("", "caption")
        self._told.setWordWrap(True)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 1000)
        self._bar.setAccessibleName(pack.title)
        self._progress = QWidget()
        coming = QVBoxLayout(self._progress)
        coming.setContentsMargins(0, 4, 0, 0)
        coming.setSpacing(4)
        coming.addWidget(self._bar)
        coming.addWidget(self._told)
        self._fault = label("", wrap=True)
        self._fault.setContentsMargins(0, 4, 0, 0)
        self._hint = label("", "muted", wrap=True)
        for line in (self._fault, self._hint):
            line.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.get = button(
            _tr("Get"),
            lambda: getting.get(pack),
            role="primary" if offer.is_best and not stands_alone else "",
            glyph="download-simple",
        )
        self.stop = button(
            _tr("Stop"),
            getting.stop,
            glyph="stop",
            tip=_tr("Stop; what has arrived stays, and it can go on later"),
        )
        words = _tr("Runtime pack {title}") if stands_alone else "{title}"
        self._title = label(words.format(title=pack.title), "strong")
        self._lay_out()
        getting.changed.connect(self._show)
        self._show()

    @property
    def words(self) -> str:
        """All that is shown."""
        lines = (self._title.text(), self._size.text(), self._reason.text())
        told = "" if self._progress.isHidden() else self._told.text()
        return " / ".join(filter(None, (*lines, told, self._fault.text(), self._hint.text())))

    @property
    def has_focus(self) -> bool:
        focused = QApplication.focusWidget()
        return focused is not None and self.isAncestorOf(focused)

    def take_focus(self) -> None:
        (self.get if self.stop.isHidden() else self.stop).setFocus()

    def _lay_out(self) -> None:
        pack = self.offer.pack
        self._size = label("", "muted")
        self._size.setToolTip(
            _tr("{bytes:,} bytes to download, {unpacked:,} on the disk").format(
                bytes=pack.bytes, unpacked=pack.unpacked_bytes
            )
        )
        self._reason = label(self.offer.reason, "muted", wrap=True)
        above = QHBoxLayout()
        above.setSpacing(8)
        above.addWidget(self._title)
        above.addWidget(self._size, 1)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addLayout(above)
        for part in (self._reason, self._progress, self._fault, self._hint):
            words.addWidget(part)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 4, 0, 4)
        row.setSpacing(12)
        row.addWidget(
            Glyph("package", "accent" if self.offer.is_best else "muted"), 0, Qt.AlignmentFlag.AlignTop
        )
        row.addLayout(words, 1)
        for each in (self.get, self.stop):
            row.addWidget(each, 0, Qt.AlignmentFlag.AlignTop)

    def _show(self) -> None:
        current = self._getting.current
        mine = current if current is not None and current.name == self.offer.pack.name else None
        is_coming = mine is not None and mine.fault is None and self._getting.is_running
        focused = QApplication.focusWidget()
        had_focus = focused in (self.get, self.stop)
        self.stop.setVisible(is_coming)
        self.get.setVisible(self.offer.suits and not is_coming)
        self.get.setEnabled(not self._getting.is_running)
        self.get.setText(self._verb(mine))
        self.get.setAccessibleName(
            _tr("{verb} {title}").format(verb=self.get.text(), title=self.offer.pack.title)
        )
        self.get.setToolTip(
            _tr("Another pack is on its way")
            if not self.get.isEnabled()
            else _tr("Download, check and try it; then it is used where it is the fastest")
        )
        self._size.setText(_facts(self.offer, is_coming=is_coming))
        self._show_progress(mine if is_coming else None)
        fault = mine.fault if mine is not None else None
        for line, words in (
            (self._fault, fault.message if fault else ""),
            (self._hint, fault.hint if fault else ""),
        ):
            line.setText(words)
            line.setVisible(bool(words))
        if had_focus:
            self.take_focus()

    def _verb(self, mine: Getting | None) -> str:
        if mine is not None and mine.fault is not None:
            return _tr("Try again")
        return _tr("Go on") if self.offer.arrived_bytes else _tr("Get")

    def _show_progress(self, coming: Getting | None) -> None:
        self._progress.setVisible(coming is not None)
        if coming is not None:
            fraction = coming.progress.fraction if coming.progress is not None else 0.0
            self._bar.setRange(0, 1000 if fraction is not None else 0)
            self._bar.setValue(round(1000 * (fraction or 0.0)))
            self._told.setText(coming.words)


def _facts(offer: PackOffer, *, is_coming: bool) -> str:
    facts = [format_bytes(offer.pack.bytes)]
    if offer.is_best:
        facts.append(_tr("recommended"))
    if offer.is_outdated and offer.installed is not None:
        facts.append(_tr("in place of version {version}").format(version=offer.installed.version))
    if offer.arrived_bytes and not is_coming:
        facts.append(_tr("{size} have arrived").format(size=format_bytes(offer.arrived_bytes)))
    return " · ".join(facts)


def _tr(text: str) -> str:
    return QCoreApplication.translate("SettingsPage", text)
