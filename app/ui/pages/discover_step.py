"""One step of the staircase: a quantization with its size, memory, speed, quality, verdict and button."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QEvent, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QHelpEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.core.units import format_bytes
from app.ui import icons, theme
from app.ui.memory_bar import BAR_PX, Zone, paint_bar, paint_zone_names
from app.ui.pages import discover_words as words
from app.ui.pages.discover_getting import NO_OFFER, Offer, longest_words
from app.ui.paint import paint_arrived, paint_text
from app.ui.parts import button, plain_tip

if TYPE_CHECKING:  # the engine comes with the job that first needs it
    from app.recommend.budget import Budget
    from app.recommend.choose import Step

TITLES_PX = 24
EDGE = 12
GAP = 14
GLYPH_PX = 18
STAR_PX = 14
ROUNDING_PX = 2
"""Widths of words are rounded, and words that lack half a pixel are shortened."""
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter

COMFORTABLE_BAR_PX = 320
"""A bar gets at least this before other parts get all of their words on one line."""


LEAST_BAR_PX = 150


@dataclass(frozen=True)
class StepColumns:
    """Where the parts of a step are, from left to right, in pixels; the same for all steps of a width.

    `has_button_words`: whether there is room for them; `quality_lines`: how many the words for the quality need.
    """

    name: QRect
    bar: QRect
    speed: QRect
    verdict: QRect
    button: QRect
    has_button_words: bool
    quality_lines: int

    @property
    def height(self) -> int:
        return self.name.height()


def columns_of(width: int) -> StepColumns:
    """What is left after the words goes to the bars, since they are what is compared."""
    return _columns(width, theme.current().sizes["body"])


@lru_cache(maxsize=8)
def _columns(width: int, body_px: int) -> StepColumns:
    """`body_px`: all words are measured in sizes that follow it."""
    strong = QFontMetrics(theme.font("body", strong=True))
    caption = QFontMetrics(theme.font("caption"))
    name = max(strong.horizontalAdvance("MXFP4_MOE"), strong.horizontalAdvance("IQ3_XXS") + STAR_PX + 6)
    speed = strong.horizontalAdvance(words.tokens_per_s(0.12, 0.34))
    speed = max(speed, caption.horizontalAdvance(_tr("Speed"))) + ROUNDING_PX
    verdicts = (words.verdict_look(each).words for each in words.VERDICTS)
    verdict = max(map(strong.horizontalAdvance, verdicts)) + GLYPH_PX + 6 + ROUNDING_PX
    quality = max(caption.horizontalAdvance(_LONGEST_QUALITY) + ROUNDING_PX, verdict)
    room = width - 2 * EDGE - name - speed - 4 * GAP
    lines = 1 if room - quality - _button_px(has_words=True) >= COMFORTABLE_BAR_PX else 2
    if lines == 1:
        verdict = quality
    has_button_words = room - verdict - _button_px(has_words=True) >= LEAST_BAR_PX
    button_px = _button_px(has_words=has_button_words)
    bar = max(room - verdict - button_px, 80)
    height = strong.height() + lines * caption.height() + 20
    starts = list(accumulate((each + GAP for each in (name, bar, speed, verdict)), initial=EDGE))
    return StepColumns(
        name=QRect(starts[0], 0, name, height),
        bar=QRect(starts[1], 0, bar, height),
        speed=QRect(starts[2], 0, speed, height),
        verdict=QRect(starts[3], 0, verdict, height),
        button=QRect(starts[4], 0, button_px, height),
        has_button_words=has_button_words,
        quality_lines=lines,
    )


_LONGEST_QUALITY = "hardly to be told from the original"
"""Of the words of `app.recommend.loss`."""


class StepTitles(QWidget):
    """What the columns of the steps mean, and the names of the memories above their bars."""

    def __init__(self, steps: QWidget) -> None:
        """`steps`: as wide as the steps are, without their scroll bar."""
        super().__init__()
        self._steps = steps
        self._zones: tuple[Zone, ...] = ()
        self.setFixedHeight(TITLES_PX)
        self.setToolTip(
            _tr(
                "Bars show the memory in use once a file is loaded, of what is free now; what the driver of a graphics "
                "card and Nibble itself need is taken off before."
            )
        )

    def set_zones(self, zones: tuple[Zone, ...]) -> None:
        self._zones = zones
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        columns = columns_of(self._steps.width())

        def place(column: QRect) -> QRect:
            return QRect(column.left(), 0, column.width(), self.height())

        with QPainter(self) as painter:
            paint_text(painter, place(columns.name), _tr("File"), "caption", "muted", _RIGHT)
            paint_zone_names(painter, place(columns.bar), self._zones)
            paint_text(painter, place(columns.speed), _tr("Speed"), "caption", "muted", _RIGHT)
            paint_text(painter, place(columns.verdict), _tr("Verdict and quality"), "caption", "muted")


class StepRow(QWidget):
    """`chat_asked` carries the file to chat with, `get_asked` the quantization to download, `stop_asked` the one that
    the Hub need not be asked for any more; `downloads_asked`: show how far it is; `page_asked`: show where the model is
    on Hugging Face."""

    chat_asked = Signal(object)
    get_asked = Signal(str)
    stop_asked = Signal(str)
    downloads_asked = Signal()
    page_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._step: Step | None = None
        self._budget: Budget | None = None
        self._zones: tuple[Zone, ...] = ()
        self._is_best = False
        self._offer = NO_OFFER
        self._offered = (NO_OFFER, "")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.button = button("", self._press)
        self.button.setParent(self)

    @property
    def step(self) -> Step | None:
        return self._step

    @property
    def is_best(self) -> bool:
        return self._is_best

    def sizeHint(self) -> QSize:
        return QSize(640, columns_of(self.width()).height)

    def show_step(self, step: Step, budget: Budget, zones: tuple[Zone, ...], *, is_best: bool) -> None:
        self._step, self._budget, self._zones = step, budget, zones
        if is_best != self._is_best:
            self._is_best = is_best
            self._dress_button()
        spoken = words.step_spoken(step, budget)
        self.setAccessibleName(_tr("Recommended: {step}").format(step=spoken) if is_best else spoken)
        self.update()

    def offer(self, offer: Offer) -> None:
        """What the button is for."""
        offered = (offer, self._step.quantization if self._step is not None else "")
        if offered != self._offered:
            self._offered, self._offer = offered, offer
            self._dress_button()
            self._place_button()
            self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.height() != self.sizeHint().height():
            self.updateGeometry()
        self._place_button()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and self._step is not None:
            QToolTip.showText(event.globalPos(), self._tip(event.pos().x()), self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._step is None or self._budget is None:
            return
        columns = columns_of(self.width())
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._paint_ground(painter)
            self._paint_name(painter, columns.name, self._step)
            self._paint_use(painter, columns.bar, self._step, self._budget)
            upper, lower = _lines(columns.speed)
            paint_text(painter, upper, words.speed_range(self._step.fit), "body", "text", _RIGHT)
            paint_text(painter, lower, words.speed_basis(self._step.fit), "caption", "muted", _RIGHT)
            self._paint_verdict(painter, columns, self._step)
            self._paint_arrived(painter)

    def _paint_ground(self, painter: QPainter) -> None:
        tokens = theme.current()
        painter.setPen(Qt.PenStyle.NoPen)
        if self._is_best:
            painter.setBrush(tokens.colour("accent_soft"))
            painter.drawRoundedRect(self.rect().adjusted(0, 2, 0, -2), 8, 8)
        else:
            painter.fillRect(EDGE, self.height() - 1, self.width() - 2 * EDGE, 1, tokens.colour("border"))

    def _paint_name(self, painter: QPainter, area: QRect, step: Step) -> None:
        upper, lower = _lines(area)
        paint_text(painter, upper, step.quantization, "body", "text", _RIGHT, strong=True)
        paint_text(painter, lower, format_bytes(step.file_bytes), "caption", "muted", _RIGHT)
        name = QFontMetrics(theme.font("body", strong=True)).horizontalAdvance(step.quantization)
        if self._is_best and name + 6 + STAR_PX <= area.width():
            left = area.right() + 1 - name - 6 - STAR_PX
            star = QRect(left, upper.center().y() - STAR_PX // 2 + 1, STAR_PX, STAR_PX)
            icons.paint(painter, star, "star-fill", theme.current().colour("accent"))

    def _paint_use(self, painter: QPainter, area: QRect, step: Step, budget: Budget) -> None:
        upper, lower = _lines(area)
        bar = QRect(area.left(), upper.center().y() - BAR_PX // 2 + 1, area.width(), BAR_PX)
        paint_bar(painter, bar, self._zones, step.need, step.fit)
        metrics = QFontMetrics(theme.font("caption"))
        used, left = words.in_use(step.fit, budget), words.left_over(step.fit)
        lacks = step.fit.free_bytes < 0
        has_room = metrics.horizontalAdvance(used) + 8 + metrics.horizontalAdvance(left) <= lower.width()
        if has_room or not lacks:
            paint_text(painter, lower, used, "caption", "text")
        if has_room or lacks:
            paint_text(painter, lower, left, "caption", "danger" if lacks else "muted", _RIGHT)

    def _paint_verdict(self, painter: QPainter, columns: StepColumns, step: Step) -> None:
        look, area = words.verdict_look(step.fit.verdict), columns.verdict
        is_wide = QFontMetrics(theme.font("caption")).horizontalAdvance(step.loss.words) > area.width()
        upper, lower = _lines(area, 2 if is_wide else 1)
        glyph = QRect(area.left(), upper.center().y() - GLYPH_PX // 2 + 1, GLYPH_PX, GLYPH_PX)
        icons.paint(painter, glyph, look.glyph, theme.current().colour(look.colour))
        beside = upper.adjusted(GLYPH_PX + 6, 0, 0, 0)
        paint_text(painter, beside, look.words, "body", look.colour, strong=True)
        painter.setFont(theme.font("caption"))
        painter.setPen(theme.current().colour("muted"))
        below = QRectF(lower.left(), lower.top(), lower.width(), columns.height - lower.top())
        top = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap
        painter.drawText(below, int(top), step.loss.words)

    def _paint_arrived(self, painter: QPainter) -> None:
        getting = self._offer.getting
        if self._offer.file is None and getting is not None:
            paint_arrived(painter, self.button.geometry(), getting.fraction)

    def _tip(self, at: int) -> str:
        assert self._step is not None and self._budget is not None  # noqa: PT018
        step, columns = self._step, columns_of(self.width())
        if at < columns.bar.left():
            size = _tr("{count:,} bytes").format(count=step.file_bytes)
            return f"{size}\n{_tr('{bits:.2f} bits per weight').format(bits=step.bits_per_weight)}"
        if at < columns.speed.left():
            need = step.need
            parts = _tr(
                "Weights: {weights:,} bytes\nContext: {context:,} bytes\nWorking space: {working:,} bytes"
            )
            return "\n".join(
                (
                    words.in_use_exactly(step.fit, self._budget),
                    parts.format(
                        weights=need.weights_bytes, context=need.kv_bytes, working=need.compute_bytes
                    ),
                )
            )
        if at < columns.verdict.left():
            return words.speed_explained(step.fit)
        lost = _tr("Expected KL divergence from the original: {divergence:.4f}\nFrom: {source}").format(
            divergence=step.loss.kl_divergence, source=step.loss.source
        )
        return plain_tip(f"{words.verdict_meaning(step.fit.verdict)}\n{lost}")

    def _press(self) -> None:
        offer = self._offer
        if offer.file is not None:
            self.chat_asked.emit(offer.file)
        elif offer.getting is not None and not offer.getting.is_asked:
            self.downloads_asked.emit()
        elif offer.getting is None and offer.is_original:
            self.page_asked.emit()
        elif self._step is not None:
            (self.get_asked if offer.getting is None else self.stop_asked).emit(self._step.quantization)

    def _dress_button(self) -> None:
        offer = self._offer
        role = "primary" if self._is_best else "" if offer.is_action else "ghost"
        if self.button.property("role") != role:
            self.button.setProperty("role", role)
            self.button.style().unpolish(self.button)
            self.button.style().polish(self.button)
        self.button.setIcon(icons.icon(offer.glyph, "on_accent" if self._is_best else "text"))
        if self._step is not None:
            self.button.setAccessibleName(offer.name(self._step.quantization))
            self.button.setToolTip(plain_tip(offer.tip(self._step.quantization, self._step.file_bytes)))

    def _place_button(self) -> None:
        columns = columns_of(self.width())
        self.button.setText(self._offer.words if columns.has_button_words else "")
        area = columns.button
        height = self.button.sizeHint().height()
        self.button.setGeometry(area.left(), (columns.height - height) // 2, area.width(), height)


def _lines(area: QRect, captions: int = 1) -> tuple[QRect, QRect]:
    """A line of body text and the first of some captions under it, all together in the middle."""
    upper = QFontMetrics(theme.font("body", strong=True)).height()
    lower = QFontMetrics(theme.font("caption")).height()
    top = area.top() + (area.height() - upper - captions * lower) // 2
    return (
        QRect(area.left(), top, area.width(), upper),
        QRect(area.left(), top + upper, area.width(), lower),
    )


def _button_px(*, has_words: bool) -> int:
    """Glyph, words and padding, as `parts.button` and the style sheet have them."""
    metrics = QFontMetrics(theme.font("body", strong=True))
    return 58 + (max(map(metrics.horizontalAdvance, longest_words())) if has_words else 0)


def _tr(text: str) -> str:
    return QCoreApplication.translate("DiscoverPage", text)
