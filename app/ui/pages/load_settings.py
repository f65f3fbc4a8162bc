"""How a model is loaded: all there is to choose, what it comes to in memory, and one button that does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.core.errors import EnvironmentFault
from app.core.units import format_bytes
from app.ui import fit_words, theme
from app.ui.context_slider import ContextSlider
from app.ui.memory_use import UseBar, VerdictLine
from app.ui.pages.load_settings_adapters import AdapterRows
from app.ui.pages.load_settings_devices import DeviceRows
from app.ui.pages.load_settings_options import options
from app.ui.pages.load_settings_rows import OptionRow
from app.ui.parts import ElidedLabel, button, icon_button, label
from app.ui.wheel import WheelGuard

if TYPE_CHECKING:  # the engine comes with the job that first needs it
    from app.recommend.choices import LoadChoices
    from app.recommend.outlook import Outlook

WIDTH_PX, SCROLL_BAR_PX = 368, 12


class LoadSettingsPanel(QFrame):
    """`opened`: it is to be seen, from now on. `changed` carries the choices as they are in the fields, `apply_asked`
    those that are to be."""

    opened = Signal()
    changed = Signal(object)
    apply_asked = Signal(object)
    close_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "drawer")
        self.setAccessibleName(self.tr("How it is loaded"))
        self._saved: LoadChoices | None = None
        self._draft: LoadChoices | None = None
        self._outlook: Outlook | None = None
        self._is_loaded = False
        self._is_possible = True
        self._wheel = WheelGuard(self)
        self.rows: dict[str, OptionRow] = {}
        self._lay_out()
        theme.follow(self, self._fit)
        self.clear("")

    def _fit(self) -> None:
        # Longer words and larger letters than ours need more.
        self.setFixedWidth(max(WIDTH_PX, self._inside.minimumSizeHint().width() + SCROLL_BAR_PX))

    def clear(self, words: str) -> None:
        """Nothing to choose, for the reason that `words` say."""
        self._saved = self._draft = self._outlook = None
        self._inside.setEnabled(False)
        self._inside.hide()
        self._foot.hide()
        self._why_empty.setText(words)
        self._why_empty.setVisible(bool(words))

    def show_model(self, title: str, saved: LoadChoices, outlook: Outlook) -> None:
        """`saved`: what was chosen before."""
        self._title.setText(title)
        self._saved = self._draft = saved
        self._why_empty.hide()
        self._inside.setEnabled(True)
        self._inside.show()
        self._foot.show()
        self.show_outlook(outlook)

    def show_outlook(self, outlook: Outlook) -> None:
        """What the choices in the fields come to."""
        self._outlook, self._is_possible = outlook, True
        self._fault.hide()
        fit, need = outlook.fit, outlook.need
        self._verdict.show_verdict(fit)
        self._bar.show_use(need, fit, outlook.budget)
        told = self.tr("{used} in use: weights {weights}, context {context}, working space {working}")
        self._parts.setText(
            told.format(
                used=fit_words.in_use(fit, outlook.budget),
                weights=format_bytes(need.weights_bytes),
                context=format_bytes(need.kv_bytes),
                working=format_bytes(need.compute_bytes),
            )
        )
        self._parts.setToolTip(fit_words.in_use_exactly(fit, outlook.budget))
        self._lack.setText(outlook.lack)
        self._lack.setVisible(bool(outlook.lack))
        for part in (self._verdict, self._bar, self._parts):
            part.show()
        self._show_fields()

    def show_fault(self, fault: EnvironmentFault) -> None:
        """Why the choices in the fields lead nowhere."""
        self._is_possible = False
        self._fault.setText(str(fault))
        self._fault.show()
        for part in (self._verdict, self._bar, self._parts, self._lack):
            part.hide()
        self._show_fields()

    def show_loaded(self, is_loaded: bool) -> None:
        """Whether the model is loaded, so that a change means loading it again."""
        self._is_loaded = is_loaded
        self._settle()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._fit()
        if not event.spontaneous():
            self.opened.emit()

    def show_end(self) -> None:
        """Scrolls to the adapters."""
        bar = self._scroll.verticalScrollBar()
        bar.setValue(bar.maximum())

    def show_devices_row(self) -> None:
        """Scrolls to where it runs."""
        self._scroll.verticalScrollBar().setValue(self.rows["gpu_layers"].y())

    @property
    def choices(self) -> LoadChoices | None:
        """As they are in the fields."""
        return self._draft

    def choose(self, **changes: object) -> None:
        """As a person does in the fields."""
        if self._draft is None:
            return
        self._draft = msgspec.structs.replace(self._draft, **changes)
        self._show_fields()
        self.changed.emit(self._draft)

    def reset(self) -> None:
        """Everything as recommended; adapters stay, for they were added and not chosen from what there is."""
        if self._draft is not None:
            self._draft = type(self._draft)(adapters=self._draft.adapters)
            self._show_fields()
            self.changed.emit(self._draft)

    def apply(self) -> None:
        if self._draft is not None:
            self._saved = self._draft
            self.apply_asked.emit(self._draft)
            self._settle()

    # Building

    def _lay_out(self) -> None:
        self._inside = QWidget()
        column = QVBoxLayout(self._inside)
        column.setContentsMargins(16, 0, 16, 16)
        column.setSpacing(12)
        column.addLayout(self._make_memory())
        column.addLayout(self._make_context())
        self.devices = DeviceRows(self._wheel)
        self.devices.chosen.connect(lambda devices, split: self.choose(devices=devices, split=split))
        self._headings: list[tuple[QWidget, list[OptionRow]]] = []
        for number, (title, group) in enumerate(options()):
            heading = label(title, "heading")
            column.addWidget(heading)
            rows = []
            for option in group:
                row = self.rows[option.field] = OptionRow(option, self._wheel)
                row.chosen.connect(lambda value, field=option.field: self.choose(**{field: value}))
                column.addWidget(row)
                rows.append(row)
            if number == 0:
                column.addWidget(self.devices)
            self._headings.append((heading, rows))
        column.addWidget(label(self.tr("Adapters"), "heading"))
        self.adapters = AdapterRows(self._wheel)
        self.adapters.chosen.connect(lambda adapters: self.choose(adapters=adapters))
        column.addWidget(self.adapters)
        column.addStretch()
        self._scroll = scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(self._inside)
        self._why_empty = label("", "muted", wrap=True)
        self._why_empty.setContentsMargins(16, 0, 16, 0)
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.setSpacing(0)
        outside.addLayout(self._make_head())
        outside.addWidget(self._why_empty)
        outside.addWidget(scroll, 1)
        outside.addWidget(self._make_foot())

    def _make_head(self) -> QHBoxLayout:
        self._title = ElidedLabel("", "muted")
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(label(self.tr("How it is loaded"), "strong"))
        words.addWidget(self._title)
        row = QHBoxLayout()
        row.setContentsMargins(16, 12, 8, 12)
        row.addLayout(words, 1)
        row.addWidget(icon_button("x", self.tr("Close"), self.close_asked.emit), 0, Qt.AlignmentFlag.AlignTop)
        return row

    def _make_memory(self) -> QVBoxLayout:
        self._verdict = VerdictLine()
        self._bar = UseBar()
        self._parts = label("", "caption", wrap=True)
        self._lack = label("", "warning", wrap=True)
        self._fault = label("", "warning", wrap=True)
        column = QVBoxLayout()
        column.setSpacing(6)
        for part in (self._verdict, self._bar, self._parts, self._lack, self._fault):
            column.addWidget(part)
        return column

    def _make_context(self) -> QVBoxLayout:
        self.context = ContextSlider()
        self.context.installEventFilter(self._wheel)
        self.context.chosen.connect(self._choose_context)
        self._context_words = label("", "caption", wrap=True)
        self.context_reset = icon_button(
            "arrow-counter-clockwise",
            self.tr("Context: back to what is recommended"),
            lambda: self.choose(context_length=None),
        )
        above = QHBoxLayout()
        above.addWidget(label(self.tr("Context length"), "heading"), 1)
        above.addWidget(self.context_reset)
        column = QVBoxLayout()
        column.setSpacing(4)
        column.addLayout(above)
        column.addWidget(self.context)
        column.addWidget(self._context_words)
        return column

    def _make_foot(self) -> QFrame:
        self._consequence = label("", "caption", wrap=True)
        self.apply_button = button(self.tr("Apply"), self.apply, role="primary")
        self.reset_button = button(
            self.tr("All as recommended"),
            self.reset,
            glyph="arrow-counter-clockwise",
            tip=self.tr("Takes back everything that was chosen above; adapters stay"),
        )
        row = QHBoxLayout()
        row.addWidget(self.reset_button)
        row.addStretch()
        row.addWidget(self.apply_button)
        self._foot = QFrame()
        column = QVBoxLayout(self._foot)
        column.setContentsMargins(16, 8, 16, 12)
        column.setSpacing(8)
        column.addWidget(self._consequence)
        column.addLayout(row)
        return self._foot

    # Showing

    def _choose_context(self, context: int) -> None:
        if self._outlook is not None:
            longest = self._outlook.facts.context_length or context
            self.choose(context_length=min(context, longest))

    def _show_fields(self) -> None:
        draft, outlook = self._draft, self._outlook
        if draft is None or outlook is None:
            return
        for row in self.rows.values():
            row.show_value(getattr(draft, row.option.field), outlook)
        for heading, rows in self._headings:
            heading.setVisible(any(not row.isHidden() for row in rows))
        self._show_context(draft, outlook)
        self._show_devices(draft, outlook)
        self.adapters.show_adapters(draft.adapters)
        self._settle()

    def _show_context(self, draft: LoadChoices, outlook: Outlook) -> None:
        longest = outlook.facts.context_length or 0
        recommended = outlook.recommended.context_length
        context = draft.context_length or recommended
        usual = (min(each, longest or each) for each in fit_words.contexts_of(longest))
        stops = sorted({*usual, context, recommended})
        self.context.set_stops(stops, longest, context)
        words = self.tr("How much of a conversation the model sees at once.")
        more = self.tr("Recommended: {n:,} tokens.").format(n=recommended)
        self._context_words.setText(f"{words} {more}")
        self.context_reset.setVisible(draft.context_length is not None)

    def _show_devices(self, draft: LoadChoices, outlook: Outlook) -> None:
        from app.memory.placement import runtime_name

        names = [runtime_name(outlook.accelerators, index) for index in range(len(outlook.accelerators))]
        self.devices.show_devices(outlook.accelerators, names, draft.devices, draft.split)

    def _settle(self) -> None:
        draft, saved = self._draft, self._saved
        if draft is None or saved is None:
            return
        is_changed = draft != saved
        self.apply_button.setEnabled(is_changed and self._is_possible)
        self.reset_button.setEnabled(draft != type(draft)(adapters=draft.adapters))
        if not is_changed:
            words = self.tr("These are the settings of this model, in Chat and in Compare.")
        elif not self._is_loaded:
            words = self.tr("Used from when this model is loaded next.")
        elif draft.for_loading == saved.for_loading:
            words = self.tr("Takes effect at once.")
        else:
            words = self.tr("Apply loads the model again; the conversation stays.")
        self._consequence.setText(words)
