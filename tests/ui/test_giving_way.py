"""Rows of buttons in the smallest window with large text."""

from __future__ import annotations

import os
import shutil
from itertools import combinations

import pytest
from PySide6.QtCore import QCoreApplication, QPoint, QRect
from PySide6.QtWidgets import QAbstractButton, QComboBox, QStyle, QStyleOptionComboBox, QWidget

from app.ui import theme
from tests.helpers.tiny_gguf import write_tiny_model
from tests.ui.conftest import settle


@pytest.fixture(autouse=True)
def usual_size_after(qapp):
    yield
    theme.Theme(qapp)


@pytest.fixture
def smallest(open_nibble, folder, tmp_path, kept_sizes, qtbot):
    """Opens a page in the smallest window with text of some size."""
    for number in (1, 2):
        model = write_tiny_model(tmp_path / f"{number}.gguf", type="f16", name=f"Model {number}", seed=number)
        os.link(model, folder.models / model.name)

    shutil.copy(kept_sizes, folder.cache)  # Discover need not work them out

    def open_it(key: str, percent: int) -> QWidget:
        window = open_nibble()
        page = window.show_page(key)
        settle(qtbot)
        window.services.preferences.set_zoom(percent)
        window.resize(900, 600)
        for _ in range(4):
            QCoreApplication.processEvents()
        assert window.width() == 900
        return page

    return open_it


def shown(row: QWidget, kind: type[QWidget]) -> list:
    return [each for each in row.findChildren(kind) if each.isVisible()]


@pytest.mark.parametrize("percent", [100, 150, 200])
def test_compares_rows_are_whole_in_the_smallest_window(smallest, percent):
    page = smallest("compare", percent)
    for row in (page.header, page.composer):
        buttons = shown(row, QAbstractButton)
        for each in buttons:
            assert each.width() >= each.sizeHint().width(), each.accessibleName()
            assert each.accessibleName() or each.text()
        places = [QRect(each.mapTo(row, QPoint()), each.size()) for each in buttons]
        assert all(row.rect().contains(place) for place in places)
        assert not any(one.intersects(other) for one, other in combinations(places, 2))
    assert page.header.add.text() == ("" if percent == 200 else "Add model")  # the last one to give way
    assert (page.header.new.text() == "") == (percent > 100)
    assert page.header.new.accessibleName() == "New comparison"


def test_words_come_back_where_there_is_room(smallest, qtbot):
    page = smallest("compare", 150)
    assert page.header.new.text() == ""
    page.window().resize(1280, 800)
    QCoreApplication.processEvents()
    assert page.header.new.text() == "New comparison"


@pytest.mark.parametrize("key", ["discover", "library"])
def test_choices_show_their_whole_word_at_150_percent(smallest, key):
    page = smallest(key, 150)
    choices = shown(page, QComboBox)
    assert choices
    for choice in choices:
        option = QStyleOptionComboBox()
        choice.initStyleOption(option)
        room = choice.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox, option, QStyle.SubControl.SC_ComboBoxEditField, choice
        )
        assert choice.fontMetrics().horizontalAdvance(choice.currentText()) <= room.width()
