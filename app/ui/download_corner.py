"""Downloads in the window's corner: how far they are at a glance, and the way to them."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QKeySequence, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QToolButton

from app.ui import icons, theme
from app.ui.download_words import Overall, describe_all, overall, short_time
from app.ui.downloads import Downloads
from app.ui.paint import paint_text
from app.ui.parts import plain_tip, with_keys

RING_PX = 26
GLYPH_PX = 14
RING_WIDTH_PX = 3
GAP_PX = 4
EDGE_PX = 6
KEYS = "Ctrl+J"
_WHOLE_TURN = 360 * 16
_TOP = 90 * 16

_LOOKS = {
    "running": ("download-simple", "accent"),
    "waiting": ("hourglass-medium", "muted"),
    "failed": ("warning", "danger"),
    "paused": ("pause", "muted"),
    "done": ("check", "good"),
}


class DownloadCorner(QToolButton):
    """Hidden while there are no downloads."""

    def __init__(self, downloads: Downloads, show_downloads: Callable[[], object]) -> None:
        super().__init__()
        self._downloads = downloads
        self._told = overall([])
        self.setProperty("role", "nav")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.clicked.connect(lambda: show_downloads())
        downloads.changed.connect(self._show)
        downloads.progressed.connect(self._show)
        self._show()

    @property
    def told(self) -> Overall:
        return self._told

    @property
    def lines(self) -> tuple[str, str]:
        """The words below the ring."""
        told = self._told
        names = {
            "waiting": _tr("Waiting"),
            "failed": _tr("Failed"),
            "paused": _tr("Paused"),
            "done": _tr("Done"),
        }
        percent = _tr("{n} %").format(n=told.percent)
        if told.state == "running":
            return percent, short_time(told.left_s) if told.left_s is not None else ""
        return names.get(told.state, ""), percent if told.state in ("waiting", "paused") else ""

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), RING_PX + GAP_PX + sum(_line_heights()) + 2 * EDGE_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        glyph, colour = _LOOKS.get(self._told.state, _LOOKS["running"])
        first, second = _line_heights()
        top = (self.height() - RING_PX - GAP_PX - first - second) // 2
        ring = QRect((self.width() - RING_PX) // 2, top, RING_PX, RING_PX)
        tokens = theme.current()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._paint_ring(painter, QRectF(ring), colour)
            inner = QRect(0, 0, GLYPH_PX, GLYPH_PX)
            inner.moveCenter(ring.center())
            icons.paint(painter, inner, glyph, tokens.colour(colour))
            upper = QRect(2, ring.bottom() + 1 + GAP_PX, self.width() - 4, first)
            middle = Qt.AlignmentFlag.AlignCenter
            paint_text(painter, upper, self.lines[0], "caption", "text", middle, strong=True)
            lower = upper.translated(0, first)
            paint_text(painter, lower, self.lines[1], "caption", "muted", middle)

    def _paint_ring(self, painter: QPainter, ring: QRectF, colour: str) -> None:
        half = RING_WIDTH_PX / 2
        tokens = theme.current()
        painter.setPen(QPen(tokens.colour("track"), RING_WIDTH_PX))
        painter.drawEllipse(ring.adjusted(half, half, -half, -half))
        share = 100 if self._told.state == "done" else self._told.percent
        pen = QPen(tokens.colour(colour), RING_WIDTH_PX)
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        painter.setPen(pen)
        painter.drawArc(ring.adjusted(half, half, -half, -half), _TOP, -_WHOLE_TURN * share // 100)

    def _show(self) -> None:
        self._told = overall(self._downloads.entries)
        words = describe_all(self._downloads.entries)
        self.setAccessibleName(_tr("Downloads: {words}").format(words=words))
        self.setToolTip(plain_tip(with_keys(_tr("Show the downloads"), QKeySequence(KEYS)) + f"\n{words}"))
        self.setVisible(bool(self._told.state))
        self.update()


def _line_heights() -> tuple[int, int]:
    """Of the bold line and the one below it, in pixels."""
    return (
        QFontMetrics(theme.font("caption", strong=True)).height(),
        QFontMetrics(theme.font("caption")).height(),
    )


def _tr(text: str) -> str:
    return QCoreApplication.translate("Downloads", text)
