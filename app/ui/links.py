"""Leading out of Nibble: nothing opens in the browser before the person has seen where it leads."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication

from app.ui.notice import Action, Kind, NoticeArea

LONGEST_ADDRESS = 90


def ask_to_open(
    notices: NoticeArea, address: str, question: str, then: Callable[[], object] | None = None
) -> None:
    """Asks `question` with the address under it; `then` is called when the address was opened."""

    def open_it() -> None:
        if not QDesktopServices.openUrl(QUrl(address)):
            _say_that_nothing_opened(notices, address)
        elif then is not None:
            then()

    notices.show_message(Kind.INFO, question, shortened(address), Action(_tr("Open"), open_it))


def ask_about_written(notices: NoticeArea, address: str) -> None:
    """Of an address that a model wrote: the person sees where it leads before anything is opened."""
    if QUrl(address).scheme() in ("http", "https", "mailto"):
        ask_to_open(notices, address, _tr("Open this link outside Nibble?"))
        return
    notices.show_message(Kind.INFO, _tr("This link leads to nothing that can be opened."), shortened(address))


def shortened(address: str) -> str:
    """For showing: the beginning, which says whose it is."""
    return address if len(address) <= LONGEST_ADDRESS else f"{address[: LONGEST_ADDRESS - 1]}…"


def _say_that_nothing_opened(notices: NoticeArea, address: str) -> None:
    notices.show_message(
        Kind.WARNING,
        _tr("No browser could be opened on this computer."),
        shortened(address),
        Action(_tr("Copy address"), lambda: QGuiApplication.clipboard().setText(address)),
    )


def _tr(text: str) -> str:
    return QCoreApplication.translate("Links", text)
