"""Downloads in the window, from a local Hub that huggingface_hub itself asks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QWidget

from app.downloads import DownloadState, DownloadStore, WantedFile, enqueue
from app.hub import Hub, open_repository
from app.storage import DataFolder, load_settings
from app.ui import jobs, leaving
from app.ui.download_words import short_time
from app.ui.pages.library import LibraryPage
from app.ui.pages.library_download import DownloadRow
from app.ui.pages.settings_downloads import SpeedLimitChoice
from app.ui.services import Services
from app.ui.window import MainWindow, PageSpec
from tests.helpers.hub_server import Content, Fault, Hole, HubServer, Repository
from tests.helpers.tiny_gguf import write_tiny_model
from tests.ui.conftest import settle

PATIENCE_MS = 60_000
ID = "ada/Tiny-GGUF"
STALL_AT = 200_000
"""Bytes of each connection: some blocks of 64 KiB, and a part of one."""


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A model of 2.9 MB."""
    return write_tiny_model(
        tmp_path_factory.mktemp("tiny") / "tiny.gguf", type="f16", name="Tiny"
    ).read_bytes()


@pytest.fixture
def window(qtbot, server: HubServer, open_nibble: Callable[..., MainWindow]) -> MainWindow:
    window = open_nibble()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    return window


def put(server: HubServer, id: str = ID, **files: Content) -> Repository:
    """A repository with these files as Tiny-F16.gguf and so on."""
    named: dict[str, Content] = {f"Tiny-{kind}.gguf": content for kind, content in files.items()}
    server.add(repository := Repository(id, named))
    return repository


def stall(server: HubServer) -> None:
    """Each connection to where files are sends a little and then nothing, until `server.faults` is cleared."""
    server.faults.append(Fault(host="cdn", stall_at=STALL_AT, times=-1))


def library_of(window: MainWindow) -> LibraryPage:
    (page,) = window.findChildren(LibraryPage)
    return page


def rows(window: MainWindow) -> list[DownloadRow]:
    return library_of(window).downloads.rows


def states(window: MainWindow) -> list[str]:
    return [row.entry.state for row in rows(window)]


def words(widget) -> str:
    return " ".join(label.text() for label in widget.findChildren(QLabel) if not label.isHidden())


def press(row: DownloadRow, name: str) -> None:
    """A button by its words, or those that are read aloud."""
    (found,) = [
        each
        for each in row.findChildren(QAbstractButton)
        if not each.isHidden() and (each.text() == name or each.accessibleName().startswith(f"{name}:"))
    ]
    assert found.isEnabled()
    found.click()


def begin(qtbot, window: MainWindow, server: HubServer, tiny: bytes) -> DownloadRow:
    """One download that has come some way and stalls there."""
    put(server, F16=tiny)
    stall(server)
    window.services.downloads.get_quantization(ID, "F16")
    qtbot.waitUntil(
        lambda: bool(rows(window)) and rows(window)[0].entry.received_bytes > 0, timeout=PATIENCE_MS
    )
    return rows(window)[0]


def await_states(qtbot, window: MainWindow, *wanted: str) -> None:
    qtbot.waitUntil(lambda: states(window) == list(wanted), timeout=PATIENCE_MS)


def arrived_files(folder: DataFolder) -> list[str]:
    """Below the models, hidden ones too."""
    return sorted(path.name for path in folder.models.rglob("*") if path.is_file())


def test_what_was_asked_for_arrives_byte_for_byte_and_is_in_the_library(qtbot, window, server, tiny, folder):
    put(server, F16=tiny)
    window.services.downloads.get_quantization(ID, "F16")
    await_states(qtbot, window, "done")
    settle(qtbot)
    path = folder.models / "ada" / "Tiny-GGUF" / "Tiny-F16.gguf"
    assert path.read_bytes() == tiny
    assert arrived_files(folder) == ["Tiny-F16.gguf"]
    assert [row.path for row in library_of(window).rows] == [path]
    with qtbot.waitSignal(library_of(window).chat_requested) as asked:
        press(rows(window)[0], "Chat")
    assert asked.args == [path]


class Asking(QWidget):
    """A page that asks for a download."""

    get_requested = Signal(object, object)

    def __init__(self, services: Services) -> None:
        super().__init__()


def test_a_variant_of_a_repository_is_got_when_a_page_asks_for_it(qtbot, window, server, tiny, folder):
    put(server, F16=tiny, Q8_0=tiny[:1_000_000])
    repository = open_repository(Hub(server.url), ID)
    (wanted,) = [each for each in repository.variants if each.quantization == "Q8_0"]
    other = MainWindow(window.services, [PageSpec("asking", lambda: "Asking", "stack", Asking)], ())
    qtbot.addWidget(other)
    other.show_page("asking").get_requested.emit(repository, wanted)
    await_states(qtbot, window, "done")
    assert (folder.models / "ada" / "Tiny-GGUF" / "Tiny-Q8_0.gguf").read_bytes() == tiny[:1_000_000]


def test_the_original_is_got_where_it_is_bf16(qtbot, window, server, tiny, folder):
    put(server, BF16=tiny)
    window.services.downloads.get_quantization(ID, "F16")
    await_states(qtbot, window, "done")
    assert arrived_files(folder) == ["Tiny-BF16.gguf"]


def test_what_has_come_is_told_until_the_person_has_left_the_page(qtbot, window, server, tiny):
    corner = window.download_corner
    assert corner.isHidden()
    put(server, F16=tiny)
    window.services.downloads.get_quantization(ID, "F16")
    await_states(qtbot, window, "done")
    assert corner.isVisible()
    assert corner.lines[0] == "Done"
    window.show_page("settings")
    assert rows(window) == []
    assert corner.isHidden()


def test_a_running_download_tells_how_far_it_is_and_is_led_to_from_the_corner(qtbot, window, server, tiny):
    window.show_page("settings")
    row = begin(qtbot, window, server, tiny)
    corner = window.download_corner
    percent = 100 * row.entry.received_bytes // len(tiny)
    qtbot.waitUntil(lambda: corner.lines[0] == f"{percent} %" or row.entry.progress is None)
    assert f"of {len(tiny) / 1e6:.2f} MB" in corner.accessibleName()
    assert f"of {len(tiny) / 1e6:.2f} MB" in words(row)
    qtbot.keyClick(window, Qt.Key.Key_J, Qt.KeyboardModifier.ControlModifier)
    assert library_of(window).isVisible()
    assert row.isAncestorOf(QApplication.focusWidget())
    window.show_page("settings")
    corner.click()
    assert row.isVisible()


def test_a_paused_download_goes_on_where_it_was(qtbot, window, server, tiny, folder):
    row = begin(qtbot, window, server, tiny)
    press(row, "Pause")
    await_states(qtbot, window, "paused")
    settle(qtbot)
    assert "Paused" in words(row)
    assert window.download_corner.lines[0] == "Paused"
    assert not (folder.models / "ada" / "Tiny-GGUF" / "Tiny-F16.gguf").exists()
    server.faults.clear()
    before = len(server.requests)
    press(row, "Go on")
    await_states(qtbot, window, "done")
    assert (folder.models / "ada" / "Tiny-GGUF" / "Tiny-F16.gguf").read_bytes() == tiny
    # At least the three whole blocks of the first connection did not come again.
    sent = sum(each.sent_bytes for each in server.requests[before:] if each.host == "cdn")
    assert sent <= len(tiny) - 3 * 65_536


def test_all_are_paused_and_go_on_at_once(qtbot, window, server, tiny):
    begin(qtbot, window, server, tiny)
    put(server, F16=tiny, id="bob/Other-GGUF")
    window.services.downloads.get_quantization("bob/Other-GGUF", "F16")
    await_states(qtbot, window, "waiting", "waiting")
    card = library_of(window).downloads
    (pause,) = [each for each in card.findChildren(QAbstractButton) if each.text() == "Pause all"]
    pause.click()
    await_states(qtbot, window, "paused", "paused")
    settle(qtbot)
    assert pause.isHidden()
    server.faults.clear()
    (resume,) = [each for each in card.findChildren(QAbstractButton) if each.text() == "Go on with all"]
    resume.click()
    await_states(qtbot, window, "done", "done")


def test_cancelling_says_what_is_lost_and_can_be_thought_better_of(qtbot, window, server, tiny, folder):
    row = begin(qtbot, window, server, tiny)
    press(row, "Cancel the download")
    assert "What has arrived, " in words(row)
    assert "will be deleted" in words(row)
    press(row, "Keep it")
    settle_looks(qtbot)
    assert states(window) == ["waiting"]
    press(row, "Cancel the download")
    press(row, "Cancel and delete")
    await_states(qtbot, window)
    settle(qtbot)
    assert arrived_files(folder) == []
    assert window.download_corner.isHidden()


def test_one_of_which_nothing_has_come_is_cancelled_without_a_question(qtbot, window, server, tiny):
    begin(qtbot, window, server, tiny)
    put(server, F16=tiny, id="bob/Other-GGUF")
    window.services.downloads.get_quantization("bob/Other-GGUF", "F16")
    await_states(qtbot, window, "waiting", "waiting")
    press(rows(window)[1], "Cancel the download")
    await_states(qtbot, window, "waiting")
    assert rows(window)[0].entry.download.repository == ID


def test_closing_the_window_asks_nothing_and_the_next_one_goes_on(
    qtbot, window, server, tiny, folder, open_nibble, monkeypatch
):
    begin(qtbot, window, server, tiny)
    monkeypatch.setattr(leaving, "ask_to_leave", lambda *_: pytest.fail("the window asks"))
    assert window.close()
    assert jobs.cancel_all(10)
    server.faults.clear()
    before = len(server.requests)
    again = open_nibble()  # waits until no job is under way
    assert (folder.models / "ada" / "Tiny-GGUF" / "Tiny-F16.gguf").read_bytes() == tiny
    assert states(again) == ["done"]
    sent = sum(each.sent_bytes for each in server.requests[before:] if each.host == "cdn")
    assert sent <= len(tiny) - 3 * 65_536


def test_a_paused_download_stays_paused_when_the_window_opens_again(
    qtbot, window, server, tiny, folder, open_nibble
):
    press(begin(qtbot, window, server, tiny), "Pause")
    await_states(qtbot, window, "paused")
    window.close()
    assert jobs.cancel_all(10)
    server.faults.clear()
    again = open_nibble()
    assert states(again) == ["paused"]
    assert again.download_corner.lines[0] == "Paused"
    press(rows(again)[0], "Go on")
    await_states(qtbot, again, "done")


def test_what_another_process_adds_is_downloaded_here(qtbot, window, server, tiny, folder):
    stored = put(server, F16=tiny).stored("Tiny-F16.gguf")
    with closing(DownloadStore(folder.database)) as store:
        wanted = [WantedFile("Tiny-F16.gguf", stored.size, stored.etag)]
        enqueue(store, ID, "main", "Tiny F16", folder.models / "ada", wanted)
    await_states(qtbot, window, "done")
    assert (folder.models / "ada" / "Tiny-F16.gguf").read_bytes() == tiny


def test_one_put_first_is_next(qtbot, window, server, tiny, folder):
    begin(qtbot, window, server, tiny)
    for name in ("B", "C"):
        put(server, F16=tiny, id=f"bob/{name}-GGUF")
        window.services.downloads.get_quantization(f"bob/{name}-GGUF", "F16")
        qtbot.waitUntil(lambda name=name: name in "".join(queue_of(folder)), timeout=PATIENCE_MS)
    await_states(qtbot, window, "waiting", "waiting", "waiting")
    press(rows(window)[2], "Earlier in the queue")
    qtbot.waitUntil(lambda: queue_of(folder) == [ID, "bob/C-GGUF", "bob/B-GGUF"], timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: [row.entry.download.repository for row in rows(window)] == queue_of(folder))
    press(rows(window)[0], "Later in the queue")
    qtbot.waitUntil(lambda: queue_of(folder) == ["bob/C-GGUF", ID, "bob/B-GGUF"], timeout=PATIENCE_MS)


def queue_of(folder: DataFolder) -> list[str]:
    with closing(DownloadStore(folder.database)) as store:
        return [each.repository for each in store.all()]


def test_a_gated_model_fails_with_its_sentence_and_comes_once_it_is_open(qtbot, window, server, tiny):
    repository = put(server, F16=tiny)
    repository.gated = "auto"
    window.services.downloads.get_quantization(ID, "F16")
    await_states(qtbot, window, "failed")
    (row,) = rows(window)
    assert f"{ID} is gated" in words(row)
    assert f"{server.url}/{ID}" in words(row)
    assert window.download_corner.lines[0] == "Failed"
    press(row, "Open page")
    (bar,) = library_of(window).notices.bars()
    assert bar.hint == f"{server.url}/{ID}"  # asked before anything opens
    repository.gated = False
    press(row, "Try again")
    await_states(qtbot, window, "done")


def test_in_a_low_window_a_failure_takes_one_line_until_more_is_asked_for(qtbot, window, server, tiny):
    window.resize(900, 600)
    put(server, F16=tiny).gated = "auto"
    window.services.downloads.get_quantization(ID, "F16")
    await_states(qtbot, window, "failed")
    (row,) = rows(window)
    assert f"{ID} is gated" in words(row)
    folded_px = row.sizeHint().height()
    press(row, "Show why")
    assert f"{server.url}/{ID}" in words(row)
    assert row.sizeHint().height() > folded_px
    press(row, "Show why")
    assert row.sizeHint().height() == folded_px
    window.resize(1280, 900)
    qtbot.waitUntil(lambda: row.sizeHint().height() > folded_px)  # there is room for it


def test_a_server_that_is_gone_is_waited_for(qtbot, window, server, tiny, monkeypatch):
    begin(qtbot, window, server, tiny)
    press(rows(window)[0], "Pause")
    await_states(qtbot, window, "paused")
    settle(qtbot)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    press(rows(window)[0], "Go on")
    (row,) = rows(window)
    qtbot.waitUntil(lambda: "There is no connection to 127.0.0.1:9" in words(row), timeout=PATIENCE_MS)
    assert states(window) == ["waiting"]
    server.faults.clear()
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url)
    await_states(qtbot, window, "done")  # it has asked again by itself


@pytest.mark.parametrize(
    ("id", "quantization", "told"),
    [("nobody/Nothing", "Q4_K_M", "nobody/Nothing is not on the Hub."), (ID, "Q2_K", f"{ID} has no Q2_K.")],
)
def test_what_is_not_there_is_told_and_nothing_waits(qtbot, window, server, tiny, id, quantization, told):
    put(server, F16=tiny)
    window.services.downloads.get_quantization(id, quantization)
    settle(qtbot)
    (bar,) = window.notices.bars()
    assert bar.sentence == told
    assert rows(window) == []
    assert window.services.downloads.asked == frozenset()


def test_too_little_room_on_the_disk_is_told_before_anything_comes(qtbot, window, server):
    put(server, F16=Hole(b"GGUF", 10**15))
    window.services.downloads.get_quantization(ID, "F16")
    settle(qtbot)
    (bar,) = window.notices.bars()
    assert bar.sentence.startswith("1.00 PB of Tiny F16 are still to come; the disk of ")
    assert "Free some space" in bar.hint
    assert states(window) == ["paused"]
    assert server.sent_bytes("cdn") == 0


def test_a_model_deleted_since_then_is_got_again(qtbot, window, server, tiny, folder):
    put(server, F16=tiny)
    path = folder.models / "ada" / "Tiny-GGUF" / "Tiny-F16.gguf"
    for _ in range(2):
        window.services.downloads.get_quantization(ID, "F16")
        qtbot.waitUntil(path.exists, timeout=PATIENCE_MS)
        await_states(qtbot, window, "done")
        settle(qtbot)
        assert path.read_bytes() == tiny
        path.unlink()


def test_parts_of_a_model_come_as_one_and_are_told_one_by_one(qtbot, window, server, tiny, folder):
    names = [f"Tiny-F16-0000{number}-of-00002.gguf" for number in (1, 2)]
    server.add(Repository(ID, {names[0]: tiny, names[1]: tiny[:500_000]}))
    stall(server)
    window.services.downloads.get_quantization(ID, "F16")
    qtbot.waitUntil(
        lambda: bool(rows(window)) and rows(window)[0].entry.received_bytes > 0, timeout=PATIENCE_MS
    )
    (row,) = rows(window)
    press(row, "Show the files")
    assert all(name in words(row) for name in names)
    assert "0 B of 500 kB" in words(row)
    server.faults.clear()
    press(row, "Pause")
    await_states(qtbot, window, "paused")
    settle(qtbot)
    press(row, "Go on")
    await_states(qtbot, window, "done")
    found = folder.models / "ada" / "Tiny-GGUF"
    assert [(found / name).read_bytes() for name in names] == [tiny, tiny[:500_000]]


def test_the_speed_limit_is_kept_and_lifted_from_what_runs(qtbot, window, server, tiny, folder):
    page = window.show_page("settings")
    (choice,) = page.findChildren(SpeedLimitChoice)
    choice.box.setValue(0.1)
    assert choice.limited.isChecked()
    put(server, F16=tiny)
    window.services.downloads.get_quantization(ID, "F16")
    qtbot.waitUntil(
        lambda: bool(rows(window)) and rows(window)[0].entry.received_bytes > 0, timeout=PATIENCE_MS
    )
    assert load_settings(folder.settings).download_bytes_per_s == 100_000
    choice.unlimited.click()
    await_states(qtbot, window, "done")
    settle(qtbot)
    assert load_settings(folder.settings).download_bytes_per_s == 0


def test_every_button_of_a_download_has_a_name_and_takes_the_focus(qtbot, window, server, tiny):
    begin(qtbot, window, server, tiny)
    card = library_of(window).downloads
    for control in [*card.findChildren(QAbstractButton), window.download_corner]:
        assert control.accessibleName() or control.text(), control
        assert control.toolTip()
        assert control.focusPolicy() & Qt.FocusPolicy.TabFocus


def test_tab_leads_through_the_buttons_of_a_download_and_a_key_presses_them(qtbot, window, server, tiny):
    row = begin(qtbot, window, server, tiny)
    window.show_downloads()
    pause = QApplication.focusWidget()
    assert pause.accessibleName().startswith("Pause: ")
    qtbot.keyClick(pause, Qt.Key.Key_Space)
    await_states(qtbot, window, "paused")
    assert QApplication.focusWidget().accessibleName().startswith("Go on: ")
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
    assert QApplication.focusWidget().accessibleName().startswith("Cancel the download: ")
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Space)
    assert QApplication.focusWidget().text() == "Keep it"
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
    assert row.isAncestorOf(QApplication.focusWidget())
    assert QApplication.focusWidget().text() == "Cancel and delete"


def test_names_from_elsewhere_are_shown_as_they_are(qtbot, window, server, tiny, folder):
    stored = put(server, F16=tiny).stored("Tiny-F16.gguf")
    title = "<img src='file:///etc/passwd'><b>Tiny</b> & F16"
    with closing(DownloadStore(folder.database)) as store:
        id = enqueue(
            store, ID, "main", title, folder.models / "ada", [WantedFile("a.gguf", stored.size, stored.etag)]
        )
        store.set_state(id, DownloadState.PAUSED)
    await_states(qtbot, window, "paused")
    (row,) = rows(window)
    labels = [label for label in row.findChildren(QLabel) if label.text() == title]
    assert [label.textFormat() for label in labels] == [Qt.TextFormat.PlainText]
    assert "<b>Tiny</b>" not in labels[0].toolTip()


class Tray(QObject):
    """In the place of the desktop's: keeps what it is told."""

    messageClicked = Signal()
    activated = Signal()
    told: list[tuple[str, str]]

    def __init__(self, icon: object, parent: QObject) -> None:
        super().__init__(parent)
        Tray.told, Tray.last = [], self

    @staticmethod
    def isSystemTrayAvailable() -> bool:
        return True

    supportsMessages = isSystemTrayAvailable

    def showMessage(self, title: str, text: str, icon: object, milliseconds: int) -> None:
        self.told.append((title, text))

    def show(self) -> None:
        self.is_shown = True

    def hide(self) -> None:
        self.is_shown = False


def test_the_system_tells_of_a_model_that_came_while_nobody_looked(qtbot, window, server, tiny, monkeypatch):
    Tray.told = []
    monkeypatch.setattr("app.ui.notifications.QSystemTrayIcon", Tray)
    put(server, F16=tiny, Q8_0=tiny[:1_000_000])
    window.services.downloads.get_quantization(ID, "Q8_0")
    await_states(qtbot, window, "done")
    assert Tray.told == []  # the window is in front
    window.show_page("settings")
    other = QWidget()
    qtbot.addWidget(other)
    other.show()
    other.activateWindow()
    qtbot.waitUntil(other.isActiveWindow)
    window.services.downloads.get_quantization(ID, "F16")
    qtbot.waitUntil(lambda: bool(Tray.told), timeout=PATIENCE_MS)
    assert Tray.told == [("Tiny F16 is here.", "It is in your library, ready to chat.")]
    Tray.last.messageClicked.emit()
    qtbot.waitUntil(window.isActiveWindow)
    assert library_of(window).isVisible()
    assert not Tray.last.is_shown


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(3, "10 s"), (59.2, "1 min 0 s"), (61, "2 min"), (3541, "1 h 0 min"), (8000, "2 h 14 min")],
)
def test_little_room_gets_a_short_time(seconds, told):
    assert short_time(seconds) == told


def settle_looks(qtbot) -> None:
    """Waits until the queue has been looked at, while it is at work."""
    qtbot.waitUntil(lambda: all(job.name != "Look at the downloads" for job in jobs.running()))
