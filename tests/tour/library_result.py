"""What the window shows of a model that was made here."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from unittest.mock import patch

import resources
from app.convert.made import remember_making
from app.core.jobs import JobControl
from app.ui import jobs
from app.ui.make_order import MakeOrder
from app.ui.making import Checkpoint
from tests.helpers.tiny_gguf import write_tiny_model
from tests.tour.library_details import detail
from tests.tour.props import need_guide
from tests.tour.stage import Stage, scene


@scene
def library_result(stage: Stage) -> None:
    """Of the built-in model, whose weights are trained ones."""
    make_here(stage, "Q4_K_M")
    stage.library.show_result(stage.row("Guide-12M-Q4_K_M"))
    stage.wait(lambda: not jobs.running())
    table = stage.library.side.result.table
    table.choose(table.shown[0].name)


@scene
def library_result_measuring(stage: Stage) -> None:
    make_here(stage, "Q4_K_M")
    pretended = patch("app.convert.tensor_errors.measure_errors", measured_halfway)
    pretended.start()
    stage.around.callback(pretended.stop)
    stage.library.show_result(stage.row("Guide-12M-Q4_K_M"))
    view = stage.library.side.result
    stage.wait(lambda: view.lines.has_begun)


@scene
def library_result_source_gone(stage: Stage) -> None:
    source = write_tiny_model(stage.root / "Poet-F16.gguf", type="f16", name="Poet")
    made = write_tiny_model(stage.models / "Poet-BF16.gguf", type="bf16", name="Poet")
    stage.open()
    remember_making(stage.window.services.folder.database, made, source)
    source.unlink()
    stage.library.show_result(stage.row("Poet-BF16"))
    stage.wait(lambda: not jobs.running())


@scene
def library_details_of_a_made_model(stage: Stage) -> None:
    make_here(stage, "Q4_K_M")
    detail(stage, stage.library, "Guide-12M-Q4_K_M")


def make_here(stage: Stage, quantization: str) -> None:
    """Of the built-in model's checkpoint, as if a person had it in a folder."""
    folder = put_checkpoint(stage)
    stage.open()
    page = stage.library
    page.making.start(Checkpoint("Guide-12M", folder), MakeOrder((quantization,)))
    stage.wait(lambda: not page.making.cards and not jobs.running())
    page.notices.clear()


def put_checkpoint(stage: Stage) -> Path:
    need_guide()
    folder = stage.root / "My models" / "Guide-12M"
    shutil.copytree(resources.guide_checkpoint(), folder)
    stage.elsewhere.append(folder.parent)
    return folder


def measured_halfway(made: Path, source: Path, control: JobControl) -> object:
    total = 8_030_000_000
    control.progress("Comparing the weights", 0, total, "weights")
    time.sleep(0.3)
    while True:
        control.progress("Comparing the weights", 3_400_000_000, total, "weights")
        control.cancel.raise_if_cancelled()
        time.sleep(0.05)


@scene
def make_panel(stage: Stage) -> None:
    folder = put_checkpoint(stage)
    stage.open()
    stage.library.show_making(Checkpoint("Guide-12M", folder))
    stage.wait(lambda: not jobs.running())


@scene
def make_panel_ladder(stage: Stage) -> None:
    make_panel(stage)
    panel = stage.library.side.making
    for name in ("Q8_0", "Q4_K_M", "IQ2_M"):
        panel.types.choose(name)
    panel.calibration.choose("file")
    stage.wait(lambda: not jobs.running())


@scene
def compare_with_the_original(stage: Stage) -> None:
    """As the button of the result opens it."""
    make_here(stage, "Q4_K_M")
    page = stage.library
    page.show_result(stage.row("Guide-12M-Q4_K_M"))
    stage.wait(lambda: not jobs.running())
    page.side.result.compare_button.click()  # makes it first
    stage.wait(lambda: not page.making.cards and not jobs.running())
    stage.wait(lambda: "original" in page.side.result.compare_button.text())
    page.side.result.compare_button.click()
    stage.wait(lambda: not jobs.running())
