"""Faults of the Qt bindings that once took the window down; a new version must not bring them back."""

import sys

from PySide6.QtCore import QObject


def test_calling_qt_does_not_lose_references_to_none(qtbot):
    # PySide6 6.12.0 drops one reference to None for each call that returns nothing. Before Python 3.12, where
    # None became immortal, that ends the process with "none_dealloc" after a few thousand calls.
    thing = QObject()
    before = sys.getrefcount(None)
    for _ in range(500):
        thing.setObjectName("x")
    assert sys.getrefcount(None) - before > -100
