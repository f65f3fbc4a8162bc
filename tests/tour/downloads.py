"""Downloads in the Library, and seen from other pages."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton

from app.core.errors import (
    DiskFull,
    GatedRepository,
    NoConnection,
    WrongContent,
)
from app.downloads import Download, DownloadState, DownloadStore
from app.storage import DataFolder
from app.ui import jobs
from app.ui.make_order import MakeOrder
from app.ui.making import Checkpoint
from tests.helpers.tiny_checkpoint import write_tiny_checkpoint
from tests.helpers.tiny_gguf import write_tiny_model
from tests.tour.props import (
    Wanted,
    climb,
    discover,
    fetched_halfway,
    get_checkpoint,
    leave_download,
    need_guide,
    put_downloads,
    put_models,
)
from tests.tour.stage import Stage, scene


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
    stage.library.making.start(Checkpoint("Nova checkpoint", checkpoint), MakeOrder(("Q4_K_M",)))
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


# Props


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


def download_halfway(stage: Stage) -> None:
    """Opens the window on what is in the queue."""
    with patch("app.downloads.queue.run_claimed", fetched_halfway):
        stage.open()
        stage.wait(lambda: stage.window.download_corner.told.bytes_per_s is not None)


def press(stage: Stage, row: int, name: str) -> None:
    buttons = stage.library.downloads.rows[row].findChildren(QAbstractButton)
    next(each for each in buttons if each.accessibleName().startswith(f"{name}:")).click()
    QTest.qWait(400)


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
