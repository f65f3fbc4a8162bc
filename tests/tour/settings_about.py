"""Settings: About, with updates asked of a real server on this computer."""

from __future__ import annotations

import socket
import sys
from unittest.mock import patch

from app.ui import jobs
from app.ui.pages.settings import SettingsPage
from app.ui.pages.settings_about import AboutView
from tests.helpers.release_server import ReleaseServer, write_dist_info
from tests.tour.stage import Stage, scene

NOTES = """\
## What is new

- CUDA packs for Blackwell cards can be fetched from inside Nibble.
- Compare shows where two quantizations part ways in answers of several thousand tokens.
- Downloads go on where they were after a power cut.

## Mended

- A conversation with two hundred attachments opens in a tenth of the time.
- The staircase no longer counts memory of a card twice where two cards share it.
"""


@scene
def settings_about(stage: Stage) -> None:
    open_about(stage)


@scene
def settings_about_places(stage: Stage) -> None:
    about = open_about(stage)
    about._about.verticalScrollBar().setValue(about._about.verticalScrollBar().maximum())


@scene
def settings_about_update_found(stage: Stage) -> None:
    server = with_releases(stage)
    server.publish("0.2.0", body=NOTES)
    check(stage)


@scene
def settings_about_newest(stage: Stage) -> None:
    server = with_releases(stage)
    server.publish("0.1.0")
    check(stage)


@scene
def settings_about_update_offline(stage: Stage) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/nibble-app/nibble/releases"
    releases_are_at(stage, address)
    check(stage)


@scene
def settings_about_licences(stage: Stage) -> None:
    about = open_about(stage)
    about.show_licences()
    settle(stage)
    about.licences.choose("Qt")


@scene
def settings_about_licences_searched(stage: Stage) -> None:
    about = open_about(stage)
    about.show_licences()
    settle(stage)
    about.licences.field.setText("mpl")


@scene
def settings_about_licences_nothing(stage: Stage) -> None:
    about = open_about(stage)
    about.show_licences()
    settle(stage)
    about.licences.field.setText("zzz")


@scene
def settings_down_to_about(stage: Stage) -> None:
    page = stage.open().show_page("settings")
    assert isinstance(page, SettingsPage)
    settle(stage)
    page._scroll.verticalScrollBar().setValue(page._scroll.verticalScrollBar().maximum())


# Props


def open_about(stage: Stage) -> AboutView:
    page = stage.open().show_page("settings")
    assert isinstance(page, SettingsPage)
    page.show_about()
    settle(stage)
    return page.about


def check(stage: Stage) -> None:
    about = open_about(stage)
    about.updates.check.click()
    settle(stage)


def with_releases(stage: Stage) -> ReleaseServer:
    server = stage.around.enter_context(ReleaseServer())
    releases_are_at(stage, server.address)
    return server


def releases_are_at(stage: Stage, address: str) -> None:
    own = write_dist_info(stage.root / "own", address)
    stage.around.enter_context(patch.object(sys, "path", [str(own), *sys.path]))


def settle(stage: Stage) -> None:
    stage.wait(lambda: all(job.name == "Download models" for job in jobs.running()))
