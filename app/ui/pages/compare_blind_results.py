"""What came out of a blind test: the sentence, a table, and each prompt with what was voted and who wrote what."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.compare.ballot import Ballot, PromptState
from app.compare.blind_report import blind_report
from app.compare.blind_results import BlindResult, blind_result, is_right, results_by_kind, told_names
from app.compare.session import SessionModel
from app.compare.votes import Share
from app.ui import theme
from app.ui.actions import add_action
from app.ui.notice import NoticeArea
from app.ui.pages.compare_blind_answers import AnswersGrid, Shown
from app.ui.pages.compare_blind_bars import ShareBar, percent
from app.ui.pages.compare_blind_parts import PromptBox, beginning_or_end
from app.ui.pages.compare_blind_words import LETTERS
from app.ui.parts import button, card, empty, icon_button, label

ROW_PX, MOST_ROWS = 28, 7


class Results(QWidget):
    """`again_asked`: another test; `leave_asked`: back to Compare; `export_asked`: all of it;
    `link_asked`: as answers have it."""

    again_asked = Signal()
    leave_asked = Signal()
    export_asked = Signal()
    link_asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._ballot: Ballot | None = None
        self._models: tuple[SessionModel, ...] = ()
        self._titles: list[str] = []
        self.notices = NoticeArea()
        self.sentence = label("", "heading", wrap=True)
        self.remark = label("", "muted", wrap=True)
        self.tables = QVBoxLayout()
        self.tables.setSpacing(12)
        self.list = QListWidget()
        self.list.setAccessibleName(self.tr("Prompts and votes"))
        self.list.setUniformItemSizes(True)
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.currentRowChanged.connect(self._show_prompt)
        self.list.setProperty("role", "votes")
        theme.follow(self.list, self._fit_list)
        self.prompt = PromptBox()
        self.answers = AnswersGrid()
        self.answers.link_asked.connect(self.link_asked)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(12)
        whole.addLayout(self._head())
        whole.addWidget(self.notices)
        whole.addWidget(self._scrolled(), 1)
        add_action(self, "blind-leave", self.leave_asked.emit)
        self.setFocusProxy(self.list)

    def show_results(self, ballot: Ballot, models: Sequence[SessionModel]) -> None:
        self._ballot = ballot
        self._models = tuple(models)
        self._titles = [model.title for model in models]
        names = told_names(models)
        result = blind_result(names, ballot)
        self.sentence.setText(result.sentence)
        self.remark.setText(self._remark(result))
        self.remark.setVisible(bool(self.remark.text()))
        empty(self.tables)
        self.tables.addWidget(self._table(names, result))
        kinds = results_by_kind(names, ballot)
        if kinds:
            self.tables.addWidget(self._kinds(names, kinds))
        self.list.clear()
        for number in range(len(ballot)):
            self.list.addItem(self._item(ballot, number, names))
        self.list.setCurrentRow(0)
        self._fit_list()

    def _fit_list(self) -> None:
        rows = max(min(self.list.count(), MOST_ROWS), 1)
        self.list.setFixedHeight(theme.px(ROW_PX) * rows + 4)

    # In words

    def _remark(self, result: BlindResult) -> str:
        lines = []
        counts = [
            (result.ties, self.tr("Ties: {n}.")),
            (result.both_bad, self.tr("None was good: {n}.")),
            (result.not_voted, self.tr("Without a vote: {n}.")),
            (result.left_out, self.tr("Left out, because a model could not answer: {n}.")),
        ]
        if told := [words.format(n=n) for n, words in counts if n]:
            lines.append("  ".join(told))
        if result.needed is not None:
            both = sum(sorted((share.wins for share in result.preferred), reverse=True)[:2])
            lines.append(
                self.tr(
                    "Should the shares stay as they are, {needed} votes for one of the two would tell them from chance,"
                    " {more} more than now."
                ).format(needed=f"{result.needed:,}", more=f"{result.needed - both:,}")
            )
        return "\n".join(lines)

    def _vote_words(self, ballot: Ballot, number: int, names: Sequence[str]) -> str:
        vote = ballot.vote_of(number)
        if ballot.state(number) is PromptState.LEFT_OUT:
            return self.tr("left out")
        if isinstance(vote, int):
            return names[vote]
        if vote == "tie":
            return self.tr("tie, the same answers") if ballot.is_same(number) else self.tr("tie")
        if vote == "both bad":
            return self.tr("both bad") if ballot.panes == 2 else self.tr("all bad")
        return self.tr("no vote")

    # The table

    def _table(self, names: Sequence[str], result: BlindResult) -> QFrame:
        grid = _grid()
        grid.addWidget(label(self.tr("Model"), "caption"), 0, 0)
        grid.addWidget(label(self.tr("Preferred"), "caption"), 0, 1, 1, 2)
        if result.right is not None:
            grid.addWidget(label(self.tr("Right answers"), "caption"), 0, 3, 1, 2)
        order = sorted(range(len(names)), key=lambda model: -result.preferred[model].wins)
        for row, model in enumerate(order, start=1):
            grid.addWidget(label(self._titles[model], "strong", wrap=True), row, 0)
            self._add_share(grid, row, 1, result.preferred[model], 1 / len(names))
            if result.right is not None:
                self._add_share(grid, row, 3, result.right[model], None)
        grid.setColumnStretch(0, 2)
        grid.setColumnStretch(2, 3)
        grid.setColumnStretch(4, 3 if result.right is not None else 0)
        legend = self.tr("Lines over the bars: where the true share lies with 95 % confidence (Wilson)")
        if result.right is not None:
            legend += self.tr("; an answer counts as right where it has the text that is known to be right")
        column = QVBoxLayout()
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(8)
        column.addLayout(grid)
        column.addWidget(label(f"{legend}.", "caption", wrap=True))
        return card(column)

    def _add_share(
        self, grid: QGridLayout, row: int, column: int, share: Share, chance: float | None
    ) -> None:
        amount = label(self.tr("{wins} of {votes}").format(wins=share.wins, votes=share.votes))
        amount.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        words = self.tr("{wins} of {votes}; the true share lies between {low} and {high}").format(
            wins=share.wins, votes=share.votes, low=percent(share.low), high=percent(share.high)
        )
        amount.setToolTip(words)
        grid.addWidget(amount, row, column)
        grid.addWidget(ShareBar(share, chance, words), row, column + 1)

    def _kinds(self, names: Sequence[str], kinds: dict[str, BlindResult]) -> QFrame:
        grid = _grid()
        grid.addWidget(label(self.tr("By kind"), "caption"), 0, 0)
        for column, name in enumerate(names, start=1):
            grid.addWidget(_right_aligned(name, "caption"), 0, column)
        grid.addWidget(_right_aligned(self.tr("ties"), "caption"), 0, len(names) + 1)
        for row, (title, result) in enumerate(kinds.items(), start=1):
            words = label(title, wrap=True)
            words.setToolTip(result.sentence)
            grid.addWidget(words, row, 0)
            for column, share in enumerate(result.preferred, start=1):
                right = result.right[column - 1] if result.right is not None else None
                told = str(share.wins)
                if right is not None and right.votes:
                    told = self.tr("{wins}  ({right} of {n} right)").format(
                        wins=share.wins, right=right.wins, n=right.votes
                    )
                cell = _right_aligned(told)
                cell.setToolTip(
                    self.tr("Preferred {wins} of {votes} times: {low} to {high}").format(
                        wins=share.wins, votes=share.votes, low=percent(share.low), high=percent(share.high)
                    )
                )
                grid.addWidget(cell, row, column)
            grid.addWidget(_right_aligned(str(result.ties)), row, len(names) + 1)
        grid.setColumnStretch(0, 1)
        grid.setContentsMargins(16, 12, 16, 12)
        return card(grid)

    # The prompts

    def _item(self, ballot: Ballot, number: int, names: Sequence[str]) -> QListWidgetItem:
        vote = self._vote_words(ballot, number, names)
        return QListWidgetItem(f"{number + 1}.  {vote}   ·   {beginning_or_end(ballot.turns[number].prompt)}")

    def _show_prompt(self, number: int) -> None:
        ballot = self._ballot
        if ballot is None or not 0 <= number < len(ballot):
            return
        self.prompt.show_prompt(ballot.turns[number].prompt)
        place = ballot.place_of(number)
        shown = []
        for index, (model, answer) in enumerate(
            zip(ballot.order(number), ballot.answers(number), strict=True)
        ):
            notes = []
            right = is_right(ballot, number, model)
            if right is not None:
                notes.append(self.tr("Right") if right else self.tr("Not right"))
            if index == place:
                notes.append(self.tr("You preferred this one"))
            if answer is None:
                notes.append(self.tr("Was not asked"))
            elif answer.problem:
                notes.append(f"{answer.problem} {answer.hint}".strip())
            title = f"{LETTERS[index]}  ·  {self._titles[model]}"
            shown.append(Shown(title, answer.text if answer else "", ". ".join(notes), index == place))
        self.answers.show_answers(shown)

    def _copy(self) -> None:
        if self._ballot is not None:
            QGuiApplication.clipboard().setText(blind_report(self._models, self._ballot))
            self.notices.show_good(self.tr("Copied: the sentence, the figures and all votes."))

    # Building

    def _head(self) -> QHBoxLayout:
        leave = icon_button("arrow-left", self.tr("Back to Compare"), self.leave_asked.emit)
        self.copy = icon_button(
            "copy",
            self.tr("Copy what came out"),
            self._copy,
            tip=self.tr("Copy the sentence, the figures and all votes, as Markdown"),
        )
        self.export = icon_button(
            "export",
            self.tr("Export the test"),
            self.export_asked.emit,
            tip=self.tr("Export prompts, answers and votes as a report (HTML) or as JSON"),
        )
        self.again = button(self.tr("Another blind test"), self.again_asked.emit, glyph="arrow-clockwise")
        self.head = QHBoxLayout()
        self.head.setSpacing(8)
        self.head.addWidget(leave)
        self.head.addWidget(label(self.tr("Blind test"), "title"))
        self.head.addStretch()
        self.head.addWidget(self.copy)
        self.head.addWidget(self.export)
        self.head.addWidget(self.again)
        return self.head

    def _scrolled(self) -> QScrollArea:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 8, 0)
        column.setSpacing(12)
        column.addWidget(self.sentence)
        column.addWidget(self.remark)
        column.addLayout(self.tables)
        column.addWidget(label(self.tr("Prompts"), "strong"))
        for part in (self.list, self.prompt, self.answers):
            column.addWidget(part)
        column.addStretch()
        area = QScrollArea()
        area.setWidget(inside)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        return area


def _grid() -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(6)
    return grid


def _right_aligned(text: str, role: str = "") -> QLabel:
    made = label(text, role)
    made.setAlignment(Qt.AlignmentFlag.AlignRight)
    return made
