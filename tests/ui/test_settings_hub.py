"""Hugging Face in the settings: where the token comes from, and one that is typed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keyring
import pytest
from huggingface_hub import constants
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyringHere
from keyring.errors import PasswordDeleteError
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QLineEdit

from app.hub.token import stored_token
from app.ui.pages.settings_hub import HubCard
from app.ui.window import MainWindow
from tests.ui.conftest import settle

TOKEN = "hf_QUzr1secret"
ENDPOINT = "https://huggingface.co"


class InMemory(KeyringBackend):
    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError


@pytest.fixture(autouse=True)
def logged_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "ENDPOINT", ENDPOINT)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


@pytest.fixture
def chain() -> InMemory:
    """A keyring that works."""
    backend = InMemory()
    keyring.set_keyring(backend)
    return backend


@pytest.fixture
def open_card(qtbot, open_nibble: Callable[..., MainWindow]) -> Callable[[], HubCard]:
    def open_it() -> HubCard:
        card = open_nibble().show_page("settings").hub
        settle(qtbot)
        return card

    return open_it


def words(card: HubCard) -> str:
    """All that is shown, and what the fields hold."""
    shown = [label.text() for label in card.findChildren(QLabel) if label.isVisible()]
    return " ".join([*shown, *(field.text() for field in card.findChildren(QLineEdit))])


def test_without_a_token_it_says_what_that_means(open_card, chain):
    card = open_card()
    assert card.source.text.startswith("No token is used")
    assert card.keyring.text == card.offline.text == card.endpoint.text == ""
    assert not card.forget.isVisible()
    assert not card.keep.isEnabled()


def test_token_of_hf_auth_login_is_told_and_not_shown(open_card, chain):
    Path(constants.HF_TOKEN_PATH).write_text(TOKEN)
    card = open_card()
    assert "hf auth login" in card.source.text
    assert TOKEN not in words(card)


def test_token_of_the_environment_comes_first(open_card, chain, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_environment")
    chain.kept["Nibble", "huggingface.co"] = TOKEN
    card = open_card()
    assert "HF_TOKEN" in card.source.text
    assert card.forget.isVisible()


def test_a_token_that_is_typed_goes_into_the_keyring_and_is_forgotten_again(qtbot, open_card, chain, folder):
    card = open_card()
    assert card.field.echoMode() is QLineEdit.EchoMode.Password
    qtbot.keyClicks(card.field, f"  {TOKEN} ")
    qtbot.keyClick(card.field, Qt.Key.Key_Return)
    settle(qtbot)
    assert chain.kept == {("Nibble", "huggingface.co"): TOKEN}
    assert stored_token(ENDPOINT) == TOKEN
    assert "keyring is used" in card.source.text
    assert TOKEN not in words(card)
    card.forget.click()
    settle(qtbot)
    assert chain.kept == {}
    assert card.source.text.startswith("No token is used")
    files = [path for path in folder.root.rglob("*") if path.is_file()]
    assert not any(TOKEN.encode() in path.read_bytes() for path in files)


def test_system_without_a_keyring_is_told_with_what_to_do(open_card):
    keyring.set_keyring(NoKeyringHere())  # type: ignore[no-untyped-call]
    card = open_card()
    assert "no keyring" in card.keyring.text
    assert "hf auth login" in card.keyring.text
    assert not card.field.isEnabled()


def test_keyring_that_forgets_at_once_is_as_none(qtbot, open_card):
    """As keyring's null backend, which some systems are set to, does."""
    card = open_card()
    qtbot.keyClicks(card.field, TOKEN)
    card.keep.click()
    settle(qtbot)
    (bar,) = card.notices.bars()
    assert "no keyring" in bar.sentence
    assert card.source.text.startswith("No token is used")


def test_another_hub_and_offline_mode_are_told(open_card, chain, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "https://mirror.test")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    card = open_card()
    assert "https://mirror.test" in card.endpoint.text
    assert "HF_HUB_OFFLINE is set" in card.offline.text


def test_what_was_logged_in_meanwhile_is_seen_when_the_page_is_shown_again(qtbot, open_card, chain):
    card = open_card()
    window = card.window()
    window.show_page("library")
    Path(constants.HF_TOKEN_PATH).write_text(TOKEN)
    window.show_page("settings")
    settle(qtbot)
    assert "hf auth login" in card.source.text
