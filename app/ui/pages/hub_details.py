"""Under a repository's files: what is known of the one that is chosen, and above them what its original is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QMenu,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.core.errors import EnvironmentFault, GatedRepository
from app.core.units import format_bytes, format_count
from app.ui import icons
from app.ui.make_menu import fill_checkpoint_menu, pop_up_under, rounding_of
from app.ui.make_order import MakeOrder
from app.ui.pages import discover_words, hub_words
from app.ui.pages.discover_getting import Getting
from app.ui.pages.hub_variant_rows import VariantRow, basis
from app.ui.parts import ElidedLabel, Glyph, button, label, plain_tip

if TYPE_CHECKING:  # the engine comes with the job that first needs it
    from app.convert.checkpoint.prospect import Prospect
    from app.hub import HubRepository, OriginalCheckpoint, Variant


class Figure(QWidget):
    """A number and what it is."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = ElidedLabel(name, "caption")
        self._value = ElidedLabel("–", "strong")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._name)
        column.addWidget(self._value)

    @property
    def value(self) -> str:
        return self._value.text()

    def rename(self, name: str) -> None:
        self._name.setText(name)
        self._name.setToolTip("")

    def tell(self, value: str, tip: str = "") -> None:
        self._value.setText(value or "–")
        self._value.setToolTip(tip)
        self.setAccessibleName(f"{self._name.text()}: {value or _tr('not known')}")


class Details(QFrame):
    """`button_pressed` carries the row that is shown, `page_asked` an address for the browser."""

    button_pressed = Signal(object)
    page_asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self._row: VariantRow | None = None
        self._repository: HubRepository | None = None
        self._page = ""
        self._title = label("", "heading")
        self._state = ElidedLabel("", "muted")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 0)
        self._bar.setFixedWidth(96)
        self._bar.setAccessibleName(_tr("Reading the header"))
        self.button = button(_tr("Get"), self._press, role="primary", glyph="download-simple")
        self.open_page = button(
            _tr("Open the page"), lambda: self.page_asked.emit(self._page), glyph="arrow-square-out"
        )
        self.figures = {
            key: Figure(name)
            for key, name in (
                ("architecture", _tr("Architecture")),
                ("parameters", _tr("Parameters")),
                ("layers", _tr("Layers")),
                ("context", _tr("Context")),
                ("bits", _tr("Bits/weight")),
                ("memory", _tr("Memory")),
                ("speed", _tr("Speed")),
            )
        }
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(self._title)
        head.addWidget(self._state, 1)
        head.addWidget(self._bar)
        head.addWidget(self.open_page)
        head.addWidget(self.button)
        grid = QHBoxLayout()
        grid.setSpacing(12)
        for figure in self.figures.values():
            grid.addWidget(figure)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 8, 12, 10)
        column.setSpacing(4)
        column.addLayout(head)
        column.addLayout(grid)
        self._show_state("")

    @property
    def state(self) -> str:
        """How far what is shown is known."""
        return self._state.text()

    def set_repository(self, repository: HubRepository) -> None:
        """Whose files are shown from now on."""
        self._repository = repository

    def show_row(self, row: VariantRow, context: int) -> None:
        """`context`: what the memory is for, in tokens."""
        self._row = row
        assert row.variant is not None
        self._title.setText(row.variant.label)
        self._dress_button(row, row.variant)
        self._tell_facts(row)
        self._tell_need(row, context)
        for figure in self.figures.values():
            figure.setVisible(row.is_model)

    def offer(self, row: VariantRow) -> None:
        """The row that is shown, with what its button does now."""
        if self._row is not None and row.variant is not None and self._row.variant == row.variant:
            self._row = row
            self._dress_button(row, row.variant)

    def show_reading(self) -> None:
        self._show_state(_tr("Reading the file's header…"), is_reading=True)

    def show_known(self) -> None:
        row = self._row
        if row is None or row.variant is None:
            return
        if not row.is_whole or not row.is_model:
            self._show_state(hub_words.kind_of(row.variant))
        elif row.facts is not None:
            self._show_state(_tr("As the file's own header says"))
        else:
            told = _tr("Estimated from its size; not to be had without access")
            self._show_state(told if row.is_refused else _tr("Estimated from its size"))

    def show_fault(self, fault: EnvironmentFault) -> None:
        """The estimate stays."""
        page = fault.page if isinstance(fault, GatedRepository) else ""
        self._show_state(str(fault), role="warning", page=page)

    def _tell_facts(self, row: VariantRow) -> None:
        """What the header says, or, until it is read, what the Hub says of the repository."""
        known = row.facts or self._repository
        assert known is not None
        tell = self.figures
        tell["architecture"].tell(hub_words.plain(known.architecture or ""))
        count = known.parameters
        tell["parameters"].tell(format_count(count) if count else "", f"{count:,}" if count else "")
        tell["layers"].tell(str(row.facts.layers) if row.facts and row.facts.layers else "")
        longest = known.context_length
        exact = _tr("Up to {n:,} tokens").format(n=longest) if longest else ""
        tell["context"].tell(discover_words.context_name(longest) if longest else "", exact)
        bits = row.bits_per_weight
        tell["bits"].tell((f"{bits:.2f}" if row.facts else f"≈ {bits:.1f}") if bits else "")

    def _tell_need(self, row: VariantRow, context: int) -> None:
        judgement = row.judgement
        self.figures["memory"].rename(
            _tr("Memory at {context}").format(context=discover_words.context_name(context))
            if context
            else _tr("Memory")
        )
        if judgement is None or row.budget is None:
            self.figures["memory"].tell("")
            self.figures["speed"].tell("")
            return
        fit, need = judgement.fit, judgement.need
        total = fit.accelerator_bytes + fit.memory_bytes
        lines = [
            _tr("With {context} of context, {basis}").format(
                context=discover_words.context_name(context), basis=basis(row)
            )
        ]
        if need is not None:
            parts = _tr(
                "Weights: {weights:,} bytes\nContext: {context:,} bytes\nWorking space: {working:,} bytes"
            )
            lines.append(
                parts.format(weights=need.weights_bytes, context=need.kv_bytes, working=need.compute_bytes)
            )
        lines.append(discover_words.in_use_exactly(fit, row.budget))
        self.figures["memory"].tell(format_bytes(total), "\n".join(lines))
        self.figures["speed"].tell(discover_words.speed_range(fit), discover_words.speed_explained(fit))

    def _show_state(
        self, text: str, *, role: str = "muted", is_reading: bool = False, page: str = ""
    ) -> None:
        self._page = page
        self._state.setText(text)
        self._state.setToolTip("")
        if self._state.property("role") != role:
            self._state.setProperty("role", role)
            self._state.style().unpolish(self._state)
            self._state.style().polish(self._state)
        self._bar.setVisible(is_reading)
        self.open_page.setVisible(bool(page))

    def _dress_button(self, row: VariantRow, variant: Variant) -> None:
        offer = row.offer
        is_new = offer.file is None and offer.getting is None
        words = _tr("Get {size}").format(size=format_bytes(variant.size)) if is_new else offer.words
        self.button.setEnabled(row.has_button)
        self.button.setText(words)
        self.button.setIcon(icons.icon(offer.glyph, "on_accent"))
        tip = offer.tip(variant.label, variant.size) if row.has_button else hub_words.why_not(variant)
        self.button.setToolTip(plain_tip(tip))
        self.button.setAccessibleName(offer.name(variant.label))

    def _press(self) -> None:
        if self._row is not None:
            self.button_pressed.emit(self._row)


class Strip(QFrame):
    """A line above the files: a glyph, a sentence with a second one under it, and buttons."""

    def __init__(self, role: str, glyph: str, colour: str) -> None:
        super().__init__()
        self.setProperty("role", role)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self._sentence = label("", "strong", wrap=True)
        self._hint = label("", wrap=True)
        words = QVBoxLayout()
        words.setSpacing(2)
        for each in (self._sentence, self._hint):
            each.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            words.addWidget(each)
        # Above each other: side by side they would leave too little room for the words.
        self._buttons = QVBoxLayout()
        self._buttons.setSpacing(8)
        line = QHBoxLayout(self)
        line.setContentsMargins(16, 8, 12, 8)
        line.setSpacing(12)
        line.addWidget(Glyph(glyph, colour), 0, Qt.AlignmentFlag.AlignVCenter)
        line.addLayout(words, 1)
        line.addLayout(self._buttons)
        self.hide()

    @property
    def text(self) -> str:
        return f"{self._sentence.text()} {self._hint.text()}".strip()

    def say(self, sentence: str, hint: str) -> None:
        self._sentence.setText(sentence)
        self._hint.setText(hint)
        self._hint.setVisible(bool(hint))
        self.setAccessibleName(self.text)
        self.show()

    def add_button(self, text: str, glyph: str, act: Callable[[], object]) -> QPushButton:
        made = button(text, act, glyph=glyph)
        self._buttons.addWidget(made)
        return made


class RefusalStrip(Strip):
    """Why the files of a repository cannot be had, with the page on which that can be changed."""

    page_asked = Signal(str)
    settings_asked = Signal()

    def __init__(self) -> None:
        super().__init__("notice-warning", "lock-simple", "warning")
        self._page = ""
        self._open = self.add_button(
            _tr("Open the page"), "arrow-square-out", lambda: self.page_asked.emit(self._page)
        )
        self.add_button(_tr("Access token…"), "key", self.settings_asked.emit)

    def show_refusal(self, fault: EnvironmentFault | None) -> None:
        if fault is None:
            self.hide()
            return
        self._page = fault.page if isinstance(fault, GatedRepository) else ""
        self._open.setVisible(bool(self._page))
        self.say(fault.message, fault.hint)


class OriginalStrip(Strip):
    """The checkpoint that quantizations are made from; `make_asked` carries a MakeOrder: get it, and make that of it.
    `more_asked`: choose what to make, with the type that is meant already or ""."""

    make_asked = Signal(object)
    more_asked = Signal(str)
    downloads_asked = Signal()

    def __init__(self) -> None:
        super().__init__("card", "package", "muted")
        self._original: OriginalCheckpoint | None = None
        self._prospect: Prospect | None = None
        self._getting: Getting | None = None
        self._is_here = False
        self.make = self.add_button(_tr("Make it here"), "arrows-in-simple", self._press)

    def show_original(self, original: OriginalCheckpoint | None, prospect: Prospect) -> None:
        self._original, self._prospect = original, prospect
        if original is None:
            self.hide()
            return
        self._tell(original, prospect)

    def show_getting(self, getting: Getting | None, *, is_here: bool) -> None:
        """What has become of it, None where it was not asked for or has come."""
        if (getting, is_here) != (self._getting, self._is_here):
            self._getting, self._is_here = getting, is_here
            if self._original is not None and self._prospect is not None:
                self._tell(self._original, self._prospect)

    def _tell(self, original: OriginalCheckpoint, prospect: Prospect) -> None:
        architecture = hub_words.plain(original.architecture or "")
        facts = [hub_words.original_form(original), architecture, format_bytes(original.size)]
        if len(original.files) > 1:
            facts.append(_tr("{n} files").format(n=len(original.files)))
        told = _tr("Original checkpoint: {facts}").format(facts=", ".join(filter(None, facts)))
        getting, against = self._getting, prospect.reason_against
        if getting is not None:
            self.say(told, getting.told)
            self.make.setText(getting.words)
            self.make.setIcon(icons.icon(getting.glyph))
            self.make.setToolTip(_tr("Show the downloads"))
            self.make.setAccessibleName(f"{getting.words}: {getting.told}")
        else:
            hint = _tr("Quantizations can be made from it on this computer, once it is downloaded.")
            if self._is_here:
                hint = _tr("It is on this computer. The library shows what is made of it.")
            self.say(told, against or " ".join(filter(None, (hint, rounding_of(prospect)))))
            self.make.setText(_tr("Make it here…"))
            self.make.setAccessibleName("")
            self.make.setIcon(icons.icon("arrows-in-simple"))
            self.make.setToolTip(
                plain_tip(against or _tr("Get the checkpoint and make a quantization of it"))
            )
        self.make.setEnabled(getting is not None or not against)

    def _press(self) -> None:
        if self._getting is not None:
            if not self._getting.is_asked:
                self.downloads_asked.emit()
        elif self._prospect is not None:
            menu = QMenu(self)
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            fill_checkpoint_menu(
                menu,
                self._prospect,
                lambda name: self.make_asked.emit(MakeOrder((name,))),
                self.more_asked.emit,
            )
            pop_up_under(menu, self.make.mapToGlobal(self.make.rect().bottomRight()))


def _tr(text: str) -> str:
    return QCoreApplication.translate("HubPage", text)
