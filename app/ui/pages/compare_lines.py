"""Answers line by line beside each other, with the words marked that differ; what agrees is folded away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

from PySide6.QtCore import QCoreApplication, QEvent, QUrl
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QTextBrowser, QVBoxLayout, QWidget

from app.compare.rows import Part, Row
from app.ui import theme
from app.ui.parts import label

FOLD = "fold"
LEAST_FOLDED = 2
"""Lines that agree are folded where there are so many of them, or where they have so many words."""
MORE = "more"
PLACE = "place"
MOST_SHOWN = 60_000
"""Characters that are laid out at once, which takes some tenths of a second; more come when they are asked for."""
LONGEST_PART = 4_000
"""Characters shown of one cell: an answer that has nothing in common with the other one stands in a single cell."""
LEAST_WORDS = 12


class LinesView(QWidget):
    """One document, so that selecting and copying go across everything."""

    def __init__(self) -> None:
        super().__init__()
        self._names: Sequence[str] = ()
        self._rows: Sequence[Row] = ()
        self._order: Sequence[int] = ()
        self._unfolded: set[int] = set()
        self._most_shown = MOST_SHOWN
        self._places = 0
        self._at = -1
        self.summary = label("", "strong")
        self.hide_same = QCheckBox(self.tr("Hide what agrees"))
        self.hide_same.setChecked(True)
        self.hide_same.toggled.connect(self._folding_changed)
        self.text = QTextBrowser()
        self.text.setAccessibleName(self.tr("The answers, line by line"))
        self.text.setOpenLinks(False)
        self.text.anchorClicked.connect(self._unfold)
        row = QHBoxLayout()
        row.addWidget(self.summary, 1)
        row.addWidget(self.hide_same)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(row)
        column.addWidget(self.text, 1)

    def show_rows(
        self, names: Sequence[str], rows: Sequence[Row], order: Sequence[int], *, is_coarse: bool = False
    ) -> None:
        """`order`: which part of each row stands in each column, `names` over it. `is_coarse`: to find all that agrees
        would have taken too long."""
        self._names, self._rows, self._order = names, rows, order
        self._unfolded.clear()
        self._most_shown = MOST_SHOWN
        parted = sum(not row.same for row in rows)
        words = self.tr("{n} of {all} lines differ").format(n=f"{parted:,}", all=f"{len(rows):,}")
        if is_coarse:
            words += self.tr("; compared roughly, since the same words come too often")
        self.summary.setText(words)
        self._fill()

    def jump(self, step: int) -> None:
        """To the next line that differs, or the one before, and round again."""
        if self._places:
            before_first = self._at < 0 and step < 0
            self._at = self._places - 1 if before_first else (self._at + step) % self._places
            self.text.scrollToAnchor(f"{PLACE}{self._at}")

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange and self._rows:
            self._fill()

    def _folding_changed(self) -> None:
        self._unfolded.clear()
        self._fill()

    def _unfold(self, url: QUrl) -> None:
        if url.scheme() in (FOLD, MORE):
            if url.scheme() == FOLD:
                self._unfolded.add(int(url.path()))
            else:
                self._most_shown += MOST_SHOWN
            at = self.text.verticalScrollBar().value()
            self._fill()
            self.text.verticalScrollBar().setValue(at)

    def _fill(self) -> None:
        tokens = theme.current()
        width = 100 // max(len(self._names), 1)
        heads = "".join(f'<th align="left" width="{width}%">{escape(name)}</th>' for name in self._names)
        self.text.setHtml(
            f'<table width="100%" cellpadding="6" cellspacing="0" border="0">'
            f'<tr style="color: {tokens.colour("muted").name()}">{heads}</tr>'
            f"{''.join(self._body())}</table>"
        )

    def _body(self) -> Iterator[str]:
        number = shown = self._places = 0
        self._at = -1
        for same, group in groupby(self._rows, key=lambda row: row.same):
            rows = list(group)
            words = sum(row.words for row in rows)
            long = len(rows) >= LEAST_FOLDED or words >= LEAST_WORDS
            if same and long and self.hide_same.isChecked() and number not in self._unfolded:
                yield self._folded(number, len(rows), words)
            else:
                for row in rows:
                    if shown > self._most_shown:
                        yield self._link(f"{MORE}:", self.tr("Show more lines"))
                        return
                    shown += sum(min(len(part.text), LONGEST_PART) for part in row.parts)
                    yield self._row(row)
            number += len(rows)

    def _folded(self, number: int, lines: int, words: int) -> str:
        told = (
            self.tr("… {n} words agree …").format(n=f"{words:,}")
            if lines == 1
            else self.tr("… {lines} lines agree, {n} words …").format(lines=f"{lines:,}", n=f"{words:,}")
        )
        return self._link(f"{FOLD}:{number}", told)

    def _link(self, address: str, words: str) -> str:
        colour = theme.current().colour("muted").name()
        return (
            f'<tr><td colspan="{len(self._names)}" align="center">'
            f'<a href="{address}" style="color: {colour}">{escape(words)}</a></td></tr>'
        )

    def _row(self, row: Row) -> str:
        anchor = ""
        if not row.same:
            anchor = f'<a name="{PLACE}{self._places}"></a>'
            self._places += 1
        cells = "".join(
            f'<td style="white-space: pre-wrap">{"" if number else anchor}{_marked(row.parts[column])}</td>'
            for number, column in enumerate(self._order)
        )
        colour = theme.current().colour("muted" if row.same else "text").name()
        return f'<tr style="color: {colour}">{cells}</tr>'


def _marked(part: Part) -> str:
    tokens = theme.current()
    style = (
        f"background-color: {tokens.colour('accent_soft').name()};"
        f" color: {tokens.colour('on_accent_soft').name()}; text-decoration: underline"
    )
    whole = part.text.rstrip("\n")
    text, left = whole[:LONGEST_PART], len(whole) - LONGEST_PART
    pieces = []
    at = 0
    for start, end in part.differs:
        if start >= len(text):
            break
        pieces += [
            _shown(text[at:start]),
            f'<span style="{style}">{_shown(text[start:end])}</span>',
        ]
        at = end
    pieces.append(_shown(text[at:]))
    if left > 0:
        pieces.append(_tr(" … {n} characters more").format(n=f"{left:,}"))
    return "".join(pieces)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Compare", text)


def _shown(text: str) -> str:
    return escape(text).replace("\n", "<br>")
