"""What belongs to no page, and Settings."""

from __future__ import annotations

from app.chat import ConversationStore
from app.core.jobs import Progress
from app.runtime import Sampling
from app.storage import DataFolder
from app.ui import bugs, jobs
from app.ui.recovery_window import RecoveryWindow
from app.ui.theme import Theme
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
def window_after_a_damaged_database(stage: Stage) -> None:
    put_models(stage)
    database = DataFolder(stage.root / "home").create().database
    with ConversationStore(database) as store:
        for number in range(3):
            store.add_prompt(store.create(stage.models / "one.gguf", Sampling()).id, f"Prompt {number}")
    content = database.read_bytes()
    database.write_bytes(bytes(4096) + content[4096:])
    stage.open()


@scene
def window_recovering_a_database(stage: Stage) -> None:
    """Before there is a window."""
    theme = Theme(stage.application, stage.appearance)
    stage.around.callback(theme.deleteLater)
    theme.dress()
    stage.shown = made = RecoveryWindow(DataFolder(stage.root / "home").create().database)
    made.show_progress(Progress("Looking through the damaged database", 31_000, 52_000, "pages", 1000, 21))
    made.show()


@scene
def settings_plain(stage: Stage) -> None:
    stage.open().show_page("settings")
    stage.wait(lambda: all(job.name == "Download models" for job in jobs.running()))


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


@scene
def window_palette_all(stage: Stage) -> None:
    put_models(stage)
    window = stage.open()
    window.open_palette()
    stage.wait(lambda: any(entry.kind == "Model for this chat" for entry in window.palette_.found))


@scene
def window_palette_nothing(stage: Stage) -> None:
    window = stage.open()
    window.open_palette()
    window.palette_.field.setText("zzz")


@scene
def window_shortcuts(stage: Stage) -> None:
    put_models(stage)
    stage.open().open_shortcuts()


@scene
def window_shortcuts_searched(stage: Stage) -> None:
    window = stage.open()
    window.open_shortcuts()
    window.shortcuts.field.setText("code")
