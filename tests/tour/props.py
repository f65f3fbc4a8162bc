"""What scenes of several pages work on."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from PySide6.QtWidgets import QApplication, QScrollArea

from app.core.errors import (
    EnvironmentFault,
)
from app.core.jobs import JobControl
from app.downloads import Download, DownloadProgress, DownloadState, DownloadStore, QueueChanged, WantedFile
from app.gguf.ghost import write_ghost_of
from app.gguf.outline import loading_metadata, outline
from app.gguf.types import QUANTIZATIONS
from app.guide import guide_fault
from app.hardware import Machine, read_profile
from app.memory.mixture import read_traits, tensor_types
from app.recommend import read_catalogue
from app.recommend.kept_sizes import SIZES_FILE
from app.storage import DataFolder
from app.ui import jobs
from app.ui.make_order import MakeOrder
from app.ui.pages.chat import ChatPage
from app.ui.pages.discover import DiscoverPage
from app.ui.pages.hub_details import OriginalStrip
from tests.helpers.hub_published import published_models
from tests.helpers.hub_server import HubServer
from tests.helpers.tiny_gguf import write_random_model, write_tiny_model
from tests.tour.stage import CannotPlay, Stage

BARD = Path(__file__).parents[3] / "shared/models/bard/bard-bf16.gguf"
TINY_LLAMA = "TinyLlama/TinyLlama-1.1B-Chat-v1.0"


@dataclass(frozen=True)
class Wanted:
    """A model to download: files by name with their sizes in bytes."""

    repository: str
    title: str
    files: dict[str, int]


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


def computer(name: str) -> Machine:
    return read_profile(Path(__file__).parents[1] / "data" / "machines" / f"{name}.json")


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
    strip.make_asked.emit(MakeOrder(("Q4_K_M",)))
    stage.wait(lambda: strip.make.text().endswith("%"))
    return strip


def start_hub(stage: Stage) -> HubServer:
    """A local Hub with models as they are published."""
    server = stage.around.enter_context(HubServer(*published_models(), page_size=12))
    stage.around.enter_context(patch("huggingface_hub.constants.ENDPOINT", server.url))
    stage.around.enter_context(patch("huggingface_hub.constants.HF_TOKEN_PATH", str(stage.root / "token")))
    stage.around.enter_context(patch.dict(os.environ))
    os.environ.pop("HF_TOKEN", None)
    return server


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


def load_in_chat(stage: Stage) -> ChatPage:
    """Opens the window with a model loaded in Chat that never ends its answers."""
    path = write_random_model(stage.models / "loaded.gguf", parameters=80_000_000)
    page = (stage.opened or stage.open()).show_page("chat")
    assert isinstance(page, ChatPage)
    page.open_model(path)
    stage.wait(lambda: page.answering.is_loaded(path))
    return page


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


def shared_big_model(stage: Stage) -> Path:
    """One model large enough to be photographed while it is quantized; written once for all pictures."""
    source = stage.root.parent / "big-f16.gguf"
    if not source.exists():
        write_random_model(source, parameters=150_000_000)
    link = stage.models / source.name
    os.link(source, link)
    return link
