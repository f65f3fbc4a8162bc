"""Pictures of the real window in every state that exists, for looking at.

    python -m tests.tour OUT_DIR [SCENE…]

Each scene opens the window on a data folder of its own, with the real engine behind it, brings it into a state
and is photographed in both themes and two sizes: `OUT_DIR/<scene>-<theme>-<width>x<height>.png`. A scene that
cannot be played here (a part is missing) says so and is left out. A new scene is one function with `@scene`.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest.mock import patch

if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")) and sys.platform.startswith("linux"):
    # The offscreen screen is 800x800 unless told otherwise, and menus keep within the screen.
    screens = Path(__file__).with_name("helpers") / "screen.json"
    os.environ.setdefault("QT_QPA_PLATFORM", f"offscreen:configfile={screens}")

import keyring
from keyring.backends.null import Keyring
from keyring.errors import KeyringError
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QColor, QPainter, QPixmap
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QScrollArea

from app.chat import ConversationStore, MessageState
from app.convert import quantize
from app.core.errors import (
    DiskFull,
    EnvironmentFault,
    GatedRepository,
    NoConnection,
    UnreadableFile,
    WrongContent,
)
from app.core.jobs import Job, JobControl
from app.downloads import Download, DownloadProgress, DownloadState, DownloadStore, QueueChanged, WantedFile
from app.gguf import read_header
from app.gguf.ghost import write_ghost_of
from app.gguf.outline import loading_metadata, outline
from app.gguf.types import QUANTIZATIONS
from app.guide import guide_fault, guide_file
from app.hardware import Accelerator, Cpu, Machine, Memory, read_profile
from app.memory.mixture import read_traits, tensor_types
from app.recommend import read_catalogue
from app.recommend.kept_sizes import SIZES_FILE
from app.runtime import GenerationStatistics, Sampling
from app.storage import DataFolder, Settings, save_settings, transaction
from app.storage.settings import Appearance
from app.ui import bugs, jobs
from app.ui.application import open_window, prepare_application
from app.ui.pages.chat import ChatPage
from app.ui.pages.compare import ComparePage
from app.ui.pages.discover import DiscoverPage
from app.ui.pages.hub_details import OriginalStrip
from app.ui.pages.hub_head import View
from app.ui.pages.library import LibraryPage
from app.ui.pages.library_making import Checkpoint
from app.ui.pages.library_rows import Row
from app.ui.window import MainWindow
from tests.helpers.card_worker import machine_with_card, worker_with_card
from tests.helpers.guide_checkpoint import write_guide_checkpoint
from tests.helpers.hub_published import published_models
from tests.helpers.hub_server import Fault, HubServer
from tests.helpers.lora import random_pair, write_lora
from tests.helpers.other_programs import cached_file, cached_main, ollama_blob, ollama_model
from tests.helpers.projectors import PROJECTORS, write_projector_ghost
from tests.helpers.scripted_gguf import THINKING_TEMPLATE, write_scripted_model
from tests.helpers.tiny_checkpoint import write_tiny_checkpoint
from tests.helpers.tiny_gguf import CHATML, write_random_model, write_tiny_model

BARD = Path(__file__).parents[2] / "shared/models/bard/bard-bf16.gguf"
TINY_LLAMA = "TinyLlama/TinyLlama-1.1B-Chat-v1.0"
SIZES = ((1280, 800), (900, 600))
PATIENCE_S = 60.0
THOUGHTS = """The person asks for the days between two dates of one year.

From 3 March to 3 April are 31 days, since March has 31. To 3 May 30 more, which is 61. To 3 June 31 more: 92. \
From 3 June to 19 June are 16.

92 + 16 = 108. No 29 February lies between, so it does not matter which year it is."""
"""What a model may think before an answer."""


class CannotPlay(Exception):
    """A part that the scene needs is not here."""


@dataclass
class Stage:
    """What a scene works on: a data folder not yet opened, then the window."""

    application: QApplication
    root: Path
    appearance: Appearance
    size: tuple[int, int]
    elsewhere: list[Path] = field(default_factory=list)
    around: ExitStack = field(default_factory=ExitStack)
    """What lasts until the picture is taken."""
    _window: MainWindow | None = None

    @property
    def models(self) -> Path:
        folder = DataFolder(self.root / "home").create().models
        return folder

    def open(self) -> MainWindow:
        """Opens the window and waits until it has settled."""
        folder = DataFolder(self.root / "home").create()
        chosen = tuple(str(path) for path in self.elsewhere)
        save_settings(folder.settings, Settings(appearance=self.appearance, model_folders=chosen))
        self._window = open_window(self.application, folder)
        self._window.resize(*self.size)
        self._window.show()
        # Downloads go on for as long as the window is open.
        self.wait(lambda: all(job.name == "Download models" for job in jobs.running()))
        # Focus shows only in the active window, which offscreen a window becomes on request.
        self._window.raise_()
        self._window.activateWindow()
        self.wait(self._window.isActiveWindow)
        return self._window

    @property
    def opened(self) -> MainWindow | None:
        return self._window

    @property
    def window(self) -> MainWindow:
        assert self._window is not None
        return self._window

    @property
    def library(self) -> LibraryPage:
        page = self.window.show_page("library")
        assert isinstance(page, LibraryPage)
        return page

    def row(self, title: str) -> Row:
        return next(row for row in self.library.rows if title in str(row.path))

    def wait(self, until: Callable[[], bool]) -> None:
        give_up = time.monotonic() + PATIENCE_S
        while not until():
            self.application.processEvents()
            time.sleep(0.005)
            if time.monotonic() > give_up:
                raise TimeoutError("the window did not settle")
        self.application.processEvents()

    def photograph(self) -> QPixmap:
        """The window with the menus that are open on it."""
        picture = self.window.grab()
        painter = QPainter(picture)
        for widget in self.application.topLevelWidgets():
            if widget.isVisible() and widget.windowType() is Qt.WindowType.Popup:
                at = widget.pos() - self.window.mapToGlobal(QPoint(0, 0))
                painter.fillRect(at.x() + 3, at.y() + 3, widget.width(), widget.height(), QColor(0, 0, 0, 40))
                painter.drawPixmap(at, widget.grab())
        painter.end()
        return picture

    def close(self) -> None:
        for widget in self.application.topLevelWidgets():
            if widget.windowType() is Qt.WindowType.Popup:
                widget.close()
        jobs.cancel_all(10)
        self.wait(lambda: not jobs.running())
        if self._window is not None:
            self._window.close()
            self._window.services.close()
            self._window.deleteLater()
        self.application.processEvents()
        # Outside an event loop nobody else does; a hundred windows would follow every change of theme.
        self.application.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        self.around.close()


Play = Callable[[Stage], None]
SCENES: dict[str, Play] = {}


def scene(play: Play) -> Play:
    SCENES[play.__name__.replace("_", "-")] = play
    return play


# The first start, and the built-in model


@scene
def first_start(stage: Stage) -> None:
    need_guide()
    stage.open()


@scene
def first_start_making(stage: Stage) -> None:
    need_guide()
    stage.open()
    with patch("app.guide.make_guide", made_halfway):
        stage.library.body.first.guide.begin.click()
        stage.wait(lambda: stage.library.body.first.guide.lines.has_begun)


@scene
def first_start_disk_full(stage: Stage) -> None:
    need_guide()
    stage.open()
    with patch("app.convert.quantize", disk_full):
        stage.library.body.first.guide.begin.click()
        stage.wait(lambda: not jobs.running())


@scene
def first_start_guide_damaged(stage: Stage) -> None:
    with patch("resources.guide_checkpoint", lambda: stage.root / "nothing here"):
        stage.open()


@scene
def first_start_compare(stage: Stage) -> None:
    try_guide(stage)


@scene
def first_start_answers(stage: Stage) -> None:
    page = try_guide(stage)
    QTest.keyClick(page.composer.box, Qt.Key.Key_Return)
    stage.wait(lambda: not jobs.running())


@scene
def library_guide_alone(stage: Stage) -> None:
    try_guide(stage)
    stage.wait(lambda: not jobs.running())
    stage.library.list.setFocus()


@scene
def library_guide_in_part(stage: Stage) -> None:
    need_guide()
    stage.open()
    page = settle_chat(stage)
    page.picker.guide_picked.emit()
    stage.wait(lambda: page.model is not None and not jobs.running())
    stage.library.list.setFocus()


@scene
def library_guide_outdated(stage: Stage) -> None:
    put_models(stage)
    try_guide(stage)
    newer = write_guide_checkpoint(stage.root / "newer")
    with patch("resources.guide_checkpoint", lambda: newer):
        stage.library.rescan()
        stage.wait(lambda: not jobs.running())
    stage.library.show_row(stage.window.services.folder.guide)


@scene
def library_guide_file_damaged(stage: Stage) -> None:
    try_guide(stage)
    file = guide_file(stage.window.services.folder, "Q8_0")
    file.write_bytes(file.read_bytes()[:100_000])
    stage.library.rescan()
    stage.wait(lambda: not jobs.running())


@scene
def library_guide_not_made(stage: Stage) -> None:
    need_guide()
    write_tiny_model(stage.models / "tiny-f16.gguf", type="f16", name="Tiny random")
    stage.open()


@scene
def library_guide_making(stage: Stage) -> None:
    need_guide()
    put_models(stage)
    stage.open()
    with patch("app.guide.make_guide", made_halfway):
        stage.library.try_guide()
        stage.wait(lambda: stage.library.trial.card.lines.has_begun)


@scene
def library_guide_with_models(stage: Stage) -> None:
    put_models(stage)
    try_guide(stage)
    stage.wait(lambda: not jobs.running())
    last = stage.library.list.model().index(stage.library.list.model().rowCount() - 1, 0)
    stage.library.list.setCurrentIndex(last)


@scene
def library_guide_make_menu(stage: Stage) -> None:
    need_guide()
    write_tiny_model(stage.models / "tiny-f16.gguf", type="f16", name="Tiny random")
    stage.open()
    page = stage.library
    page.list.setCurrentIndex(page.list.model().index(1, 0))
    row = page.list.current_row()
    assert row is not None
    assert row.can_try
    page.list.make_asked.emit(row, page.list.make_menu_place(row))


@scene
def chat_choose_the_guide(stage: Stage) -> None:
    need_guide()
    put_models(stage)
    stage.open()
    settle_chat(stage).pick_model()


@scene
def chat_making_the_guide(stage: Stage) -> None:
    need_guide()
    stage.open()
    page = settle_chat(stage)
    with patch("app.guide.make_guide", made_halfway):
        page.picker.guide_picked.emit()
        stage.wait(lambda: page.head.shows_loading)
        QTest.qWait(700)


@scene
def compare_choose_the_guide(stage: Stage) -> None:
    write_tiny_model(stage.models / "tiny-f16.gguf", type="f16", name="Tiny random")
    page = try_guide(stage)
    page.panes[1].picker.showPopup()


@scene
def library_guide_damaged(stage: Stage) -> None:
    put_models(stage)
    with patch("resources.guide_checkpoint", lambda: stage.root / "nothing here"):
        stage.open()


# Discover


@scene
def discover_list(stage: Stage) -> None:
    discover(stage, "desktop-8gb-card").list.setFocus()


@scene
def discover_list_from_its_middle(stage: Stage) -> None:
    page = discover(stage, "desktop-8gb-card")
    page.list.show_model("llama-3.3-70b")
    third = page.list.model().index(page.list.currentIndex().row() - 2, 0)
    QTest.mouseMove(page.list.viewport(), page.list.visualRect(third).center())


@scene
def discover_on_a_mac(stage: Stage) -> None:
    discover(stage, "mac-64gb")


@scene
def discover_without_a_gpu(stage: Stage) -> None:
    discover(stage, "laptop-16gb")


@scene
def discover_found(stage: Stage) -> None:
    page = discover(stage, "desktop-two-24gb-cards")
    page.header.search.setText("qwen3 vl")
    page.header.search.setFocus()


@scene
def discover_no_match(stage: Stage) -> None:
    discover(stage, "desktop-8gb-card").header.search.setText("a model of my own")


@scene
def discover_working_it_out(stage: Stage) -> None:
    stage.open()
    with patch("app.recommend.staircase.staircases_of", worked_out_halfway):
        page = stage.window.show_page("discover")
        assert isinstance(page, DiscoverPage)
        long_enough = time.monotonic() + 1.0
        stage.wait(lambda: time.monotonic() > long_enough)


@scene
def discover_unreadable(stage: Stage) -> None:
    stage.open()
    with patch("app.hardware.probe", no_answer), patch("app.hardware.probe_usable", no_answer):
        stage.window.show_page("discover")
        stage.wait(lambda: not jobs.running())


@scene
def discover_with_a_model_in_chat(stage: Stage) -> None:
    here = computer("laptop-16gb")
    with (
        patch("app.hardware.probe", lambda: here),
        patch("app.hardware.live.LiveMachine.read", lambda live: here),
    ):
        page = discover(stage, here)
        load_in_chat(stage)
        stage.window.show_page("discover")
        stage.wait(lambda: bool(page.computer.remark) and not jobs.running())


@scene
def discover_nothing_fits(stage: Stage) -> None:
    discover(stage, full("raspberry-pi-8gb"))


@scene
def discover_staircase(stage: Stage) -> None:
    climb(stage, discover(stage, "desktop-8gb-card"), "qwen3-8b")


@scene
def discover_staircase_long_context(stage: Stage) -> None:
    page = discover(stage, "desktop-8gb-card")
    climb(stage, page, "qwen3-8b")
    with patch("app.hardware.live.LiveMachine.read", lambda live: computer("desktop-8gb-card")):
        page.staircase.slider.setValue(page.staircase.slider.maximum())
        stage.wait(lambda: not jobs.running())
    page.staircase.rows[4].button.setFocus()


@scene
def discover_staircase_alternatives(stage: Stage) -> None:
    page = discover(stage, "desktop-8gb-card")
    climb(stage, page, "qwen3-8b")
    with patch("app.hardware.live.LiveMachine.read", lambda live: computer("desktop-8gb-card")):
        page.staircase.slider.choose(32_768)
        stage.wait(lambda: not jobs.running())
    bar = page.staircase.alternatives.parentWidget().parentWidget().parentWidget().verticalScrollBar()
    bar.setValue(bar.maximum())


@scene
def discover_staircase_split(stage: Stage) -> None:
    climb(stage, discover(stage, "desktop-24gb-card"), "llama-3.3-70b")


@scene
def discover_staircase_on_a_mac(stage: Stage) -> None:
    climb(stage, discover(stage, "macbook-air-16gb"), "qwen3-30b-a3b")


@scene
def discover_staircase_without_a_gpu(stage: Stage) -> None:
    climb(stage, discover(stage, "laptop-16gb"), "gemma-3-12b")


@scene
def discover_staircase_of_one_step(stage: Stage) -> None:
    climb(stage, discover(stage, "server-512gb"), "gpt-oss-120b")


@scene
def discover_staircase_too_big(stage: Stage) -> None:
    climb(stage, discover(stage, "desktop-8gb-card"), "deepseek-v3.1")


@scene
def discover_staircase_in_the_library(stage: Stage) -> None:
    for kind in ("Q8_0", "Q4_K_M"):
        put_hollow(stage.models / f"Qwen3-4B-Instruct-2507-{kind}.gguf", "qwen3-4b-instruct-2507", kind)
    climb(stage, discover(stage, "desktop-12gb-card"), "qwen3-4b-instruct-2507")


@scene
def discover_leaving_for_hugging_face(stage: Stage) -> None:
    page = discover(stage, "desktop-8gb-card")
    climb(stage, page, "qwen3-8b")
    page.staircase.rows[2].button.click()


# The Hub


@scene
def hub_results(stage: Stage) -> None:
    page = search_hub(stage, "qwen3 8b")
    page.hub.search.list.setFocus()


@scene
def hub_results_with_filters(stage: Stage) -> None:
    page = search_hub(stage, "")
    bar = page.hub.search.bar
    bar.least.setCurrentIndex(bar.least.findText("from 7 B"))
    bar.most.setCurrentIndex(bar.most.findText("to 35 B"))
    bar.licence.setCurrentIndex(1)
    bar.has_gguf.setChecked(False)
    bar.narrowed.emit()
    stage.wait(lambda: not jobs.running())


@scene
def hub_none_found(stage: Stage) -> None:
    search_hub(stage, "a model of my own")


@scene
def hub_searching(stage: Stage) -> None:
    server = start_hub(stage)
    server.faults.append(Fault(where="/api/models", stall_at=5, stall_s=8))
    page = discover(stage, "desktop-8gb-card")
    page.look_on_hub("qwen3")
    stage.wait(page.hub.search.body.asking.isVisible)


@scene
def hub_no_network(stage: Stage) -> None:
    start_hub(stage)
    stage.around.enter_context(patch("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9"))
    page = discover(stage, "desktop-8gb-card")
    page.look_on_hub("qwen3")
    stage.wait(lambda: not jobs.running())


@scene
def hub_switched_off(stage: Stage) -> None:
    start_hub(stage)
    stage.around.enter_context(patch("huggingface_hub.constants.HF_HUB_OFFLINE", True))
    page = discover(stage, "desktop-8gb-card")
    page.look_on_hub("qwen3")
    stage.wait(lambda: not jobs.running())


@scene
def hub_rate_limited(stage: Stage) -> None:
    server = start_hub(stage)
    server.faults.append(Fault(where="/api/models", status=429, headers={"Retry-After": "75"}))
    page = discover(stage, "desktop-8gb-card")
    page.look_on_hub("qwen3")
    stage.wait(lambda: not jobs.running())


@scene
def hub_repository(stage: Stage) -> None:
    page = open_on_hub(stage, "unsloth/Qwen3-8B-GGUF")
    page.hub.repository.files.list.setFocus()


@scene
def hub_repository_end(stage: Stage) -> None:
    page = open_on_hub(stage, "unsloth/Qwen3-8B-GGUF")
    page.hub.repository.files.list.scrollToBottom()


@scene
def hub_repository_original(stage: Stage) -> None:
    open_on_hub(stage, TINY_LLAMA)


@scene
def hub_make_menu(stage: Stage) -> None:
    page = open_on_hub(stage, TINY_LLAMA)
    page.hub.repository.files.original.make.click()


@scene
def hub_checkpoint_coming(stage: Stage) -> None:
    get_checkpoint(stage)


@scene
def hub_repository_getting(stage: Stage) -> None:
    """One file is here, one comes, one is paused, one waits, one has failed."""
    repository = "unsloth/Qwen3-8B-GGUF"
    page = open_on_hub(stage, repository)
    files = page.hub.repository.files
    variants = [row.variant for row in page.hub.repository.rows if row.variant][2:7]
    wanted = [
        Wanted(repository, f"Qwen3-8B {each.label}", {file.path: file.size for file in each.files})
        for each in variants
    ]
    _, paused, failed, here, _ = put_downloads(stage, *wanted)
    with DownloadStore(DataFolder(stage.root / "home").database) as store:
        entry = store.find(here)
        assert entry is not None
        entry.folder.mkdir(parents=True)
        with (entry.folder / entry.files[0].path).open("wb") as file:
            file.truncate(entry.size)
        store.set_state(here, DownloadState.DONE)
    leave_download(stage, paused, DownloadState.PAUSED)
    fault = WrongContent("What arrived is not what the Hub has: another digest.", "Try again.")
    leave_download(stage, failed, DownloadState.FAILED, fault)
    page.hub.repository.look_here()
    with patch("app.downloads.queue.run_claimed", fetched_halfway):
        stage.wait(lambda: any(row.offer.words.endswith("%") for row in page.hub.repository.rows))
    files.list.setCurrentIndex(files.rows.index(2, 0))
    settled = time.monotonic() + 0.6
    stage.wait(lambda: time.monotonic() > settled and not page.hub.repository.is_asking)


@scene
def hub_repository_of_another_form(stage: Stage) -> None:
    open_on_hub(stage, "Qwen/Qwen3-8B-AWQ")


@scene
def hub_repository_gated(stage: Stage) -> None:
    open_on_hub(stage, "google/gemma-3-12b-it-qat-q4_0-gguf")


@scene
def hub_repository_not_there(stage: Stage) -> None:
    open_on_hub(stage, "unsloth/Qwen3-8B-GUFF")


@scene
def hub_card(stage: Stage) -> None:
    page = open_on_hub(stage, "unsloth/Qwen3-8B-GGUF")
    page.hub.repository.show_view(View.CARD)
    stage.wait(lambda: not jobs.running())


@scene
def hub_leaving_for_a_page(stage: Stage) -> None:
    page = open_on_hub(stage, "google/gemma-3-12b-it-qat-q4_0-gguf")
    page.hub.repository.files.refusal.page_asked.emit(
        "https://huggingface.co/google/gemma-3-12b-it-qat-q4_0-gguf"
    )


@scene
def settings_hub(stage: Stage) -> None:
    start_hub(stage)
    stage.around.enter_context(patch.object(keyring, "get_password", lambda service, name: "hf_kept"))
    stage.open().show_page("settings")
    stage.wait(lambda: not jobs.running())


@scene
def settings_hub_without_a_keyring(stage: Stage) -> None:
    def no_keyring(service: str, name: str) -> None:
        raise KeyringError

    start_hub(stage)
    stage.around.enter_context(patch.object(keyring, "get_password", no_keyring))
    stage.around.enter_context(patch("huggingface_hub.constants.HF_HUB_OFFLINE", True))
    stage.open().show_page("settings")
    stage.wait(lambda: not jobs.running())


# Library


@scene
def library_filled(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    stage.library.show_row(stage.row("tiny-bf16").path)


@scene
def library_filtered(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    stage.library.search.setText("f16")


@scene
def library_no_match(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    stage.library.search.setText("llama 405b")


@scene
def library_faults(stage: Stage) -> None:
    put_models(stage)
    put_faulty_files(stage.models)
    stage.elsewhere.append(stage.root / "A disk that was unplugged")
    stage.open()


@scene
def library_many(stage: Stage) -> None:
    first = write_tiny_model(stage.models / "model-000.gguf", type="f16", name="Tiny 000")
    header, size = first.read_bytes()[: read_header(first).data_offset], first.stat().st_size
    for number in range(1, 120):
        with first.with_name(f"model-{number:03d}.gguf").open("wb") as file:  # a link would be no model more
            file.write(header)
            file.truncate(size)
    (stage.models / "more").mkdir()
    stage.open()


@scene
def library_choosing_to_compare(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    for name in ("tiny-f32", "tiny-bf16"):
        stage.library.list.compare_asked.emit(stage.row(name))


@scene
def library_dragging_over(stage: Stage) -> None:
    put_models(stage)
    stage.open().veil.cover()


@scene
def library_make_menu(stage: Stage) -> None:
    need_convert()
    put_models(stage)
    stage.open()
    row = stage.row("tiny-f16")
    stage.library.list.make_asked.emit(row, stage.library.list.make_menu_place(row))


@scene
def library_row_menu_of_a_quantized_model(stage: Stage) -> None:
    need_convert()
    put_models(stage)
    make(stage, "tiny-f16", "Q8_0")
    row = stage.row("Q8_0")
    stage.library.list.menu_asked.emit(row, stage.library.list.make_menu_place(row) - QPoint(240, 0))


@scene
def library_making(stage: Stage) -> None:
    need_convert()
    put_models(stage)
    source = shared_big_model(stage)
    stage.open()
    library = stage.library
    library.making.start(stage.row(source.stem), "Q4_K_M")
    library.making.start(stage.row("tiny-f16"), "Q8_0")
    stage.wait(lambda: not library.making.cards or library.making.cards[0].lines.has_begun)


@scene
def library_made(stage: Stage) -> None:
    need_convert()
    put_models(stage)
    make(stage, "tiny-f16", "Q4_K_M")


@scene
def library_not_made(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    fault = DiskFull(
        "The disk ran full while writing tiny-f16-Q4_K_M.gguf.", "Free some space and try again."
    )
    stage.library.making.failed.emit(stage.row("tiny-f16"), "Q4_K_M", fault)


@scene
def library_pointed_at_and_focused(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    library = stage.library
    library.show_row(stage.row("bf16").path)
    library.list.setFocus()
    third = library.list.model().index(2, 0)
    QTest.mouseMove(library.list.viewport(), library.list.visualRect(third).center())
    stage.application.processEvents()


@scene
def library_on_a_gaming_computer(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    stage.library.computer.show_machine(
        Machine(
            Cpu("AMD Ryzen 9 7950X", 16, 32, ("AVX2", "AVX512")),
            Memory(64 * 10**9, 9 * 10**9),
            (
                Accelerator("NVIDIA GeForce RTX 4090", "CUDA", 24 * 10**9, 21 * 10**9),
                Accelerator("NVIDIA GeForce RTX 4060 Ti", "CUDA", 16 * 10**9, 1 * 10**9),
            ),
            ("NVIDIA graphics card 3 does not answer: GPU is lost.",),
        )
    )
    stage.application.processEvents()


# Downloads


@scene
def downloads_running(stage: Stage) -> None:
    put_models(stage)
    put_downloads(stage, QWEN, GEMMA, LLAMA_70B)
    download_halfway(stage)


@scene
def downloads_one_running(stage: Stage) -> None:
    put_models(stage)
    put_downloads(stage, QWEN)
    download_halfway(stage)
    stage.window.show_downloads()


@scene
def downloads_files_of_one(stage: Stage) -> None:
    put_models(stage)
    put_downloads(stage, LLAMA_70B, QWEN)
    download_halfway(stage)
    press(stage, 0, "Show the files")


@scene
def downloads_first_start(stage: Stage) -> None:
    need_guide()
    put_downloads(stage, QWEN)
    download_halfway(stage)


@scene
def downloads_cancel_asked(stage: Stage) -> None:
    put_models(stage)
    put_downloads(stage, QWEN, GEMMA)
    download_halfway(stage)
    press(stage, 0, "Cancel the download")


@scene
def downloads_paused(stage: Stage) -> None:
    put_models(stage)
    for id in put_downloads(stage, QWEN, GEMMA):
        leave_download(stage, id, DownloadState.PAUSED)
    stage.open()


@scene
def downloads_failed(stage: Stage) -> None:
    put_models(stage)
    gated, damaged, later = put_downloads(stage, GEMMA, QWEN, LLAMA_70B)
    hub = "https://huggingface.co/google/gemma-3-12b-it-qat-q4_0-gguf"
    leave_download(
        stage,
        gated,
        DownloadState.FAILED,
        GatedRepository(
            "google/gemma-3-12b-it-qat-q4_0-gguf is gated: its authors want you to accept their conditions first.",
            f"Accept them on {hub}, then log in: hf auth login, or a token in the settings.",
        ),
    )
    leave_download(
        stage,
        damaged,
        DownloadState.FAILED,
        WrongContent(
            f"Qwen3-8B-Q5_K_M.gguf does not arrive as it is on the Hub: its sha256 digest should be {'4b' * 32} and is "
            f"{'d9' * 32}.",
            "Try again later, or choose another file.",
        ),
    )
    leave_download(stage, later, DownloadState.PAUSED)
    stage.open()


@scene
def downloads_without_network(stage: Stage) -> None:
    put_models(stage)
    (id,) = put_downloads(stage, QWEN)
    fault = NoConnection("There is no connection to huggingface.co.", "Check the network, then try again.")
    leave_download(stage, id, DownloadState.WAITING, fault)

    def no_network(store: DownloadStore, entry: Download, *others: object) -> None:
        store.release(entry.id)
        raise fault

    with patch("app.downloads.queue.run_claimed", no_network):
        stage.open()
        stage.wait(
            lambda: "network" in stage.window.download_corner.toolTip() or bool(stage.library.downloads.rows)
        )


@scene
def downloads_done(stage: Stage) -> None:
    put_models(stage)
    first, second = put_downloads(stage, QWEN, GEMMA)
    for id in (first, second):
        leave_download(stage, id, DownloadState.PAUSED)
    stage.open()
    folder = DataFolder(stage.root / "home")
    with DownloadStore(folder.database) as store:
        entry = store.find(first)
        assert entry is not None
        entry.folder.mkdir(parents=True)
        write_tiny_model(entry.folder / entry.files[0].path, type="f16", name="Qwen3 8B")
        store.set_received(first, entry.files[0].path, entry.size, is_done=True)
        store.set_state(first, DownloadState.DONE)
    stage.wait(lambda: stage.library.downloads.rows[0].entry.state == "done" and not jobs.running())


@scene
def downloads_checkpoint_coming(stage: Stage) -> None:
    get_checkpoint(stage).make.click()


@scene
def downloads_checkpoint_here(stage: Stage) -> None:
    """With the menu of what can be made of it."""
    put_models(stage)
    put_checkpoint(stage)
    stage.open()
    row = stage.library.downloads.rows[0]
    next(each for each in row.controls if each.text() == "Make…").click()


@scene
def downloads_checkpoint_made(stage: Stage) -> None:
    put_models(stage)
    checkpoint = put_checkpoint(stage)
    stage.open()
    stage.library.making.start(Checkpoint("Nova checkpoint", checkpoint), "Q4_K_M")
    stage.wait(lambda: not jobs.running())


@scene
def downloads_disk_full(stage: Stage) -> None:
    put_models(stage)
    (id,) = put_downloads(stage, LLAMA_70B)
    leave_download(stage, id, DownloadState.PAUSED)
    stage.open()
    stage.window.services.downloads.failed.emit(
        DiskFull(
            "This download needs 42.5 GB, 2 other downloads included; the disk has 11.2 GB free.",
            "It is paused in the queue. Free some space, then let it go on.",
        )
    )


@scene
def downloads_seen_from_settings(stage: Stage) -> None:
    put_downloads(stage, QWEN, GEMMA)
    download_halfway(stage)
    stage.window.show_page("settings")
    stage.window.services.preferences.set_download_speed(20_000_000)
    stage.wait(lambda: all(job.name == "Download models" for job in jobs.running()))


@scene
def downloads_seen_from_discover(stage: Stage) -> None:
    page = discover(stage, "desktop-8gb-card")
    climb(stage, page, "qwen3-8b")
    put_downloads(
        stage, QWEN, replace_kind(QWEN, "Q6_K", 6_725_900_000), replace_kind(QWEN, "Q8_0", 8_709_500_000)
    )
    with DownloadStore(DataFolder(stage.root / "home").database) as store:
        store.set_state(store.all()[2].id, DownloadState.PAUSED)
    with patch("app.downloads.queue.run_claimed", fetched_halfway):
        stage.wait(lambda: any(row.button.text() == "Paused" for row in page.staircase.rows))
        stage.wait(lambda: any(row.button.text().endswith("%") for row in page.staircase.rows))


@scene
def library_of_many_programs(stage: Stage) -> None:
    put_programs(stage)
    open_on(stage, "desktop-12gb-card").list.setFocus()


@scene
def library_of_one_program_by_size(stage: Stage) -> None:
    put_programs(stage)
    bar = open_on(stage, "desktop-12gb-card").filter_bar
    bar.source.setCurrentText("Nibble")
    bar.order.setCurrentText("Sort by size")
    bar.order.setFocus()


@scene
def library_details(stage: Stage) -> None:
    put_programs(stage)
    detail(stage, open_on(stage, "desktop-12gb-card"), "Qwen3-8B-Q6_K")


@scene
def library_details_too_big(stage: Stage) -> None:
    put_programs(stage)
    page = open_on(stage, "laptop-16gb")
    detail(stage, page, "Llama-3.3-70B")
    page.details.overview.verticalScrollBar().setValue(10_000)


@scene
def library_details_of_another_program(stage: Stage) -> None:
    put_programs(stage)
    page = open_on(stage, "desktop-12gb-card")
    detail(stage, page, "sha256-")
    page.details.overview.verticalScrollBar().setValue(10_000)


@scene
def library_details_header(stage: Stage) -> None:
    put_programs(stage)
    page = open_on(stage, "desktop-12gb-card")
    detail(stage, page, "Qwen3-8B-Q6_K")
    page.details.show_header()
    page.details.header.search.setText("attn_q")
    page.details.header.search.setFocus()


@scene
def library_details_renaming(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    detail(stage, stage.library, "tiny-f16")
    stage.library.details.begin_renaming()
    stage.library.acts.rename(stage.row("tiny-f16"), "x" * 300)
    stage.wait(lambda: not jobs.running())


@scene
def library_verifying(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    detail(stage, stage.library, "tiny-f16")
    with patch("app.library.verify", checked_halfway):
        stage.library.acts.verify(stage.row("tiny-f16"))
        stage.wait(lambda: stage.library.acts.checking.cards[0].lines.has_begun)


@scene
def library_verified_for_the_first_time(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    verify_row(stage, "tiny-f16")


@scene
def library_verified_as_damaged(stage: Stage) -> None:
    put_models(stage)
    put_in_cache(stage, spoilt=True)
    stage.open()
    verify_row(stage, "Poet")


@scene
def library_verified_as_on_the_hub(stage: Stage) -> None:
    put_models(stage)
    put_in_cache(stage)
    stage.open()
    verify_row(stage, "Poet")


@scene
def library_disk_space(stage: Stage) -> None:
    put_programs(stage)
    open_on(stage, "desktop-12gb-card").show_space()
    stage.wait(lambda: not jobs.running())


@scene
def library_looking_for_duplicates(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    stage.library.show_space()
    with patch("app.library.find_duplicates", checked_halfway):
        stage.library.space.duplicates.begin.click()
        stage.wait(lambda: stage.library.space.duplicates.lines.has_begun)


@scene
def library_duplicates(stage: Stage) -> None:
    put_models(stage)
    put_in_cache(stage)
    other = stage.root / "My models" / "a copy of the poet.gguf"
    (cached,) = (stage.root / "person").rglob("Poet*.gguf")
    other.write_bytes(cached.read_bytes())
    stage.open()
    stage.library.show_space()
    stage.library.space.duplicates.begin.click()
    stage.wait(lambda: not jobs.running())


@scene
def library_gone_and_damaged(stage: Stage) -> None:
    put_models(stage)
    put_faulty_files(stage.models)
    write_tiny_model(stage.models / "split.gguf", tensors_per_part=8, name="In three parts")
    stage.open()
    verify_row(stage, "tiny-bf16", shown=False)
    (stage.models / "tiny-f16.gguf").unlink()
    (stage.models / "split-00002-of-00003.gguf").unlink()
    os.utime(stage.models / "tiny-bf16.gguf")
    stage.library.notices.clear()
    stage.library.rescan()
    stage.wait(lambda: not jobs.running())


@scene
def library_details_of_a_gone_file(stage: Stage) -> None:
    library_gone_and_damaged(stage)
    detail(stage, stage.library, "tiny-f16")


@scene
def library_details_of_a_changed_file(stage: Stage) -> None:
    library_gone_and_damaged(stage)
    detail(stage, stage.library, "tiny-bf16")


@scene
def library_details_of_a_projector(stage: Stage) -> None:
    put_models(stage)
    write_projector_ghost(next(iter(PROJECTORS.values())), stage.models / "mmproj-model-f16.gguf")
    stage.open()
    detail(stage, stage.library, "mmproj")


# The window


@scene
def window_bug(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    try:
        raise ZeroDivisionError("a bug made for the picture")
    except ZeroDivisionError as error:
        bugs.reporter().report(error, "Take a picture")


@scene
def settings_plain(stage: Stage) -> None:
    stage.open().show_page("settings")


@scene
def settings_with_folders(stage: Stage) -> None:
    for name in (
        "models/gguf",
        "Downloads/a folder with quite a long name that goes on and on/and another/models",
    ):
        folder = stage.root / name
        folder.mkdir(parents=True)
        stage.elsewhere.append(folder)
    stage.open().show_page("settings")


# Chat


@scene
def chat_no_models(stage: Stage) -> None:
    with patch("resources.guide_checkpoint", lambda: stage.root / "nothing here"):
        stage.open()
        settle_chat(stage)


@scene
def chat_choose_a_model(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    settle_chat(stage).pick_model()


@scene
def chat_ready(stage: Stage) -> None:
    open_chat(stage)


@scene
def chat_filled(stage: Stage) -> None:
    write_conversations(stage)
    put_models(stage)
    stage.open()
    settle_chat(stage)


@scene
def chat_scrolled_up(stage: Stage) -> None:
    write_conversations(stage)
    put_models(stage)
    stage.open()
    settle_chat(stage).column.verticalScrollBar().setValue(0)


@scene
def chat_settings(stage: Stage) -> None:
    page = open_chat(stage)
    say(stage, page, "What is the sea?", 60)
    page.show_drawer(True)


@scene
def chat_thought(stage: Stage) -> None:
    open_thoughtful_chat(stage).show_drawer(True)


@scene
def chat_thought_unfolded(stage: Stage) -> None:
    for answer in open_thoughtful_chat(stage).column.answers():
        answer.reasoning.head.click()


@scene
def chat_thinking(stage: Stage) -> None:
    page = open_thoughtful_chat(stage)
    page.composer.set_text("And on a leap day?")
    page.composer.send()
    stage.wait(lambda: len(page.answering.reasoning) > 300)


@scene
def chat_full(stage: Stage) -> None:
    open_full_chat(stage)


@scene
def chat_full_and_gone_on(stage: Stage) -> None:
    page = open_full_chat(stage)
    card = page.column.fault_card()
    assert card is not None
    card.buttons[0].click()
    settle_chat(stage)


@scene
def chat_full_settings(stage: Stage) -> None:
    page = open_full_chat(stage)
    page.show_drawer(True)
    scroll_drawer(page, 200)


@scene
def chat_settings_advanced(stage: Stage) -> None:
    page = open_chat(stage)
    say(stage, page, "What is the sea?", 60)
    page.show_drawer(True)
    page.drawer.samplers.fields["dry_multiplier"].setValue(0.8)
    page.drawer.samplers.show_advanced(True)
    scroll_drawer(page, 520)


@scene
def chat_settings_texts(stage: Stage) -> None:
    page = open_chat(stage)
    say(stage, page, "What is the sea?", 60)
    page.show_drawer(True)
    samplers = page.drawer.samplers
    samplers.show_advanced(True)
    for name, text in (
        ("stop", "\\nUser:\nEND"),
        ("logit_bias", " maybe=-100\n42"),
        ("grammar", 'root ::= answer "."\nanswer ::= "yes" | "no'),
    ):
        samplers.rows[name].text.setPlainText(text)
    page.drawer.flush()
    scroll_drawer(page, 100_000)


@scene
def chat_split(stage: Stage) -> None:
    page = open_chat_on_card(stage, 76_000_000)
    say(stage, page, "What is the sea?", 60)


@scene
def chat_split_settings(stage: Stage) -> None:
    page = open_chat_on_card(stage, 76_000_000)
    page.show_drawer(True)


@scene
def chat_on_the_processor(stage: Stage) -> None:
    open_chat_on_card(stage, 1_000_000).show_drawer(True)


@scene
def chat_load_settings(stage: Stage) -> None:
    page = open_chat(stage)
    page.show_load_panel(True)
    stage.wait(lambda: not page.loading.is_reading)


@scene
def chat_load_settings_on_a_card(stage: Stage) -> None:
    page = open_load_panel_on_cards(stage, 76_000_000)
    page.load_panel.choose(kv_type="q8_0", threads=2)
    stage.wait(lambda: not page.loading.is_reading)


@scene
def chat_load_settings_too_much_for_a_card(stage: Stage) -> None:
    page = open_load_panel_on_cards(stage, 76_000_000)
    page.load_panel.choose(gpu_layers=37, context_length=32768)
    stage.wait(lambda: not page.loading.is_reading)


@scene
def chat_load_settings_of_two_cards_and_adapters(stage: Stage) -> None:
    page = open_load_panel_on_cards(stage, 76_000_000, 40_000_000)
    pairs = {"blk.0.attn_v.weight": random_pair(128, 256, 8, 1)}
    names = ("A pirate's voice", "Answers in verse")
    page.load_panel.adapters.add_files(
        write_lora(stage.models / f"{name}.gguf", pairs, alpha=8.0) for name in names
    )
    page.load_panel.adapters.sliders[1].setValue(12)
    page.load_panel.choose(devices=("CUDA0", "CUDA1"), split=(2.0, 1.0))
    stage.wait(lambda: not page.loading.is_reading)
    page.load_panel.show_end()


@scene
def chat_load_settings_with_an_adapter_that_is_gone(stage: Stage) -> None:
    page = open_chat(stage)
    page.show_load_panel(True)
    stage.wait(lambda: not page.loading.is_reading)
    page.load_panel.adapters.add_files([stage.models / "gone.gguf"])
    stage.wait(lambda: not page.loading.is_reading)


@scene
def chat_unloaded(stage: Stage) -> None:
    page = open_chat(stage)
    say(stage, page, "What is the sea?", 60)
    with patch.object(
        stage.window.services.chat_engine, "unload_idle", stage.window.services.chat_engine.unload
    ):
        page.loading.unload_now()
        stage.wait(lambda: page.head.resting_words != "")


@scene
def chat_loading(stage: Stage) -> None:
    source = shared_big_model(stage)
    stage.open()
    page = settle_chat(stage)
    page.open_model(source)
    page.composer.set_text("A question asked before the model is there")
    page.composer.send()
    stage.wait(lambda: page.column.live is not None and not page.column.live.waiting.isHidden())


@scene
def chat_streaming(stage: Stage) -> None:
    write_conversations(stage)
    page = open_chat(stage)
    start(stage, page)
    page.composer.set_text("What I will ask next, while I wait for the end")


@scene
def chat_stopped(stage: Stage) -> None:
    page = open_chat(stage)
    start(stage, page)
    page.composer.stop_button.click()
    settle_chat(stage)


@scene
def chat_worker_killed(stage: Stage) -> None:
    page = open_chat(stage)
    start(stage, page)
    os.kill(page.answering.worker_pid or 0, signal.SIGKILL)
    settle_chat(stage)
    card = page.column.fault_card()
    if card is None:
        raise CannotPlay("the answer was there before the runtime was killed")
    card.toggle_log()
    stage.application.processEvents()
    page.column.scroll_to_end()


@scene
def chat_file_gone(stage: Stage) -> None:
    page = open_chat(stage)
    say(stage, page, "Who goes there?", 20)
    assert page.model is not None
    page.model.unlink()
    worker = page.answering.worker_pid or 0
    os.kill(worker, signal.SIGKILL)
    os.waitid(os.P_PID, worker, os.WEXITED | os.WNOWAIT)  # else the question may meet one that is dying
    say(stage, page, "And who else?", 20)


@scene
def chat_file_gone_and_in_memory(stage: Stage) -> None:
    page = open_chat(stage)
    say(stage, page, "Who goes there?", 20)
    assert page.model is not None
    page.model.unlink()
    page.known.look(page.model)
    say(stage, page, "And who else?", 20)


@scene
def chat_deleted(stage: Stage) -> None:
    write_conversations(stage)
    put_models(stage)
    stage.open()
    page = settle_chat(stage)
    page.delete_conversation(page.list.lines[1].id)


@scene
def chat_with_a_long_prompt(stage: Stage) -> None:
    page = open_chat(stage)
    page.composer.set_text(
        "\n".join(f"Line {number} of something pasted from elsewhere" for number in range(20))
    )
    stage.wait(lambda: page.composer.height() > page.composer.field.height())


# Compare


@scene
def compare_empty(stage: Stage) -> None:
    stage.open().show_page("compare")
    settle_compare(stage)


@scene
def compare_one_model(stage: Stage) -> None:
    write_tiny_model(stage.models / "tiny-f16.gguf", type="f16")
    stage.open().show_page("compare")
    settle_compare(stage)


@scene
def compare_set_up(stage: Stage) -> None:
    put_bard(stage, "Q4_K_M", "Q8_0")
    stage.open()
    settle_compare(stage)


@scene
def compare_presets(stage: Stage) -> None:
    put_bard(stage, "Q2_K", "Q4_K_M", "Q8_0")
    stage.open()
    page = settle_compare(stage)
    page.header.presets.click()


@scene
def compare_too_little_memory(stage: Stage) -> None:
    put_bard(stage, "Q4_K_M", "Q8_0")
    stage.open()
    with free_memory(60_000_000):
        page = plan_anew(stage)
        page.composer.set_prompt(PROMPT)
        page.composer.send.click()
        settle_compare(stage)


@scene
def compare_fits_in_turns(stage: Stage) -> None:
    put_bard(stage, "Q4_K_M", "Q8_0")
    stage.open()
    with free_memory(110_000_000):
        plan_anew(stage)


@scene
def compare_answering_one_after_another(stage: Stage) -> None:
    put_bard(stage, "Q4_K_M", "Q8_0")
    stage.open()
    with free_memory(110_000_000):
        page = plan_anew(stage)
        page.send(PROMPT)
        freeze(stage, page)


@scene
def compare_unloads_chats_model(stage: Stage) -> None:
    put_bard(stage, "Q4_K_M", "Q8_0")
    load_in_chat(stage)
    with free_memory(190_000_000):
        plan_anew(stage)


@scene
def compare_waits_for_chat(stage: Stage) -> None:
    put_bard(stage, "Q4_K_M", "Q8_0")
    chat = load_in_chat(stage)
    page = settle_compare(stage)
    chat.send("Tell me all thou knowest.")
    stage.wait(lambda: bool(chat.answering.text))
    with free_memory(60_000_000):
        stage.window.show_page("compare")
        page.planner.work_out([pane.entry for pane in page.panes if pane.entry])
        stage.wait(lambda: "would have to be unloaded" in page.strip.sentence)
        page.composer.set_prompt(PROMPT)
        page.composer.send.click()
        stage.wait(lambda: not page.running)


@scene
def compare_streaming(stage: Stage) -> None:
    put_bard(stage, "Q4_K_M", "Q8_0")
    stage.open()
    page = settle_compare(stage)
    page.send(PROMPT)
    freeze(stage, page)


@scene
def compare_finished(stage: Stage) -> None:
    put_bard(stage, "Q4_K_M", "Q8_0")
    stage.open()
    page = settle_compare(stage)
    page.send(PROMPT)
    settle_compare(stage)


@scene
def compare_follow_up(stage: Stage) -> None:
    put_bard(stage, "Q4_K_M", "Q8_0")
    stage.open()
    page = settle_compare(stage)
    for prompt in (PROMPT, "And what of the king?"):
        page.send(prompt)
        settle_compare(stage)


@scene
def compare_cleared(stage: Stage) -> None:
    put_bard(stage, "Q4_K_M", "Q8_0")
    stage.open()
    page = settle_compare(stage)
    page.composer.max_tokens.setValue(16)
    page.send(PROMPT)
    settle_compare(stage)
    page.new_comparison()


@scene
def compare_pane_failed(stage: Stage) -> None:
    put_bard(stage, "Q4_K_M", "Q8_0")
    stage.open()
    page = settle_compare(stage)
    page.send(PROMPT)
    settle_compare(stage)
    page.send("And what said he to thee?")
    for number, pid in enumerate(freeze(stage, page)):
        os.kill(pid, signal.SIGKILL if number == 0 else signal.SIGCONT)
    settle_compare(stage)


@scene
def compare_three_panes_one_file_gone(stage: Stage) -> None:
    put_bard(stage, "Q2_K", "Q4_K_M", "Q8_0")
    stage.open()
    page = settle_compare(stage)
    page.header.add.click()
    settle_compare(stage)
    (stage.models / "bard-Q4_K_M.gguf").unlink()
    page.send(PROMPT)
    settle_compare(stage)


@scene
def compare_four_panes(stage: Stage) -> None:
    put_bard(stage, "Q2_K", "Q4_K_M", "Q6_K", "Q8_0")
    stage.open()
    page = settle_compare(stage)
    page.compare_models([stage.models / f"bard-{kind}.gguf" for kind in ("Q2_K", "Q4_K_M", "Q6_K", "Q8_0")])
    settle_compare(stage)
    page.send(PROMPT)
    settle_compare(stage)


@scene
def compare_four_panes_in_turns(stage: Stage) -> None:
    put_bard(stage, "Q2_K", "Q4_K_M", "Q6_K", "Q8_0")
    stage.open()
    page = settle_compare(stage)
    page.compare_models([stage.models / f"bard-{kind}.gguf" for kind in ("Q2_K", "Q4_K_M", "Q6_K", "Q8_0")])
    settle_compare(stage)
    page.send(PROMPT)
    freeze(stage, page)


@scene
def compare_identical(stage: Stage) -> None:
    put_bard(stage, "Q4_K_M", "Q8_0")
    stage.open()
    page = settle_compare(stage)
    page.composer.max_tokens.setValue(6)
    page.send(PROMPT)
    settle_compare(stage)


# Props


@dataclass(frozen=True)
class Wanted:
    """A model to download: files by name with their sizes in bytes."""

    repository: str
    title: str
    files: dict[str, int]


QWEN = Wanted("Qwen/Qwen3-8B-GGUF", "Qwen3-8B Q5_K_M", {"Qwen3-8B-Q5_K_M.gguf": 5_851_112_992})
GEMMA = Wanted(
    "google/gemma-3-12b-it-qat-q4_0-gguf",
    "gemma-3-12b-it-qat-q4_0 QAT-Q4_0",
    {"gemma-3-12b-it-q4_0.gguf": 8_074_486_080},
)
LLAMA_70B = Wanted(
    "bartowski/Llama-3.3-70B-Instruct-GGUF",
    "Llama-3.3-70B-Instruct Q6_K",
    {f"Llama-3.3-70B-Instruct-Q6_K-0000{number}-of-00002.gguf": 28_944_000_000 for number in (1, 2)},
)


def replace_kind(model: Wanted, kind: str, size: int) -> Wanted:
    (name,) = model.files
    return Wanted(model.repository, model.title.replace("Q5_K_M", kind), {name.replace("Q5_K_M", kind): size})


def put_downloads(stage: Stage, *models: Wanted) -> list[int]:
    """Into the queue, as another process does."""
    folder = DataFolder(stage.root / "home").create()
    with DownloadStore(folder.database) as store:
        return [
            store.add(
                model.repository,
                "main",
                model.title,
                folder.models / model.repository,
                [WantedFile(name, size, "0" * 64) for name, size in model.files.items()],
            )
            for model in models
        ]


def leave_download(
    stage: Stage, id: int, state: DownloadState, fault: EnvironmentFault | None = None
) -> None:
    """With a third of it there."""
    with DownloadStore(DataFolder(stage.root / "home").database) as store:
        entry = store.find(id)
        assert entry is not None
        store.set_received(id, entry.files[0].path, entry.files[0].size // 3)
        if fault is not None:
            store.set_fault(id, fault, state)
        else:
            store.set_state(id, state)


def download_halfway(stage: Stage) -> None:
    """Opens the window on what is in the queue."""
    with patch("app.downloads.queue.run_claimed", fetched_halfway):
        stage.open()
        stage.wait(lambda: stage.window.download_corner.told.bytes_per_s is not None)


def fetched_halfway(
    store: DownloadStore, entry: Download, locate: object, limit: object, control: JobControl
) -> None:
    """In the place of a download: comes as far as a picture needs and waits there until it is cancelled."""
    received = round(0.42 * entry.size)
    left = received
    for file in entry.files:
        store.set_received(entry.id, file.path, min(left, file.size), is_done=left >= file.size)
        left = max(left - file.size, 0)
    control.emit(QueueChanged(entry.id))
    while True:
        control.cancel.raise_if_cancelled()
        control.emit(DownloadProgress(entry.id, "Downloading", received, entry.size, 23_400_000.0))
        time.sleep(0.1)


def press(stage: Stage, row: int, name: str) -> None:
    buttons = stage.library.downloads.rows[row].findChildren(QAbstractButton)
    next(each for each in buttons if each.accessibleName().startswith(f"{name}:")).click()
    QTest.qWait(400)


def computer(name: str) -> Machine:
    return read_profile(Path(__file__).parent / "data" / "machines" / f"{name}.json")


def full(name: str) -> Machine:
    """With hardly any memory left free."""
    machine = computer(name)
    return replace(machine, memory=replace(machine.memory, available_bytes=100_000_000))


def discover(stage: Stage, machine: Machine | str) -> DiscoverPage:
    """The page as it is on another computer."""
    here = computer(machine) if isinstance(machine, str) else machine
    kept = stage.root.parent / SIZES_FILE
    cache = DataFolder(stage.root / "home").create().cache / SIZES_FILE
    if kept.exists():  # worked out once for all pictures
        shutil.copy(kept, cache)
    stage.open()
    with (
        patch("app.hardware.probe", lambda: here),
        patch("app.hardware.probe_usable", lambda cache: (here, None)),
        patch("app.hardware.live.LiveMachine.read", lambda live: here),
    ):
        page = stage.window.show_page("discover")
        assert isinstance(page, DiscoverPage)
        stage.wait(lambda: not jobs.running())
    shutil.copy(cache, kept)
    stage.window.activateWindow()
    stage.wait(stage.window.isActiveWindow)
    return page


def get_checkpoint(stage: Stage) -> OriginalStrip:
    """Asked for on its page, to make a type of it; comes halfway."""
    page = open_on_hub(stage, TINY_LLAMA)
    strip = page.hub.repository.files.original
    stage.around.enter_context(patch("app.downloads.queue.run_claimed", fetched_halfway))
    strip.make_asked.emit("Q4_K_M")
    stage.wait(lambda: strip.make.text().endswith("%"))
    return strip


def put_checkpoint(stage: Stage) -> Path:
    """One that has come in an earlier window, and of which nothing was made."""
    folder = stage.models / "ada" / "Nova"
    write_tiny_checkpoint(folder)
    files = sorted(folder.iterdir(), key=lambda path: path.name != "config.json")
    sizes = {path.name: path.stat().st_size for path in files}
    (id,) = put_downloads(stage, Wanted("ada/Nova", "Nova checkpoint", sizes))
    with DownloadStore(DataFolder(stage.root / "home").database) as store:
        store.set_state(id, DownloadState.DONE)
    return folder


def start_hub(stage: Stage) -> HubServer:
    """A local Hub with models as they are published."""
    server = stage.around.enter_context(HubServer(*published_models(), page_size=12))
    stage.around.enter_context(patch("huggingface_hub.constants.ENDPOINT", server.url))
    stage.around.enter_context(patch("huggingface_hub.constants.HF_TOKEN_PATH", str(stage.root / "token")))
    stage.around.enter_context(patch.dict(os.environ))
    os.environ.pop("HF_TOKEN", None)
    return server


def search_hub(stage: Stage, text: str) -> DiscoverPage:
    start_hub(stage)
    page = discover(stage, "desktop-8gb-card")
    page.look_on_hub(text)
    stage.wait(lambda: not jobs.running())
    return page


def open_on_hub(stage: Stage, repository: str) -> DiscoverPage:
    start_hub(stage)
    page = discover(stage, "desktop-8gb-card")
    page.look_on_hub(repository)
    settled = time.monotonic() + 0.6
    stage.wait(lambda: not jobs.running() and time.monotonic() > settled)
    return page


def climb(stage: Stage, page: DiscoverPage, model: str) -> None:
    page.open_model(model)
    stage.wait(lambda: not jobs.running())


def worked_out_halfway(models: Sequence[object], control: JobControl, kept: Path) -> tuple[object, ...]:
    """In the place of `staircases_of`: comes as far as a picture needs and waits there until it is cancelled."""
    control.progress("", 70, len(models), "models")
    while True:
        control.cancel.raise_if_cancelled()
        time.sleep(0.01)


def no_answer(*cache: Path) -> Machine:
    raise UnreadableFile("The system does not tell how much memory there is.", "Start Nibble again.")


def put_hollow(path: Path, id: str, quantization: str, **said: str) -> Path:
    """A file of a model of the catalogue, with a hole for its weights. `said`: what more is in its header, `general.`
    before it."""
    model = next(each for each in read_catalogue() if each.id == id)
    shapes = outline(model.architecture, model.geometry, model.tied_embeddings)
    numbers = {name: number for number, name in QUANTIZATIONS.items()}
    metadata = loading_metadata(model.architecture, model.geometry)
    metadata["general.file_type"] = numbers[quantization]
    metadata |= {f"general.{key}": value for key, value in said.items()}
    types = tensor_types(shapes, read_traits(metadata), quantization)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_ghost_of(path, metadata, zip(shapes, types, strict=True))
    return path


def need_guide() -> None:
    fault = guide_fault()
    if fault is not None:
        raise CannotPlay(str(fault))


def try_guide(stage: Stage) -> ComparePage:
    """Goes the way of the first start to its end: Compare with the two and the question."""
    need_guide()
    stage.open()
    stage.library.try_guide()
    stage.wait(lambda: not stage.library.trial.running)
    page = stage.window.show_page("compare")
    assert isinstance(page, ComparePage)
    stage.wait(lambda: not jobs.running())
    return page


def made_halfway(*arguments: object) -> list[Path]:
    """In the place of `make_guide`: comes as far as a picture needs and waits there until it is cancelled."""
    control = arguments[2]
    assert isinstance(control, JobControl)
    for stage, done in (("Converting to BF16", 23_000_000), ("Making Q8_0", 9_300_000)):
        control.progress(stage, 0, 23_000_000, "bytes")
        time.sleep(0.25)
        control.progress(stage, done, 23_000_000, "bytes")
    while True:
        control.cancel.raise_if_cancelled()
        time.sleep(0.01)


def disk_full(*arguments: object) -> None:
    raise DiskFull(
        "The disk ran full while the quantization was being written.", "Free some space and try again."
    )


def settle_chat(stage: Stage) -> ChatPage:
    page = stage.window.show_page("chat")
    assert isinstance(page, ChatPage)
    stage.wait(lambda: not jobs.running())
    return page


def open_chat(stage: Stage) -> ChatPage:
    """A new chat with Bard (or a tiny random model), loaded."""
    put_models(stage)
    model = stage.models / "bard-bf16.gguf"
    put_bard_file(model)
    stage.open()
    page = stage.window.show_page("chat")
    assert isinstance(page, ChatPage)
    page.open_model(model)
    return settle_chat(stage)


def open_thoughtful_chat(stage: Stage) -> ChatPage:
    """A conversation with a model that thinks first; what it thinks next has no end."""
    template = THINKING_TEMPLATE + "{# reasoning_effort #}"
    path = write_tiny_model(
        stage.models / "thinker.gguf",
        name="Thinker 8B",
        context=4096,
        chat_template=template,
        never_ends=True,
    )
    with ConversationStore(DataFolder(stage.root / "home").create().database) as store:
        conversation = store.create(path, Sampling(temperature=0.6))
        store.add_prompt(conversation.id, "How many days are between the 3rd of March and the 19th of June?")
        writer = store.begin_answer(conversation.id, "Thinker 8B", "F32")
        writer.append(THOUGHTS, "reasoning")
        writer.append("There are **108 days** from 3 March to 19 June.")
        store.end_answer(writer.message_id, MessageState.COMPLETE, None, 12.4)
    stage.open()
    return settle_chat(stage)


def open_full_chat(stage: Stage) -> ChatPage:
    """A conversation that does not fit into the context, with a question that was refused for it."""
    path = write_scripted_model(
        stage.models / "brief.gguf", "Yes, now.", chat_template=CHATML, name="Brief 8B"
    )
    with ConversationStore(DataFolder(stage.root / "home").create().database) as store:
        conversation = store.create(path, Sampling(temperature=0.6))
        for prompt, answer in (
            (LONG_PROMPT, ANSWER),
            ("Is it quick?", "Quick enough: one pass over the list."),
        ):
            store.add_prompt(conversation.id, prompt)
            write_answer(store, conversation.id, answer, MessageState.COMPLETE)
    stage.open()
    page = settle_chat(stage)
    say(stage, page, "Can I run it as it is?", 60)
    return page


def open_chat_on_card(stage: Stage, room_bytes: int) -> ChatPage:
    """A new chat with a model of 37 layers, on a computer whose card takes so much of it."""
    path = write_tiny_model(
        stage.models / "deep.gguf", layers=36, name="Qwen3 8B", context=4096, never_ends=True
    )
    with (
        patch("app.runtime.client.worker_command", lambda: worker_with_card(room_bytes)),
        patch("app.memory.keeper.ThisMachine.read", lambda here: machine_with_card(room_bytes)),
    ):
        stage.open()
        page = settle_chat(stage)
        page.open_model(path)
        return settle_chat(stage)


def open_load_panel_on_cards(stage: Stage, *rooms: int) -> ChatPage:
    """How a model of 37 layers is loaded on a computer with cards of so much room."""
    path = write_tiny_model(
        stage.models / "deep.gguf", layers=36, name="Qwen3 8B", context=32768, never_ends=True
    )
    stage.around.enter_context(patch("app.runtime.client.worker_command", lambda: worker_with_card(*rooms)))
    stage.around.enter_context(
        patch("app.memory.keeper.ThisMachine.read", lambda here: machine_with_card(*rooms))
    )
    stage.open()
    page = settle_chat(stage)
    page.open_model(path)
    page = settle_chat(stage)
    page.show_load_panel(True)
    stage.wait(lambda: not page.loading.is_reading)
    return page


def put_bard_file(path: Path) -> None:
    """A file of its own, which a scene may delete."""
    if BARD.exists():
        path.write_bytes(BARD.read_bytes())
    else:
        write_tiny_model(path, type="bf16", name="Bard", never_ends=True)


def scroll_drawer(page: ChatPage, pixels: int) -> None:
    QApplication.processEvents()
    area = page.drawer.findChild(QScrollArea)
    assert area is not None
    area.verticalScrollBar().setValue(pixels)


def say(stage: Stage, page: ChatPage, text: str, max_tokens: int) -> None:
    page.drawer.samplers.fields["max_tokens"].setValue(max_tokens)
    page.composer.set_text(text)
    page.composer.send()
    settle_chat(stage)


def start(stage: Stage, page: ChatPage) -> None:
    """Asks for what Bard has a long answer to, and waits until a good part of it is there."""
    for name, value in (("temperature", 1.2), ("repeat_penalty", 1.1)):
        page.drawer.samplers.fields[name].setValue(value)
    page.drawer.samplers.random_seed.setChecked(False)
    page.drawer.samplers.seed.setValue(0)  # one with a long answer
    page.composer.set_text("Speak to me of love, and of the sea that parted us.")
    page.composer.send()
    stage.wait(lambda: len(page.answering.text) > 80 or not jobs.running())


def write_conversations(stage: Stage) -> None:
    """What a person who has used Nibble for a while has in the list."""
    database = DataFolder(stage.root / "home").create().database
    bard, tiny = stage.models / "bard-bf16.gguf", stage.models / "tiny-f16.gguf"
    put_bard_file(bard)
    day = 86_400
    with ConversationStore(database) as store:
        for title, answer, model, age in (
            ("What did the Romans ever do for us?", "Roads.", tiny, 400 * day),
            ("Haiku about the sea", "Waves.", bard, 40 * day),
            ("Explain entropy to a five-year-old who likes trains", "Rooms get messy.", bard, 3 * day),
            ("Rename files by date in a shell", "Use `mv`.", tiny, day),
            ("Packing list for a week in Norway in October", ANSWER, bard, 7200),
            ("Sort a list of dates in Python", ANSWER, bard, 240),
        ):
            conversation = store.create(model, Sampling())
            store.add_prompt(conversation.id, title)
            if answer is ANSWER:
                write_answer(store, conversation.id, "Here is a first idea.", MessageState.CUT_OFF)
                store.add_prompt(conversation.id, LONG_PROMPT)
            write_answer(store, conversation.id, answer, MessageState.COMPLETE)
            with transaction(store._connection) as connection:
                connection.execute(
                    "UPDATE conversations SET updated_at = ? WHERE id = ?",
                    (time.time() - age, conversation.id),
                )


def write_answer(store: ConversationStore, conversation: int, text: str, state: MessageState) -> None:
    writer = store.begin_answer(conversation, "Bard", "BF16")
    writer.append(text)
    figures = GenerationStatistics(
        prompt_tokens=184,
        evaluated_tokens=61,
        tokens=212,
        prompt_s=0.4,
        prompt_tokens_per_s=152.0,
        time_to_first_token_s=0.43,
        tokens_per_s=38.24,
        memory_bytes=812_000_000,
        seed=42,
        finish_reason="stop",
    )
    writer.finish(state, figures if state is MessageState.COMPLETE else None)


LONG_PROMPT = """I have a list of dates as text, like "3 March 2024" and "2024-03-05", in no order.

Please sort them without any package from outside, and say what happens with those that cannot be read."""

ANSWER = """## Sorting mixed dates

The **standard library** is enough. Try each format in turn, and keep what *cannot* be read:

```python
from datetime import datetime

FORMATS = ("%Y-%m-%d", "%d %B %Y")

def read(text: str) -> datetime | None:
    for form in FORMATS:
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    return None  # nobody knows what this was, so it goes to the end of the list with the others
```

1. Dates that can be read are sorted by `datetime`.
2. The others stay in their order, at the end:
   - `"soon"` is not a date
   - neither is `"31 June"`

| Text | Read as | Place |
| --- | --- | --: |
| 3 March 2024 | 2024-03-03 | 1 |
| 2024-03-05 | 2024-03-05 | 2 |
| soon | nothing | 3 |

> A format that is tried first wins, so put the strictest one in front.

See [the manual](https://docs.python.org/3/library/datetime.html) for all the letters. ![chart](/etc/hostname)
<b>This is not bold</b>, since HTML in answers is shown as it is."""

PROMPT = "My lord, I come to tell thee what I saw."


def settle_compare(stage: Stage) -> ComparePage:
    page = stage.window.show_page("compare")
    assert isinstance(page, ComparePage)
    stage.wait(lambda: not jobs.running())
    if not any(pane.turns for pane in page.panes):
        page.composer.temperature.setValue(0.6)  # a prompt and a chance at which the little model is eloquent
        page.composer.seed.setValue(45)
    return page


def free_memory(size: int) -> AbstractContextManager[object]:
    """So much is free on this computer, whatever is loaded."""
    return patch("app.hardware.live.read_memory", lambda: Memory(16_000_000_000, size))


def plan_anew(stage: Stage) -> ComparePage:
    """Compare, with the plan for what is free now."""
    page = settle_compare(stage)
    page.planner.work_out([pane.entry for pane in page.panes if pane.entry])
    return settle_compare(stage)


def load_in_chat(stage: Stage) -> ChatPage:
    """Opens the window with a model loaded in Chat that never ends its answers."""
    path = write_random_model(stage.models / "loaded.gguf", parameters=80_000_000)
    page = (stage.opened or stage.open()).show_page("chat")
    assert isinstance(page, ChatPage)
    page.open_model(path)
    stage.wait(lambda: page.answering.is_loaded(path))
    return page


def freeze(stage: Stage, page: ComparePage) -> list[int]:
    """Holds the workers in the middle of their answers, however fast they are; returns their processes."""
    comparison = page.engine.comparison
    assert comparison is not None
    stage.wait(lambda: any(pane.turn is not None and pane.turn.tokens > 40 for pane in page.panes))
    held = [pid for pid in comparison.worker_pids if pid is not None]
    for pid in held:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(0.1)
    stage.application.processEvents()
    return held


def put_bard(stage: Stage, *kinds: str) -> None:
    """Quantizations of Bard, or of a tiny random model; made once for all pictures."""
    source = (
        BARD if BARD.exists() else write_tiny_model(stage.root / "bard-bf16.gguf", type="bf16", name="Bard")
    )
    kept = stage.root.parent / "bard"
    for kind in kinds:
        made = kept / f"bard-{kind}.gguf"
        if not made.exists():
            Job("quantize", lambda control, kind=kind: quantize(source, kind, kept, control)).start().result(
                PATIENCE_S
            )
        os.link(made, stage.models / made.name)


def put_models(stage: Stage) -> None:
    """A few real models; Bard among them where the repository has its neighbour."""
    for kind in ("f32", "f16", "bf16"):
        write_tiny_model(stage.models / f"tiny-{kind}.gguf", type=kind, name="Tiny random")
    chosen = stage.root / "My models"
    chosen.mkdir()
    write_tiny_model(
        chosen / "long.gguf",
        type="f16",
        name="A model whose name is so long that it cannot fit",
        context=131072,
    )
    if BARD.exists():
        (chosen / BARD.name).symlink_to(BARD)
    stage.elsewhere.append(chosen)


def put_faulty_files(folder: Path) -> None:
    whole = write_tiny_model(folder / "whole.gguf").read_bytes()
    (folder / "truncated.gguf").write_bytes(whole[: len(whole) // 3])
    (folder / "whole.gguf").unlink()
    (folder / "a-web-page.gguf").write_bytes(b"<!DOCTYPE html><title>404</title>" * 20)
    (folder / "old.gguf").write_bytes(b"GGUF" + (1).to_bytes(4, "little") + bytes(64))


def put_programs(stage: Stage) -> None:
    """What is on the disk of somebody who has tried several programs."""
    person, apache = stage.root / "person", "apache-2.0"
    qwen = {"basename": "Qwen3", "license": apache}
    put_hollow(stage.models / "Qwen3-8B-Q6_K.gguf", "qwen3-8b", "Q6_K", name="Qwen3 8B", **qwen)
    put_hollow(stage.models / "Qwen3-8B-Q4_K_M.gguf", "qwen3-8b", "Q4_K_M", name="Qwen3 8B", **qwen)
    lm_studio = person / ".lmstudio/models"
    put_hollow(
        lm_studio / "lmstudio-community/Llama-3.3-70B-Instruct-GGUF/Llama-3.3-70B-Instruct-Q4_K_M.gguf",
        "llama-3.3-70b",
        "Q4_K_M",
        name="Llama 3.3 70B Instruct",
        basename="Llama-3.3",
        license="llama3.3",
    )
    put_hollow(
        lm_studio / "unsloth/Qwen3-30B-A3B-GGUF/Qwen3-30B-A3B-Q4_K_M.gguf",
        "qwen3-30b-a3b",
        "Q4_K_M",
        name="Qwen3 30B A3B",
        **qwen,
    )
    put_hollow(
        person / ".local/share/nomic.ai/GPT4All/gemma-3-12b-Q4_0.gguf", "gemma-3-12b", "Q4_0", license="gemma"
    )
    source = put_hollow(
        stage.root / "new.gguf", "gemma-3-12b", "Q4_K_M", name="Gemma 3 12B It", license="gemma"
    )
    give_to_ollama(source, person / "ollama", "registry.ollama.ai/library/gemma3/12b")
    put_in_cache(stage)


def give_to_ollama(source: Path, models: Path, place: str) -> None:
    """A manifest for weights that are too large to be written."""
    stub = b"0" * 64
    manifest = ollama_model(models, place, stub, license="Gemma Terms of Use")
    manifest.write_text(manifest.read_text().replace('"size": 64', f'"size": {source.stat().st_size}'))
    source.rename(ollama_blob(models, stub))


def put_in_cache(stage: Stage, *, spoilt: bool = False) -> None:
    """A model in the cache of Hugging Face; `spoilt`: not the bytes that came from there."""
    content = write_tiny_model(stage.root / "poet.gguf", type="f16", name="Poet", seed=7).read_bytes()
    hub = stage.root / "person/.cache/huggingface/hub"
    link = cached_file(hub, "owner/Poet-GGUF", "0123abcd", "Poet-F16.gguf", content)
    cached_main(hub, "owner/Poet-GGUF", "0123abcd")
    (stage.root / "poet.gguf").unlink()
    if spoilt:
        link.resolve().write_bytes(content[:-4] + b"oops")


def open_on(stage: Stage, machine: str) -> LibraryPage:
    """The library as it is on another computer."""
    here = computer(machine)
    for pretended in (
        patch("app.hardware.probe", lambda: here),
        patch("app.hardware.ask_runtime", lambda: (None, ())),
        patch("app.hardware.live.LiveMachine.read", lambda live: here),
    ):
        pretended.start()
        stage.around.callback(pretended.stop)
    stage.open()
    return stage.library


def detail(stage: Stage, page: LibraryPage, name: str) -> None:
    page.show_details(stage.row(name))
    stage.wait(lambda: not jobs.running())


def verify_row(stage: Stage, name: str, *, shown: bool = True) -> None:
    row = stage.row(name)
    if shown:
        detail(stage, stage.library, name)
    stage.library.acts.verify(row)
    stage.wait(lambda: not jobs.running())


def checked_halfway(*arguments: object) -> list[object]:
    """In the place of what reads whole files: comes as far as a picture needs and waits until it is cancelled."""
    control = next(each for each in arguments if isinstance(each, JobControl))
    control.progress("Checking", 0, 4_900_000_000, "bytes")
    time.sleep(0.25)
    control.progress("Checking", 2_100_000_000, 4_900_000_000, "bytes")
    while True:
        control.cancel.raise_if_cancelled()
        time.sleep(0.01)


def need_convert() -> None:
    try:
        import app.convert  # noqa: F401
    except ImportError as error:
        raise CannotPlay("app.convert is not there yet") from error


def make(stage: Stage, name: str, quantization: str) -> None:
    stage.open()
    stage.library.making.start(stage.row(name), quantization)
    stage.wait(lambda: not jobs.running())


def shared_big_model(stage: Stage) -> Path:
    """One model large enough to be photographed while it is quantized; written once for all pictures."""
    source = stage.root.parent / "big-f16.gguf"
    if not source.exists():
        write_random_model(source, parameters=150_000_000)
    link = stage.models / source.name
    os.link(source, link)
    return link


def main(arguments: list[str]) -> int:
    if not arguments:
        print(__doc__)
        return 2
    keyring.set_keyring(Keyring())  # type: ignore[no-untyped-call]  # nobody's own
    target = Path(arguments[0])
    target.mkdir(parents=True, exist_ok=True)
    application = QApplication(["nibble"])
    prepare_application(application)
    names = arguments[1:] or list(SCENES)
    with tempfile.TemporaryDirectory(prefix="nibble-tour-") as scratch:
        for name in names:
            play_everywhere(application, name, Path(scratch), target)
    return 0


def play_everywhere(application: QApplication, name: str, scratch: Path, target: Path) -> None:
    for appearance in (Appearance.LIGHT, Appearance.DARK):
        for width, height in SIZES:
            root = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=scratch))
            os.environ |= {
                "NIBBLE_HOME": str(root / "home"),
                "HOME": str(root / "person"),
                "OLLAMA_MODELS": str(root / "person" / "ollama"),
            }
            stage = Stage(application, root, appearance, (width, height))
            picture = target / f"{name}-{appearance.value}-{width}x{height}.png"
            try:
                SCENES[name](stage)
                for _ in range(4):  # texts find their heights when their widths are known, one inside another
                    application.processEvents()
                stage.photograph().save(str(picture))
                print(picture)
            except CannotPlay as reason:
                print(f"{name}: left out, {reason}")
                return
            finally:
                stage.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
