"""The menu that macOS shows at the top of the screen: About, Settings and Quit, where people there look for them."""

from __future__ import annotations

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMainWindow, QMenuBar

from app.ui.actions import Action
from app.ui.key_table import deed

_ROLES = {
    "about": QAction.MenuRole.AboutRole,
    "quit": QAction.MenuRole.QuitRole,
}
"""Qt moves actions with these into the application's own menu, whatever menu they were put into."""


def put_menu(window: QMainWindow) -> QMenuBar:
    """The window's actions with a role, each doing what it does by keys."""
    bar = window.menuBar()
    menu = bar.addMenu("Nibble")
    for name, role in _ROLES.items():
        words = deed(name).text
        for action in window.actions():
            if isinstance(action, Action) and action.text() == words:
                action.setMenuRole(role)
                menu.addAction(action)
    return bar
