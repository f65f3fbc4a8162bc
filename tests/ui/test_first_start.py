"""The first start and the built-in model, on a tiny checkpoint with random weights in the place of the guide's."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QMenu, QPushButton, QWidget

import app.convert
import resources
from app.core.errors import DiskFull
from app.core.jobs import JobControl, Progress
from app.guide import FIRST_QUESTION, GUIDE_QUANTIZATIONS, guide_file
from app.ui import guide, jobs
from app.ui.links import LONGEST_ADDRESS, ask_to_open, shortened
from app.ui.make_order import MakeOrder
from app.ui.pages.compare import ComparePage
from app.ui.pages.compare_turn import TurnState
from app.ui.pages.discover import DiscoverPage
from app.ui.pages.library import LibraryPage
from app.ui.pages.library_list import RowAction
from app.ui.pages.library_rows import Column, Row
from app.ui.table_rows import ROW_ROLE
from app.ui.window import MainWindow
from tests.helpers.guide_checkpoint import needs_shipped_guide
from tests.helpers.tiny_gguf import write_tiny_model
from tests.ui.conftest import settle

PATIENCE_MS = 60_000
OFFER = "Try it now, offline"
ADDRESS = "https://huggingface.co/models"


pytestmark = pytest.mark.usefixtures("installed_guide")


@pytest.fixture
def library(qtbot, open_nibble: Callable[..., MainWindow]) -> LibraryPage:
    """The page as the window opens on it, without a step of ours."""
    window = open_nibble()
    activate(qtbot, window)
    (page,) = window.findChildren(LibraryPage)
    return page


def activate(qtbot, window: MainWindow) -> None:
    """Only the active window has the keyboard's focus, and offscreen none is by itself."""
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)


def library_of(window: MainWindow) -> LibraryPage:
    page = window.show_page("library")
    assert isinstance(page, LibraryPage)
    return page


def compare_of(window: QWidget) -> ComparePage:
    """The page that is shown, which must be Compare."""
    assert isinstance(window, MainWindow)
    (page,) = [page for page in window.findChildren(ComparePage) if page.isVisible()]
    return page


def rows_of(library: LibraryPage) -> list[Row]:
    """From top to bottom."""
    model = library.list.model()
    return [model.index(number, 0).data(ROW_ROLE) for number in range(model.rowCount())]


def visible_texts(widget: QWidget) -> set[str]:
    return {
        button.text() for button in widget.findChildren(QPushButton) if button.isVisible() and button.text()
    }


def begin_making(qtbot, library: LibraryPage, monkeypatch) -> threading.Event:
    """Starts the trial and holds it in its second quantization until the event is set or it is cancelled."""
    go_on = threading.Event()
    quantize = app.convert.quantize

    def slow(source: Path, kind: str, target: Path, control: JobControl) -> Path:
        if kind == GUIDE_QUANTIZATIONS[1]:
            control.progress(f"Making {kind}", 1, 2, "bytes")
            while not go_on.wait(0.01):
                control.cancel.raise_if_cancelled()
        return quantize(source, kind, target, control)

    monkeypatch.setattr(app.convert, "quantize", slow)
    library.try_guide()
    lines = library.body.first.guide.lines
    qtbot.waitUntil(
        lambda: lines.has_begun and guide_file(library._data, "Q8_0").exists(), timeout=PATIENCE_MS
    )
    return go_on


def with_no_end(monkeypatch: pytest.MonkeyPatch, work: str) -> None:
    """In the place of that function of the engine: one that waits until it is cancelled."""

    def endless(*arguments: object, **named: object) -> None:
        (control,) = [each for each in arguments if isinstance(each, JobControl)]
        while True:
            control.cancel.raise_if_cancelled()
            time.sleep(0.005)

    monkeypatch.setattr(work, endless)


# What is offered


def test_first_start_offers_two_ways_of_equal_weight_and_the_folder_below(library):
    first = library.body.first
    assert library.body.is_first_start
    assert visible_texts(first) == {OFFER, "Find a model", "Add folder…", "Open models folder"}
    assert first.guide.begin.property("role") == first.elsewhere.begin.property("role") == "primary"
    assert first.guide.size() == first.elsewhere.size()
    assert first.guide.y() == first.elsewhere.y()


def test_first_start_begins_with_the_focus_on_the_offer_and_tab_goes_to_the_other(qtbot, library):
    first = library.body.first
    assert first.guide.begin.hasFocus()
    qtbot.keyClick(first.guide.begin, Qt.Key.Key_Tab)
    assert first.elsewhere.begin.hasFocus()


def test_first_start_of_a_window_too_low_for_it_scrolls(library):
    library.resize(764, 320)
    assert library.body.first.verticalScrollBar().maximum() > 0


# Trying it


@pytest.mark.parametrize("press", ["enter", "click"])
def test_try_it_now_ends_in_compare_with_both_and_the_question_and_enter_asks_it(qtbot, library, press):
    begin = library.body.first.guide.begin
    if press == "enter":
        qtbot.keyClick(begin, Qt.Key.Key_Return)
    else:
        begin.click()
    assert library.body.first.guide.is_busy
    compare = await_compare(qtbot, library)
    assert [pane.entry.quantization for pane in compare.panes] == ["Q8_0", "Q4_0"]
    assert compare.composer.box.toPlainText() == FIRST_QUESTION
    assert compare.composer.box.hasFocus()
    assert compare.composer.sampling.temperature == 0
    compare.composer.max_tokens.setValue(8)
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Return)
    assert compare.running
    settle(qtbot)
    assert [pane.turn.state for pane in compare.panes] == [TurnState.DONE] * 2
    assert all(pane.turn.text for pane in compare.panes)


@needs_shipped_guide
def test_try_it_now_with_the_shipped_guide_gives_two_answers(qtbot, open_nibble, monkeypatch):
    monkeypatch.undo()
    library = library_of(open_nibble())
    library.body.first.guide.begin.click()
    compare = await_compare(qtbot, library)
    qtbot.keyClick(compare.composer.box, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not jobs.running(), timeout=PATIENCE_MS)
    assert all(pane.turn.text.strip() for pane in compare.panes)


def await_compare(qtbot, library: LibraryPage) -> ComparePage:
    qtbot.waitUntil(lambda: not library.isVisible(), timeout=PATIENCE_MS)
    compare = compare_of(library.window())
    qtbot.waitUntil(lambda: not jobs.running(), timeout=PATIENCE_MS)
    return compare


def test_try_it_now_where_both_are_made_goes_straight_to_compare(qtbot, open_nibble, put_guide, monkeypatch):
    put_guide("BF16", *GUIDE_QUANTIZATIONS)
    library = library_of(open_nibble())
    assert not library.body.is_first_start

    def never(*arguments: object) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr(app.convert, "quantize", never)
    library.try_guide()
    assert len(await_compare(qtbot, library).panes) == 2


def test_question_takes_the_place_of_what_was_typed_and_of_earlier_answers(qtbot, open_nibble, put_guide):
    put_guide("BF16", *GUIDE_QUANTIZATIONS)
    window = open_nibble()
    activate(qtbot, window)
    compare = window.show_page("compare")
    settle(qtbot)
    compare.composer.max_tokens.setValue(4)
    compare.send("Something else")
    settle(qtbot)
    compare.composer.set_prompt("Half a thought")
    library_of(window).try_guide()
    qtbot.waitUntil(compare.isVisible, timeout=PATIENCE_MS)
    settle(qtbot)
    assert compare.composer.box.toPlainText() == FIRST_QUESTION
    assert compare.composer.box.hasFocus()


def test_while_it_is_made_the_card_shows_how_far_it_is_with_the_focus_on_cancel(qtbot, library, monkeypatch):
    offer = library.body.first.guide
    height = offer.height()
    go_on = begin_making(qtbot, library, monkeypatch)
    assert offer.is_busy
    assert not offer.begin.isVisible()
    assert offer.lines.isVisible()
    assert offer.cancel.hasFocus()
    assert offer.height() == height
    assert not library.trial.card.isVisible()
    go_on.set()
    await_compare(qtbot, library)


def test_first_start_stays_while_the_parts_of_the_guide_appear(qtbot, library, monkeypatch):
    go_on = begin_making(qtbot, library, monkeypatch)
    library.rescan()
    qtbot.waitUntil(lambda: library._scan_job is None, timeout=PATIENCE_MS)
    assert len(library.rows) == 2  # BF16 and Q8_0
    assert library.body.is_first_start
    assert not library.filter_bar.isVisible()
    assert library.body.first.guide.cancel.hasFocus()
    go_on.set()
    await_compare(qtbot, library)


def test_cancel_before_anything_is_made_leaves_the_first_start_as_it_was(qtbot, library, monkeypatch):
    offer = library.body.first.guide
    with_no_end(monkeypatch, "app.convert.checkpoint.convert_checkpoint")
    offer.begin.click()
    qtbot.mouseClick(offer.cancel, Qt.MouseButton.LeftButton)
    settle(qtbot)
    assert library.body.is_first_start
    assert not offer.is_busy
    assert offer.begin.isVisible()
    assert offer.begin.hasFocus()
    assert library.notices.bars() == []


def test_cancel_while_making_lists_what_is_made_and_the_offer_with_the_focus(
    qtbot, library, folder, monkeypatch
):
    begin_making(qtbot, library, monkeypatch)
    qtbot.mouseClick(library.body.first.guide.cancel, Qt.MouseButton.LeftButton)
    settle(qtbot)
    assert not library.body.is_first_start
    assert [row.quantization for row in rows_of(library) if not row.can_try] == ["BF16", "Q8_0"]
    assert library.filter_bar.isVisible()
    assert rows_of(library)[-1].can_try
    assert library.list.hasFocus()
    assert library.notices.bars() == []
    assert not guide_file(folder, "Q4_0").exists()


def test_trying_again_right_after_cancel_goes_on_as_soon_as_the_cancelled_job_has_ended(
    qtbot, library, monkeypatch
):
    go_on = begin_making(qtbot, library, monkeypatch)
    library.trial.cancel()
    library.try_guide()
    assert library.trial.running
    go_on.set()
    assert len(await_compare(qtbot, library).panes) == 2


def test_trial_goes_on_where_it_was_cancelled(qtbot, library, monkeypatch):
    begin_making(qtbot, library, monkeypatch)
    library.trial.cancel()
    settle(qtbot)
    monkeypatch.undo()
    monkeypatch.setattr(resources, "guide_checkpoint", lambda: Path("nowhere"))  # BF16 is all it needs
    library.try_guide()
    assert len(await_compare(qtbot, library).panes) == 2


def test_who_went_to_another_page_meanwhile_is_told_and_not_called_away(qtbot, library, monkeypatch):
    go_on = begin_making(qtbot, library, monkeypatch)
    window = library.window()
    settings = window.show_page("settings")
    go_on.set()
    settle(qtbot)
    assert settings.isVisible()
    window.show_page("library")
    (bar,) = library.notices.bars()
    bar.findChildren(QPushButton)[0].click()
    assert compare_of(window)
    settle(qtbot)


def test_closing_the_window_while_it_is_made_asks_nothing(qtbot, library, monkeypatch):
    begin_making(qtbot, library, monkeypatch)
    assert library.window().close()


def test_progress_of_the_trial_is_one_bar_that_never_runs_backwards(qtbot, library):
    seen: list[Progress] = []
    library.trial._maker.progressed.connect(seen.append)
    library.body.first.guide.begin.click()
    await_compare(qtbot, library)
    fractions = [progress.fraction for progress in seen]
    assert None not in fractions
    assert fractions == sorted(fractions)
    last_of = {progress.stage: progress.fraction for progress in seen}
    assert last_of["Making Q8_0"] <= 2 / 3 < last_of["Making Q4_0"]


def test_disk_full_while_making_shows_why_on_the_card_and_trying_again_works(qtbot, library, monkeypatch):
    def full(*arguments: object) -> None:
        raise DiskFull("The disk ran full.", "Free some space, then try again.", ("last words",))

    with monkeypatch.context() as broken:
        broken.setattr(app.convert, "quantize", full)
        library.body.first.guide.begin.click()
        qtbot.waitUntil(lambda: not jobs.running(), timeout=PATIENCE_MS)
    assert library.body.is_first_start
    card = library.body.first.guide.fault_card
    qtbot.waitUntil(card.isVisible)
    assert str(card.fault) == "The disk ran full. Free some space, then try again."
    assert library.rows
    assert not library.filter_bar.isVisible()  # there is a list to filter only behind it
    assert not library.body.first.guide.begin.isVisible()
    assert library.notices.bars() == []
    (again,) = card.buttons
    assert again.text() == "Try again"
    assert again.hasFocus()
    again.click()
    assert not card.isVisible()
    assert len(await_compare(qtbot, library).panes) == 2


# The installation's files damaged or missing


def lose_everything(checkpoint: Path) -> None:
    shutil.rmtree(checkpoint)


def lose_the_tokenizer(checkpoint: Path) -> None:
    (checkpoint / "tokenizer.model").unlink()


def cut_the_weights(checkpoint: Path) -> None:
    weights = checkpoint / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])


@pytest.fixture
def damage(guide_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def damage_it(how: Callable[[Path], None]) -> None:
        copy = Path(shutil.copytree(guide_checkpoint, tmp_path / "damaged"))
        how(copy)
        monkeypatch.setattr(resources, "guide_checkpoint", lambda: copy)

    return damage_it


@pytest.mark.parametrize(
    "how", [lose_everything, lose_the_tokenizer, cut_the_weights], ids=lambda how: how.__name__
)
def test_damaged_guide_leaves_the_other_way_and_one_sentence_in_its_place(qtbot, open_nibble, damage, how):
    damage(how)
    library = library_of(open_nibble())
    activate(qtbot, library.window())
    first = library.body.first
    assert library.body.is_first_start
    assert visible_texts(first) == {"Find a model", "Add folder…", "Open models folder"}
    assert first.elsewhere.begin.hasFocus()
    assert first.no_guide.isVisible()
    assert "damaged or missing" in first.no_guide.text()
    assert "Install Nibble again" in first.no_guide.text()
    assert library.window().notices.bars() == library.notices.bars() == []


def test_damaged_guide_is_the_last_row_and_nothing_else_is_affected(qtbot, open_nibble, folder, damage):
    damage(lose_everything)
    write_tiny_model(folder.models / "one.gguf", type="f16", name="One")
    write_tiny_model(folder.models / "two.gguf", type="f32", name="Two")
    window = open_nibble()
    *own, last = rows_of(library_of(window))
    assert [row.title for row in own] == ["One", "Two"]
    assert "damaged or missing" in last.fault.message
    assert library_of(window).list.buttons_of(last) == ()
    compare = window.show_page("compare")
    settle(qtbot)
    assert len(compare.panes) == 2
    chat = window.show_page("chat")
    settle(qtbot)
    assert [choice.name for choice in chat.known.choices] == ["One", "Two"]


def test_damaged_guide_is_offered_nowhere(qtbot, open_nibble, damage):
    damage(lose_everything)
    window = open_nibble()
    compare = window.show_page("compare")
    settle(qtbot)
    assert visible_texts(compare) == {"Go to the library"}
    chat = window.show_page("chat")
    settle(qtbot)
    assert chat.state is chat.no_models


def test_guide_that_was_made_before_is_listed_though_its_checkpoint_is_gone(open_nibble, put_guide, damage):
    damage(lose_everything)
    put_guide("BF16", *GUIDE_QUANTIZATIONS)
    rows = rows_of(library_of(open_nibble()))
    assert len(rows) == 3
    assert all(row.built_in and row.can_chat and row.fault is None for row in rows)


def test_damage_that_shows_only_while_making_is_told_without_trying_again(qtbot, open_nibble, damage):
    def flip_a_bit(checkpoint: Path) -> None:
        weights = checkpoint / "model.safetensors"
        content = bytearray(weights.read_bytes())
        content[-1] ^= 1
        weights.write_bytes(content)

    damage(flip_a_bit)
    library = library_of(open_nibble())
    library.body.first.guide.begin.click()
    settle(qtbot)
    card = library.body.first.guide.fault_card
    assert "damaged or missing" in card.fault.message
    assert card.buttons == []


# Finding a model


def test_find_a_model_leads_to_the_search_in_discover(library):
    library.body.first.elsewhere.begin.click()
    (discover,) = library.window().findChildren(DiscoverPage)
    assert discover.isVisible()
    assert discover.header.search.hasFocus()


def test_where_no_browser_opens_the_address_can_be_copied(qtbot, library, monkeypatch):
    monkeypatch.setattr("app.ui.links.QDesktopServices.openUrl", lambda url: False)
    ask_to_open(library.notices, ADDRESS, "Open it?")
    library.notices.bars()[0].findChildren(QPushButton)[0].click()
    qtbot.waitUntil(lambda: bool(library.notices.bars()))
    (bar,) = library.notices.bars()
    assert "No browser" in bar.sentence
    bar.findChildren(QPushButton)[0].click()
    assert QGuiApplication.clipboard().text() == ADDRESS


def test_long_address_is_shown_by_its_beginning():
    assert (
        shortened("https://example.org/" + "x" * 200)
        == "https://example.org/" + "x" * (LONGEST_ADDRESS - 21) + "…"
    )
    assert shortened(ADDRESS) == ADDRESS


def test_find_a_model_is_in_the_header_once_there_are_models(open_nibble, folder):
    write_tiny_model(folder.models / "one.gguf", name="One")
    library = library_of(open_nibble())
    (find,) = [each for each in library.header.findChildren(QPushButton) if each.text() == "Find a model"]
    assert find.isVisible()
    find.click()
    (discover,) = library.window().findChildren(DiscoverPage)
    assert discover.isVisible()


# In the library


def test_guide_is_listed_last_and_marked_before_it_is_made_whatever_the_order(qtbot, open_nibble, folder):
    write_tiny_model(folder.models / "a.gguf", name="A")
    write_tiny_model(folder.models / "z.gguf", name="Z", type="f16")
    (folder.models / "broken.gguf").write_bytes(b"not a model at all, but long enough to be read")
    library = library_of(open_nibble())
    for column in (Column.MODEL, Column.QUANTIZATION, Column.SIZE):
        for order in Qt.SortOrder:
            library.list.sortByColumn(column, order)
            *own, broken, last = rows_of(library)
            assert sorted(row.title for row in own) == ["A", "Z"]
            assert broken.title == "broken"
            assert last.title == guide.name()
            assert last.can_try
    index = library.list.model().index(3, 0)
    assert index.data(Qt.ItemDataRole.ToolTipRole).startswith(
        "Nibble guide: Built in\nNibble's own tiny model"
    )
    spoken = index.data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken.startswith("Nibble guide, Built in, made at first use")


def test_made_guide_is_listed_last_with_what_any_model_has(open_nibble, folder, put_guide):
    put_guide("BF16", *GUIDE_QUANTIZATIONS)
    write_tiny_model(folder.models / "z.gguf", name="Z")
    library = library_of(open_nibble())
    own, *built_in = rows_of(library)
    assert own.title == "Z"
    assert {row.quantization for row in built_in} == {"BF16", *GUIDE_QUANTIZATIONS}
    assert all(row.built_in and row.can_chat and row.can_quantize for row in built_in)
    assert "Built in" in library.list.model().index(1, 0).data(Qt.ItemDataRole.AccessibleTextRole)


def test_filter_finds_the_guide_by_its_mark(qtbot, open_nibble, folder):
    write_tiny_model(folder.models / "one.gguf", name="One")
    library = library_of(open_nibble())
    library.search.setText("built in")
    assert [row.title for row in rows_of(library)] == [guide.name()]


def test_enter_on_the_row_of_the_guide_makes_it_and_its_progress_is_above_the_list(
    qtbot, open_nibble, folder, monkeypatch
):
    write_tiny_model(folder.models / "one.gguf", name="One")
    library = library_of(open_nibble())
    library.show_row(folder.guide)
    assert library.list.current_row().can_try
    with monkeypatch.context() as slow:
        slow.setattr(library, "try_guide", lambda: None)
        qtbot.keyClick(library.list, Qt.Key.Key_Return)
    go_on = begin_making(qtbot, library, monkeypatch)
    assert library.trial.card.isVisible()
    go_on.set()
    compare = await_compare(qtbot, library)
    assert [pane.entry.quantization for pane in compare.panes] == ["Q8_0", "Q4_0"]


def test_click_on_the_row_of_the_guide_asks_for_it(qtbot, open_nibble, folder):
    write_tiny_model(folder.models / "one.gguf", name="One")
    library = library_of(open_nibble())
    index = library.list.model().index(1, 0)
    for place in (
        library.list.visualRect(index).center(),
        library.list.button_rect(index, RowAction.TRY).center(),
    ):
        with qtbot.waitSignal(library.list.try_asked):
            qtbot.mouseClick(library.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    settle(qtbot)


def test_failure_beside_other_models_is_a_message_with_trying_again(qtbot, open_nibble, folder, monkeypatch):
    def full(*arguments: object) -> None:
        raise DiskFull("The disk ran full.", "Free some space.")

    write_tiny_model(folder.models / "one.gguf", name="One")
    library = library_of(open_nibble())
    monkeypatch.setattr(app.convert, "quantize", full)
    library.try_guide()
    settle(qtbot)
    (bar,) = library.notices.bars()
    assert "The disk ran full." in bar.sentence
    assert [each.text() for each in bar.findChildren(QPushButton)] == ["Try again"]
    assert not library.trial.card.isVisible()


@pytest.mark.parametrize("made", [(), ("BF16", "Q8_0", "Q4_0")])
def test_any_type_is_made_of_the_guide_made_or_not(qtbot, open_nibble, folder, put_guide, made):
    put_guide(*made)
    write_tiny_model(folder.models / "one.gguf", name="One")
    library = library_of(open_nibble())
    row = rows_of(library)[-1]
    library.making.start(row, MakeOrder(("Q4_K_M",)))
    qtbot.waitUntil(lambda: not jobs.running(), timeout=PATIENCE_MS)
    current = library.list.current_row()
    assert current.path == guide_file(folder, "Q4_K_M")
    assert current.quantization == "Q4_K_M"
    assert current.built_in
    assert list(folder.models.iterdir()) == [folder.models / "one.gguf"]


@pytest.mark.parametrize("made", [(), ("BF16", "Q8_0", "Q4_0")])
def test_menu_of_the_guide_deletes_nothing(qtbot, open_nibble, folder, put_guide, made):
    put_guide(*made)
    write_tiny_model(folder.models / "one.gguf", name="One")
    library = library_of(open_nibble())
    library.list.menu_asked.emit(rows_of(library)[-1], library.mapToGlobal(library.rect().center()))
    (menu,) = [
        each for each in QApplication.topLevelWidgets() if isinstance(each, QMenu) and each.isVisible()
    ]
    texts = [action.text().split("\t")[0] for action in menu.actions() if not action.isSeparator()]
    sizes = [action.text().split("\t")[1] for action in menu.actions() if "\t" in action.text()]
    menu.close()
    assert not any(" 0 B" in size for size in sizes)
    if made:
        assert texts[:2] == ["Chat", "Choose for comparing"]
        assert texts[-2:] == ["Show in folder", "Copy path"]
    else:
        assert texts == [
            OFFER,
            "Make Q4_K_M",
            "Make Q8_0",
            "Other types",
            "Several, calibrated, elsewhere…",
        ]
    assert not any("elete" in text or "emove" in text for text in texts)


@pytest.mark.parametrize("made", [["BF16"], ["BF16", "Q8_0"]])
def test_any_file_of_the_guide_is_listed_and_beside_it_the_offer_as_long_as_the_pair_is_not_whole(
    open_nibble, put_guide, made
):
    put_guide(*made)
    library = library_of(open_nibble())
    assert not library.body.is_first_start
    *there, offer = rows_of(library)
    assert {row.quantization for row in there} == set(made)
    assert all(row.can_chat for row in there)
    assert offer.can_try
    assert offer.subtitle == "Q8_0 beside Q4_0, made in seconds"
