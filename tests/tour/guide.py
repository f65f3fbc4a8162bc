"""The first start, and the built-in model wherever it is offered."""

from __future__ import annotations

import time
from pathlib import Path
from unittest.mock import patch

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.core.errors import (
    DiskFull,
)
from app.core.jobs import JobControl
from app.guide import guide_file
from app.ui import jobs
from app.ui.pages.compare import ComparePage
from tests.helpers.guide_checkpoint import write_guide_checkpoint
from tests.helpers.tiny_gguf import write_tiny_model
from tests.tour.props import need_guide, put_models, settle_chat
from tests.tour.stage import Stage, scene


@scene
def first_start(stage: Stage) -> None:
    need_guide()
    stage.open()


@scene
def first_start_making(stage: Stage) -> None:
    need_guide()
    stage.open()
    with patch("app.guide.make_guide", made_halfway):
        stage.library.body.first.guide.begin.click()
        stage.wait(lambda: stage.library.body.first.guide.lines.has_begun)


@scene
def first_start_disk_full(stage: Stage) -> None:
    need_guide()
    stage.open()
    with patch("app.convert.quantize", disk_full):
        stage.library.body.first.guide.begin.click()
        stage.wait(lambda: not jobs.running())


@scene
def first_start_guide_damaged(stage: Stage) -> None:
    with patch("resources.guide_checkpoint", lambda: stage.root / "nothing here"):
        stage.open()


@scene
def first_start_compare(stage: Stage) -> None:
    try_guide(stage)


@scene
def first_start_answers(stage: Stage) -> None:
    page = try_guide(stage)
    QTest.keyClick(page.composer.box, Qt.Key.Key_Return)
    stage.wait(lambda: not jobs.running())


@scene
def library_guide_alone(stage: Stage) -> None:
    try_guide(stage)
    stage.wait(lambda: not jobs.running())
    stage.library.list.setFocus()


@scene
def library_guide_in_part(stage: Stage) -> None:
    need_guide()
    stage.open()
    page = settle_chat(stage)
    page.picker.guide_picked.emit()
    stage.wait(lambda: page.model is not None and not jobs.running())
    stage.library.list.setFocus()


@scene
def library_guide_outdated(stage: Stage) -> None:
    put_models(stage)
    try_guide(stage)
    newer = write_guide_checkpoint(stage.root / "newer")
    with patch("resources.guide_checkpoint", lambda: newer):
        stage.library.rescan()
        stage.wait(lambda: not jobs.running())
    stage.library.show_row(stage.window.services.folder.guide)


@scene
def library_guide_file_damaged(stage: Stage) -> None:
    try_guide(stage)
    file = guide_file(stage.window.services.folder, "Q8_0")
    file.write_bytes(file.read_bytes()[:100_000])
    stage.library.rescan()
    stage.wait(lambda: not jobs.running())


@scene
def library_guide_not_made(stage: Stage) -> None:
    need_guide()
    write_tiny_model(stage.models / "tiny-f16.gguf", type="f16", name="Tiny random")
    stage.open()


@scene
def library_guide_making(stage: Stage) -> None:
    need_guide()
    put_models(stage)
    stage.open()
    with patch("app.guide.make_guide", made_halfway):
        stage.library.try_guide()
        stage.wait(lambda: stage.library.trial.card.lines.has_begun)


@scene
def library_guide_with_models(stage: Stage) -> None:
    put_models(stage)
    try_guide(stage)
    stage.wait(lambda: not jobs.running())
    last = stage.library.list.model().index(stage.library.list.model().rowCount() - 1, 0)
    stage.library.list.setCurrentIndex(last)


@scene
def library_guide_make_menu(stage: Stage) -> None:
    need_guide()
    write_tiny_model(stage.models / "tiny-f16.gguf", type="f16", name="Tiny random")
    stage.open()
    page = stage.library
    page.list.setCurrentIndex(page.list.model().index(1, 0))
    row = page.list.current_row()
    assert row is not None
    assert row.can_try
    page.list.make_asked.emit(row, page.list.make_menu_place(row))


@scene
def chat_choose_the_guide(stage: Stage) -> None:
    need_guide()
    put_models(stage)
    stage.open()
    settle_chat(stage).pick_model()


@scene
def chat_making_the_guide(stage: Stage) -> None:
    need_guide()
    stage.open()
    page = settle_chat(stage)
    with patch("app.guide.make_guide", made_halfway):
        page.picker.guide_picked.emit()
        stage.wait(lambda: page.head.shows_loading)
        QTest.qWait(700)


@scene
def compare_choose_the_guide(stage: Stage) -> None:
    write_tiny_model(stage.models / "tiny-f16.gguf", type="f16", name="Tiny random")
    page = try_guide(stage)
    page.panes[1].picker.showPopup()


@scene
def library_guide_damaged(stage: Stage) -> None:
    put_models(stage)
    with patch("resources.guide_checkpoint", lambda: stage.root / "nothing here"):
        stage.open()


# Props


def try_guide(stage: Stage) -> ComparePage:
    """Goes the way of the first start to its end: Compare with the two and the question."""
    need_guide()
    stage.open()
    stage.library.try_guide()
    stage.wait(lambda: not stage.library.trial.running)
    page = stage.window.show_page("compare")
    assert isinstance(page, ComparePage)
    stage.wait(lambda: not jobs.running())
    return page


def made_halfway(*arguments: object) -> list[Path]:
    """In the place of `make_guide`: comes as far as a picture needs and waits there until it is cancelled."""
    control = arguments[2]
    assert isinstance(control, JobControl)
    for stage, done in (("Converting to BF16", 23_000_000), ("Making Q8_0", 9_300_000)):
        control.progress(stage, 0, 23_000_000, "bytes")
        time.sleep(0.25)
        control.progress(stage, done, 23_000_000, "bytes")
    while True:
        control.cancel.raise_if_cancelled()
        time.sleep(0.01)


def disk_full(*arguments: object) -> None:
    raise DiskFull(
        "The disk ran full while the quantization was being written.", "Free some space and try again."
    )
