"""The window and its parts on a throwaway data folder."""

from __future__ import annotations

import gc
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backends.null import Keyring
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication

import app.hardware
import resources
from app.core.jobs import CancelToken, JobControl
from app.guide import GUIDE_QUANTIZATIONS, guide_file, make_guide
from app.hardware import Machine, read_profile
from app.hardware.live import LiveMachine
from app.runtime.protocol import Described
from app.storage import DataFolder, Settings, data_folder, save_settings
from app.ui import jobs
from app.ui.application import STYLE, open_window, prepare_application
from app.ui.opening import Application
from app.ui.pages.chat import ChatPage
from app.ui.pages.discover import DiscoverPage
from app.ui.pages.library import LibraryPage
from app.ui.prose.formulas import Formulas
from app.ui.window import MainWindow
from tests.helpers.guide_checkpoint import write_guide_checkpoint
from tests.helpers.hub_server import HubServer
from tests.helpers.tiny_gguf import write_tiny_model

MACHINES = Path(__file__).parents[1] / "data" / "machines"


def machine(name: str) -> Machine:
    return read_profile(MACHINES / f"{name}.json")


def undress(qapp: QApplication) -> None:
    """Takes off the style sheet of the window before, as the program begins without one. Not where a window is left: of
    its parts that were never shown Qt would keep pointers after they are gone (see `Theme.dress`)."""
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    if not qapp.allWidgets():
        qapp.setStyleSheet("")


@pytest.fixture(autouse=True)
def no_keyring() -> Iterator[None]:
    """Nobody's own."""
    known = keyring.get_keyring()
    keyring.set_keyring(Keyring())  # type: ignore[no-untyped-call]
    yield
    keyring.set_keyring(known)


@pytest.fixture(scope="session")
def spare_modules() -> Iterator[Callable[[], None]]:
    """Called where there is no rubbish: what has been imported need not be looked through for rubbish any more, which
    takes 7 ms a test instead of 70."""
    known = 0

    def spare() -> None:
        nonlocal known
        if len(sys.modules) != known:
            known = len(sys.modules)
            gc.freeze()

    gc.collect()
    spare()
    yield spare
    gc.unfreeze()


@pytest.fixture(autouse=True)
def nothing_left_running(qapp: QApplication, spare_modules: Callable[[], None]) -> Iterator[None]:
    """No job may outlive its test; rubbish is collected on this thread, as in the program."""
    gc.disable()
    yield
    jobs.cancel_all(10)
    while jobs.running():
        QCoreApplication.processEvents()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.enable()
    gc.collect()
    spare_modules()


@pytest.fixture(scope="module", autouse=True)
def formulas_end_with_their_file(qapp: QApplication) -> Iterator[None]:
    """The program keeps their process for a minute; tests of other rooms count processes."""
    yield
    formulas = qapp.findChild(Formulas)
    if formulas is not None:
        formulas.close()


@pytest.fixture
def folder(home: Path) -> DataFolder:
    return data_folder().create()


@pytest.fixture(scope="session")
def guide_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With random weights, in the place of the one that comes with Nibble."""
    return write_guide_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="session")
def guide_files(tmp_path_factory: pytest.TempPathFactory, guide_checkpoint: Path) -> Path:
    """A folder with the guide as BF16 and what is compared at first."""
    data = DataFolder(tmp_path_factory.mktemp("made"))
    make_guide(data, GUIDE_QUANTIZATIONS, JobControl(CancelToken(), lambda event: None), guide_checkpoint)
    return data.guide


@pytest.fixture(scope="session")
def qapp_cls() -> type[Application]:
    return Application


@pytest.fixture(scope="session")
def qapp_args() -> list[str]:
    return ["nibble", *STYLE]


@pytest.fixture
def installed_guide(guide_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "guide_checkpoint", lambda: guide_checkpoint)


@pytest.fixture
def put_guide(guide_files: Path, folder: DataFolder) -> Callable[..., None]:
    """The guide as these quantizations in the data folder, as if it had been made before."""

    def put(*quantizations: str) -> None:
        for quantization in quantizations:
            target = guide_file(folder, quantization)
            shutil.copy(guide_files / target.name, target)

    return put


@pytest.fixture
def open_nibble(qtbot, qapp: QApplication, folder: DataFolder) -> Callable[..., MainWindow]:
    """Opens the window as the program does and waits until it is at rest."""
    prepare_application(qapp)

    def open_it(*model_folders: Path) -> MainWindow:
        chosen = tuple(str(path) for path in model_folders)
        save_settings(folder.settings, Settings(model_folders=chosen, titles_by_model=False))
        undress(qapp)
        window = open_window(qapp, folder)
        # A test may fail, or end, amid something: nobody is there to answer whether to leave all the same.
        qtbot.addWidget(window, before_close_func=MainWindow.leave)
        with qtbot.waitExposed(window):
            window.show()
        settle(qtbot)
        return window

    return open_it


@pytest.fixture
def library(open_nibble: Callable[..., MainWindow], folder: DataFolder) -> LibraryPage:
    """The library with two small models: `half` (F16) and `full` (F32)."""
    write_tiny_model(folder.models / "half.gguf", type="f16", name="Half")
    write_tiny_model(folder.models / "full.gguf", type="f32", name="Full")
    page = open_nibble().show_page("library")
    assert isinstance(page, LibraryPage)
    return page


@pytest.fixture(scope="session")
def runtime_here() -> tuple[Described | None, tuple[str, ...]]:
    """What the runtime says of itself; asked once, since every answer costs a process."""
    return app.hardware.ask_runtime()


@pytest.fixture
def put_machine(
    monkeypatch: pytest.MonkeyPatch, runtime_here: tuple[Described | None, tuple[str, ...]]
) -> Callable[[Machine], None]:
    """Another computer in the place of this one; may be changed while the window is open."""
    monkeypatch.setattr(app.hardware, "ask_runtime", lambda: runtime_here)

    def put(machine: Machine) -> None:
        monkeypatch.setattr(app.hardware, "probe", lambda: machine)
        monkeypatch.setattr(app.hardware, "probe_usable", lambda cache: (machine, None))
        monkeypatch.setattr(LiveMachine, "read", lambda self: machine)

    return put


@pytest.fixture
def open_page(qtbot, open_nibble, put_machine, folder, kept_sizes: Path) -> Callable[..., DiscoverPage]:
    """The page on a computer, with the list made."""
    shutil.copy(kept_sizes, folder.cache)

    def open_it(computer: Machine | str = "desktop-8gb-card") -> DiscoverPage:
        put_machine(machine(computer) if isinstance(computer, str) else computer)
        window = open_nibble()
        page = window.show_page("discover")
        assert isinstance(page, DiscoverPage)
        settle(qtbot)
        window.activateWindow()
        qtbot.waitUntil(window.isActiveWindow)
        page.setFocus()
        return page

    return open_it


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """The Hub for this process."""
    with HubServer() as server:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_IMPLICIT_TOKEN", True)
        yield server


def settle(qtbot) -> None:
    """Waits until no job is under way."""
    qtbot.waitUntil(lambda: not jobs.running(), timeout=20_000)


@pytest.fixture
def endless(folder: DataFolder) -> Path:
    """A model that answers until the context of 4,096 tokens is full, which takes it seconds."""
    return write_tiny_model(
        folder.models / "endless.gguf", name="Endless", context=4096, layers=1, never_ends=True
    )


@pytest.fixture
def chat(open_nibble: Callable[..., MainWindow], endless: Path, qtbot) -> ChatPage:
    """A new chat with the endless model, which is loaded."""
    page = open_nibble().show_page("chat")
    page.open_model(endless)
    settle(qtbot)
    return page
