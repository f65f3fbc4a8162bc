"""The figures of an answer: one quiet line below it, which unfolds to all of them."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from PySide6.QtCore import QCoreApplication, QObject, Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.chat import Message
from app.core.units import format_bytes, format_duration, format_rate
from app.runtime import GenerationStatistics, Sampling
from app.ui import icons
from app.ui.pages.chat_full_context import describe_left_out
from app.ui.pages.chat_sampler_options import advanced_groups, basic_options
from app.ui.parts import ElidedLabel, button, empty, label, plain_tip

ALWAYS_TOLD = ("temperature", "top_k", "top_p", "min_p")
NAMES_PX = 120


class StatisticsFold(QObject):
    """Whether figures are shown at length: as a person left those of the last answer they touched."""

    changed = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.is_open = False

    def keep(self, is_open: bool) -> None:
        self.is_open = is_open
        self.changed.emit(is_open)


class AnswerStatistics(QWidget):
    """Those of one answer. The rows are made when somebody wants to read them."""

    def __init__(self, fold: StatisticsFold | None = None) -> None:
        super().__init__()
        self._fold = fold
        self._message: Message | None = None
        self._context_length: int | None = None
        self.head = button("", self._toggle, role="thought", glyph="caret-right")
        self._model = ElidedLabel("", "caption")
        self._body: QWidget | None = None
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(self.head)
        line.addWidget(self._model, 1)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)
        self._column.addLayout(line)

    @property
    def is_open(self) -> bool:
        return self._body is not None and not self._body.isHidden()

    @property
    def text(self) -> str:
        """What can be read of it now."""
        lines = [" · ".join(filter(None, (self.head.text(), self._model.text())))]
        if self.is_open:
            lines += [f"{name}: {value}" for name, value in self._told()]
        return "\n".join(lines)

    def show_message(self, message: Message, context_length: int | None) -> None:
        """`context_length`: of the model that gave the answer, in tokens, where that is known."""
        self._message, self._context_length = message, context_length
        self.head.setText(describe_briefly(message))
        self._model.setText(describe_model(message))
        self._open(self._fold is not None and self._fold.is_open)

    def show_context(self, context_length: int | None) -> None:
        self._context_length = context_length
        self._open(self.is_open)

    def _toggle(self) -> None:
        self._open(not self.is_open)
        if self._fold is not None:
            self._fold.keep(self.is_open)

    def _open(self, is_open: bool) -> None:
        if is_open:
            self._fill()
        elif self._body is not None:
            self._body.hide()
        self.head.setIcon(icons.icon("caret-down" if is_open else "caret-right"))
        what = _tr("Hide the figures of this answer") if is_open else _tr("Show all figures of this answer")
        self.head.setToolTip(what)
        self.head.setAccessibleDescription(what)

    def _fill(self) -> None:
        if self._body is None:
            self._body, self._rows = QWidget(), QGridLayout()
            self._rows.setContentsMargins(0, 0, 0, 0)
            self._rows.setHorizontalSpacing(12)
            self._rows.setVerticalSpacing(2)
            self._rows.setColumnMinimumWidth(0, NAMES_PX)
            self._rows.setColumnStretch(1, 1)
            self._body.setLayout(self._rows)
            self._column.addWidget(self._body)
        empty(self._rows)
        for row, (name, value) in enumerate(self._told()):
            items = value.split(" · ")  # broken between them only
            whole = " · ".join(item.replace(" ", "\u00a0") for item in items) if items[1:] else value
            shown = label(whole, "caption", wrap=True)
            shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            shown.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            shown.setToolTip(plain_tip(value) if len(value) > 80 else "")
            self._rows.addWidget(label(name, "caption"), row, 0, Qt.AlignmentFlag.AlignTop)
            self._rows.addWidget(shown, row, 1, Qt.AlignmentFlag.AlignTop)
        self._body.show()

    def _told(self) -> list[tuple[str, str]]:
        if self._message is None:
            return []
        return describe_at_length(self._message, self._context_length)


def describe_briefly(message: Message) -> str:
    """`38.2 tokens/s · 128 tokens`"""
    figures = message.statistics
    if figures is None:
        return _tr("No figures")
    words = [format_rate(figures.tokens_per_s)] if figures.tokens > 1 else []
    return " · ".join([*words, _tokens(figures.tokens)])


def describe_model(message: Message) -> str:
    """`Bard BF16`"""
    return " ".join(filter(None, (message.model_name, message.quantization)))


def describe_at_length(message: Message, context_length: int | None) -> list[tuple[str, str]]:
    """Names and values."""
    told = list(_figures(message.statistics, context_length)) if message.statistics else []
    told += [(_tr("Model"), message.model_name or "?"), (_tr("Quantization"), message.quantization or "?")]
    if message.written_with is not None:
        told.append((_tr("Settings"), describe_sampling(message.written_with.sampling)))
    return told


def describe_sampling(sampling: Sampling) -> str:
    """`Temperature 0.8 · Top-k 40 · Top-p 0.95 · Min-p 0.05`, and whatever else is not llama.cpp's default."""
    titles = {option.field: option.title for option in basic_options()}
    for group in advanced_groups():
        titles |= {option.field: f"{group.title}: {option.title}" for option in group.options}
    texts = {
        "mirostat": _tr("Mirostat"),
        "stop": _tr("Stop strings"),
        "logit_bias": _tr("Token bias"),
        "dry_sequence_breakers": _tr("DRY breakers"),
        "json_schema": _tr("JSON schema"),
        "grammar": _tr("Grammar"),
    }
    words = []
    for field in msgspec.structs.fields(Sampling):
        value = getattr(sampling, field.name)
        if field.name == "seed" or (field.name not in ALWAYS_TOLD and value == field.default):
            continue
        if field.name in titles or field.name == "mirostat":
            words.append(f"{titles.get(field.name) or texts[field.name]} {value:g}")
        else:
            words.append(texts[field.name])
    return " · ".join(words)


def _figures(figures: GenerationStatistics, context_length: int | None) -> Iterator[tuple[str, str]]:
    if figures.tokens > 1:
        yield _tr("Speed"), format_rate(figures.tokens_per_s)
    yield _tr("Answer"), _tokens(figures.tokens)
    yield _tr("First token"), _tr("after {time}").format(time=format_duration(figures.time_to_first_token_s))
    yield (
        _tr("Prompt"),
        _tr("{tokens}, of which {new:,} were new").format(
            tokens=_tokens(figures.prompt_tokens), new=figures.evaluated_tokens
        ),
    )
    if figures.evaluated_tokens and figures.prompt_s > 0:
        yield (
            _tr("Reading it"),
            _tr("{time} at {rate}").format(
                time=format_duration(figures.prompt_s), rate=format_rate(figures.prompt_tokens_per_s)
            ),
        )
    yield _tr("Context"), _context(figures, context_length)
    if left_out := describe_left_out(figures.dropped_messages):
        yield _tr("Left out"), left_out
    yield _tr("Memory"), _tr("{size} in use").format(size=format_bytes(figures.memory_bytes))
    yield _tr("Seed"), str(figures.seed)
    yield _tr("Ended"), _ended(figures.finish_reason)


def _tokens(count: int) -> str:
    return _tr("1 token") if count == 1 else _tr("{n:,} tokens").format(n=count)


def _context(figures: GenerationStatistics, context_length: int | None) -> str:
    used = figures.prompt_tokens + figures.tokens
    if context_length is None:
        return _tr("{used:,} tokens").format(used=used)
    return _tr("{used:,} of {total:,} tokens").format(used=used, total=context_length)


def _ended(reason: str) -> str:
    words = {
        "stop": _tr("The model had finished"),
        "length": _tr("At the limit of tokens set for this chat"),
        "context": _tr("The context was full"),
        "cancelled": _tr("Stopped"),
    }
    return words.get(reason, reason)


def _tr(text: str) -> str:
    return QCoreApplication.translate("ChatPage", text)
