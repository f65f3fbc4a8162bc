"""What the window tells of a model that was made here: of what, how it was rounded, and what that cost each tensor."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from app.convert import tensor_errors
from app.convert.made import making_of
from app.convert.tensor_errors import measure_errors
from app.core.jobs import CancelToken, JobControl
from app.storage import DataFolder
from app.ui.make_order import MakeOrder
from app.ui.making import Checkpoint
from app.ui.pages.library import LibraryPage
from app.ui.pages.library_result import ResultView
from app.ui.pages.library_result_table import TensorColumn
from app.ui.pages.library_rows import Row
from tests.helpers.tiny_checkpoint import write_tiny_checkpoint
from tests.ui.conftest import settle
from tests.ui.test_make_here import buttons, words

PATIENCE_MS = 60_000


def row_of(page: LibraryPage, name: str) -> Row:
    return next(row for row in page.rows if row.path.name == name)


def make(qtbot, page: LibraryPage, source: Row | Checkpoint, type: str) -> None:
    page.making.start(source, MakeOrder((type,)))
    qtbot.waitUntil(lambda: not page.making.cards, timeout=PATIENCE_MS)
    settle(qtbot)


def facts_of(view: ResultView) -> str:
    return " | ".join(told.replace("  ", " ") for told in words(view.facts).split("\n"))


@pytest.fixture
def made(qtbot, library: LibraryPage) -> LibraryPage:
    """With `half-Q4_0.gguf`, made a moment ago of `half.gguf`."""
    make(qtbot, library, row_of(library, "half.gguf"), "Q4_0")
    return library


@pytest.fixture
def view(qtbot, made: LibraryPage) -> ResultView:
    buttons(made.notices)["What it cost"].click()
    settle(qtbot)
    return made.side.result


def test_the_result_tells_of_what_it_was_made_and_what_that_cost(view: ResultView, folder: DataFolder):
    told = facts_of(view)
    assert "half.gguf (F16)" in told
    assert "Rounding once" in told
    assert "Calibrated with nothing" in told
    control = JobControl(CancelToken(), lambda event: None)
    expected = measure_errors(folder.models / "half-Q4_0.gguf", folder.models / "half.gguf", control)
    assert view.table.shown == expected.worst_first
    assert expected.relative is not None
    assert f"{100 * expected.relative:.2f} %" in told


def test_it_is_kept_and_opened_again_from_the_details(qtbot, view, made, folder, monkeypatch):
    shown = view.table.shown
    view.closed.emit()
    assert not made.side.isVisible()
    monkeypatch.setattr(tensor_errors, "measure_errors", None)  # nothing is compared twice
    made.show_details(row_of(made, "half-Q4_0.gguf"))
    settle(qtbot)
    overview = made.details.overview
    assert "Of half.gguf (F16), rounded once. Error of the weights:" in words(overview)
    buttons(overview)["What it cost"].click()
    settle(qtbot)
    assert view.isVisible()
    assert view.table.shown == shown


def test_models_that_were_not_made_here_have_no_result(qtbot, made):
    made.show_details(row_of(made, "half.gguf"))
    settle(qtbot)
    assert not made.details.overview.result_button.isVisible()


def test_columns_sort_and_the_plot_marks_what_the_table_has(qtbot, view: ResultView):
    view.table.sortByColumn(TensorColumn.NAME, Qt.SortOrder.AscendingOrder)
    names = [tensor.name for tensor in view.table.shown]
    assert names.index("blk.0.ffn_up.weight") < names.index("blk.1.attn_k.weight")
    view.table.sortByColumn(TensorColumn.SIZE, Qt.SortOrder.DescendingOrder)
    sizes = [tensor.size_bytes for tensor in view.table.shown]
    assert sizes == sorted(sizes, reverse=True)
    place = view.plot.place_of("blk.1.ffn_down.weight")
    assert place is not None
    QTest.mouseClick(view.plot, Qt.MouseButton.LeftButton, pos=place.toPoint())
    current = view.table.currentIndex().siblingAtColumn(0)
    assert current.data() == "blk.1.ffn_down.weight"
    assert view.plot.place_of("blk.1.attn_norm.weight") is None  # vectors are not quantized


def test_higher_marks_are_larger_errors(view: ResultView):
    matrices = [each for each in view.table.shown if len(each.shape) > 1]
    heights = [view.plot.place_of(each.name) for each in matrices]
    rising = [place.y() for place in heights if place is not None]
    assert len(rising) == len(matrices)
    assert rising == sorted(rising)


def test_the_table_is_copied_as_text(view: ResultView):
    view.copy_button.click()
    header, first, *_ = QGuiApplication.clipboard().text().splitlines()
    assert header.split("\t") == ["Tensor", "Type", "Bits", "Size", "Largest", "Error"]
    assert first.split("\t")[0] == view.table.shown[0].name


def test_compare_opens_with_the_original(qtbot, view, made, folder):
    with qtbot.waitSignal(made.compare_requested) as asked:
        buttons(view)["Compare with the original"].click()
    assert asked.args == [[folder.models / "half.gguf", folder.models / "half-Q4_0.gguf"]]


def test_of_a_checkpoint_the_original_is_made_first(qtbot, library: LibraryPage, folder: DataFolder):
    checkpoint = write_tiny_checkpoint(folder.models / "Nova")
    make(qtbot, library, Checkpoint("Nova", checkpoint), "Q8_0")
    library.show_result(row_of(library, "Nova-Q8_0.gguf"))
    settle(qtbot)
    view = library.side.result
    assert "Nova (BF16)" in facts_of(view)
    buttons(view)["Make BF16 to compare"].click()
    qtbot.waitUntil(lambda: "Compare with the original" in buttons(view), timeout=PATIENCE_MS)
    settle(qtbot)
    with qtbot.waitSignal(library.compare_requested) as asked:
        buttons(view)["Compare with the original"].click()
    assert asked.args == [[checkpoint / "Nova-BF16.gguf", checkpoint / "Nova-Q8_0.gguf"]]


def test_comparing_the_weights_is_cancelled_and_begun_again(qtbot, made, folder, monkeypatch):
    begun, real = threading.Event(), tensor_errors.measure_errors

    def endless(made: Path, source: Path, control: JobControl) -> None:
        control.progress("Comparing the weights", 1, 2, "weights")
        begun.set()
        while True:
            control.cancel.raise_if_cancelled()

    monkeypatch.setattr(tensor_errors, "measure_errors", endless)
    made.show_result(row_of(made, "half-Q4_0.gguf"))
    view = made.side.result
    qtbot.waitUntil(lambda: begun.is_set() and view.cancel.isVisible(), timeout=PATIENCE_MS)
    view.cancel.click()
    settle(qtbot)
    assert "have not been compared" in words(view)
    making = making_of(folder.database, folder.models / "half-Q4_0.gguf")
    assert making is not None
    assert making.errors is None
    made.rescan()
    settle(qtbot)
    assert "have not been compared" in words(view)  # a look at the library begins nothing
    monkeypatch.setattr(tensor_errors, "measure_errors", real)
    buttons(view)["Compare the weights"].click()
    settle(qtbot)
    assert view.table.shown


def test_without_its_source_the_rest_is_told(qtbot, made, folder):
    (folder.models / "half.gguf").unlink()
    made.show_result(row_of(made, "half-Q4_0.gguf"))
    settle(qtbot)
    view = made.side.result
    assert "is not there any more" in words(view)
    assert "Rounding once" in facts_of(view)
    assert not buttons(view)["Compare with the original"].isEnabled()


def test_escape_leads_back_to_the_list(qtbot, view, made):
    QTest.keyClick(view.table, Qt.Key.Key_Escape)
    assert not view.isVisible()
    assert made.list.isVisible()
