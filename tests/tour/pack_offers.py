"""Runtime packs to get: in the settings, and Discover's hint at one."""

from __future__ import annotations

import time
from collections.abc import Callable
from unittest.mock import patch

import msgspec

from app.core.errors import DiskFull, EnvironmentFault
from app.core.jobs import JobControl
from app.hardware.nvidia_driver import CudaCard, NvidiaDriver
from app.hardware.pack_offers import Here
from app.runtime.packs.computer import this_machine, this_system
from app.storage import DataFolder
from app.ui import jobs
from app.ui.pages.settings import SettingsPage
from tests.helpers.packs import VERSION, good_pack, offer_of
from tests.helpers.packs import archive_of as archive
from tests.tour.props import computer, discover
from tests.tour.stage import Stage, scene

SIZES = {"cuda-13": 412_000_000, "cuda-12": 486_000_000, "vulkan": 28_400_000, "hip": 310_000_000}


@scene
def settings_packs_to_get(stage: Stage) -> None:
    open_settings(stage)


@scene
def settings_pack_on_its_way(stage: Stage) -> None:
    page = open_settings(stage)
    begin(stage, page, halfway)
    page.show_runtime()


@scene
def settings_pack_that_has_no_room(stage: Stage) -> None:
    page = open_settings(stage)
    begin(stage, page, full)
    page.show_runtime()


@scene
def settings_pack_to_remove(stage: Stage) -> None:
    places = DataFolder(stage.root / "home").create().packs
    places.mkdir(exist_ok=True)
    good_pack(places, "CUDA 13")
    good_pack(places, "Vulkan", built_from="0.2.90")
    page = open_settings(stage)
    row = next(row for row in page.runtime.rows if row.state.pack.name == "CUDA 13")
    assert row.remove is not None
    row.remove.click()
    stage.application.processEvents()
    page.show_runtime()


@scene
def settings_without_packs_to_get(stage: Stage) -> None:
    stage.around.enter_context(patch("resources.packs", list))
    page = stage.open().show_page("settings")
    assert isinstance(page, SettingsPage)
    stage.wait(lambda: not jobs.running())
    page.show_runtime()


@scene
def discover_with_a_pack_to_get(stage: Stage) -> None:
    offer(stage)
    discover(stage, "desktop-8gb-card")


@scene
def discover_with_a_pack_on_its_way(stage: Stage) -> None:
    offer(stage)
    page = discover(stage, "desktop-8gb-card")
    row = page.pack_hint.row
    assert row is not None
    stage.around.enter_context(patch("app.runtime.packs.getting.get_pack", halfway))
    row.get.click()
    stage.wait(lambda: "MB of" in row.words)


# Props


def offer(stage: Stage) -> None:
    """A release with packs, on a computer with an NVIDIA card."""
    rows = [
        msgspec.to_builtins(offer_of(archive({}, name=name), bytes=size, unpacked_bytes=size * 5 // 2))
        for name, size in SIZES.items()
    ]
    titles = {"VULKAN": "Vulkan", "HIP": "ROCm"}
    rows = [row | {"title": titles.get(row["title"], row["title"])} for row in rows]
    driver = NvidiaDriver("580.65.06", (CudaCard("NVIDIA GeForce RTX 4060", (8, 9)),))
    cards = computer("desktop-8gb-card").accelerators
    here = Here(this_system(), this_machine(), VERSION, cards, driver, has_vulkan=True)
    stage.around.enter_context(patch("resources.packs", lambda: rows))
    stage.around.enter_context(patch("app.hardware.pack_offers.read_here", lambda machine: here))


def open_settings(stage: Stage) -> SettingsPage:
    offer(stage)
    page = stage.open().show_page("settings")
    assert isinstance(page, SettingsPage)
    stage.wait(lambda: not jobs.running())
    page.show_runtime()
    return page


def begin(stage: Stage, page: SettingsPage, get: Callable[..., object]) -> None:
    stage.around.enter_context(patch("app.runtime.packs.getting.get_pack", get))
    row = page.runtime.offers.rows[0]
    row.get.click()
    stage.wait(lambda: "MB of" in row.words or "room" in row.words or "takes" in row.words)


def halfway(pack: object, packs: object, place: object, control: JobControl, limit: object) -> None:
    began = time.monotonic()
    while not control.cancel.cancelled:
        done = 147_000_000 + round(23_400_000 * min(time.monotonic() - began, 0.5))
        control.progress("Downloading", done, SIZES["cuda-13"], "bytes")
        time.sleep(0.05)
    control.cancel.raise_if_cancelled()


def full(*_: object) -> EnvironmentFault:
    raise DiskFull(
        "The runtime pack CUDA 13 takes 1.44 GB while it is unpacked, and 1.03 GB from then on; the disk of "
        "/home/ada/.local/share/nibble/packs has 870 MB.",
        "Free some space, then try again.",
    )
