"""The field for names: what is typed is told once, and Escape leaves it without anything else happening."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.ui.pages.chat_saved_names import Named, SavedNames

ITEMS = (
    Named("a", "Built in"),
    Named("own:Mine", "Mine", is_own=True),
    Named("own:Other", "Other", is_own=True),
)


@pytest.fixture
def names(qtbot) -> Iterator[SavedNames]:
    page = QWidget()
    qtbot.addWidget(page)
    made = SavedNames("Preset", "What it is for", "More")
    QVBoxLayout(page).addWidget(made)
    made.show_items(ITEMS, "own:Mine")
    with qtbot.waitExposed(page):
        page.show()
    yield made
    page.close()


def test_escape_leaves_the_name_and_reaches_nobody_else(names, qtbot):
    stopped: list[bool] = []
    QShortcut(QKeySequence(Qt.Key.Key_Escape), names.parentWidget()).activated.connect(
        lambda: stopped.append(True)
    )
    names.ask_name()
    QTest.keyClicks(names._name, "New")
    QTest.keyClick(names._name, Qt.Key.Key_Escape)
    assert names._naming.isHidden()
    assert stopped == []


def test_enter_tells_the_name_on_one_line_without_spaces_around_it(names, qtbot):
    told: list[str] = []
    names.saved.connect(told.append)
    names.ask_name()
    QTest.keyClick(names._name, Qt.Key.Key_Return)
    assert told == [], "no name, nothing to save"
    QTest.keyClicks(names._name, "  New  one ")
    QTest.keyClick(names._name, Qt.Key.Key_Return)
    assert told == ["New one"]


def test_name_of_another_one_cannot_be_taken_by_renaming(names, qtbot):
    told: list[str] = []
    names.renamed.connect(told.append)
    names.ask_name(renames=True)
    assert names._name.text() == "Mine"
    names._name.setText("OTHER")
    QTest.keyClick(names._name, Qt.Key.Key_Return)
    assert told == []
    assert names._problem.text()
    names._name.setText("MINE")
    QTest.keyClick(names._name, Qt.Key.Key_Return)
    assert told == ["MINE"]


def test_built_in_ones_can_neither_be_renamed_nor_deleted(names):
    names.show_items(ITEMS, "a")
    enabled = {action.text(): action.isEnabled() for action in names.make_menu().actions() if action.text()}
    assert enabled == {"Save under a name…": True, "Rename…": False, "Delete": False}
