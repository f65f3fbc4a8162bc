"""Formulas as pictures, set by a process beside the window (`formula_process`) that starts with the first one.

What cannot be set, or not in time, stays the source it came as.
"""

from __future__ import annotations

import json
import math
import sys
import time
from dataclasses import dataclass

from markdown_it.token import Token
from PySide6.QtCore import QByteArray, QObject, QProcess, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QFontMetricsF,
    QImage,
    QPainter,
    QTextCharFormat,
    QTextCursor,
    QTextImageFormat,
)
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

from app.ui import theme
from app.ui.prose.formula_process import ARGUMENT
from app.ui.prose.looks import SOURCE
from app.ui.prose.parser import LONGEST_FORMULA
from app.ui.prose.sealed import SealedDocument
from app.ui.prose.words import formula_as_text, formula_source

MOST_KEPT, MOST_WAITING = 1_000, 200
LARGEST_PX, MOST_PX = 4_000, 1_500_000
"""Of a side, and of the whole picture: painting takes time that grows with it."""
SLICE_S = 0.004
"""So long formulas are painted, or put in their place, at once; the others in the next turn of the event loop."""
PATIENCE_MS = 10_000
"""The first one waits for the process to start; one that does not end ends itself before."""
IDLE_MS = 60_000
"""The process goes when there has been nothing to do for so long."""
SIZE = 1.15
"""Against the letters around: the formulas' own are smaller."""
SHARPNESS = 2.0


@dataclass(frozen=True)
class Picture:
    """`descent`: pixels below the line of the text."""

    image: QImage
    width: float
    height: float
    descent: float


@dataclass(frozen=True)
class _Key:
    latex: str
    displayed: bool
    px: int
    colour: str


class Formulas(QObject):
    """One of them serves the whole window. `ready` tells that another one is there."""

    ready = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._known: dict[_Key, Picture | None] = {}
        self._waiting: dict[int, _Key] = {}
        self._asked: set[_Key] = set()
        self._count = 0
        self._process: QProcess | None = None
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(PATIENCE_MS)
        self._patience.timeout.connect(self._give_up)
        self._idle = QTimer(self)
        self._idle.setSingleShot(True)
        self._idle.setInterval(IDLE_MS)
        self._idle.timeout.connect(self.close)

    @staticmethod
    def of_window() -> Formulas:
        application = QApplication.instance()
        assert application is not None
        found = application.findChild(Formulas)
        if found is None:
            found = Formulas(application)
            application.aboutToQuit.connect(found.close)
        return found

    def picture(self, key: _Key) -> Picture | None:
        """None: not yet, or never; `is_settled` tells."""
        if key not in self._known and key not in self._asked and len(self._waiting) < MOST_WAITING:
            self._ask(key)
        return self._known.get(key)

    def is_settled(self, key: _Key) -> bool:
        return key in self._known

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.blockSignals(True)
            process.kill()
            process.waitForFinished(1000)

    def _ask(self, key: _Key) -> None:
        if self._process is None:
            self._process = self._start()
        self._idle.stop()
        self._count += 1
        self._waiting[self._count] = key
        self._asked.add(key)
        self._process.write(QByteArray(_line(self._count, key)))
        if not self._patience.isActive():
            self._patience.start()

    def _start(self) -> QProcess:
        process = QProcess(self)
        process.readyReadStandardOutput.connect(self._read)
        process.finished.connect(self._ended)
        process.errorOccurred.connect(self._ended)
        process.setStandardErrorFile(QProcess.nullDevice())
        if getattr(sys, "frozen", False):
            process.start(sys.executable, [ARGUMENT])
        else:
            process.start(sys.executable, ["-P", "-m", "app", ARGUMENT])
        return process

    def _read(self) -> None:
        if self._process is None:
            return
        if self._take_answers(self._process, time.perf_counter() + SLICE_S):
            QTimer.singleShot(0, self, self._read)
        self._patience.stop()
        if self._waiting:
            self._patience.start()
        else:
            self._idle.start()
        self.ready.emit()

    def _take_answers(self, process: QProcess, until: float) -> bool:
        """Whether there are more."""
        while process.canReadLine():
            answer = json.loads(bytes(process.readLine().data()))
            key = self._waiting.pop(answer["number"], None)
            if key is not None:
                self._settle(key, _drawn(answer))
            if time.perf_counter() > until:
                break
        return process.canReadLine()

    def _settle(self, key: _Key, picture: Picture | None) -> None:
        self._asked.discard(key)
        if len(self._known) >= MOST_KEPT:
            del self._known[next(iter(self._known))]
        self._known[key] = picture

    def _give_up(self) -> None:
        if self._process is not None:
            self._process.kill()

    def _ended(self, *_: object) -> None:
        """The one that it was at is the first that waits; the others are asked for once more."""
        process, self._process = self._process, None
        if process is None:
            return
        self._take_answers(process, math.inf)
        process.deleteLater()
        waiting, self._waiting = list(self._waiting.values()), {}
        for key in waiting[:1]:
            self._settle(key, None)
        for key in waiting[1:]:
            self._asked.discard(key)
            self._ask(key)
        self.ready.emit()


class FormulaWriter:
    """Writes the formulas of one document: the source first, and the picture in its place when that is there."""

    def __init__(self, document: SealedDocument) -> None:
        self._document = document
        self._formulas: Formulas | None = None
        self._places: list[tuple[QTextCursor, _Key, str]] = []
        self._names = 0

    def __call__(self, cursor: QTextCursor, token: Token, form: QTextCharFormat) -> None:
        is_open = bool(token.meta.get("unclosed"))
        if is_open or not token.content or len(token.content) > LONGEST_FORMULA:
            formula_as_text(cursor, token, form)
            return
        if self._formulas is None:
            self._formulas = Formulas.of_window()
            self._formulas.ready.connect(self._fill)
        key = _key_of(token, form)
        picture = self._formulas.picture(key)
        if picture is not None:
            self._insert(cursor, picture, formula_source(token))
            return
        start = cursor.position()
        formula_as_text(cursor, token, form)
        if not self._formulas.is_settled(key):
            place = QTextCursor(cursor)
            place.setPosition(start)
            place.setPosition(cursor.position(), QTextCursor.MoveMode.KeepAnchor)
            place.setKeepPositionOnInsert(True)  # what is written next does not belong to it
            self._places.append((place, key, formula_source(token)))

    def stop(self) -> None:
        """The document goes."""
        if self._formulas is not None:
            self._formulas.ready.disconnect(self._fill)
        self._formulas, self._places = None, []

    def _fill(self) -> None:
        """In one change of the document: a paragraph with many formulas is laid out once, and not for each."""
        places, self._places = self._places, []
        if not places or self._formulas is None:
            return
        until = time.perf_counter() + SLICE_S
        change = QTextCursor(places[0][0])  # a document that is gone is nothing to it
        change.beginEditBlock()
        for number, (place, key, source) in enumerate(places):
            if time.perf_counter() > until:
                self._places += places[number:]
                QTimer.singleShot(0, self._formulas, self._fill)
                break
            if place.selectedText() != source.replace("\n", "\u2028"):
                continue  # what was written there is gone, or has been written anew
            picture = self._formulas.picture(key)
            if picture is not None:
                place.setKeepPositionOnInsert(False)
                self._insert(place, picture, source)
            elif not self._formulas.is_settled(key):
                self._places.append((place, key, source))
        change.endEditBlock()

    def _insert(self, cursor: QTextCursor, picture: Picture, source: str) -> None:
        metrics = QFontMetricsF(self._document.defaultFont())
        ascent = picture.height - picture.descent
        form = QTextImageFormat()
        if picture.descent <= metrics.descent():
            # Qt puts such a picture as far below the line as letters reach.
            above, height = 0.0, ascent + metrics.descent()
            form.setVerticalAlignment(QTextCharFormat.VerticalAlignment.AlignBaseline)
        else:
            # And such a one with its middle at half the height of an x.
            half = metrics.xHeight() / 2
            height = max(2 * picture.descent + half, 2 * ascent - half)
            above = (height + half) / 2 - ascent
            form.setVerticalAlignment(QTextCharFormat.VerticalAlignment.AlignMiddle)
        canvas = QImage(
            round(picture.width * SHARPNESS) + 1,
            round(height * SHARPNESS),
            QImage.Format.Format_ARGB32_Premultiplied,
        )
        canvas.fill(Qt.GlobalColor.transparent)
        with QPainter(canvas) as painter:
            painter.drawImage(0, round(above * SHARPNESS), picture.image)
        self._names += 1
        name = f"formula-{self._names}"
        self._document.keep(name, canvas)
        form.setName(name)
        form.setWidth(picture.width)
        form.setHeight(height)
        form.setProperty(SOURCE, source)
        cursor.insertImage(form)


def _key_of(token: Token, form: QTextCharFormat) -> _Key:
    colours = theme.current()
    has_colour = form.foreground().style() != Qt.BrushStyle.NoBrush
    colour = form.foreground().color() if has_colour else colours.colour("text")
    displayed = token.type == "math_block" or bool(token.meta.get("displayed"))
    return _Key(token.content, displayed, round(colours.sizes["prose"] * SIZE), colour.name())


def _line(number: int, key: _Key) -> bytes:
    asked = {
        "number": number,
        "latex": key.latex,
        "displayed": key.displayed,
        "px": key.px,
        "colour": key.colour,
    }
    return json.dumps(asked).encode() + b"\n"


def _drawn(answer: dict[str, object]) -> Picture | None:
    svg, width, height = answer.get("svg"), answer.get("width"), answer.get("height")
    descent = answer.get("descent")
    if not (isinstance(svg, str) and isinstance(width, float) and isinstance(height, float | int)):
        return None
    if not (0 < width < LARGEST_PX and 0 < height < LARGEST_PX and width * height < MOST_PX):
        return None
    if not isinstance(descent, float):
        return None
    renderer = QSvgRenderer(QByteArray(svg.encode()))
    if not renderer.isValid():
        return None
    image = QImage(
        round(width * SHARPNESS) + 1,
        round(height * SHARPNESS) + 1,
        QImage.Format.Format_ARGB32_Premultiplied,
    )
    image.fill(Qt.GlobalColor.transparent)
    with QPainter(image) as painter:
        renderer.render(painter, QRectF(0, 0, width * SHARPNESS, height * SHARPNESS))
    return Picture(image, width, float(height), descent)
