"""The details of a model in the Library: what they say, and what can be done with its files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import gguf
import pytest
import send2trash
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QLabel, QPushButton, QToolButton, QWidget

from app.hardware import Accelerator, Cpu, Machine, Memory
from app.ui.notice import Kind
from app.ui.pages import library_deletion
from app.ui.pages.compare_picker import ModelPicker
from app.ui.pages.library import LibraryPage
from app.ui.pages.library_rows import Column, Row, row_at
from app.ui.reveal import reveal_command
from app.ui.window import MainWindow
from tests.helpers.other_programs import cached_file, cached_main, ollama_model
from tests.helpers.tiny_gguf import write_tiny_model
from tests.ui.conftest import settle

OpenNibble = Callable[..., MainWindow]


class Questions:
    """What is asked before something is deleted; `answers` from the first to the last, and no where there is none."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.answers: list[bool] = []

    def __call__(self, page: object, question: str, lost: str, yes: str) -> bool:
        self.asked.append((question, lost, yes))
        return self.answers.pop(0) if self.answers else False


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> Questions:
    asked = Questions()
    monkeypatch.setattr(library_deletion, "ask_to_delete", asked)
    return asked


@pytest.fixture
def bin(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What went to the system's bin, which a test must not fill."""
    thrown: list[str] = []

    def throw(path: str) -> None:
        thrown.append(Path(path).name)
        Path(path).unlink()

    monkeypatch.setattr(send2trash, "send2trash", throw)
    return thrown


def row_of(library: LibraryPage, name: str) -> Row:
    return next(row for row in library.rows if name in str(row.path))


def listed(library: LibraryPage) -> list[str]:
    """The person's models that the filter lets through, from top to bottom."""
    model = library.list.model()
    rows = [row_at(model.index(number, 0)) for number in range(model.rowCount())]
    return [row.title for row in rows if row.entry is not None]


def detail(qtbot, library: LibraryPage, name: str) -> Row:
    row = row_of(library, name)
    library.show_details(row)
    settle(qtbot)
    return row


def texts(library: LibraryPage) -> str:
    """All words of the details."""
    return "\n".join(each.text() for each in library.details.findChildren(QLabel) if not each.isHidden())


def verify(qtbot, library: LibraryPage, name: str) -> None:
    library.acts.verify(row_of(library, name))
    settle(qtbot)


# What they say


def test_a_click_on_a_row_shows_the_details_of_that_model(qtbot, library):
    index = next(
        index for number in range(2) if (index := library.list.model().index(number, 0)).data() == "Half"
    )
    place = library.list.visualRect(index).center()
    qtbot.mouseClick(library.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    settle(qtbot)
    assert library.details.isVisible()
    assert "half.gguf" in texts(library)
    assert "F16, 16." in texts(library)
    qtbot.keyClick(library.details, Qt.Key.Key_Escape)
    assert not library.details.isVisible()


def test_the_header_is_all_there_can_be_searched_and_is_copied(qtbot, library, folder):
    detail(qtbot, library, "half")
    reader = gguf.GGUFReader(folder.models / "half.gguf")
    keys = {name for name in reader.fields if not name.startswith("GGUF.")}
    tensors = {tensor.name for tensor in reader.tensors}
    table = library.details.header
    assert {fact.key for fact in table.shown} == keys | tensors
    assert {fact.key: fact.value for fact in table.shown}["llama.block_count"] == "2"
    table.search.setText("ATTN_Q")
    assert {fact.key for fact in table.shown} == {name for name in tensors if "attn_q" in name}
    table.copy()
    copied = QGuiApplication.clipboard().text().splitlines()
    assert sorted(line.split("\t")[0] for line in copied) == sorted(
        name for name in tensors if "attn_q" in name
    )
    table.search.setText("no such key")
    assert "Nothing in this header matches" in texts(library)


def test_memory_is_told_for_the_context_that_is_chosen(qtbot, open_nibble, folder):
    write_tiny_model(folder.models / "long.gguf", type="f16", context=32768)
    library = open_nibble().show_page("library")
    detail(qtbot, library, "long")
    # Keys and values of 2 layers, 2 heads of 64, in 2 bytes each, for each token.
    per_token = 2 * 2 * 2 * 64 * 2
    memory = library.details.overview.memory
    assert f"context {8192 * per_token / 1e6:.2f} MB" in texts(library)
    before = memory.fit.memory_bytes
    memory.slider.choose(32768)
    assert f"context {32768 * per_token / 1e6:.1f} MB" in texts(library)
    assert memory.fit.memory_bytes - before >= (32768 - 8192) * per_token


def pretend(monkeypatch: pytest.MonkeyPatch, machine: Machine) -> None:
    monkeypatch.setattr("app.hardware.probe", lambda: machine)
    monkeypatch.setattr("app.hardware.ask_runtime", lambda: (None, ()))
    monkeypatch.setattr("app.hardware.live.LiveMachine.read", lambda live: machine)


def computer(free_bytes: int, *accelerators: Accelerator) -> Machine:
    return Machine(Cpu("A processor", 4, 8, ("AVX2",)), Memory(16_000_000_000, free_bytes), accelerators)


def verdicts(library: LibraryPage) -> set[str]:
    model = library.list.model()
    indexes = [model.index(row, Column.VERDICT) for row in range(model.rowCount())]
    return {index.data() for index in indexes if row_at(index).entry is not None}


def test_verdicts_are_for_this_computer_and_follow_its_memory(qtbot, open_nibble, folder, monkeypatch):
    write_tiny_model(folder.models / "tiny.gguf", type="f16")
    card = Accelerator("GeForce RTX 4060", "CUDA", 8_000_000_000, 7_000_000_000)
    pretend(monkeypatch, computer(8_000_000_000, card))
    library = open_nibble().show_page("library")
    assert verdicts(library) == {"Fits the GPU"}
    full = computer(1_000_000)
    pretend(monkeypatch, full)
    library.computer.show_machine(full)
    qtbot.waitUntil(lambda: verdicts(library) == {"Too big"})


def test_a_hostile_name_from_a_file_is_one_line_of_plain_text(qtbot, open_nibble, folder):
    name = "Evil\nname\u202egnp.exe <b>\x07" + "x" * 300
    write_tiny_model(folder.models / "evil.gguf", name=name)
    library = open_nibble().show_page("library")
    row = detail(qtbot, library, "evil")
    assert row.title.isprintable()
    assert row.title.startswith("Evil name gnp.exe <b> xxx")
    assert library.details.row.title == row.title
    assert all(line.isprintable() for line in texts(library).splitlines())


def test_everything_is_in_reach_of_the_keyboard(qtbot, library, questions):
    models = library.list
    library.show_row(row_of(library, "half").path)
    qtbot.keyClick(models, Qt.Key.Key_Space)
    settle(qtbot)
    assert library.details.row.title == "Half"
    qtbot.keyClick(models, Qt.Key.Key_F2)
    assert library.details.name_field.isVisible()
    qtbot.keyClick(library.details.name_field, Qt.Key.Key_Escape)
    assert not library.details.name_field.isVisible()
    assert library.details.isVisible()
    qtbot.keyClick(models, Qt.Key.Key_Delete)
    settle(qtbot)
    assert len(questions.asked) == 1


def test_enter_on_a_file_that_cannot_be_used_says_more_and_forgets_nothing(qtbot, library, folder):
    (folder.models / "half.gguf").unlink()
    library.rescan()
    settle(qtbot)
    library.show_row(folder.models / "half.gguf")
    with qtbot.assertNotEmitted(library.chat_requested):
        qtbot.keyClick(library.list, Qt.Key.Key_Return)
    settle(qtbot)
    assert library.details.row.state == "gone"
    assert row_of(library, "half").state == "gone"


def visible_tools(part: QWidget) -> set[str]:
    return {each.accessibleName() for each in part.findChildren(QToolButton) if each.isVisible()}


def test_in_the_place_of_the_list_there_is_a_way_back_to_it(qtbot, library):
    window = library.window()
    window.resize(1280, 800)
    detail(qtbot, library, "half")
    assert "Close the details" in visible_tools(library.details)
    assert "Back to the list" not in visible_tools(library.details)
    window.resize(900, 600)
    qtbot.waitUntil(lambda: not library.list.isVisible())
    assert "Back to the list" in visible_tools(library.details)
    assert "Close the details" not in visible_tools(library.details)
    library.show_space()
    (back,) = [
        each
        for each in library.space.findChildren(QToolButton)
        if each.accessibleName() == "Back to the list" and each.isVisible()
    ]
    back.click()
    assert library.list.isVisible()


# Renaming


def rename(qtbot, library: LibraryPage, name: str) -> None:
    details = library.details
    details.begin_renaming()
    details.name_field.setText(name)
    qtbot.keyClick(details.name_field, Qt.Key.Key_Return)
    settle(qtbot)


def test_a_name_of_the_person_s_own_is_shown_and_an_empty_one_gives_back_the_model_s(qtbot, library, folder):
    detail(qtbot, library, "half")
    rename(qtbot, library, "My  poet")
    assert row_of(library, "half").title == "My poet"
    assert library.details.row.title == "My poet"
    assert sorted(path.name for path in folder.models.iterdir()) == ["full.gguf", "half.gguf"]
    library.search.setText("my poet")
    assert listed(library) == ["My poet"]
    rename(qtbot, library, "")
    assert row_of(library, "half").title == "Half"


def test_a_name_of_the_person_s_own_is_used_in_chat_and_compare_too(qtbot, library):
    detail(qtbot, library, "half")
    rename(qtbot, library, "My poet")
    chat = library.window().show_page("chat")
    settle(qtbot)
    chat.choose_model(row_of(library, "half").path)
    settle(qtbot)
    assert chat.head.model_button.text() == "My poet"
    assert "My poet" in [choice.name for choice in chat.known.choices]
    compare = library.window().show_page("compare")
    settle(qtbot)
    picker = compare.panes[0].findChild(ModelPicker)
    shown = [picker.itemText(number) for number in range(picker.count())]
    assert any(text.startswith("My poet · ") for text in shown)


@pytest.mark.parametrize(("name", "word"), [("x" * 300, "120 characters"), ("a\u202eb", "not shown")])
def test_a_name_that_cannot_be_had_is_refused_with_why_and_can_be_put_right(qtbot, library, name, word):
    detail(qtbot, library, "half")
    rename(qtbot, library, name)
    assert library.details.name_field.isVisible()
    assert library.details.name_field.text() == name
    assert word in library.details.name_fault.text()
    assert row_of(library, "half").title == "Half"


def test_a_folder_that_is_unplugged_is_out_of_reach_comes_back_and_can_be_forgotten(
    qtbot, open_nibble, tmp_path
):
    disk = tmp_path / "disk"
    disk.mkdir()
    write_tiny_model(disk / "there.gguf")
    library = open_nibble(disk).show_page("library")
    disk.rename(tmp_path / "pocket")
    library.rescan()
    settle(qtbot)
    row = detail(qtbot, library, "disk")
    assert row.state == "away"
    assert "Out of reach" in texts(library)
    assert "Connect the disk" in texts(library)
    state = library.details.overview.state
    assert state.look.isVisible()
    assert not state.find_button.isVisible()
    assert not library.details.overview.delete_button.isVisible()
    (tmp_path / "pocket").rename(disk)
    state.look.click()
    settle(qtbot)
    assert row_of(library, "there").state == "ok"
    disk.rename(tmp_path / "pocket")
    library.rescan()
    settle(qtbot)
    detail(qtbot, library, "disk")
    state.forget.click()
    settle(qtbot)
    assert library.rows == []
    assert library.window().services.preferences.model_folders == ()
    assert (tmp_path / "pocket" / "there.gguf").exists()


# Deleting


def test_deleting_asks_with_what_is_lost_and_moves_to_the_bin(qtbot, library, folder, questions, bin):
    detail(qtbot, library, "half")
    size = (folder.models / "half.gguf").stat().st_size
    library.details.overview.delete_button.click()
    settle(qtbot)
    ((question, lost, yes),) = questions.asked
    assert "Half" in question
    assert "bin" in yes
    assert str(folder.models / "half.gguf") in lost
    assert f"{size / 1e6:.2f} MB" in lost
    assert (folder.models / "half.gguf").exists()  # the answer was no
    questions.answers = [True]
    library.details.overview.delete_button.click()
    settle(qtbot)
    assert bin == ["half.gguf"]
    assert [row.title for row in library.rows] == ["Full"]
    assert not library.details.isVisible()
    (bar,) = library.notices.bars()
    assert bar.kind is Kind.GOOD


def test_all_parts_of_a_split_model_go_together(qtbot, open_nibble, folder, questions, bin):
    write_tiny_model(folder.models / "big.gguf", tensors_per_part=8)
    library = open_nibble().show_page("library")
    questions.answers = [True]
    library.acts.delete(row_of(library, "big"))
    settle(qtbot)
    assert sorted(bin) == [f"big-0000{part}-of-00003.gguf" for part in (1, 2, 3)]
    assert library.rows == []


def test_without_a_bin_it_is_asked_once_more_and_then_deleted_for_good(
    qtbot, library, folder, questions, monkeypatch
):
    def refuse(path: str) -> None:
        raise send2trash.TrashPermissionError(path)

    monkeypatch.setattr(send2trash, "send2trash", refuse)
    questions.answers = [True, False]
    library.acts.delete(row_of(library, "half"))
    settle(qtbot)
    assert len(questions.asked) == 2
    question, lost, _ = questions.asked[1]
    assert "no bin" in question
    assert "cannot be undone" in lost
    assert (folder.models / "half.gguf").exists()
    questions.answers = [True, True]
    library.acts.delete(row_of(library, "half"))
    settle(qtbot)
    assert not (folder.models / "half.gguf").exists()
    assert [row.title for row in library.rows] == ["Full"]


def test_a_file_that_vanished_before_it_was_deleted_only_leaves_the_list(
    qtbot, library, folder, questions, bin
):
    row = row_of(library, "half")
    (folder.models / "half.gguf").unlink()
    library.acts.delete(row)
    settle(qtbot)
    assert questions.asked == []
    qtbot.waitUntil(lambda: [row.title for row in library.rows] == ["Full"])
    assert bin == []


def test_a_model_of_another_program_cannot_be_deleted_here_and_says_why(
    qtbot, open_nibble, tmp_path, questions, bin
):
    weights = write_tiny_model(tmp_path / "tiny.gguf", type="f16").read_bytes()
    ollama_model(tmp_path / "person/ollama", "registry.ollama.ai/library/poet/3b", weights)
    library = open_nibble().show_page("library")
    row = detail(qtbot, library, "sha256-")
    assert row.source == "Ollama"
    assert not library.details.overview.delete_button.isVisible()
    assert "belongs to Ollama" in texts(library)
    library._delete(row)
    settle(qtbot)
    assert row.path.exists()
    assert (questions.asked, bin) == ([], [])
    assert "belongs to Ollama" in library.notices.bars()[0].sentence


@pytest.mark.usefixtures("installed_guide")
def test_a_file_of_the_built_in_model_is_deleted_only_after_saying_that_it_is_made_again(
    qtbot, open_nibble, put_guide, questions, bin
):
    put_guide("Q8_0", "Q4_0")
    library = open_nibble().show_page("library")
    library.acts.delete(row_of(library, "guide-Q4_0"))
    settle(qtbot)
    ((_, lost, _),) = questions.asked
    assert "built-in model" in lost
    assert "made again" in lost
    assert bin == []


def test_systems_that_can_are_asked_to_show_the_file_itself():
    path = Path("/models/a poet.gguf")
    assert reveal_command(path, "darwin") == ["open", "-R", str(path)]
    assert reveal_command(path, "win32") == f'explorer /select,"{path}"'


def test_a_folder_that_cannot_be_opened_by_the_file_manager_is_told(qtbot, library, monkeypatch):
    opened: list[str] = []
    services = "app.ui.reveal.QDesktopServices.openUrl"
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(services, lambda url: opened.append(url.toLocalFile()) or True)
    row = detail(qtbot, library, "half")
    library.acts.reveal(row)
    assert opened == [str(row.path.parent)]
    monkeypatch.setattr(services, lambda url: False)
    library.acts.reveal(row)
    assert "file manager" in library.notices.bars()[0].sentence


# Verifying


def test_the_first_check_keeps_the_digest_and_the_second_finds_it_the_same(qtbot, library, folder):
    detail(qtbot, library, "half")
    verify(qtbot, library, "half")
    digest = hashlib.sha256((folder.models / "half.gguf").read_bytes()).hexdigest()
    assert library.acts.checking.outcome(folder.models / "half.gguf").digests.endswith(digest)
    assert "next check compares" in library.notices.bars()[0].hint
    verify(qtbot, library, "half")
    assert "the same as at the check before" in library.notices.bars()[0].sentence
    assert library.notices.bars()[0].kind is Kind.GOOD


def spoil(path: Path) -> None:
    """Other bytes of which nothing but reading tells: size and times are as they were."""
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_file_that_rotted_is_told_with_both_digests_and_marked_until_it_is_another(qtbot, library, folder):
    path = folder.models / "half.gguf"
    whole = path.read_bytes()
    verify(qtbot, library, "half")
    spoil(path)
    verify(qtbot, library, "half")
    bar = library.notices.bars()[0]
    assert bar.kind is Kind.DANGER
    assert "not what it was" in bar.sentence
    digests = library.acts.checking.outcome(path).digests
    assert hashlib.sha256(whole).hexdigest() in digests
    assert hashlib.sha256(path.read_bytes()).hexdigest() in digests
    assert row_of(library, "half").state == "failed"
    library.filter_bar.verdict.setCurrentText("With a problem")
    assert listed(library) == ["Half"]
    path.write_bytes(whole)
    library.rescan()
    settle(qtbot)
    assert row_of(library, "half").state == "changed"  # since the check
    verify(qtbot, library, "half")
    assert row_of(library, "half").state == "ok"


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
@pytest.mark.parametrize("spoilt", [False, True])
def test_a_file_of_the_hub_is_checked_against_the_digest_the_hub_gave(qtbot, open_nibble, tmp_path, spoilt):
    content = write_tiny_model(tmp_path / "poet.gguf", type="f16").read_bytes()
    hub = tmp_path / "person/.cache/huggingface/hub"
    link = cached_file(hub, "owner/Poet-GGUF", "0123abcd", "Poet-F16.gguf", content)
    cached_main(hub, "owner/Poet-GGUF", "0123abcd")
    if spoilt:
        spoil(link.resolve())
    library = open_nibble().show_page("library")
    verify(qtbot, library, "Poet")
    bar = library.notices.bars()[0]
    if spoilt:
        assert "is not the file that the Hub has" in bar.sentence
        assert hashlib.sha256(content).hexdigest() in bar.hint
        assert hashlib.sha256(link.read_bytes()).hexdigest() in bar.hint
    else:
        assert "the same as on the Hub" in bar.sentence


def test_a_check_shows_how_far_it_is_and_can_be_cancelled(qtbot, library, monkeypatch):
    def endless(entry: object, database: Path, control) -> list[object]:
        control.progress("Checking", 1, 2, "bytes")
        while True:
            control.cancel.raise_if_cancelled()

    monkeypatch.setattr("app.library.verify", endless)
    row = detail(qtbot, library, "half")
    library.acts.verify(row)
    (card,) = library.acts.checking.cards
    qtbot.waitUntil(lambda: card.lines.has_begun)
    assert not library.details.overview.check.begin.isEnabled()
    (cancel,) = card.findChildren(QPushButton)
    cancel.click()
    settle(qtbot)
    assert library.acts.checking.cards == ()
    assert library.notices.bars() == []
    assert library.details.overview.check.begin.isEnabled()


def test_a_file_that_vanished_before_its_check_is_told_and_shown_as_gone(qtbot, library, folder):
    row = row_of(library, "half")
    (folder.models / "half.gguf").unlink()
    library.acts.verify(row)
    settle(qtbot)
    assert "could not be checked" in library.notices.bars()[0].sentence
    qtbot.waitUntil(lambda: row_of(library, "half").state == "gone")


# Changed, moved and gone


def test_a_gone_file_can_be_forgotten(qtbot, library, folder):
    (folder.models / "half.gguf").unlink()
    library.rescan()
    settle(qtbot)
    detail(qtbot, library, "half")
    assert "Gone" in texts(library)
    library.details.overview.state.forget.click()
    settle(qtbot)
    assert [row.title for row in library.rows] == ["Full"]
    library.rescan()
    settle(qtbot)
    assert [row.title for row in library.rows] == ["Full"]


def test_a_moved_file_can_be_shown_and_keeps_its_name(qtbot, library, folder, tmp_path, monkeypatch):
    detail(qtbot, library, "half")
    rename(qtbot, library, "My poet")
    moved = tmp_path / "elsewhere" / "moved.gguf"
    moved.parent.mkdir()
    (folder.models / "half.gguf").rename(moved)
    library.rescan()
    settle(qtbot)
    assert row_of(library, "half").state == "gone"
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *arguments: (str(moved), ""))
    detail(qtbot, library, "half")
    library.details.overview.state.find_button.click()
    settle(qtbot)
    assert [(row.path.name, row.title, row.state) for row in library.rows] == [
        ("full.gguf", "Full", "ok"),
        ("moved.gguf", "My poet", "ok"),
    ]


def test_a_half_deleted_model_says_what_is_missing(qtbot, open_nibble, folder):
    write_tiny_model(folder.models / "big.gguf", tensors_per_part=8)
    (folder.models / "big-00002-of-00003.gguf").unlink()
    library = open_nibble().show_page("library")
    row = detail(qtbot, library, "big")
    assert row.state == "incomplete"
    assert "big-00002-of-00003.gguf" in texts(library)
    assert not library.details.chat_button.isVisible()
