"""With which text a model is calibrated before it is rounded: none, Nibble's, a file or a person's conversations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QFileDialog,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from app.core.jobs import JobControl
from app.ui import theme
from app.ui.latest import Latest
from app.ui.make_order import CalibrationChoice, CalibrationKind
from app.ui.pages.library_words import one_line
from app.ui.parts import ElidedLabel, button, label

MOST_LISTED = 200
_ROLE = Qt.ItemDataRole.UserRole
_BYTES_PER_TOKEN = 4
LEAST_TOKENS = 2_000
"""Below it a text says little: llama-imatrix' chunks have 512."""


@dataclass(frozen=True)
class _Told:
    id: int
    title: str
    characters: int


class CalibrationPart(QWidget):
    """`changed`: another text is chosen, or it is known how long it is."""

    changed = Signal()

    def __init__(self, database: Path) -> None:
        super().__init__()
        self._database = database
        self._looking = Latest(self)
        self._measuring = Latest(self)
        self._file: Path | None = None
        self._characters: dict[str, int] = {}
        self._group = QButtonGroup(self)
        self._kinds: dict[CalibrationKind, QRadioButton] = {
            "none": QRadioButton(_tr("None")),
            "mixed": QRadioButton(_tr("Nibble's mixed text")),
            "file": QRadioButton(_tr("A text file")),
            "conversations": QRadioButton(_tr("My conversations")),
        }
        self.file_button = button(_tr("Choose…"), self._pick_file, tip=_tr("Choose a text file"))
        self._file_name = ElidedLabel("", "caption", Qt.TextElideMode.ElideMiddle)
        self.conversations = QListWidget()
        self.conversations.setProperty("role", "votes")
        self.conversations.setAccessibleName(_tr("Conversations to calibrate with"))
        theme.follow(self.conversations, lambda: self.conversations.setFixedHeight(theme.px(132)))
        self._no_conversations = label(_tr("There are no conversations yet."), "caption")
        self.advice = label("", "caption", wrap=True)
        self._lay_out()
        self._kinds["mixed"].setToolTip(
            _tr("Code, several languages, mathematics and prose; comes with Nibble")
        )
        self._kinds["none"].setChecked(True)
        self._group.buttonToggled.connect(self._choose)
        self.conversations.itemChanged.connect(lambda item: self.changed.emit())
        self._show_parts()

    @property
    def choice(self) -> CalibrationChoice:
        kind = self.kind
        ids = tuple(told.id for told in self._chosen)
        return CalibrationChoice(
            kind,
            self._file if kind == "file" else None,
            ids if kind == "conversations" else (),
        )

    @property
    def kind(self) -> CalibrationKind:
        return next(kind for kind, radio in self._kinds.items() if radio.isChecked())

    @property
    def is_complete(self) -> bool:
        """Whether there is a text where one was chosen."""
        choice = self.choice
        return {
            "none": True,
            "mixed": True,
            "file": choice.file is not None,
            "conversations": bool(choice.conversations),
        }[choice.kind]

    @property
    def tokens(self) -> int:
        """About, of the text; 0 without one."""
        if self.kind == "conversations":
            characters = sum(told.characters for told in self._chosen)
        else:
            characters = self._characters.get(self.kind, 0)
        return characters // _BYTES_PER_TOKEN

    def reset(self) -> None:
        """As at first; conversations are listed anew when they are asked for."""
        self._file = None
        self.conversations.clear()
        self._kinds["none"].setChecked(True)
        self._show_parts()

    def choose(self, kind: CalibrationKind) -> None:
        self._kinds[kind].setChecked(True)

    def choose_file(self, path: Path) -> None:
        self._file = path
        self._file_name.setText(path.name)
        self._file_name.setToolTip("")
        self._measure("file", lambda: path.stat().st_size)
        self._show_parts()
        self.changed.emit()

    def advise(self, *, needs: str, offers: bool) -> None:
        """`needs`: the types that cannot be made without; `offers`: whether it would help one that is chosen."""
        if needs and self.kind == "none":
            words = _tr("{types} cannot be made without a text to calibrate with.").format(types=needs)
        elif self.kind != "none" and self.is_complete and 0 < self.tokens < LEAST_TOKENS:
            words = _tr("This is a short text, some {n:,} tokens: it tells little of most weights.").format(
                n=self.tokens
            )
        elif offers:
            # Of KL divergence from BF16, with the mixed text: `tests/bench/bench_imatrix`.
            words = _tr(
                "Below 5 bits, weights that matter for such a text are rounded with more care. Measured on two small "
                "models, Q4_K_S came 4 to 18 % closer to the original and Q3_K_S 5 to 11 %; Q2_K did not."
            )
        else:
            words = _tr("From 5 bits on it changes next to nothing.")
        self.advice.setText(words)
        role = "warning" if needs and self.kind == "none" else "caption"
        if self.advice.property("role") != role:
            self.advice.setProperty("role", role)
            self.advice.style().unpolish(self.advice)
            self.advice.style().polish(self.advice)

    # What is chosen

    def _choose(self, radio: QRadioButton, checked: bool) -> None:
        if not checked:
            return
        kind = self.kind
        if kind == "mixed":
            self._measure(kind, _mixed_characters)
        elif kind == "conversations" and not self.conversations.count():
            self._look()
        self._show_parts()
        self.changed.emit()

    def _show_parts(self) -> None:
        kind = self.kind
        self.file_button.setVisible(kind == "file")
        self._file_name.setVisible(kind == "file" and self._file is not None)
        has_some = self.conversations.count() > 0
        self.conversations.setVisible(kind == "conversations" and has_some)
        self._no_conversations.setVisible(kind == "conversations" and not has_some)

    @property
    def _chosen(self) -> list[_Told]:
        items = (self.conversations.item(row) for row in range(self.conversations.count()))
        return [item.data(_ROLE) for item in items if item.checkState() is Qt.CheckState.Checked]

    def _pick_file(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(
            self, _tr("Choose a text to calibrate with"), "", _tr("Text (*)")
        )
        if chosen:
            self.choose_file(Path(chosen))

    def _measure(self, kind: str, count: Callable[[], int]) -> None:
        def show(characters: int) -> None:
            self._characters[kind] = characters
            self.changed.emit()

        def work(control: JobControl) -> int:
            try:
                return count()
            except OSError:  # calibrating tells why it cannot be read
                return 0

        self._measuring.ask("Measure a text", work, show, lambda fault: None)

    def _look(self) -> None:
        database = self._database

        def show(found: list[_Told]) -> None:
            for told in found:
                item = QListWidgetItem(one_line(told.title) or _tr("Without a title"))
                item.setData(_ROLE, told)
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
                item.setCheckState(Qt.CheckState.Unchecked)
                item.setToolTip(_tr("some {n:,} tokens").format(n=told.characters // _BYTES_PER_TOKEN))
                self.conversations.addItem(item)
            self._show_parts()
            self.changed.emit()

        self._looking.ask(
            "List conversations", lambda control: _conversations(database), show, lambda fault: None
        )

    def _lay_out(self) -> None:
        file = QHBoxLayout()
        file.setContentsMargins(28, 0, 0, 0)
        file.setSpacing(8)
        file.addWidget(self.file_button)
        file.addWidget(self._file_name, 1)
        file.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        for kind, radio in self._kinds.items():
            self._group.addButton(radio)
            column.addWidget(radio)
            if kind == "file":
                column.addLayout(file)
        column.addWidget(self.conversations)
        column.addWidget(self._no_conversations)
        column.addWidget(self.advice)


def _mixed_characters() -> int:
    import resources

    return len(resources.calibration_text())


def _conversations(database: Path) -> list[_Told]:
    """The latest first."""
    if not database.exists():
        return []
    from app.chat import ConversationStore
    from app.chat.calibration_text import calibration_text

    with ConversationStore(database) as store:
        latest = store.conversations()[:MOST_LISTED]
        told = [_Told(each.id, each.title, len(calibration_text(store, [each.id]))) for each in latest]
    return [each for each in told if each.characters]


def _tr(text: str) -> str:
    return QCoreApplication.translate("MakePanel", text)
