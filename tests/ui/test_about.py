"""About Nibble, with updates asked of a real server on this computer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from huggingface_hub import close_session, constants
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QAction, QDesktopServices, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QMainWindow, QPushButton

from app import __version__
from app.ui.mac_menu import put_menu
from app.ui.pages.settings_about import AboutView
from app.ui.pages.settings_about_updates import UpdatesCard
from app.ui.pages.settings_licences import LicencesView
from app.ui.window import MainWindow
from tests.helpers.release_server import ReleaseServer, Reply, write_dist_info
from tests.ui.conftest import settle

CONTROL = Qt.KeyboardModifier.ControlModifier
NEWER = "99.1"


@pytest.fixture
def releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReleaseServer]:
    """Where this Nibble's releases are."""
    with ReleaseServer() as server:
        monkeypatch.syspath_prepend(str(write_dist_info(tmp_path / "own", server.address)))
        yield server


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the browser was asked to open."""
    asked: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: asked.append(QUrl(url).toString()) or True)
    return asked


@pytest.fixture
def about(qtbot, releases: ReleaseServer, open_nibble: Callable[..., MainWindow]) -> AboutView:
    return opened_about(qtbot, open_nibble)


@pytest.fixture
def licences(qtbot, open_nibble: Callable[..., MainWindow]) -> LicencesView:
    about = opened_about(qtbot, open_nibble)
    about.licences_choice.click()
    settle(qtbot)
    return about.licences


def opened_about(qtbot, open_nibble: Callable[..., MainWindow]) -> AboutView:
    window = open_nibble()
    window.open_about()
    settle(qtbot)
    return window.show_page("settings").about


def words(view: AboutView) -> str:
    return " ".join(label.text() for label in view.findChildren(QLabel) if label.isVisible())


def check(about: AboutView, qtbot) -> UpdatesCard:
    about.updates.check.click()
    settle(qtbot)
    return about.updates


def test_settings_keys_and_palette_lead_to_it_and_escape_leads_back(qtbot, open_nibble):
    window = open_nibble()
    page = window.show_page("settings")
    next(each for each in page.findChildren(QPushButton) if each.text() == "About Nibble").click()
    settle(qtbot)
    assert page.about.isVisible()
    QTest.keyClick(page.about.updates.check, Qt.Key.Key_Escape)
    assert not page.about.isVisible()
    QTest.keyClick(window.show_page("library"), Qt.Key.Key_F1, CONTROL)
    assert page.about.isVisible()
    page.show_runtime()  # as others lead there
    assert not page.about.isVisible()
    assert page.runtime.isVisible()
    window.open_palette()
    QTest.keyClicks(window.palette_.field, "about nib")
    QTest.keyClick(window.palette_.field, Qt.Key.Key_Return)
    assert page.about.isVisible()


def test_versions_and_places_are_told_and_nobody_is_asked_before_the_button_is_pressed(
    about, releases, folder
):
    assert __version__ in words(about)
    about.versions.copy.click()
    copied = QGuiApplication.clipboard().text().splitlines()
    assert copied[0].startswith(f"Nibble: {__version__}")
    assert f"Qt: {version('PySide6-Essentials')}" in copied
    assert any(version("llama-cpp-python") in line for line in copied)
    assert "Runtime pack: Plain" in copied
    places = dict(about.places.places)
    assert (places["All of it"], places["Conversations"]) == (folder.root, folder.database)
    assert releases.asked == []
    assert f"127.0.0.1:{releases.port}" in words(about)  # whom it would ask


def test_a_newer_release_is_told_and_its_page_opens_only_after_asking(qtbot, about, releases, opened):
    markup = "<img src='file:///etc/passwd'><b>bold</b>"
    releases.publish(NEWER, body=markup)
    card = check(about, qtbot)
    assert f"Nibble {NEWER} is available" in card.words.text()
    assert card.notes.toPlainText() == markup  # as it was written
    assert len(releases.asked) == 1
    card.open.click()
    assert opened == []
    (bar,) = card.notices.bars()
    assert bar.hint == f"{releases.address}/tag/v{NEWER}"
    next(each for each in bar.findChildren(QPushButton) if each.text() == "Open").click()
    assert opened == [f"{releases.address}/tag/v{NEWER}"]


def test_each_answer_takes_the_place_of_the_one_before(qtbot, about, releases):
    releases.publish(__version__)
    card = check(about, qtbot)
    assert "is the newest release" in card.words.text()
    assert not card.open.isVisible()
    assert not card.notes.isVisible()
    releases.reply = Reply(200, body=b"<html>Log in to this network</html>")
    check(about, qtbot)
    (bar,) = card.notices.bars()
    assert "tells nothing of a release" in bar.sentence
    assert not card.words.isVisible()
    releases.publish(NEWER)
    check(about, qtbot)
    assert card.notices.bars() == []
    assert card.open.isVisible()


def test_offline_mode_is_told_and_nobody_is_asked(qtbot, about, releases, monkeypatch):
    close_session()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    card = check(about, qtbot)
    close_session()
    (bar,) = card.notices.bars()
    assert "HF_HUB_OFFLINE" in bar.sentence
    assert releases.asked == []


def test_a_question_that_takes_long_can_be_stopped(qtbot, about, releases):
    releases.reply = Reply(200, body=b" " * 10_000, pause_s=0.01)
    about.updates.check.click()
    qtbot.waitUntil(lambda: len(releases.asked) == 1)
    assert about.updates.stop.isVisible()
    about.updates.stop.click()
    settle(qtbot)
    assert about.updates.check.isVisible()
    assert about.updates.notices.bars() == []


def test_licences_are_listed_searched_shown_and_copied(qtbot, licences, opened):
    assert licences.chosen.name == "Nibble"
    assert "Apache License" in licences.text.toPlainText()
    licences.choose("numpy")
    licences.copy.click()
    assert "NumPy Developers" in QGuiApplication.clipboard().text()
    licences.home.click()
    assert opened == []  # before it was asked
    (bar,) = licences.notices.bars()
    assert bar.hint == "https://numpy.org"
    QTest.keyClicks(licences.field, "harfbuzz")  # which is inside another one
    assert [each.name for each in licences.shown] == ["Qt"]
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in licences.text.toPlainText()
    licences.field.setText("zzz")
    assert licences.nothing.isVisible()
    assert licences.text.toPlainText() == ""
    assert not licences.copy.isEnabled()


def test_menu_of_macos_has_about_and_quit_where_people_look_for_them(qtbot, open_nibble, monkeypatch):
    window = open_nibble()
    elsewhere = QMainWindow()  # the window here has no menu, and needs none
    qtbot.addWidget(elsewhere)
    monkeypatch.setattr(elsewhere, "actions", window.actions)
    (entry,) = put_menu(elsewhere).actions()
    roles = {action.menuRole(): action for action in entry.menu().actions()}
    assert set(roles) == {QAction.MenuRole.AboutRole, QAction.MenuRole.QuitRole}
    roles[QAction.MenuRole.AboutRole].trigger()
    settle(qtbot)
    assert window.show_page("settings").about.isVisible()
