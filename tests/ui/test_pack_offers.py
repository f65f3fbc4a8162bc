"""Getting and removing runtime packs in the window: a real server, real libraries, real workers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from PySide6.QtWidgets import QLabel, QPushButton

import resources
from app.hardware import pack_offers
from app.hardware.nvidia_driver import CudaCard, NvidiaDriver
from app.hardware.pack_offers import Here
from app.runtime.packs import choice, runtime_packs
from app.runtime.packs.computer import this_machine, this_system
from app.storage import DataFolder
from app.ui import application
from app.ui.first_window import join_or_be_first
from app.ui.opening import OpenedFiles
from app.ui.pack_offer import PackOfferRow
from app.ui.pages.discover import DiscoverPage
from app.ui.pages.settings_runtime import RuntimeCard
from app.ui.window import MainWindow
from tests.helpers.hub_server import Fault, HubServer
from tests.helpers.pack_shop import PackShop
from tests.helpers.packs import VERSION, archive_of, good_pack, real_files
from tests.ui.conftest import settle

FILES = {"libllama.so": os.urandom(1_000_000)}
"""No library: it is not tried, or told as what cannot be loaded."""

RTX = NvidiaDriver("580.65.06", (CudaCard("NVIDIA GeForce RTX 4060", (8, 9)),))


@pytest.fixture
def shop(server: HubServer, folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> PackShop:
    monkeypatch.delenv("LLAMA_CPP_LIB_PATH", raising=False)
    shop = PackShop(server, folder)
    monkeypatch.setattr(resources, "packs", lambda: [msgspec.to_builtins(each) for each in shop.offers])
    return shop


@pytest.fixture
def with_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """An NVIDIA card in this computer, on which packs that are no libraries work."""
    here = Here(this_system(), this_machine(), VERSION, nvidia=RTX)
    monkeypatch.setattr(pack_offers, "read_here", lambda machine: here)
    monkeypatch.setattr(choice, "_tried", lambda pack, cancel: choice.Trial(""))
    monkeypatch.setattr("app.hardware.pack_reports._devices", lambda packs, pack, cancel: ())


@pytest.fixture
def open_card(qtbot, open_nibble: Callable[..., MainWindow]) -> Callable[[], RuntimeCard]:
    def open_it() -> RuntimeCard:
        card = open_nibble().show_page("settings").runtime
        settle(qtbot)
        return card

    return open_it


def offer_row(card: RuntimeCard, title: str) -> PackOfferRow:
    return next(row for row in card.offers.rows if row.offer.pack.title == title)


def offered(card: RuntimeCard) -> list[str]:
    return [row.offer.pack.title for row in card.offers.rows]


def here(card: RuntimeCard) -> dict[str, str]:
    return {row.state.pack.name: " / ".join(row.words) for row in card.rows}


def texts(card: RuntimeCard) -> str:
    return " ".join(each.text() for each in card.offers.findChildren(QLabel) if not each.isHidden())


def press(button, qtbot) -> None:
    assert button.isVisible()
    assert button.isEnabled()
    button.click()
    settle(qtbot)


def test_build_without_a_list_of_packs_says_so(shop, open_card):
    assert "without a list of packs" in texts(open_card())


def test_what_suits_is_offered_with_size_and_reason_and_what_does_not_is_told_why(shop, open_card):
    shop.offer(archive_of(FILES), bytes=9_000_000)
    shop.offer(archive_of(FILES, name="cuda-13"), bytes=412_000_000)
    card = open_card()
    assert offered(card) == ["CPU"]
    assert "9.00 MB" in offer_row(card, "CPU").words
    assert "any processor" in offer_row(card, "CPU").words
    assert "CUDA 13: It needs an NVIDIA graphics card" in texts(card)


@pytest.mark.usefixtures("with_card")
def test_best_one_stands_out(shop, open_card):
    for name in ("cpu", "cuda-12", "cuda-13"):
        shop.offer(archive_of(FILES, name=name))
    card = open_card()
    assert offered(card) == ["CUDA 13", "CUDA 12", "CPU"]
    assert "recommended" in offer_row(card, "CUDA 13").words
    assert "recommended" not in offer_row(card, "CUDA 12").words
    assert "RTX 4060" in offer_row(card, "CUDA 13").words
    assert "the same as CUDA 13, which is newer" in offer_row(card, "CUDA 12").words


def test_pack_is_got_tried_and_used(shop, open_card, qtbot):
    pack = shop.offer(archive_of(real_files()))
    card = open_card()
    press(offer_row(card, "CPU").get, qtbot)
    assert "In use" in here(card)["CPU"]
    assert "Computes on: " in here(card)["CPU"]
    assert offered(card) == []
    assert runtime_packs().chosen().folder == shop.folder / pack.folder_name
    assert "All packs that suit this computer are here." in texts(card)


def test_pack_that_does_not_work_here_is_told_among_those_that_are_here(shop, open_card, qtbot):
    shop.offer(archive_of(FILES))
    card = open_card()
    press(offer_row(card, "CPU").get, qtbot)
    assert "Set aside" in here(card)["CPU"]
    assert "cannot be loaded" in here(card)["CPU"]


@pytest.mark.usefixtures("with_card")
def test_progress_is_shown_in_the_row_and_what_was_stopped_goes_on(shop, open_card, qtbot):
    pack = shop.offer(archive_of(FILES))
    shop.offer(archive_of(FILES, name="cuda-13"))
    card = open_card()
    card.window().services.preferences.set_download_speed(500_000)
    card.window().activateWindow()
    qtbot.waitUntil(card.window().isActiveWindow)
    row = offer_row(card, "CPU")
    row.get.setFocus()
    row.get.click()
    assert row.stop.isVisible()
    assert not offer_row(card, "CUDA 13").get.isEnabled()
    qtbot.waitUntil(lambda: "of 1.00 MB" in row.words and shop.place.arrived_bytes(pack) > 100_000)
    card.window().show_page("library")  # it goes on meanwhile
    card.window().show_page("settings")
    qtbot.waitUntil(lambda: offer_row(card, "CPU").stop.isVisible() and bool(card.rows))
    press(offer_row(card, "CPU").stop, qtbot)
    row = offer_row(card, "CPU")
    assert "have arrived" in row.words
    assert row.get.text() == "Go on"
    assert shop.present() == []
    card.window().services.preferences.set_download_speed(0)
    row.get.setFocus()
    press(row.get, qtbot)
    assert shop.present() == [pack.folder_name]
    assert offered(card) == ["CUDA 13"]
    assert offer_row(card, "CUDA 13").get.hasFocus()


@pytest.mark.usefixtures("with_card")
def test_fault_stands_in_the_row_and_trying_again_helps(shop, server, open_card, qtbot):
    shop.offer(archive_of(FILES))
    card = open_card()
    server.faults = [Fault(status=404, times=-1)]
    press(offer_row(card, "CPU").get, qtbot)
    row = offer_row(card, "CPU")
    assert "127.0.0.1 does not have the file (it answers 404)." in row.words
    assert "Try again later." in row.words
    assert row.get.text() == "Try again"
    server.faults.clear()
    press(row.get, qtbot)
    assert "CPU" in here(card)


@pytest.mark.usefixtures("with_card")
def test_older_pack_is_told_and_replaced(shop, open_card, qtbot):
    shop.folder.mkdir()
    good_pack(shop.folder, "CUDA 13", "cuda", built_from="0.2.90")
    pack = shop.offer(archive_of(FILES, name="cuda-13"))
    card = open_card()
    assert "built from llama-cpp-python 0.2.90" in here(card)["CUDA 13"]
    assert "in place of version 0.2.90" in offer_row(card, "CUDA 13").words
    press(offer_row(card, "CUDA 13").get, qtbot)
    assert shop.present() == [pack.folder_name]
    assert "In use" in here(card)["CUDA 13"]


@pytest.mark.usefixtures("with_card")
def test_pack_is_removed_after_a_question_and_can_be_got_again(shop, open_card, qtbot):
    shop.get(shop.offer(archive_of(FILES, name="cuda-13")))
    card = open_card()
    assert offered(card) == []
    row = next(row for row in card.rows if row.state.pack.name == "CUDA 13")
    press(row.remove, qtbot)
    press(row.question.keep, qtbot)
    assert row.question.isHidden()
    assert shop.present() != []
    press(row.remove, qtbot)
    press(row.question.lose, qtbot)
    assert shop.present() == []
    assert list(here(card)) == ["Plain"]
    assert offered(card) == ["CUDA 13"]
    assert next(row for row in card.rows).remove is None


def test_pack_that_a_model_runs_on_is_removed_once_that_is_unloaded(shop, open_nibble, endless: Path, qtbot):
    shop.get(shop.offer(archive_of(real_files())))
    window = open_nibble()
    window.show_page("chat").open_model(endless)
    settle(qtbot)
    card = window.show_page("settings").runtime
    settle(qtbot)
    row = next(row for row in card.rows if row.state.pack.name == "CPU")
    press(row.remove, qtbot)
    press(row.question.lose, qtbot)
    (bar,) = card.notices.bars()
    assert "in use by 1 process" in bar.sentence
    assert shop.present() != []
    press(next(each for each in bar.findChildren(QPushButton) if "Unload" in each.text()), qtbot)
    assert shop.present() == []
    assert list(here(card)) == ["Plain"]


def hint_of(page: DiscoverPage) -> PackOfferRow | None:
    return page.pack_hint.row if page.pack_hint.isVisible() else None


def test_nothing_is_hinted_at_where_nothing_is_to_gain(shop, open_page):
    shop.offer(archive_of(FILES))
    assert hint_of(open_page("laptop-16gb")) is None


@pytest.mark.usefixtures("with_card")
def test_discover_hints_at_the_pack_for_a_card_and_gets_it(shop, open_page, qtbot):
    pack = shop.offer(archive_of(FILES, name="cuda-13"), bytes=len(archive_of(FILES, name="cuda-13")))
    page = open_page("desktop-8gb-card")
    row = hint_of(page)
    assert row is not None
    assert "Runtime pack CUDA 13" in row.words
    assert "1.00 MB" in row.words
    assert "RTX 4060" in row.words
    press(row.get, qtbot)
    assert shop.present() == [pack.folder_name]
    assert hint_of(page) is None
    assert any("CUDA 13 is here" in bar.sentence for bar in page.notices.bars())


@pytest.mark.usefixtures("with_card")
def test_hint_that_was_put_away_stays_away(shop, open_page, qtbot):
    shop.offer(archive_of(FILES, name="cuda-13"))
    page = open_page("desktop-8gb-card")
    press(page.pack_hint.away, qtbot)
    assert hint_of(page) is None
    page.window().show_page("library")
    page.window().show_page("discover")
    settle(qtbot)
    assert hint_of(page) is None


def test_start_clears_away_what_a_killed_one_has_left(shop, open_nibble, folder, qtbot):
    half = shop.folder / ".cuda-13-0.3.36.new"
    half.mkdir(parents=True)
    (half / "libllama.so").write_bytes(b"half")
    first = join_or_be_first(folder)
    assert first is not None
    window = open_nibble()
    application._begin_work(window, first, OpenedFiles(window))
    settle(qtbot)
    first.close()
    assert not half.exists()
