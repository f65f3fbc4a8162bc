"""Hugging Face in the settings: which access token is used, and one that is kept in the system's keyring."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.core.errors import EnvironmentFault
from app.core.jobs import JobControl
from app.ui import links
from app.ui.latest import Latest
from app.ui.notice import NoticeArea
from app.ui.parts import Glyph, button, label

if TYPE_CHECKING:  # the Hub is imported by the job that asks
    from app.hub import HubAccess, TokenSource

LONGEST_TOKEN = 400


class HubCard(QFrame):
    """Never shows a token: what is typed is hidden, and what is kept is only told of."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self._access: HubAccess | None = None
        self._asking = Latest(self)
        self.notices = NoticeArea()
        self.endpoint = _Line("globe-hemisphere-west")
        self.source = _Line("key")
        self.keyring = _Line("warning")
        self.offline = _Line("cloud-slash")
        self.field = QLineEdit()
        self.field.setEchoMode(QLineEdit.EchoMode.Password)
        self.field.setMaxLength(LONGEST_TOKEN)
        self.field.setPlaceholderText(_tr("An access token: hf_…"))
        self.field.setAccessibleName(_tr("Access token of Hugging Face"))
        self.keep = button(_tr("Keep"), self._keep, tip=_tr("Keep it in this system's keyring"))
        self.forget = button(_tr("Forget"), self._forget, tip=_tr("Take the token out of the keyring"))
        self.make = button(
            _tr("Make a token"),
            self._make,
            role="ghost",
            glyph="arrow-square-out",
            tip=_tr("Open the page for access tokens in your browser, after asking"),
        )
        self.field.returnPressed.connect(self._keep)
        self.field.textChanged.connect(lambda: self._settle())
        self._lay_out()
        self._settle()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.look()

    def look(self) -> None:
        """Finds out how the Hub is asked; `hf auth login` may have been called meanwhile."""
        self._ask("Look for an access token", _read)

    def _keep(self) -> None:
        token = self.field.text().strip()
        access = self._access
        if not token or access is None:
            return

        def work(control: JobControl) -> HubAccess:
            from app.hub import keep_token, read_access

            keep_token(access.endpoint, token)
            return read_access()

        self.field.clear()  # whatever comes of it, it does not lie here any longer than it has to
        self._ask("Keep an access token", work)

    def _forget(self) -> None:
        access = self._access
        if access is None:
            return

        def work(control: JobControl) -> HubAccess:
            from app.hub import forget_token, read_access

            forget_token(access.endpoint)
            return read_access()

        self._ask("Forget an access token", work)

    def _make(self) -> None:
        if self._access is not None:
            question = _tr("Open the page for access tokens in your browser?")
            links.ask_to_open(self.notices, f"{self._access.endpoint}/settings/tokens", question)

    def _ask(self, name: str, work: Callable[[JobControl], HubAccess]) -> None:
        self._asking.ask(name, work, self._show, self._show_fault)
        self._settle()

    def _show_fault(self, fault: EnvironmentFault) -> None:
        self.notices.show_fault(fault)
        self._settle()

    def _show(self, access: HubAccess) -> None:
        self._access = access
        self.notices.clear()
        self.source.say(_told(access.source))
        self.endpoint.say(_tr("The Hub is {endpoint} (HF_ENDPOINT).").format(endpoint=access.endpoint))
        self.endpoint.setVisible(not access.is_usual)
        self.offline.say(
            _tr("HF_HUB_OFFLINE is set, so the Hub is not asked. Unset it and start Nibble again.")
        )
        self.offline.setVisible(access.is_offline)
        self.keyring.say(
            _tr(
                "This system has no keyring to keep a token in. Log in with the command hf auth login instead."
            )
        )
        self.keyring.setVisible(not access.has_keyring)
        self._settle()

    def _settle(self) -> None:
        access = self._access
        can_keep = access is not None and access.has_keyring and not self._asking.is_asking
        self.field.setEnabled(access is None or access.has_keyring)
        self.keep.setEnabled(can_keep and bool(self.field.text().strip()))
        self.forget.setVisible(access is not None and access.is_kept)
        self.forget.setEnabled(not self._asking.is_asking)
        self.make.setEnabled(access is not None)

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.field, 1)
        row.addWidget(self.keep)
        row.addWidget(self.forget)
        row.addWidget(self.make)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 20)
        column.setSpacing(4)
        column.addWidget(label("Hugging Face", "heading"))
        column.addWidget(
            label(
                _tr(
                    "Models whose authors want to be asked, and private ones, need an access token. It is kept in this "
                    "system's keyring and sent to the Hub alone."
                ),
                "muted",
                wrap=True,
            )
        )
        column.addSpacing(8)
        for line in (self.offline, self.endpoint, self.source, self.keyring):
            column.addWidget(line)
        column.addSpacing(8)
        column.addLayout(row)
        column.addWidget(self.notices)


class _Line(QWidget):
    """A glyph and a sentence; hidden until there is something to say."""

    def __init__(self, glyph: str) -> None:
        super().__init__()
        self._words = label("", wrap=True)
        self._words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(Glyph(glyph, "muted", 20), 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._words, 1)
        self.hide()

    @property
    def text(self) -> str:
        return self._words.text() if self.isVisible() else ""

    def say(self, text: str) -> None:
        self._words.setText(text)
        self.show()


def _read(control: JobControl) -> HubAccess:
    from app.hub import read_access

    return read_access()


def _told(source: TokenSource) -> str:
    return {
        "environment": _tr("The token in HF_TOKEN is used."),
        "keyring": _tr("The token in this system's keyring is used."),
        "login": _tr("The token that hf auth login has stored is used."),
        "none": _tr("No token is used: open models can be had, gated and private ones cannot."),
        "switched off": _tr("No token is used, since HF_HUB_DISABLE_IMPLICIT_TOKEN is set."),
    }[source.value]


def _tr(text: str) -> str:
    return QCoreApplication.translate("SettingsPage", text)
