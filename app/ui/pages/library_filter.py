"""Below the header of the Library: which of its rows are shown, in which order, and the way to what they take."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QMenu, QSizePolicy, QWidget

from app.ui import fit_words, icons
from app.ui.giving_way import GivingWay, usual_px
from app.ui.pages.library_rows import PROBLEM, Column, Row, titles
from app.ui.parts import button, plain_tip, without_mnemonics

SORTED_BY = tuple(column for column in Column if column is not Column.ACTIONS)


class FilterBar(QWidget):
    """`sort_chosen` carries a Column: by keyboard, and where a column has given way, there is no other way to sort.
    `folder_removed` carries the path of a folder or file that a person had added, `make_asked` that of a checkpoint's
    folder among them."""

    source_chosen = Signal(str)
    verdict_chosen = Signal(str)
    sort_chosen = Signal(object)
    folder_removed = Signal(object)
    make_asked = Signal(object)
    space_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.source = _choice(_tr("Source"))
        self.verdict = _choice(_tr("Verdict"))
        self.order = _choice(_tr("Sort by"))
        for column in SORTED_BY:
            self.order.addItem(_tr("Sort by {column}").format(column=titles()[column].lower()), column)
        self.folders = button(
            _tr("Your folders"),
            self._open_folders,
            role="ghost",
            glyph="folder-simple",
            tip=_tr("The folders and files that you added, to take them off the list"),
        )
        self.folder_menu = QMenu(self)
        self.folder_menu.setToolTipsVisible(True)
        self.space = button(
            _tr("Disk space"),
            self.space_asked.emit,
            role="ghost",
            glyph="hard-drives",
            tip=_tr("How much each program's models take, and what is here more than once"),
        )
        self.source.currentIndexChanged.connect(lambda: self.source_chosen.emit(self.source.currentData()))
        self.verdict.currentIndexChanged.connect(lambda: self.verdict_chosen.emit(self.verdict.currentData()))
        self.order.currentIndexChanged.connect(lambda: self.sort_chosen.emit(self.order.currentData()))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        for each in (self.source, self.verdict, self.order):
            row.addWidget(each)
        row.addStretch()
        row.addWidget(self.folders)
        row.addWidget(self.space)
        GivingWay(self, (self.space, self.folders), lambda: usual_px(self))
        self.show_rows(())
        self.show_folders(())

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Offers the sources and verdicts there are; what was chosen stays, even if nothing is of it now."""
        sources = sorted({row.source for row in rows if row.source}, key=str.casefold)
        _fill(self.source, _tr("All sources"), [(each, each) for each in sources])
        present = {row.fit.verdict for row in rows if row.fit is not None}
        verdicts = [
            (fit_words.verdict_look(each).words, each) for each in fit_words.VERDICTS if each in present
        ]
        if any(row.fault is not None or row.state != "ok" for row in rows):
            verdicts.append((_tr("With a problem"), PROBLEM))
        _fill(self.verdict, _tr("All verdicts"), verdicts)

    def show_folders(self, folders: Sequence[Path], checkpoints: Sequence[Path] = ()) -> None:
        """`checkpoints`: those of them of which models can be made."""
        self.folders.setVisible(bool(folders))
        self.folder_menu.clear()
        for checkpoint in checkpoints:
            words = _tr("Make a model of {name}…").format(name=without_mnemonics(checkpoint.name))
            entry = self.folder_menu.addAction(icons.icon("arrows-in-simple"), words)
            entry.setToolTip(
                plain_tip(_tr("{path}\nA checkpoint, of which models are made").format(path=checkpoint))
            )
            entry.triggered.connect(partial(self.make_asked.emit, checkpoint))
        if checkpoints:
            self.folder_menu.addSeparator()
        for folder in folders:
            words = _tr("Take {name} off the list").format(name=without_mnemonics(folder.name or str(folder)))
            is_file = folder.suffix.lower() == ".gguf"
            entry = self.folder_menu.addAction(icons.icon("file" if is_file else "folder-simple"), words)
            entry.setToolTip(plain_tip(_tr("{path}\nIts files stay.").format(path=folder)))
            entry.triggered.connect(partial(self.folder_removed.emit, folder))

    def _open_folders(self) -> None:
        self.folder_menu.popup(self.folders.mapToGlobal(self.folders.rect().bottomLeft()))

    def show_order(self, column: int) -> None:
        with QSignalBlocker(self.order):
            self.order.setCurrentIndex(self.order.findData(Column(column)))

    def clear(self) -> None:
        self.source.setCurrentIndex(0)
        self.verdict.setCurrentIndex(0)


def _choice(name: str) -> QComboBox:
    made = QComboBox()
    made.setAccessibleName(name)
    made.setToolTip(name)
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
    made.setMinimumWidth(64)  # a long word is shortened before the page gets wider than the window
    made.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
    made.setCursor(Qt.CursorShape.PointingHandCursor)
    return made


def _fill(choice: QComboBox, all_of_them: str, entries: Sequence[tuple[str, str]]) -> None:
    wanted = choice.currentData() or ""
    entries = [(all_of_them, ""), *entries]
    if wanted and wanted not in [data for _, data in entries]:
        entries.append((choice.currentText(), wanted))
    if [(choice.itemText(each), choice.itemData(each)) for each in range(choice.count())] == entries:
        return
    with QSignalBlocker(choice):
        choice.clear()
        for text, data in entries:
            choice.addItem(text, data)
        choice.setCurrentIndex(max(choice.findData(wanted), 0))


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryPage", text)
