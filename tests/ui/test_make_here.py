"""From a checkpoint on the Hub to models in the Library, in the real window before a local Hub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QAbstractButton, QLabel, QMenu

from app.gguf import read_facts
from app.storage import DataFolder
from app.ui import jobs
from app.ui.make_order import MakeOrder
from app.ui.pages.discover import DiscoverPage
from app.ui.pages.hub_details import OriginalStrip
from app.ui.pages.library import LibraryPage
from app.ui.pages.library_download import DownloadRow
from app.ui.window import MainWindow
from tests.helpers.hub_server import Fault, HubServer, Repository
from tests.helpers.tiny_checkpoint import TinyLlama, write_tiny_checkpoint
from tests.unit.convert.checkpoint.test_quantized import CASES, gguf_name, weights_of, write

PATIENCE_MS = 60_000
ID = "ada/Nova"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Two shards of 32-bit weights, of which BF16 would lose something."""
    folder = write_tiny_checkpoint(tmp_path / "original", TinyLlama(dtype="F32"), shards=2)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# Nova\n")
    return folder


@pytest.fixture
def repository(server: HubServer, checkpoint: Path) -> Repository:
    """With the same weights once more, under a name that nobody loads, and a file that no conversion reads."""
    files = {path.name: path.read_bytes() for path in checkpoint.iterdir()}
    repository = Repository(ID, {**files, "consolidated.safetensors": b"x" * 5000, "eval.json": b"{}"})
    server.add(repository)
    return repository


@pytest.fixture
def strip(qtbot, open_page: Callable[..., DiscoverPage], repository: Repository) -> OriginalStrip:
    page = open_page("desktop-8gb-card")
    page.look_on_hub(ID)
    strip = page.hub.repository.files.original
    qtbot.waitUntil(lambda: strip.isVisible() and not jobs.running(), timeout=PATIENCE_MS)
    return strip


def window_of(strip: OriginalStrip) -> MainWindow:
    window = strip.window()
    assert isinstance(window, MainWindow)
    return window


def library_of(window: MainWindow) -> LibraryPage:
    (page,) = window.findChildren(LibraryPage)
    return page


def choose(menu: QMenu, type: str) -> None:
    """A line of the menu or of the one in it."""
    actions = [*menu.actions(), *(each for inner in menu.findChildren(QMenu) for each in inner.actions())]
    next(each for each in actions if each.text().startswith(f"Make {type}")).trigger()
    menu.close()


def menus_of(widget) -> list[QMenu]:
    return [menu for menu in widget.findChildren(QMenu) if menu.isVisible()]


def ask(strip: OriginalStrip, type: str) -> None:
    strip.make.click()
    (menu,) = menus_of(strip)
    choose(menu, type)


def await_made(qtbot, window: MainWindow, name: str) -> Path:
    """The file of this name, once it is listed in the Library."""
    page = library_of(window)
    qtbot.waitUntil(lambda: any(row.path.name == name for row in page.rows), timeout=PATIENCE_MS)
    return next(row.path for row in page.rows if row.path.name == name)


def row_of(window: MainWindow) -> DownloadRow:
    (row,) = library_of(window).downloads.rows
    return row


def await_row(qtbot, window: MainWindow, state: str) -> DownloadRow:
    rows = lambda: library_of(window).downloads.rows  # noqa: E731
    qtbot.waitUntil(lambda: [row.entry.state for row in rows()] == [state], timeout=PATIENCE_MS)
    return row_of(window)


def buttons(widget) -> dict[str, QAbstractButton]:
    return {
        each.text(): each
        for each in widget.findChildren(QAbstractButton)
        if not each.isHidden() and each.text()
    }


def words(widget) -> str:
    return " ".join(label.text() for label in widget.findChildren(QLabel) if not label.isHidden())


def stall(server: HubServer) -> None:
    """Files send a little and then nothing, until `server.faults` is cleared."""
    server.faults.append(Fault(host="cdn", stall_at=100_000, times=-1))


def test_from_the_page_of_a_checkpoint_to_a_model_in_the_library(qtbot, strip, checkpoint, folder):
    assert "2 files" in strip.text
    window = window_of(strip)
    ask(strip, "Q8_0")
    path = await_made(qtbot, window, "Nova-Q8_0.gguf")
    assert path.parent == folder.models / "ada" / "Nova"
    facts = read_facts(path)
    assert (facts.quantization, facts.architecture, facts.layers) == ("Q8_0", "llama", 2)
    # Byte for byte, and nothing that is not needed.
    arrived = {each.name: each.read_bytes() for each in path.parent.iterdir() if each != path}
    assert arrived == {each.name: each.read_bytes() for each in checkpoint.iterdir()}
    page = library_of(window)
    assert "Q8_0 of Nova checkpoint is ready." in words(page.notices)
    with qtbot.waitSignal(page.chat_requested) as asked:
        buttons(page.notices)["Chat"].click()
    assert asked.args == [path]


def test_the_strip_tells_how_far_it_is_and_leads_to_the_downloads(qtbot, strip, server):
    window = window_of(strip)
    stall(server)
    ask(strip, "Q4_K_M")
    assert strip.make.text() == "Asking…"
    qtbot.waitUntil(lambda: strip.make.text().endswith("%"), timeout=PATIENCE_MS)
    assert "then Q4_K_M is made" in strip.text
    strip.make.click()
    assert library_of(window).isVisible()
    assert "then Q4_K_M is made" in words(row_of(window))
    window.services.downloads.pause(row_of(window).entry.id)
    await_row(qtbot, window, "paused")
    qtbot.waitUntil(lambda: strip.make.text() == "Paused", timeout=PATIENCE_MS)
    window.services.downloads.cancel(row_of(window).entry.id)
    qtbot.waitUntil(lambda: strip.make.text() == "Make it here…", timeout=PATIENCE_MS)


def test_what_the_window_has_forgotten_is_made_from_the_row_of_the_download(
    qtbot, strip, server, open_nibble, folder: DataFolder
):
    window = window_of(strip)
    stall(server)
    ask(strip, "Q4_K_M")
    qtbot.waitUntil(lambda: strip.make.text().endswith("%"), timeout=PATIENCE_MS)
    window.leave()
    qtbot.waitUntil(lambda: not jobs.running(), timeout=PATIENCE_MS)
    server.faults.clear()
    again = open_nibble()
    row = await_row(qtbot, again, "done")
    assert "Chat" not in buttons(row)
    assert not library_of(again).making.cards
    again.show_page("settings")
    page = again.show_page("library")
    # Unlike a model, which has been seen then.
    buttons(row_of(again))["Make…"].click()
    qtbot.waitUntil(lambda: bool(menus_of(page)), timeout=PATIENCE_MS)
    (menu,) = menus_of(page)
    choose(menu, "Q4_K_M")
    path = await_made(qtbot, again, "Nova-Q4_K_M.gguf")
    assert read_facts(path).quantization == "Q4_K_M"


def test_a_checkpoint_of_which_nothing_was_made_is_there_in_the_next_window(
    qtbot, strip, open_nibble, folder
):
    window = window_of(strip)
    window.services.downloads.get_original(
        *opened_of(window), MakeOrder(("MXFP4_MOE",))
    )  # a mixture that this model cannot have
    page = library_of(window)
    qtbot.waitUntil(lambda: "was not made" in words(page.notices), timeout=PATIENCE_MS)
    window.leave()
    qtbot.waitUntil(lambda: not jobs.running(), timeout=PATIENCE_MS)
    again = open_nibble()
    row = await_row(qtbot, again, "done")
    dismiss = next(each for each in row.controls if each.accessibleName().startswith("Take off this list"))
    dismiss.click()
    qtbot.waitUntil(lambda: not library_of(again).downloads.rows, timeout=PATIENCE_MS)
    assert (folder.models / "ada" / "Nova" / "config.json").exists()
    again.leave()
    qtbot.waitUntil(lambda: not jobs.running(), timeout=PATIENCE_MS)
    assert not library_of(open_nibble()).downloads.rows


def opened_of(window: MainWindow):
    (page,) = window.findChildren(DiscoverPage)
    opened = page.hub.repository.opened
    assert opened is not None
    return opened.repository, opened.original


def test_a_second_type_is_made_of_what_is_here_already(qtbot, strip, server):
    window = window_of(strip)
    ask(strip, "Q8_0")
    await_made(qtbot, window, "Nova-Q8_0.gguf")
    assert "It is on this computer." in strip.text
    before = len(server.requests)
    ask(strip, "F16")
    await_made(qtbot, window, "Nova-F16.gguf")
    assert not [each for each in server.requests[before:] if each.host == "cdn"]


def test_only_what_can_be_made_of_a_checkpoint_is_offered(qtbot, strip):
    strip.make.click()
    (menu,) = menus_of(strip)
    others = menu.findChildren(QMenu)
    told = [each.text().partition("\t")[0] for inner in (menu, *others) for each in inner.actions()]
    assert told[:2] == ["Make Q4_K_M", "Make Q8_0"]
    assert "Make MXFP4_MOE" not in told
    menu.close()


def test_a_repository_with_nothing_but_gptq_becomes_a_model_with_the_same_integers(
    qtbot, open_page, server, tmp_path, folder
):
    config, quantize, _ = CASES["gptq"]
    meant = write(tmp_path / "gptq", {"group_size": 64, **config}, quantize)
    server.add(
        Repository("ada/Nova-GPTQ", {each.name: each.read_bytes() for each in (tmp_path / "gptq").iterdir()})
    )
    page = open_page("desktop-8gb-card")
    page.look_on_hub("ada/Nova-GPTQ")
    strip = page.hub.repository.files.original
    qtbot.waitUntil(lambda: strip.isVisible() and not jobs.running(), timeout=PATIENCE_MS)
    assert "GPTQ, 4 bits" in strip.text
    assert "Q4_0 holds the same integers" in strip.text
    strip.make.click()
    (menu,) = menus_of(strip)
    assert menu.actions()[0].text().startswith("Make Q4_0, rounded no second time")
    choose(menu, "Q4_0")
    path = await_made(qtbot, window_of(strip), "Nova-GPTQ-Q4_0.gguf")
    (row,) = (row for row in library_of(window_of(strip)).rows if row.path == path)
    assert row.quantization == "Q4_0"
    made, name = weights_of(path), "model.layers.1.mlp.up_proj.weight"
    assert made[gguf_name(name)][0] == "Q4_0"
    assert (made[gguf_name(name)][1] == meant[name]).all()


def test_several_are_ordered_on_the_hub_and_made_when_it_has_come(qtbot, strip):
    window = window_of(strip)
    strip.make.click()
    (menu,) = menus_of(strip)
    next(each for each in menu.actions() if each.text().startswith("Several")).trigger()
    menu.close()
    qtbot.waitUntil(lambda: not jobs.running(), timeout=PATIENCE_MS)
    (page,) = window.findChildren(DiscoverPage)
    panel = page.hub.repository.making
    assert panel.isVisible()
    assert panel.costs.text().startswith("Downloads ")
    for each in panel.types.chosen:
        panel.types.choose(each.kind.name, False)
    for name in ("Q8_0", "Q4_K_M"):
        panel.types.choose(name)
    qtbot.waitUntil(lambda: not jobs.running(), timeout=PATIENCE_MS)
    panel.make_button.click()
    assert strip.isVisible()
    for name in ("Nova-Q8_0.gguf", "Nova-Q4_K_M.gguf"):
        await_made(qtbot, window, name)
    qtbot.waitUntil(lambda: not jobs.running(), timeout=PATIENCE_MS)
