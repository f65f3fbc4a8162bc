"""The Hub in Discover, and its settings."""

from __future__ import annotations

import time
from unittest.mock import patch

import keyring
from keyring.errors import KeyringError

from app.core.errors import (
    WrongContent,
)
from app.downloads import DownloadState, DownloadStore
from app.storage import DataFolder
from app.ui import jobs
from app.ui.pages.discover import DiscoverPage
from app.ui.pages.hub_head import View
from tests.helpers.hub_server import Fault
from tests.tour.props import (
    TINY_LLAMA,
    Wanted,
    discover,
    fetched_halfway,
    get_checkpoint,
    leave_download,
    open_on_hub,
    put_downloads,
    start_hub,
)
from tests.tour.stage import Stage, scene


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


# Props


def search_hub(stage: Stage, text: str) -> DiscoverPage:
    start_hub(stage)
    page = discover(stage, "desktop-8gb-card")
    page.look_on_hub(text)
    stage.wait(lambda: not jobs.running())
    return page


@scene
def hub_make_panel(stage: Stage) -> None:
    page = open_on_hub(stage, TINY_LLAMA)
    page.hub.repository.files.original.more_asked.emit("")
    stage.wait(lambda: page.hub.repository.making.offer is not None)
    for name in ("Q8_0", "Q3_K_M"):
        page.hub.repository.making.types.choose(name)
    page.hub.repository.making.calibration.choose("mixed")
    stage.wait(lambda: not jobs.running())
