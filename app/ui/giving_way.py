"""Buttons that show only their glyph where a row has no room for their words: in narrow windows, with large text, in
languages with longer words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtWidgets import QPushButton, QWidget


class GivingWay(QObject):
    """Those of `buttons`, each with a glyph, in `row` that have to do without words, the first one first. Their words
    are read aloud all the same, and tooltips are theirs already. `needed_px`: how wide the row wants to be, with
    what is shown of the buttons now; without it, its least width."""

    def __init__(
        self, row: QWidget, buttons: Sequence[QPushButton], needed_px: Callable[[], int] | None = None
    ) -> None:
        super().__init__(row)
        self._row = row
        self._needed_px = needed_px or (lambda: least_px(row))
        self._words = {each: each.text() for each in buttons}
        for each, words in self._words.items():
            each.setAccessibleName(words)
        row.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # A request to lay out comes when one of the parts is shown or hidden or has grown.
        if event.type() in (QEvent.Type.Resize, QEvent.Type.LayoutRequest) and watched is self._row:
            self.fit()
        return False

    def fit(self) -> None:
        shown = [each for each in self._words if not each.isHidden()]
        lacking = self._needed_px() - self._row.contentsRect().width()
        lacking += sum(self._words_px(each) for each in shown if not each.text())
        for each in shown:
            words = self._words[each] if lacking <= 0 else ""
            lacking -= 0 if words else self._words_px(each)
            if each.text() != words:  # each change asks for the layout once more
                each.setText(words)

    def _words_px(self, of: QPushButton) -> int:
        """By how much a button is wider with its words, as QPushButton.sizeHint has it."""
        size: QSize = of.fontMetrics().size(Qt.TextFlag.TextShowMnemonic, self._words[of])
        return size.width()


def least_px(row: QWidget) -> int:
    layout = row.layout()
    assert layout is not None
    return layout.minimumSize().width()


def usual_px(row: QWidget) -> int:
    """Where parts of it could be narrower, but would not show all they have to say."""
    layout = row.layout()
    assert layout is not None
    return layout.sizeHint().width()
