"""Before a blind test: which prompts, how many of them, and with which settings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QDateTime, QLocale, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QMenu,
    QScrollArea,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.compare.prompt_sets import ComparePrompt, PromptSet, pick
from app.compare.session_store import KeptBlindTest
from app.runtime import Sampling
from app.ui import theme
from app.ui.actions import add_action
from app.ui.drop import DropVeil
from app.ui.flow import FlowLayout
from app.ui.notice import NoticeArea
from app.ui.pages.chat_drop import FileDrop
from app.ui.pages.compare_blind_parts import beginning_or_end
from app.ui.pages.compare_blind_sets import IN_THE_BOX, SetRow
from app.ui.parts import ElidedLabel, button, card, icon_button, label, without_mnemonics

LARGEST_SEED = 999_999_999
MOST_SHOWN, MOST_KEPT = 60, 20
LEAST_LIST_PX = 150
MOST_CHARACTERS = 240
"""Of a prompt in the preview."""


class Setup(QWidget):
    """`begin_asked`: with these prompts and settings; `files_chosen`: lists of the person's own, to be read;
    `kept_asked`: an earlier test, by session and number."""

    begin_asked = Signal()
    files_chosen = Signal(object)
    leave_asked = Signal()
    kept_asked = Signal(int, int)

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[SetRow] = []
        self._possible = True
        self._kept: list[KeptBlindTest] = []
        self.notices = NoticeArea()
        self._make_fields()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addLayout(self._head())
        column.addWidget(self.notices)
        self._models = label("", "muted", wrap=True)
        inside = QWidget()
        middle = QVBoxLayout(inside)
        middle.setContentsMargins(0, 0, 0, 0)
        middle.setSpacing(12)
        middle.addWidget(self._models)
        middle.addLayout(self._lists(), 1)
        middle.addWidget(self._settings())
        column.addWidget(_scroll(inside, self.tr("Prompts and settings")), 1)
        column.addLayout(self._foot())
        what, form = self.tr("Drop to test with these prompts"), self.tr("One in each line, or a .toml file.")
        self.drop = FileDrop(self, self.files_chosen.emit, DropVeil(self, what, form, "list-plus"))
        add_action(self, "blind-leave", self.leave_asked.emit)
        self.setFocusProxy(self.start)
        self._settle()

    # What is chosen

    @property
    def sampling(self) -> Sampling:
        return Sampling(
            temperature=self.temperature.value(), seed=self.seed.value(), max_tokens=self.max_tokens.value()
        )

    @property
    def chosen(self) -> list[PromptSet]:
        return [row.prompts for row in self.rows if row.is_chosen]

    @property
    def prompts(self) -> tuple[tuple[PromptSet, ComparePrompt], ...]:
        seed = self.seed.value() if self.order.currentData() else None
        return tuple(pick(self.chosen, self.count.value(), seed))

    def open(
        self, models: Sequence[str], sampling: Sampling, prompt: str, kept: Sequence[KeptBlindTest]
    ) -> None:
        """`prompt`: what stands in the box of Compare, if anything does. `kept`: earlier tests, the last one first."""
        words = self.tr(
            "{models} answer each prompt. You see their answers side by side without names, in another order each time,"
            " and say which is better."
        )
        self._models.setText(words.format(models=self.tr(" and ").join([", ".join(models[:-1]), models[-1]])))
        self.temperature.setValue(sampling.temperature)
        self.seed.setValue(sampling.seed)
        self.max_tokens.setValue(sampling.max_tokens)
        for row in [each for each in self.rows if each.prompts.name == IN_THE_BOX]:
            self._remove(row)
        if prompt.strip():
            typed = PromptSet(IN_THE_BOX, self.tr("The prompt in the box"), (ComparePrompt(prompt.strip()),))
            self._add(SetRow(typed), 0)
        self._kept = list(kept)
        self.earlier.setVisible(bool(kept))
        self.resume.setVisible(bool(kept) and not kept[0].test.voted_at)
        self.notices.clear()
        self._settle()

    def add_sets(self, sets: Sequence[PromptSet]) -> None:
        """Those that come with Nibble."""
        for each in sets:
            self._add(SetRow(each), len(self.rows))
        if not self.chosen and self.rows:
            self.rows[0].box.setChecked(True)

    def add_own(self, prompts: PromptSet) -> None:
        """A list of the person's: chosen at once, and in the place of an earlier one of that name."""
        for row in [each for each in self.rows if each.prompts.name == prompts.name]:
            self._remove(row)
        row = SetRow(prompts, is_own=True)
        row.removed.connect(partial(self._remove, row))
        self._add(row, len(self.rows))
        row.box.setChecked(True)
        self._scroll.ensureWidgetVisible(row)

    def set_possible(self, possible: bool) -> None:
        self._possible = possible
        self._settle()

    # Building

    def _make_fields(self) -> None:
        self.count = QSpinBox()
        self.count.setRange(1, 1)
        self.count.setToolTip(self.tr("Of several lists as many of each, as far as they go"))
        self.count.valueChanged.connect(self._settle)
        self.order = QComboBox()
        self.order.addItem(self.tr("The first, in their order"), False)
        self.order.addItem(self.tr("Any, shuffled by the seed"), True)
        self.temperature = QDoubleSpinBox()
        self.temperature.setRange(0.0, 2.0)
        self.temperature.setSingleStep(0.1)
        self.temperature.setToolTip(
            self.tr("How freely words are chosen. At 0 always the likeliest, so that only the models differ.")
        )
        self.seed = QSpinBox()
        self.seed.setRange(0, LARGEST_SEED)
        self.seed.setToolTip(self.tr("Where chance begins. The same seed gives the same answer again."))
        self.max_tokens = QSpinBox()
        self.max_tokens.setRange(0, 1_000_000)
        self.max_tokens.setSingleStep(64)
        self.max_tokens.setSpecialValueText(self.tr("No limit"))
        self.max_tokens.setToolTip(
            self.tr("Where answers are cut off; 0: nowhere. A token is a short word or part of one.")
        )
        self.same_is_tie = QCheckBox(self.tr("Same answers are a tie, without asking"))
        self.same_is_tie.setChecked(True)
        theme.follow(self.same_is_tie, lambda: self.same_is_tie.setMinimumHeight(theme.px(32)))
        self.same_is_tie.setToolTip(self.tr("Where all models wrote the same, word for word"))
        self.start = button("", self.begin_asked.emit, role="primary", glyph="play")

    def _head(self) -> QHBoxLayout:
        leave = icon_button("arrow-left", self.tr("Back to Compare"), self.leave_asked.emit)
        self.resume = button(
            self.tr("Go on with the last one"),
            lambda: self._open_kept(self._kept[0]),
            tip=self.tr("The last blind test was not finished: its prompts, answers and votes are kept"),
        )
        self.resume.hide()
        self.earlier = button(
            self.tr("Earlier tests"),
            self._list_kept,
            glyph="clock-counter-clockwise",
            tip=self.tr("Blind tests that were kept: go on with one, or see what came out"),
        )
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(leave)
        row.addWidget(label(self.tr("Blind test"), "title"))
        row.addStretch()
        row.addWidget(self.resume)
        row.addWidget(self.earlier)
        return row

    def _lists(self) -> QHBoxLayout:
        inside = QWidget()
        self._list = QVBoxLayout(inside)
        self._list.setContentsMargins(0, 0, 8, 0)
        self._list.setSpacing(8)
        self._list.addStretch()
        self._scroll = _scroll(inside, self.tr("Lists of prompts"))
        theme.follow(self._scroll, lambda: self._scroll.setMinimumHeight(theme.px(LEAST_LIST_PX)))
        self._preview_title = ElidedLabel("", "strong")
        self._preview = label("", wrap=True)
        self._preview.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._preview.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        shown = QWidget()
        column = QVBoxLayout(shown)
        column.setContentsMargins(16, 12, 16, 12)
        column.addWidget(self._preview)
        column.addStretch()
        frame = QFrame()
        frame.setProperty("role", "card")
        right = QVBoxLayout(frame)
        right.setContentsMargins(1, 12, 1, 1)
        right.setSpacing(0)
        self._preview_title.setContentsMargins(15, 0, 15, 0)
        right.addWidget(self._preview_title)
        right.addWidget(_scroll(shown, self.tr("Prompts in the list")), 1)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(self._scroll, 1)
        row.addWidget(frame, 1)
        return row

    def _settings(self) -> QFrame:
        fields = FlowLayout(12)
        for name, field, width in (
            (self.tr("Prompts"), self.count, 88),
            (self.tr("Which"), self.order, 0),
            (self.tr("Temperature"), self.temperature, 56),
            (self.tr("Seed"), self.seed, 96),
            (self.tr("Max tokens"), self.max_tokens, 76),
        ):
            fields.addWidget(_captioned(name, field, width))
        fields.addWidget(self.same_is_tie)
        around = QVBoxLayout()
        around.setContentsMargins(16, 10, 16, 10)
        around.addLayout(fields)
        return card(around)

    def _foot(self) -> QHBoxLayout:
        add = button(
            self.tr("Add a list of your own…"),
            self._ask_for_files,
            glyph="plus",
            tip=self.tr("A text file with a prompt in each line, or a .toml file; you can also drop it here"),
        )
        row = QHBoxLayout()
        row.addWidget(add)
        row.addStretch()
        row.addWidget(self.start)
        return row

    # Rows

    def _add(self, row: SetRow, at: int) -> None:
        row.toggled.connect(self._settle)
        row.pointed.connect(partial(self._show_prompts, row))
        self.rows.insert(at, row)
        self._list.insertWidget(at, row)
        if row.prompts.name == IN_THE_BOX or not self._preview.text():
            self._show_prompts(row)
        self._settle()

    def _remove(self, row: SetRow) -> None:
        self.rows.remove(row)
        self._list.removeWidget(row)
        row.hide()
        row.deleteLater()
        self._settle()

    def _show_prompts(self, row: SetRow) -> None:
        prompts = row.prompts.prompts
        lines = [
            f"{number}.  {beginning_or_end(prompt.text, MOST_CHARACTERS)}"
            for number, prompt in enumerate(prompts[:MOST_SHOWN], start=1)
        ]
        if len(prompts) > MOST_SHOWN:
            lines.append(self.tr("… and {n} more").format(n=len(prompts) - MOST_SHOWN))
        self._preview_title.setText(row.prompts.title)
        self._preview.setText("\n\n".join(lines))

    def _settle(self) -> None:
        total = sum(len(each.prompts) for each in self.chosen)
        was_all = self.count.value() == self.count.maximum()
        self.count.blockSignals(True)
        self.count.setRange(1, max(total, 1))
        if was_all:
            self.count.setValue(max(total, 1))
        self.count.blockSignals(False)
        self.count.setSuffix(self.tr(" of {n}").format(n=total) if total else "")
        n = min(self.count.value(), total)
        self.start.setText(
            self.tr("Choose prompts")
            if not total
            else self.tr("Begin with 1 prompt")
            if n == 1
            else self.tr("Begin with {n} prompts").format(n=n)
        )
        self.start.setEnabled(bool(total) and self._possible)

    def _list_kept(self) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for each in self._kept[:MOST_KEPT]:
            menu.addAction(without_mnemonics(_kept_words(each)), partial(self._open_kept, each))
        menu.popup(self.earlier.mapToGlobal(self.earlier.rect().bottomLeft()))

    def _open_kept(self, kept: KeptBlindTest) -> None:
        self.kept_asked.emit(kept.session, kept.number)

    def _ask_for_files(self) -> None:
        kinds = self.tr("Lists of prompts (*.txt *.toml *.md *.csv);;All files (*)")
        chosen, _ = QFileDialog.getOpenFileNames(self, self.tr("Add lists of prompts"), "", kinds)
        if chosen:
            self.files_chosen.emit([Path(each) for each in chosen])


def _kept_words(kept: KeptBlindTest) -> str:
    """`27 Nov 2026 01:12   Bard Q4_K_M, Bard Q8_0   6 prompts, finished`"""
    when = QLocale().toString(
        QDateTime.fromSecsSinceEpoch(int(kept.changed_at)), QLocale.FormatType.ShortFormat
    )
    n, voted = len(kept.test.turns), sum(vote != "skipped" for vote in kept.test.votes)
    state = _tr("{voted} of {n} voted, finished") if kept.test.voted_at else _tr("{voted} of {n} voted")
    return f"{when}   {', '.join(kept.models)}   {state.format(voted=voted, n=n)}"


def _tr(text: str) -> str:
    return QCoreApplication.translate("Compare", text)


def _captioned(name: str, field: QWidget, width_px: int) -> QWidget:
    """`width_px` 0: as wide as it wants to be."""
    caption = label(name, "caption")
    caption.setToolTip(field.toolTip())
    field.setAccessibleName(name)
    if isinstance(field, QSpinBox | QDoubleSpinBox):
        field.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
        field.setAlignment(Qt.AlignmentFlag.AlignRight)
        theme.follow(field, lambda: field.setFixedWidth(theme.px(width_px)))
    made = QWidget()
    row = QHBoxLayout(made)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(6)
    row.addWidget(caption)
    row.addWidget(field)
    return made


def _scroll(inside: QWidget, name: str) -> QScrollArea:
    area = QScrollArea()
    area.setWidget(inside)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setAccessibleName(name)
    return area
