"""The menu of a row: everything that can be done with it, with its keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QMenu

from app.ui.make_order import MakeOrder
from app.ui.pages.library_making import fill_make_menu
from app.ui.pages.library_rows import Row

Act = Callable[[Row], object]


@dataclass(frozen=True)
class RowActs:
    """What the page does with a row."""

    try_guide: Callable[[], object]
    chat: Act
    compare: Act
    make: Callable[[Row, MakeOrder], object]
    choose_types: Callable[[Row, str], object]
    details: Act
    rename: Act
    verify: Act
    reveal: Act
    delete: Act
    look_again: Callable[[], object]
    find: Act
    forget: Act


def fill_row_menu(menu: QMenu, row: Row, acts: RowActs, *, is_compared: bool) -> None:
    if row.can_try:
        _add(menu, _tr("Try it now, offline"), acts.try_guide, "Return")
        fill_make_menu(menu, row, acts.make, acts.choose_types)
        return
    if row.can_chat:
        _add(menu, _tr("Chat"), lambda: acts.chat(row), "Return")
        text = _tr("Do not compare") if is_compared else _tr("Choose for comparing")
        _add(menu, text, lambda: acts.compare(row), "Ctrl+D")
        menu.addSeparator()
        fill_make_menu(menu, row, acts.make, acts.choose_types)
        menu.addSeparator()
    if row.fault is not None:
        _add(menu, _tr("Look again"), acts.look_again, "F5")
    _add(menu, _tr("Details"), lambda: acts.details(row), "Space")
    if row.is_missing:
        if row.state == "gone":
            _add(menu, _tr("Find it…"), lambda: acts.find(row))
        _add(menu, _tr("Forget"), lambda: acts.forget(row), "Del")
    else:
        if row.fault is None and row.entry is not None:
            _add(menu, _tr("Rename…"), lambda: acts.rename(row), "F2")
            _add(menu, _tr("Verify"), lambda: acts.verify(row))
        _add(menu, _tr("Show in folder"), lambda: acts.reveal(row))
    _add(menu, _tr("Copy path"), lambda: QGuiApplication.clipboard().setText(str(row.path)))
    # Nobody deletes the built-in model by accident: only its details offer that.
    if not row.is_missing and not row.built_in and row.entry is not None and row.entry.program.is_own:
        menu.addSeparator()
        _add(menu, _tr("Delete…"), lambda: acts.delete(row), "Del")


def _add(menu: QMenu, text: str, act: Callable[[], object], keys: str = "") -> None:
    action = QAction(text, menu)
    if keys:
        # Shown only: the page has the shortcut, a second one would make both ambiguous.
        action.setText(f"{text}\t{QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)}")
    action.triggered.connect(lambda: act())
    menu.addAction(action)


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryPage", text)
