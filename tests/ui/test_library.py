import os

import pytest
from PySide6.QtCore import QCoreApplication, Qt, QTimer
from PySide6.QtWidgets import QApplication, QMenu, QMessageBox, QPushButton

from app.core.errors import DiskFull
from app.core.jobs import Progress
from app.ui.fit_words import context_name
from app.ui.make_order import MakeOrder
from app.ui.notice import Kind
from app.ui.pages.library_list import NAME_PX, RowAction
from app.ui.pages.library_making import describe_progress, fill_make_menu
from app.ui.pages.library_rows import Column
from app.ui.table_rows import ROW_ROLE
from tests.helpers.tiny_gguf import write_tiny_model
from tests.ui.conftest import settle


def test_models_are_listed_with_their_numbers(library):
    assert shown(library) == ["Full", "Half"]
    half = row_index(library, "Half")
    cells = [half.sibling(half.row(), column).data() for column in Column]
    assert cells[:2] == ["Half", "F16"]
    assert cells[3].endswith("MB")
    assert cells[4] == "512"
    assert " bytes" in half.sibling(half.row(), Column.SIZE).data(Qt.ItemDataRole.ToolTipRole)


def test_the_chat_button_of_a_row_asks_for_a_chat_with_that_model(qtbot, library, folder):
    with qtbot.waitSignal(library.chat_requested) as asked:
        press(qtbot, library, "Half", RowAction.CHAT)
    assert asked.args == [folder.models / "half.gguf"]


def test_enter_on_a_row_asks_for_a_chat(qtbot, library, folder):
    library.show_row(folder.models / "full.gguf")
    with qtbot.waitSignal(library.chat_requested) as asked:
        qtbot.keyClick(library.list, Qt.Key.Key_Return)
    assert asked.args == [folder.models / "full.gguf"]


def test_two_models_chosen_by_their_buttons_are_compared(qtbot, library, folder):
    for title in ("Full", "Half"):
        press(qtbot, library, title, RowAction.COMPARE)
    assert library.tray.isVisible()
    compare = next(each for each in library.tray.findChildren(QPushButton) if each.text() == "Compare")
    with qtbot.waitSignal(library.compare_requested) as asked:
        compare.click()
    assert asked.args == [[folder.models / "full.gguf", folder.models / "half.gguf"]]


def test_one_model_alone_cannot_be_compared(qtbot, library):
    press(qtbot, library, "Full", RowAction.COMPARE)
    compare = next(each for each in library.tray.findChildren(QPushButton) if each.text() == "Compare")
    assert not compare.isEnabled()
    press(qtbot, library, "Full", RowAction.COMPARE)
    assert library.tray.isHidden()


def test_a_sixth_model_is_refused_with_the_reason(qtbot, open_nibble, folder):
    for number in range(6):
        write_tiny_model(folder.models / f"m{number}.gguf", name=f"M{number}")
    library = open_nibble().show_page("library")
    for number in range(6):
        press(qtbot, library, f"M{number}", RowAction.COMPARE)
    (bar,) = library.notices.bars()
    assert bar.kind is Kind.INFO
    assert "Five" in bar.sentence


def test_a_quantization_is_made_shown_and_selected(qtbot, library, folder):
    library.making.start(row_index(library, "Half").data(ROW_ROLE), MakeOrder(("Q4_K_M",)))
    assert len(library.making.cards) == 1
    settle(qtbot)
    made = folder.models / "half-Q4_K_M.gguf"
    assert made.exists()
    assert library.list.current_row().path == made
    assert library.list.current_row().quantization == "Q4_K_M"
    assert library.making.cards == ()
    (bar,) = library.notices.bars()
    assert bar.kind is Kind.GOOD


def test_a_cancelled_quantization_leaves_no_file_and_no_message(qtbot, library, folder):
    library.making.start(row_index(library, "Half").data(ROW_ROLE), MakeOrder(("Q4_K_M",)))
    library.making.cancel(library.making.cards[0])
    settle(qtbot)
    assert sorted(path.name for path in folder.models.iterdir()) == ["full.gguf", "half.gguf"]
    assert library.notices.bars() == []
    assert library.making.cards == ()


def test_a_quantization_that_waits_can_be_cancelled(qtbot, library, folder):
    row = row_index(library, "Half").data(ROW_ROLE)
    library.making.start(row, MakeOrder(("Q4_K_M",)))
    library.making.start(row, MakeOrder(("Q8_0",)))
    library.making.cancel(library.making.cards[1])
    settle(qtbot)
    assert (folder.models / "half-Q4_K_M.gguf").exists()
    assert not (folder.models / "half-Q8_0.gguf").exists()


def test_a_quantization_that_fails_says_why_and_offers_to_try_again(qtbot, library, monkeypatch):
    def full(*arguments: object, **options: object) -> None:
        raise DiskFull("The disk is full.", "Free some space.")

    monkeypatch.setattr("app.convert.quantize_several", full)
    library.making.start(row_index(library, "Half").data(ROW_ROLE), MakeOrder(("Q4_K_M",)))
    settle(qtbot)
    assert library.making.cards == ()
    (bar,) = library.notices.bars()
    assert "Half" in bar.sentence
    assert "The disk is full." in bar.sentence
    assert bar.hint == "Free some space."
    assert [each.text() for each in bar.findChildren(QPushButton)] == ["Try again"]


@pytest.mark.parametrize("leaves", [False, True])
def test_closing_the_window_over_an_unfinished_quantization_asks_first(qtbot, library, monkeypatch, leaves):
    asked: list[list[str]] = []

    def answer(window: object, lost: list[str]) -> bool:
        asked.append(lost)
        return leaves

    monkeypatch.setattr("app.ui.leaving.ask_to_leave", answer)
    library.making.start(row_index(library, "Half").data(ROW_ROLE), MakeOrder(("Q4_K_M",)))
    window = library.window()
    assert window.close() is leaves
    assert window.isVisible() is not leaves
    assert asked == [["Making Q4_K_M of Half"]]
    settle(qtbot)
    window.close()
    assert len(asked) == 1


def test_a_signal_ends_nibble_though_the_question_is_open(qtbot, library):
    library.making.start(row_index(library, "Half").data(ROW_ROLE), MakeOrder(("Q4_K_M",)))
    window = library.window()
    words: list[str] = []

    def interrupt() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        words.append(box.informativeText())
        window.leave()

    QTimer.singleShot(0, interrupt)
    window.close()
    assert words == ["Making Q4_K_M of Half"]
    assert not window.isVisible()
    settle(qtbot)


def test_the_make_menu_offers_every_type_llama_cpp_can_make(qtbot, library):
    from app.convert import QUANTIZATIONS

    menu = QMenu()
    qtbot.addWidget(menu)
    row = row_index(library, "Half").data(ROW_ROLE)
    fill_make_menu(menu, row, lambda row, order: None, lambda row, meant: None)
    first = [action.text().split("\t")[0] for action in menu.actions() if not action.isSeparator()]
    assert first == ["Make Q4_K_M", "Make Q8_0", "Other types", "Several, calibrated, elsewhere…"]
    others = {action.text().split("\t")[0] for action in menu.actions()[2].menu().actions()}
    offered = {each.removesuffix(", calibrated…") for each in others} | set(first[:2])
    assert offered == {f"Make {kind.name}" for kind in QUANTIZATIONS if kind.name != "F16"}


def test_the_make_menu_of_a_quantized_model_explains_itself(qtbot, library):
    library.making.start(row_index(library, "Half").data(ROW_ROLE), MakeOrder(("Q8_0",)))
    settle(qtbot)
    row = library.list.current_row()
    assert row.quantization == "Q8_0"
    menu = QMenu()
    qtbot.addWidget(menu)
    fill_make_menu(menu, row, lambda row, order: None, lambda row, meant: None)
    (action,) = menu.actions()
    assert not action.isEnabled()
    assert "F16" in action.text()


def test_the_menu_of_a_row_opens_by_keyboard_and_closes_with_it(qtbot, library, folder):
    library.show_row(folder.models / "half.gguf")
    library.list.menu_asked.emit(library.list.current_row(), library.mapToGlobal(library.rect().center()))
    (menu,) = [
        each for each in QApplication.topLevelWidgets() if isinstance(each, QMenu) and each.isVisible()
    ]
    texts = [action.text().split("\t")[0] for action in menu.actions() if not action.isSeparator()]
    assert texts == [
        "Chat",
        "Choose for comparing",
        "Make Q4_K_M",
        "Make Q8_0",
        "Other types",
        "Several, calibrated, elsewhere…",
        "Details",
        "Rename…",
        "Verify",
        "Show in folder",
        "Copy path",
        "Delete…",
    ]
    menu.close()


def test_the_filter_hides_what_does_not_match(library):
    library.search.setText("HALF f16")
    assert shown(library) == ["Half"]
    library.search.setText("no such model")
    assert not library.list.isVisible()
    library.search.clear()
    assert shown(library) == ["Full", "Half"]


def test_columns_sort_by_number_and_faulty_files_come_last(open_nibble, folder):
    write_tiny_model(folder.models / "small.gguf", type="f16", name="Small")
    write_tiny_model(folder.models / "large.gguf", type="f32", name="Large")
    (folder.models / "broken.gguf").write_bytes(b"not a model at all, but long enough to be read")
    library = open_nibble().show_page("library")
    assert shown(library) == ["Large", "Small", "broken"]
    library.list.sortByColumn(Column.SIZE, Qt.SortOrder.AscendingOrder)
    assert shown(library) == ["Small", "Large", "broken"]


def test_a_faulty_file_is_listed_with_its_sentence_and_cannot_be_chatted_with(qtbot, open_nibble, folder):
    (folder.models / "broken.gguf").write_bytes(b"not a model at all, but long enough to be read")
    library = open_nibble().show_page("library")
    index = row_index(library, "broken")
    assert "broken.gguf" in index.data(Qt.ItemDataRole.AccessibleTextRole)
    assert index.data(ROW_ROLE).fault.message in index.data(Qt.ItemDataRole.ToolTipRole)
    with qtbot.assertNotEmitted(library.chat_requested):
        place = library.list.visualRect(index).center()
        qtbot.mouseClick(library.list.viewport(), Qt.MouseButton.LeftButton, pos=place)


def test_a_file_deleted_while_listed_is_shown_as_gone_behind_the_others(qtbot, library, folder):
    (folder.models / "half.gguf").unlink()
    qtbot.waitUntil(lambda: shown(library) == ["Full", "half"])
    gone = row_index(library, "half").data(ROW_ROLE)
    assert gone.state == "gone"
    assert "not there any more" in gone.fault.message


def test_a_file_that_appears_is_listed_by_itself(qtbot, library, folder):
    write_tiny_model(folder.models / "new.gguf", name="New")
    qtbot.waitUntil(lambda: shown(library) == ["Full", "Half", "New"])


def test_a_file_that_is_still_being_copied_is_listed_once_it_is_whole(qtbot, open_nibble, folder, tmp_path):
    whole = write_tiny_model(tmp_path / "slow.gguf", name="Slow").read_bytes()
    inside = folder.models / "inside"
    inside.mkdir()
    (inside / "old.gguf").write_bytes(whole[:1000])
    os.utime(inside / "old.gguf", (1, 1))
    library = open_nibble().show_page("library")
    with (inside / "slow.gguf").open("wb") as file:
        file.write(whole[: len(whole) // 2])
        file.flush()
        qtbot.waitUntil(lambda: shown(library) == ["old", "slow"])
        file.write(whole[len(whole) // 2 :])
    qtbot.waitUntil(lambda: shown(library) == ["Slow", "old"], timeout=10_000)
    settle(qtbot)
    assert not library._watch._growing.isActive()


def test_a_folder_that_is_gone_is_told_and_can_be_taken_off_the_list(qtbot, open_nibble, tmp_path):
    gone = tmp_path / "unplugged"
    library = open_nibble(gone).show_page("library")
    assert shown(library) == ["unplugged"]
    bar = library.filter_bar
    assert bar.folders.isVisible()
    (remove,) = bar.folder_menu.actions()
    assert "unplugged" in remove.text()
    remove.trigger()
    settle(qtbot)
    assert library.body.is_first_start
    assert not bar.folders.isVisible()


@pytest.mark.parametrize(("tokens", "text"), [(512, "512"), (1024, "1k"), (131072, "128k"), (1000, "1,000")])
def test_context_lengths_read_as_people_write_them(tokens, text):
    assert context_name(tokens) == text


def test_progress_reads_as_a_sentence():
    progress = Progress("making Q4_K_M", 8_200_000, 14_700_000, "bytes", 1_000_000, 65)
    assert describe_progress(progress) == "Making Q4_K_M · 8.20 MB of 14.7 MB · 1.00 MB/s · 1 min 5 s left"
    weights = Progress("comparing", 3_400_000_000, 8_030_000_000, "weights")
    assert describe_progress(weights) == "Comparing · 3.4 B of 8.0 B weights"
    assert (
        describe_progress(Progress("calibrating", 3, 40, "chunks"))
        == "Calibrating · 3 of 40 parts of the text"
    )
    assert describe_progress(Progress("loading")) == "Loading"
    assert describe_progress(Progress("loading", 1, 2, "", 1, 1)) == "Loading · a few seconds left"


def shown(library):
    """The titles of the person's models, from top to bottom."""
    model = library.list.model()
    indexes = [model.index(number, 0) for number in range(model.rowCount())]
    return [index.data() for index in indexes if not index.data(ROW_ROLE).built_in]


def row_index(library, title):
    model = library.list.model()
    return next(
        model.index(number, 0) for number in range(model.rowCount()) if model.index(number, 0).data() == title
    )


def press(qtbot, library, title, action):
    place = library.list.button_rect(row_index(library, title), action).center()
    qtbot.mouseClick(library.list.viewport(), Qt.MouseButton.LeftButton, pos=place)


def test_library_lets_as_many_be_chosen_as_a_comparison_takes():
    from app.compare import MAXIMUM_PANES
    from app.ui.pages.library_compared import MOST_COMPARED

    assert MOST_COMPARED == MAXIMUM_PANES


def test_name_keeps_its_room_in_a_small_window_where_words_are_long(library, monkeypatch):
    models = library.list
    model = models.visualRect(models.model().index(0, Column.MODEL))
    assert not models.isColumnHidden(Column.CONTEXT)
    monkeypatch.setattr(models, "_column_px", lambda column: model.width() // 2)
    models.setFixedWidth(7 * (model.width() // 2) + NAME_PX - 20)
    QCoreApplication.processEvents()
    assert models.isColumnHidden(Column.CONTEXT)
    monkeypatch.undo()
    models.setFixedWidth(1200)
    QCoreApplication.processEvents()
    assert not models.isColumnHidden(Column.CONTEXT)
