"""Make it here, with all there is to choose: types, a text to calibrate with, a folder; and what that takes."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu

from app.convert.made import making_of
from app.gguf import read_facts
from app.storage import DataFolder
from app.ui.making import Checkpoint
from app.ui.pages.library import LibraryPage
from app.ui.pages.make_panel import MakePanel
from tests.helpers.conversations import new_conversation
from tests.helpers.tiny_checkpoint import write_tiny_checkpoint
from tests.ui.conftest import settle
from tests.ui.test_library_result import row_of
from tests.ui.test_make_here import choose, words
from tests.unit.convert.checkpoint.test_quantized import CASES, write

PATIENCE_MS = 60_000
TEXT = "The quick brown fox jumps over the lazy dog. " * 400


@pytest.fixture
def panel(qtbot, library: LibraryPage) -> MakePanel:
    """Of the F16 model."""
    library.show_making(row_of(library, "half.gguf"))
    settle(qtbot)
    return library.side.making


def check_only(panel: MakePanel, *names: str) -> None:
    for each in panel.types.chosen:
        panel.types.choose(each.kind.name, False)
    panel.all_types.setChecked(True)
    for name in names:
        panel.types.choose(name)


def order(qtbot, page: LibraryPage, panel: MakePanel) -> None:
    settle(qtbot)
    assert panel.make_button.isEnabled(), panel.problem.text()
    panel.make_button.click()
    assert not panel.isVisible()
    qtbot.waitUntil(lambda: not page.making.cards, timeout=PATIENCE_MS)
    settle(qtbot)


def test_several_types_are_made_in_one_go(qtbot, library, panel, folder: DataFolder):
    check_only(panel, "Q8_0", "Q4_K_M")
    assert panel.make_button.text() == "Make 2 files"
    predicted = {each.kind.name: each.file_bytes for each in panel.types.chosen}
    order(qtbot, library, panel)
    for name, size in predicted.items():
        facts = read_facts(folder.models / f"half-{name}.gguf")
        assert facts.quantization == name
        assert facts.file_bytes == size
    assert "Q8_0, Q4_K_M of Half are ready." in words(library.notices)


def test_one_is_chosen_already_with_the_reason(panel: MakePanel):
    (chosen,) = panel.types.chosen
    assert chosen.is_recommended
    assert panel.make_button.text() == f"Make {chosen.kind.name}"
    assert f"{chosen.kind.name} runs on the processor" in words(panel)
    assert "on the disk, which has" in panel.costs.text()
    assert "memory while it works" in panel.costs.text()


def test_what_is_never_needed_is_shown_when_asked_for(panel: MakePanel):
    assert "Q5_1" not in panel.types.listed
    panel.all_types.click()
    assert "Q5_1" in panel.types.listed
    assert "F16" not in panel.types.listed  # which it is


def test_without_any_type_nothing_can_be_made(panel: MakePanel):
    check_only(panel)
    assert not panel.make_button.isEnabled()
    assert "Choose at least one type." in panel.costs.text()


def test_smallest_types_want_a_text(qtbot, library, panel, folder, tmp_path):
    check_only(panel, "IQ2_M")
    settle(qtbot)
    assert not panel.make_button.isEnabled()
    assert "IQ2_M needs a text to calibrate with." in panel.problem.text()
    panel.calibration.choose("file")
    assert "Choose the text" in panel.problem.text()
    text = tmp_path / "fox.txt"
    text.write_text(TEXT)
    panel.calibration.choose_file(text)
    order(qtbot, library, panel)
    path = folder.models / "half-IQ2_M.gguf"
    assert read_facts(path).quantization == "IQ2_M"
    making = making_of(folder.database, path)
    assert making is not None
    assert making.calibrated_with == "fox.txt"


def test_a_type_from_the_menu_that_needs_a_text_gets_the_mixed_one(qtbot, library):
    library.show_row(row_of(library, "half.gguf").path)
    library._open_make_menu_at_row(row_of(library, "half.gguf"))
    (menu,) = [each for each in library.findChildren(QMenu) if each.isVisible()]
    choose(menu, "IQ2_XS")
    settle(qtbot)
    panel = library.side.making
    assert [each.kind.name for each in panel.types.chosen] == ["IQ2_XS"]
    assert panel.calibration.kind == "mixed"
    assert panel.make_button.isEnabled()


def test_conversations_are_a_text(qtbot, library, panel, folder):
    store = library._services.conversations
    new_conversation(store, folder.models / "half.gguf", TEXT)
    panel.calibration.choose("conversations")
    settle(qtbot)
    assert "Choose the text" in panel.problem.text()
    panel.calibration.conversations.item(0).setCheckState(Qt.CheckState.Checked)
    assert abs(panel.calibration.tokens - len(TEXT) // 4) < 2
    check_only(panel, "Q4_0")
    order(qtbot, library, panel)
    making = making_of(folder.database, folder.models / "half-Q4_0.gguf")
    assert making is not None
    assert making.calibrated_with == "1 conversation"


def test_another_source_begins_without_a_text(qtbot, library, panel):
    panel.calibration.choose("mixed")
    library.show_making(row_of(library, "full.gguf"))
    settle(qtbot)
    assert panel.calibration.kind == "none"


def test_without_conversations_it_says_so(qtbot, panel):
    panel.calibration.choose("conversations")
    settle(qtbot)
    assert "There are no conversations yet." in words(panel)


def test_another_folder_is_listed_afterwards(qtbot, library, panel, tmp_path):
    panel.choose_folder(tmp_path / "elsewhere")
    check_only(panel, "Q8_0")
    order(qtbot, library, panel)
    assert (tmp_path / "elsewhere" / "half-Q8_0.gguf").exists()
    assert any(row.path.parent.name == "elsewhere" for row in library.rows)


def test_too_little_room_is_told_before(qtbot, panel, monkeypatch):
    monkeypatch.setattr("app.ui.pages.make_panel._free_bytes", lambda folder: 1000)
    check_only(panel, "Q8_0")
    settle(qtbot)
    assert "There is not enough room" in panel.problem.text()
    assert not panel.make_button.isEnabled()


def test_a_checkpoint_that_is_dropped_is_asked_about(qtbot, library, tmp_path):
    config, weights, _ = CASES["gptq"]
    write(tmp_path / "Nova-GPTQ", {"group_size": 64, **config}, weights)
    library.window().open_paths([tmp_path / "Nova-GPTQ"])
    settle(qtbot)
    panel = library.side.making
    assert panel.isVisible()
    assert "GPTQ, 4 bits" in words(panel)
    assert "Q4_0 holds the same integers" in words(panel)
    assert [each.kind.name for each in panel.types.chosen] == ["Q4_0"]
    order(qtbot, library, panel)
    path = tmp_path / "Nova-GPTQ" / "Nova-GPTQ-Q4_0.gguf"
    assert row_of(library, path.name).quantization == "Q4_0"
    making = making_of(library._services.folder.database, path)
    assert making is not None
    assert making.rounding == "kept"


def test_a_checkpoint_among_the_folders_is_made_something_of_again(qtbot, library, tmp_path):
    library.add_paths([write_tiny_checkpoint(tmp_path / "Nova")])
    settle(qtbot)
    panel = library.side.making
    panel.closed.emit()
    texts = {each.text(): each for each in library.filter_bar.folder_menu.actions()}
    texts["Make a model of Nova…"].trigger()
    settle(qtbot)
    assert panel.isVisible()
    assert "Nova" in words(panel)


def test_a_checkpoint_nobody_can_convert_says_why(qtbot, library, tmp_path):
    folder = write_tiny_checkpoint(tmp_path / "Nova")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    library.show_making(Checkpoint("Nova", folder))
    settle(qtbot)
    assert "pickled" in words(library.side.making)
    assert not library.side.making.make_button.isEnabled()


def test_keys_choose_and_order(qtbot, library, panel):
    check_only(panel, "Q8_0")
    settle(qtbot)
    item = panel.types.findItems("Q4_0", Qt.MatchFlag.MatchExactly)[0]
    panel.types.setCurrentItem(item)
    QTest.keyClick(panel.types, Qt.Key.Key_Space)
    assert [each.kind.name for each in panel.types.chosen] == ["Q8_0", "Q4_0"]
    settle(qtbot)
    with qtbot.waitSignal(panel.ordered) as asked:
        QTest.keyClick(panel.make_button, Qt.Key.Key_Return)
    assert asked.args[0].types == ("Q8_0", "Q4_0")
    qtbot.waitUntil(lambda: not library.making.cards, timeout=PATIENCE_MS)


def test_escape_leaves_without_making_anything(qtbot, library, panel):
    QTest.keyClick(panel.types, Qt.Key.Key_Escape)
    assert not panel.isVisible()
    assert not library.making.cards
