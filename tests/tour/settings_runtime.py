"""Settings: runtime packs, real ones and such as fail."""

from __future__ import annotations

import os
from unittest.mock import patch

from app.runtime.packs import runtime_packs
from app.storage import DataFolder
from app.ui import jobs
from app.ui.pages.settings import SettingsPage
from tests.helpers.packs import good_pack, pack_of, truncated_pack
from tests.tour.stage import CannotPlay, Stage, scene


@scene
def settings_runtime_packs(stage: Stage) -> None:
    page = open_with_packs(stage)
    page.runtime.choose(next(row.state.pack for row in page.runtime.rows if row.state.pack.name == "Spare"))
    settle(stage, page)


@scene
def settings_runtime_pack_with_its_log(stage: Stage) -> None:
    page = open_with_packs(stage)
    logs = [row.log for row in page.runtime.rows if row.log is not None and row.log.lines]
    logs[0].toggle()
    stage.application.processEvents()
    page.show_runtime()


@scene
def settings_runtime_pack_being_tried(stage: Stage) -> None:
    page = open_with_packs(stage)
    with patch("app.runtime.packs.choice._tried", side_effect=lambda pack, cancel: stopped(cancel)):
        page.runtime.try_again(next(row.state.pack for row in page.runtime.rows if row.again is not None))
        stage.application.processEvents()
        page.show_runtime()


# Props


def open_with_packs(stage: Stage) -> SettingsPage:
    """The page with packs that work, one that has no device here and some that are broken."""
    if os.name != "posix":
        raise CannotPlay("broken packs are made with a C compiler")
    places = DataFolder(stage.root / "home").create().packs
    places.mkdir(exist_ok=True)
    good_pack(places, "CUDA 12", backend="cuda")
    crash = 'write(2, "ggml_vulkan: no driver found\\nvk::createInstance: ErrorIncompatibleDriver\\n", 74); abort();'
    pack_of(places, "Vulkan", crash)
    good_pack(places, "Every processor")
    good_pack(places, "Spare")
    truncated_pack(places, "Half downloaded")
    good_pack(places, "Last year's", built_from="0.2.90")
    for state in runtime_packs().states():
        runtime_packs().try_now(state.pack)
    page = stage.open().show_page("settings")
    assert isinstance(page, SettingsPage)
    settle(stage, page)
    return page


def settle(stage: Stage, page: SettingsPage) -> None:
    stage.wait(lambda: all(job.name == "Download models" for job in jobs.running()))
    page.show_runtime()


def stopped(cancel: object) -> None:
    import time

    from app.core.jobs import CancelToken

    assert isinstance(cancel, CancelToken)
    while not cancel.cancelled:
        time.sleep(0.02)
    cancel.raise_if_cancelled()
