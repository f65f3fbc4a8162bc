"""Runtime packs in the settings: real libraries, asked in processes of their own, and libraries that fail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app.runtime import start_worker
from app.runtime.packs import runtime_packs
from app.storage import DataFolder
from app.ui.pages.settings_runtime import RuntimeCard
from app.ui.pages.settings_runtime_pack import PackRow
from app.ui.window import MainWindow
from tests.helpers.packs import good_pack, pack_of
from tests.ui.conftest import settle

OpenCard = Callable[[], RuntimeCard]


@pytest.fixture
def places(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("LLAMA_CPP_LIB_PATH", raising=False)
    folder.packs.mkdir(parents=True)
    return folder.packs


@pytest.fixture
def open_card(qtbot, open_nibble: Callable[..., MainWindow]) -> OpenCard:
    def open_it() -> RuntimeCard:
        card = open_nibble().show_page("settings").runtime
        settle(qtbot)
        return card

    return open_it


def row_of(card: RuntimeCard, name: str) -> PackRow:
    return next(row for row in card.rows if row.state.pack.name == name)


def words(card: RuntimeCard, name: str) -> str:
    return " / ".join(row_of(card, name).words)


def press(card: RuntimeCard, name: str, qtbot) -> None:
    next(each for each in card.choices if each.text() == name).click()
    settle(qtbot)


def chosen(card: RuntimeCard) -> list[str]:
    return [each.text() for each in card.choices if each.isChecked()]


def test_without_packs_the_plain_one_is_told_and_there_is_nothing_to_choose(places, open_card):
    card = open_card()
    assert [row.state.pack.name for row in card.rows] == ["Plain"]
    assert "In use" in words(card, "Plain")
    assert "Computes on: " in words(card, "Plain")
    assert card.choices == []


def test_pack_that_is_chosen_is_used_by_the_next_worker_and_automatic_is_the_way_back(
    places, open_card, qtbot
):
    good_pack(places, "First")
    second = good_pack(places, "Second")
    card = open_card()
    assert chosen(card) == ["Automatic"]
    assert "In use" in words(card, "First")
    assert "Computes on: " in words(card, "Second")
    press(card, "Second", qtbot)
    assert "In use, chosen by you" in words(card, "Second")
    assert "Works" in words(card, "First")
    assert chosen(card) == ["Second"]
    with start_worker() as worker:
        assert worker.runtime_folder == second
    press(card, "Automatic", qtbot)
    assert "In use" in words(card, "First")
    assert not any(state.is_chosen for state in runtime_packs().states())


def test_pack_set_aside_tells_why_with_its_last_lines_and_can_be_tried_again(places, open_card, qtbot):
    marker = places.parent / "mended"
    code = f'if (access("{marker}", F_OK) == 0) _exit(9); if (write(2, "no driver\\n", 10)) abort();'
    pack_of(places, "Broken", code)
    card = open_card()
    row = row_of(card, "Broken")
    assert "Set aside" in words(card, "Broken")
    assert "SIGABRT" in words(card, "Broken")
    assert row.log is not None
    assert not row.log.is_open
    assert row.log.lines[-1] == "no driver"
    assert not next(each for each in card.choices if each.text() == "Broken").isEnabled()
    marker.touch()
    assert row.again is not None
    row.again.click()
    assert "Being tried" in words(card, "Broken")
    settle(qtbot)
    assert "exit code 9" in words(card, "Broken")


def test_pack_that_works_again_when_it_is_tried_is_used(places, open_card, qtbot):
    folder = good_pack(places, "Mended")
    library = folder / "libllama.so"
    content = library.read_bytes()
    library.unlink()
    library.write_bytes(content[:1000])
    card = open_card()
    assert "Set aside" in words(card, "Mended")
    state = library.stat()
    library.write_bytes(content)
    assert library.stat().st_size != state.st_size
    row = row_of(card, "Mended")
    assert row.again is not None
    row.again.click()
    settle(qtbot)
    assert "In use" in words(card, "Mended")


def test_trial_that_takes_long_can_be_stopped(places, open_card, qtbot):
    folder = pack_of(places, "Slow", "abort();")
    card = open_card()
    pack_of(places, "Slow", "sleep(600);")
    row = row_of(card, "Slow")
    assert row.again is not None
    row.again.click()
    slow = row_of(card, "Slow")
    assert "Being tried" in words(card, "Slow")
    (folder / "pack.json").unlink()  # or it would be tried when the card looks again
    slow.stop_asked.emit()
    settle(qtbot)
    assert [row.state.pack.name for row in card.rows] == ["Plain"]


def test_trial_goes_on_while_another_page_is_seen(places, open_card, qtbot):
    pack_of(places, "Slow", "abort();")
    card = open_card()
    pack_of(places, "Slow", "sleep(1); _exit(9);")
    row = row_of(card, "Slow")
    assert row.again is not None
    row.again.click()
    card.window().show_page("library")
    card.window().show_page("settings")
    assert "Being tried" in words(card, "Slow")
    settle(qtbot)
    assert "exit code 9" in words(card, "Slow")


def test_choice_that_cannot_be_kept_is_told_and_taken_back(places, open_card, folder, qtbot):
    good_pack(places, "First")
    good_pack(places, "Second")
    card = open_card()
    folder.database.unlink(missing_ok=True)
    for beside in folder.root.glob("nibble.db-*"):
        beside.unlink()
    folder.database.mkdir()
    press(card, "Second", qtbot)
    assert card.notices.isVisibleTo(card)
    assert chosen(card) == ["Automatic"]


def test_keyboard_stays_where_it_was(places, open_card, qtbot):
    good_pack(places, "First")
    good_pack(places, "Second")
    card = open_card()
    card.window().activateWindow()
    qtbot.waitUntil(card.window().isActiveWindow)
    second = next(each for each in card.choices if each.text() == "Second")
    second.setFocus()
    press(card, "Second", qtbot)
    assert [each.text() for each in card.choices if each.hasFocus()] == ["Second"]


def test_libraries_that_a_person_set_by_a_variable_go_before_any_choice(
    places, open_card, tmp_path, monkeypatch
):
    good_pack(places, "Other")
    own = good_pack(tmp_path, "own")
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(own))
    card = open_card()
    assert not any("In use" in " ".join(row.words) for row in card.rows)
    assert not any(each.isEnabled() for each in card.choices)
