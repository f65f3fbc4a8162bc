"""What two models expected at one token: the likeliest ten of each."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.compare.token_words import nats, percent, visible
from app.runtime.protocol import TokenDivergence, TokenView
from app.ui.pages.divergence_words import place
from app.ui.parts import ElidedLabel, button, label, without_mnemonics

ROWS = 10


class _Likeliest(QWidget):
    """One model's list; the token that was written is marked in it. `chosen` carries the one that was clicked."""

    chosen = Signal(int)

    def __init__(self, name: str) -> None:
        super().__init__()
        self._head = ElidedLabel(name, "strong")
        self._rank = label("", "caption")
        self._rows: list[tuple[QPushButton, QLabel]] = []
        self._tokens: list[int] = []
        grid = QGridLayout()
        grid.setContentsMargins(0, 4, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(0, 1)
        for row in range(ROWS):
            text, probability = button("", partial(self._choose, row), role="token"), label()
            text.setToolTip(self.tr("What if this had been the next token? Have a model go on from it"))
            probability.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            grid.addWidget(text, row, 0)
            grid.addWidget(probability, row, 1)
            self._rows.append((text, probability))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._head)
        column.addWidget(self._rank)
        column.addLayout(grid)
        column.addStretch()

    def show_view(self, token: int, view: TokenView) -> None:
        self._rank.setText(
            self.tr("this token: {probability}, {place}").format(
                probability=percent(view.log_probability), place=place(view.rank)
            )
        )
        self._tokens = [each.token for each in view.likeliest]
        for (text, probability), each in zip(self._rows, view.likeliest, strict=False):
            text.setText(("▸ " if each.token == token else "   ") + without_mnemonics(visible(each.text)))
            text.setEnabled(True)
            probability.setText(percent(each.log_probability))
        for text, probability in self._rows[len(view.likeliest) :]:
            text.setText("")
            text.setEnabled(False)
            probability.clear()

    def _choose(self, row: int) -> None:
        if row < len(self._tokens):
            self.chosen.emit(self._tokens[row])


class DivergenceDetails(QWidget):
    """`what_if` carries a token that one of the models found likely here and the person wants taken."""

    what_if = Signal(int)

    def __init__(self, reference: str, other: str) -> None:
        super().__init__()
        self._head = label("", "strong")
        self._head.setTextFormat(Qt.TextFormat.PlainText)
        self._sides = (_Likeliest(reference), _Likeliest(other))
        self.is_other = False
        """Whose list was clicked in last."""
        for is_other, side in enumerate(self._sides):
            side.chosen.connect(partial(self._chosen, bool(is_other)))
        lists = QHBoxLayout()
        lists.setSpacing(24)
        for side in self._sides:
            lists.addWidget(side, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self._head)
        column.addLayout(lists)

    def _chosen(self, is_other: bool, token: int) -> None:
        self.is_other = is_other
        self.what_if.emit(token)

    def show_token(self, index: int, count: int, token: TokenDivergence) -> None:
        self._head.setText(
            self.tr("Token {n} of {count}: {text}   KL divergence {kl}").format(
                n=f"{index + 1:,}", count=f"{count:,}", text=visible(token.text), kl=nats(token.kl_divergence)
            )
        )
        for side, view in zip(self._sides, (token.reference, token.other), strict=True):
            side.show_view(token.token, view)
