"""What belongs to no page, and Settings."""

from __future__ import annotations

from app.ui import bugs
from tests.tour.props import put_models
from tests.tour.stage import Stage, scene


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


@scene
def window_palette(stage: Stage) -> None:
    put_models(stage)
    window = stage.open()
    window.open_palette()
    window.palette_.field.setText("ch")
