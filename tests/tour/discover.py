"""Discover: which models suit this computer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

from PySide6.QtTest import QTest

from app.core.errors import (
    UnreadableFile,
)
from app.core.jobs import JobControl
from app.hardware import Machine
from app.ui import jobs
from app.ui.pages.discover import DiscoverPage
from tests.tour.props import climb, computer, discover, load_in_chat, put_hollow
from tests.tour.stage import Stage, scene


@scene
def discover_list(stage: Stage) -> None:
    discover(stage, "desktop-8gb-card").list.setFocus()


@scene
def discover_list_from_its_middle(stage: Stage) -> None:
    page = discover(stage, "desktop-8gb-card")
    page.list.show_model("llama-3.3-70b")
    third = page.list.model().index(page.list.currentIndex().row() - 2, 0)
    QTest.mouseMove(page.list.viewport(), page.list.visualRect(third).center())


@scene
def discover_on_a_mac(stage: Stage) -> None:
    discover(stage, "mac-64gb")


@scene
def discover_without_a_gpu(stage: Stage) -> None:
    discover(stage, "laptop-16gb")


@scene
def discover_found(stage: Stage) -> None:
    page = discover(stage, "desktop-two-24gb-cards")
    page.header.search.setText("qwen3 vl")
    page.header.search.setFocus()


@scene
def discover_no_match(stage: Stage) -> None:
    discover(stage, "desktop-8gb-card").header.search.setText("a model of my own")


@scene
def discover_working_it_out(stage: Stage) -> None:
    stage.open()
    with patch("app.recommend.staircase.staircases_of", worked_out_halfway):
        page = stage.window.show_page("discover")
        assert isinstance(page, DiscoverPage)
        long_enough = time.monotonic() + 1.0
        stage.wait(lambda: time.monotonic() > long_enough)


@scene
def discover_unreadable(stage: Stage) -> None:
    stage.open()
    with patch("app.hardware.probe", no_answer), patch("app.hardware.probe_usable", no_answer):
        stage.window.show_page("discover")
        stage.wait(lambda: not jobs.running())


@scene
def discover_with_a_model_in_chat(stage: Stage) -> None:
    here = computer("laptop-16gb")
    with (
        patch("app.hardware.probe", lambda: here),
        patch("app.hardware.live.LiveMachine.read", lambda live: here),
    ):
        page = discover(stage, here)
        load_in_chat(stage)
        stage.window.show_page("discover")
        stage.wait(lambda: bool(page.computer.remark) and not jobs.running())


@scene
def discover_nothing_fits(stage: Stage) -> None:
    discover(stage, full("raspberry-pi-8gb"))


@scene
def discover_staircase(stage: Stage) -> None:
    climb(stage, discover(stage, "desktop-8gb-card"), "qwen3-8b")


@scene
def discover_staircase_long_context(stage: Stage) -> None:
    page = discover(stage, "desktop-8gb-card")
    climb(stage, page, "qwen3-8b")
    with patch("app.hardware.live.LiveMachine.read", lambda live: computer("desktop-8gb-card")):
        page.staircase.slider.setValue(page.staircase.slider.maximum())
        stage.wait(lambda: not jobs.running())
    page.staircase.rows[4].button.setFocus()


@scene
def discover_staircase_alternatives(stage: Stage) -> None:
    page = discover(stage, "desktop-8gb-card")
    climb(stage, page, "qwen3-8b")
    with patch("app.hardware.live.LiveMachine.read", lambda live: computer("desktop-8gb-card")):
        page.staircase.slider.choose(32_768)
        stage.wait(lambda: not jobs.running())
    bar = page.staircase.alternatives.parentWidget().parentWidget().parentWidget().verticalScrollBar()
    bar.setValue(bar.maximum())


@scene
def discover_staircase_split(stage: Stage) -> None:
    climb(stage, discover(stage, "desktop-24gb-card"), "llama-3.3-70b")


@scene
def discover_staircase_on_a_mac(stage: Stage) -> None:
    climb(stage, discover(stage, "macbook-air-16gb"), "qwen3-30b-a3b")


@scene
def discover_staircase_without_a_gpu(stage: Stage) -> None:
    climb(stage, discover(stage, "laptop-16gb"), "gemma-3-12b")


@scene
def discover_staircase_of_one_step(stage: Stage) -> None:
    climb(stage, discover(stage, "server-512gb"), "gpt-oss-120b")


@scene
def discover_staircase_too_big(stage: Stage) -> None:
    climb(stage, discover(stage, "desktop-8gb-card"), "deepseek-v3.1")


@scene
def discover_staircase_in_the_library(stage: Stage) -> None:
    for kind in ("Q8_0", "Q4_K_M"):
        put_hollow(stage.models / f"Qwen3-4B-Instruct-2507-{kind}.gguf", "qwen3-4b-instruct-2507", kind)
    climb(stage, discover(stage, "desktop-12gb-card"), "qwen3-4b-instruct-2507")


@scene
def discover_leaving_for_hugging_face(stage: Stage) -> None:
    page = discover(stage, "desktop-8gb-card")
    climb(stage, page, "qwen3-8b")
    page.staircase.rows[2].button.click()


# Props


def full(name: str) -> Machine:
    """With hardly any memory left free."""
    machine = computer(name)
    return replace(machine, memory=replace(machine.memory, available_bytes=100_000_000))


def worked_out_halfway(models: Sequence[object], control: JobControl, kept: Path) -> tuple[object, ...]:
    """In the place of `staircases_of`: comes as far as a picture needs and waits there until it is cancelled."""
    control.progress("", 70, len(models), "models")
    while True:
        control.cancel.raise_if_cancelled()
        time.sleep(0.01)


def no_answer(*cache: Path) -> Machine:
    raise UnreadableFile("The system does not tell how much memory there is.", "Start Nibble again.")
