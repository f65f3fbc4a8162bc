"""What a person first wants to know of a model, and what can be done with its files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtGui import QGuiApplication, QResizeEvent, QTextOption
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.core.units import format_bytes, format_count
from app.ui import fit_words, guide
from app.ui.pages import library_result_words
from app.ui.pages.library_checks import Outcome
from app.ui.pages.library_memory import MemoryView
from app.ui.pages.library_rows import Row
from app.ui.pages.library_words import describe_age, describe_moment, one_line, state_look
from app.ui.parts import ElidedLabel, Glyph, button, empty, icon_button, label, plain_tip

if TYPE_CHECKING:  # the engine comes with the job that reads the header
    from app.convert.made import Making


class Overview(QScrollArea):
    reveal_asked = Signal()
    verify_asked = Signal()
    delete_asked = Signal()
    forget_asked = Signal()
    find_asked = Signal()
    look_asked = Signal()
    result_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.state = _State()
        self.memory = MemoryView()
        self.check = _Check()
        self._facts = _Facts()
        self._where = label("", "strong")
        self._path = WrappedText(_tr("Where it is"))
        self._reveal = button(
            _tr("Show in folder"),
            self.reveal_asked.emit,
            glyph="folder-open",
            tip=_tr("Opens the folder of the file in the file manager"),
        )
        self._copy_path = icon_button("copy", _tr("Copy path"), self._copy)
        self.delete_button = button(_tr("Delete…"), self.delete_asked.emit, role="danger", glyph="trash")
        self._not_deleted = label("", "caption", wrap=True)
        self._shown: Row | None = None
        self._lay_out()
        self.state.forget.clicked.connect(self.forget_asked)
        self.state.find_button.clicked.connect(self.find_asked)
        self.state.look.clicked.connect(self.look_asked)
        for verify in (self.check.begin, self.state.verify):
            verify.clicked.connect(self.verify_asked)

    def show_row(self, row: Row) -> None:
        self._shown = row
        self.state.show_row(row)
        self._facts.show_facts(_facts_of(row))
        gone = row.is_missing
        self._where.setText(_tr("Where it was") if gone else _tr("Where it is"))
        self._path.set_text(str(row.path))
        self._reveal.setVisible(not gone)
        reason = _why_not_deleted(row)
        self.delete_button.setVisible(row.entry is not None and not reason and not gone)
        self.delete_button.setToolTip(
            _tr("Moves the file to the system's bin, after asking")
            if not row.built_in
            else _tr("Moves the file to the bin, after asking; it is made again at its next use")
        )
        self._not_deleted.setText(reason)
        self._not_deleted.setVisible(bool(reason))
        self._check_part.setVisible(row.fault is None)

    def show_making(self, making: Making | None) -> None:
        """How it was made here; None for what was not."""
        self._made.setVisible(making is not None)
        if making is not None:
            self._how_made.setText(library_result_words.in_one_line(making))

    def to_top(self) -> None:
        self.verticalScrollBar().setValue(0)

    def _copy(self) -> None:
        if self._shown is not None:
            QGuiApplication.clipboard().setText(str(self._shown.path))

    def _lay_out(self) -> None:
        where = QHBoxLayout()
        where.setSpacing(4)
        where.addWidget(self._reveal)
        where.addWidget(self._copy_path)
        where.addStretch()
        self._check_part = QWidget()
        check = _column(self._check_part)
        check.addWidget(label(_tr("Is it in order?"), "strong"))
        check.addWidget(self.check)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 8, 8)
        column.setSpacing(16)
        column.addWidget(self.state)
        column.addWidget(self.memory)
        column.addWidget(self._make_making())
        column.addWidget(self._facts)
        lies = QVBoxLayout()
        lies.setSpacing(6)
        lies.addWidget(self._where)
        lies.addWidget(self._path)
        lies.addLayout(where)
        column.addLayout(lies)
        column.addWidget(self._check_part)
        below = QHBoxLayout()
        below.addWidget(self.delete_button)
        below.addStretch()
        column.addWidget(self._not_deleted)
        column.addLayout(below)
        column.addStretch()
        self.setWidget(inside)

    def _make_making(self) -> QWidget:
        self._made = QWidget()
        made = _column(self._made)
        made.addWidget(label(_tr("Made here"), "strong"))
        self._how_made = label("", wrap=True)
        self._how_made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        made.addWidget(self._how_made)
        self.result_button = button(
            _tr("What it cost"),
            self.result_asked.emit,
            glyph="chart-bar",
            tip=_tr("Shows how far each tensor is from what it was made of"),
        )
        row = QHBoxLayout()
        row.addWidget(self.result_button)
        row.addStretch()
        made.addLayout(row)
        self._made.hide()
        return self._made


class _State(QFrame):
    """Why a file cannot be used or is not as it was, and what can be done."""

    def __init__(self) -> None:
        super().__init__()
        self._role = ""
        self._glyph_place = QVBoxLayout()
        self._title = label("", "strong", wrap=True)
        self._told = label("", wrap=True)
        self._told.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.look = QPushButton(_tr("Look again"))
        self.find_button = QPushButton(_tr("Find it…"))
        self.find_button.setToolTip(_tr("Show Nibble where the file is now"))
        self.forget = QPushButton(_tr("Forget"))
        self.forget.setToolTip(_tr("Takes it off the list; nothing on the disk changes"))
        self.verify = QPushButton(_tr("Verify"))
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for each in (self.look, self.find_button, self.forget, self.verify):
            buttons.addWidget(each)
        buttons.addStretch()
        words = QVBoxLayout()
        words.setSpacing(6)
        words.addWidget(self._title)
        words.addWidget(self._told)
        words.addLayout(buttons)
        words.addStretch()
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 10, 12, 10)
        row.setSpacing(10)
        row.addLayout(self._glyph_place)
        row.addLayout(words, 1)

    def show_row(self, row: Row) -> None:
        self.setVisible(row.state != "ok" or row.fault is not None or bool(row.why_no_chat))
        if self.isHidden():
            return
        if row.state == "ok":
            glyph, colour, words, meaning = "info", "accent", _tr("Not for chatting"), row.why_no_chat
        else:
            look = state_look(row.state)
            glyph, colour, words, meaning = look.glyph, look.colour, look.words, look.meaning
        self._dress({"danger": "notice-danger", "warning": "notice-warning"}.get(colour, "notice-info"))
        empty(self._glyph_place)
        self._glyph_place.addWidget(Glyph(glyph, colour), 0, Qt.AlignmentFlag.AlignTop)
        self._glyph_place.addStretch()
        self._title.setText(words)
        if row.fault is not None:
            told = " ".join(filter(None, (row.fault.message, row.fault.hint)))
        elif row.state == "changed":
            told = _tr("{meaning} Verify it to take it as it is now.").format(meaning=meaning)
        else:
            told = meaning
        self._told.setText(told)
        self.setAccessibleName(f"{words}. {told}")
        self.look.setVisible(row.fault is not None)
        self.find_button.setVisible(row.state == "gone")
        self.forget.setVisible(row.is_missing)
        self.verify.setVisible(row.state in ("changed", "failed"))

    def _dress(self, role: str) -> None:
        if role != self._role:
            self._role = role
            self.setProperty("role", role)
            self.style().unpolish(self)
            self.style().polish(self)


class WrappedText(QPlainTextEdit):
    """Text to read and copy, broken wherever a line ends and as high as it needs: paths and digests have no spaces."""

    def __init__(self, name: str, role: str = "bare") -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setProperty("role", role)
        self.setAccessibleName(name)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAnywhere)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabChangesFocus(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().setDocumentMargin(0)

    def set_text(self, text: str) -> None:
        if text != self.toPlainText():
            self.setPlainText(text)
        self._settle()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._settle()

    def _settle(self) -> None:
        lines = 0
        block = self.document().begin()
        while block.isValid():
            lines += max(block.layout().lineCount(), 1)
            block = block.next()
        self.setFixedHeight(self.fontMetrics().lineSpacing() * lines + 4)


class _Facts(QWidget):
    """Names of facts left, facts right."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)

    def show_facts(self, facts: list[tuple[str, str, str]]) -> None:
        """Each with its exact words for the tooltip, or empty."""
        empty(self._grid)
        top = Qt.AlignmentFlag.AlignTop
        for number, (name, value, exact) in enumerate(facts):
            told = ElidedLabel(value)
            if exact:
                told.setToolTip(plain_tip(exact))
            self._grid.addWidget(label(name, "muted"), number, 0, top)
            self._grid.addWidget(told, number, 1)
        self.setVisible(bool(facts))


class _Check(QWidget):
    """When the file was hashed last in this session and what came of it, and the button that does it."""

    def __init__(self) -> None:
        super().__init__()
        self._told = label("", wrap=True)
        self._told.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._digests = WrappedText(_tr("Digests"), "digest")
        self.begin = button(
            _tr("Verify"),
            lambda: None,
            glyph="shield-check",
            tip=_tr("Reads the whole file and compares its SHA-256 with what it should be"),
        )
        row = QHBoxLayout()
        row.addWidget(self.begin)
        row.addStretch()
        column = _column(self)
        column.addWidget(self._told)
        column.addWidget(self._digests)
        column.addLayout(row)

    def show_outcome(self, outcome: Outcome | None, *, is_busy: bool) -> None:
        self.begin.setEnabled(not is_busy)
        self._digests.setVisible(outcome is not None)
        if is_busy:
            self._told.setText(_tr("It is being checked; above you see how far that is."))
        elif outcome is None:
            self._told.setText(_tr("Verify reads all of it and compares it with what it should be."))
        else:
            told = " ".join((outcome.sentence, outcome.hint if len(outcome.hint) < 120 else "")).strip()
            self._told.setText(f"{told} ({describe_moment(outcome.at)})")
        if outcome is not None:
            self._digests.set_text(outcome.digests)


def _facts_of(row: Row) -> list[tuple[str, str, str]]:
    entry = row.entry
    if entry is None:
        return []
    facts, rows = entry.facts, list[tuple[str, str, str]]()

    def add(name: str, value: str, exact: str = "") -> None:
        if value:
            rows.append((name, one_line(value), exact))

    if facts is not None:
        family = entry.family or ""
        architecture = facts.architecture or ""
        add(_tr("Family"), family if family != architecture else "")
        add(_tr("Architecture"), architecture)
        count = _tr("{count:,} parameters").format(count=facts.parameters)
        add(_tr("Parameters"), format_count(facts.parameters) if facts.parameters else "", count)
        if row.bits_per_weight:
            bits = _tr("{name}, {bits:.2f} bits per weight")
            add(_tr("Quantization"), bits.format(name=row.quantization or "?", bits=row.bits_per_weight))
        exact = _tr("{count:,} bytes").format(count=facts.file_bytes)
        parts = _tr(" in {n} files").format(n=facts.files) if facts.files > 1 else ""
        add(_tr("Size"), f"{format_bytes(facts.file_bytes)}{parts}", exact)
        tokens = _tr("{count:,} tokens").format(count=facts.context_length or 0)
        add(
            _tr("Context"),
            fit_words.context_name(facts.context_length) if facts.context_length else "",
            tokens,
        )
        add(_tr("Layers"), f"{facts.layers:,}" if facts.layers else "")
    elif entry.file_bytes:
        add(_tr("Size"), format_bytes(entry.file_bytes))
    add(_tr("Licence"), entry.licence)
    built_in = _tr("{program}, {badge}").format(program=entry.program.title, badge=guide.badge_text().lower())
    add(_tr("Source"), built_in if row.built_in else entry.program.title)
    add(_tr("From"), entry.origin)
    add(_tr("File"), entry.name if entry.label or row.title != entry.name else "")
    add(_tr("Also called"), ", ".join(entry.aliases))
    add(_tr("Goes with"), ", ".join(each.name for each in entry.companions))
    if facts is not None and row.can_chat:
        at = entry.last_used_at
        add(
            _tr("Last used"),
            describe_age(at) if at else _tr("never in Nibble"),
            describe_moment(at) if at else "",
        )
    return rows


def _why_not_deleted(row: Row) -> str:
    entry = row.entry
    if entry is None or entry.program.is_own:
        return ""
    return _tr(
        "It belongs to {program}, and Nibble deletes nothing of other programs. Delete it in {program}."
    ).format(program=entry.program.title)


def _column(parent: QWidget) -> QVBoxLayout:
    column = QVBoxLayout(parent)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(6)
    return column


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryPage", text)
