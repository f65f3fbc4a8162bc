"""The Discover page on the real catalogue, for machines that are described in files."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QLabel, QPushButton

import app.hardware
from app.core.errors import UnreadableFile
from app.gguf.ghost import write_ghost_of
from app.gguf.outline import loading_metadata, outline
from app.gguf.types import QUANTIZATIONS
from app.hardware import Machine, Memory
from app.memory.mixture import read_traits, tensor_types
from app.memory.overhead import WORKER_BYTES
from app.recommend.budget import budget_of
from app.recommend.catalogue import CatalogueModel, read_catalogue
from app.recommend.fit import Verdict
from app.recommend.kept_sizes import SIZES_FILE
from app.recommend.runs import remember_run
from app.recommend.staircase import staircases_of
from app.runtime.packs import runtime_packs
from app.runtime.protocol import Described, Device, LoadSettings
from app.ui import jobs
from app.ui.memory_bar import Legend, zones_of
from app.ui.pages import discover_words as words
from app.ui.pages.discover import DiscoverPage
from app.ui.pages.discover_here import files_of
from app.ui.pages.discover_rows import CAPTION_ROLE, ROW_ROLE, Column, Row
from tests.helpers.hub_server import Fault, Repository
from tests.helpers.library import scan_folders
from tests.helpers.packs import good_pack
from tests.helpers.past_answers import description, statistics
from tests.helpers.plain_recommendation import recommend_model, variants_of
from tests.helpers.tiny_gguf import write_random_model
from tests.ui.conftest import machine, settle

GB = 10**9


def catalogue_model(id: str) -> CatalogueModel:
    return next(each for each in read_catalogue() if each.id == id)


def shown(page: DiscoverPage) -> list[Row]:
    """From top to bottom."""
    model = page.list.model()
    return [model.index(number, 0).data(ROW_ROLE) for number in range(model.rowCount())]


def cells(page: DiscoverPage, id: str) -> list[str]:
    """Both lines of each cell of a model's row."""
    model = page.list.model()
    number = next(number for number, row in enumerate(shown(page)) if row.model.id == id)
    indexes = [model.index(number, column) for column in Column]
    return [f"{index.data()}|{index.data(CAPTION_ROLE)}" for index in indexes]


def visible_words(widget) -> str:
    return " ".join(label.text() for label in widget.findChildren(QLabel) if label.isVisible())


def choose(combo, value: object) -> None:
    combo.setCurrentIndex(combo.findData(value))
    combo.activated.emit(combo.currentIndex())


def await_list(qtbot, page: DiscoverPage, context: int) -> None:
    qtbot.waitUntil(lambda: page.listing.context == context)
    settle(qtbot)


# The list


def test_all_models_are_listed_with_what_suits_the_computer(open_page):
    page = open_page("desktop-8gb-card")
    assert len(shown(page)) == len(read_catalogue())
    choice = recommend_model(
        catalogue_model("qwen3-8b"), budget_of(machine("desktop-8gb-card")), LoadSettings(context_length=8192)
    )
    step = choice.recommendation.step
    name, best, in_use, speed, verdict = cells(page, "qwen3-8b")
    assert name.startswith("Qwen3 8B|Qwen · 8.2 B · 2025-04 · ")
    assert best == f"{step.quantization}|{step.file_bytes / 1e9:.2f} GB"
    assert in_use.startswith(f"{step.fit.accelerator_bytes / 1e9:.1f} of ")
    assert in_use.endswith(" GB|GPU")
    assert speed.endswith(" tok/s|estimated")
    assert verdict == f"Fits the GPU|{step.fit.free_bytes / 1e6:.0f} MB left free"


def test_speeds_that_answers_have_shown_are_told_as_measured(qtbot, open_page, folder):
    page = open_page("desktop-8gb-card")
    model = catalogue_model("qwen3-8b")
    quantization = next(row for row in shown(page) if row.model.id == "qwen3-8b").step.quantization
    (variant,) = (each for each in variants_of(model) if each.quantization == quantization)
    devices = ("CUDA0",) * (variant.facts.layers + 1)
    for _ in range(3):
        remember_run(
            folder.database,
            variant.facts,
            LoadSettings(context_length=8192),
            description(devices, 8192),
            statistics(2048 - 50, 100, 30.0),
        )
    page.hide()
    page.show()  # as when a person comes back from Chat
    qtbot.waitUntil(lambda: cells(page, "qwen3-8b")[3] == "27–33 tok/s|measured")
    others = [row.step.fit.speed for row in shown(page) if row.model.id != "qwen3-8b"]
    assert any(speed.is_corrected for speed in others)
    assert not any(speed.is_measured for speed in others if speed.middle != pytest.approx(30, rel=0.05))


def test_the_first_start_works_all_out_and_keeps_it_for_the_next(qtbot, open_nibble, folder, monkeypatch):
    some = read_catalogue()[::12]  # of all it would take ten seconds
    monkeypatch.setattr("app.recommend.catalogue.read_catalogue", lambda: some)
    page = open_nibble().show_page("discover")
    qtbot.waitUntil(lambda: not jobs.running(), timeout=60_000)
    assert len(shown(page)) == len(some)
    assert page.body.shows_list
    again = staircases_of(some, kept=folder.cache / SIZES_FILE)
    assert all(each.is_ready(each.settings(context)) for each in again for context in words.CONTEXTS)


def test_what_runs_well_comes_first(open_page):
    verdicts = [row.step.fit.verdict for row in shown(open_page("desktop-12gb-card"))]
    assert verdicts[0] in (Verdict.FITS, Verdict.TIGHT)
    assert verdicts[-1] is Verdict.TOO_BIG


def test_tooltips_give_bytes(open_page):
    page = open_page()
    row = shown(page)[0]
    tips = [
        page.list.model().index(0, column).data(Qt.ItemDataRole.ToolTipRole)
        for column in (Column.BEST, Column.IN_USE)
    ]
    assert f"{row.step.file_bytes:,} bytes" in tips[0]
    assert f"{row.step.fit.accelerator_bytes:,}" in tips[1]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("qwen3 8b", {"qwen3-8b", "qwen3-vl-8b", "deepseek-r1-0528-qwen3-8b"}),
        ("ibm granite-3.3", {"granite-3.3-2b", "granite-3.3-8b"}),
        ("TinyLlama", {"tinyllama-1.1b"}),
    ],
)
def test_search_finds_names_families_and_makers(qtbot, open_page, text, ids):
    page = open_page()
    qtbot.keyClicks(page.header.search, text)
    assert {row.model.id for row in shown(page)} == ids
    assert page.list.current_row() == shown(page)[0]


def test_models_can_be_filtered_by_what_they_are_good_for(open_page):
    page = open_page()
    choose(page.header.use, "vision")
    expected = {model.id for model in read_catalogue() if "vision" in model.uses}
    assert {row.model.id for row in shown(page)} == expected


def test_an_empty_search_says_what_to_do_and_offers_it(qtbot, open_page):
    page = open_page()
    choose(page.header.use, "audio")
    qtbot.keyClicks(page.header.search, "llama 405b")
    assert page.body.no_match.isVisible()
    assert "fewer words" in visible_words(page.body)
    clear = next(each for each in page.body.no_match.findChildren(QPushButton) if "all models" in each.text())
    clear.click()
    assert page.header.search.text() == ""
    assert len(shown(page)) == len(read_catalogue())


def test_the_order_can_be_chosen(open_page):
    page = open_page()
    orders = {
        "name": lambda row: row.model.name.casefold(),
        "size": lambda row: row.step.file_bytes,
        "speed": lambda row: (row.step.fit.free_bytes < 0, -row.step.fit.speed.middle),
        "age": lambda row: [-int(part) for part in f"{row.model.released}-0".split("-")[:2]],
        "best": lambda row: row.place,
    }
    for number in range(page.header.order.count()):
        order = page.header.order.itemData(number)
        choose(page.header.order, order)
        keys = [orders[order.value](row) for row in shown(page)]
        assert keys == sorted(keys)


def test_another_context_gives_another_list(qtbot, open_page):
    page = open_page("desktop-8gb-card")
    before = {row.model.id: row.step.need.kv_bytes for row in shown(page)}
    choose(page.header.context, 32_768)
    await_list(qtbot, page, 32_768)
    after = {row.model.id: row.step.need.kv_bytes for row in shown(page)}
    assert after["llama-3.1-8b"] == 4 * before["llama-3.1-8b"]
    assert after["gemma-2-2b"] == before["gemma-2-2b"]  # it was trained for 8k


def test_the_last_of_several_contexts_counts(qtbot, open_page):
    page = open_page()
    for context in (131_072, 2048, 16_384):
        choose(page.header.context, context)
    await_list(qtbot, page, 16_384)
    row = next(row for row in shown(page) if row.model.id == "llama-3.1-8b")
    assert row.step.need.kv_bytes == 32 * 2 * 8 * 128 * 2 * 16_384


def test_memory_that_becomes_free_makes_another_list(qtbot, open_page, put_machine):
    little = machine("laptop-16gb")
    page = open_page(replace(little, memory=replace(little.memory, available_bytes=3 * GB)))
    assert next(row for row in shown(page) if row.model.id == "qwen3-14b").step.fit.free_bytes < 0
    put_machine(replace(little, memory=replace(little.memory, available_bytes=14 * GB)))
    qtbot.waitUntil(
        lambda: next(row for row in shown(page) if row.model.id == "qwen3-14b").step.fit.free_bytes > 0,
        timeout=5000,
    )


def test_what_chats_model_will_give_back_counts_as_free_and_the_page_says_so(qtbot, open_page, folder):
    page = open_page("laptop-16gb")
    path = write_random_model(folder.models / "loaded.gguf", parameters=80_000_000)
    window = page.window()
    without = page.offers.budget.memory_bytes
    assert "unloaded" not in visible_words(page.computer)
    window.show_page("chat").open_model(path)
    settle(qtbot)
    (held,) = window.services.loaded(())
    assert held.freed_bytes > 20_000_000
    assert window.show_page("discover") is page
    qtbot.waitUntil(lambda: "with Random for speed unloaded" in visible_words(page.computer))
    assert page.offers.budget.memory_bytes == without  # too little to make the list anew
    page.offers.follow(replace(machine("laptop-16gb"), memory=Memory(16 * GB, 10 * GB)))
    settle(qtbot)
    (held,) = window.services.loaded(())  # once it has been loaded, the worker gets ready to answer
    assert page.offers.budget.memory_bytes == pytest.approx(
        10 * GB + held.freed_bytes - WORKER_BYTES, abs=5_000_000
    )
    window.services.chat_engine.unload()
    qtbot.waitUntil(lambda: "unloaded" not in visible_words(page.computer))


def test_a_little_memory_more_or_less_leaves_the_list_alone(qtbot, open_page):
    page = open_page("laptop-16gb")
    here = machine("laptop-16gb")
    before = page.offers.budget
    free = here.memory.available_bytes - GB // 10
    page.offers.follow(replace(here, memory=replace(here.memory, available_bytes=free)))
    settle(qtbot)
    assert page.offers.budget == before


def test_where_nothing_fits_it_says_so(open_page):
    here = machine("raspberry-pi-8gb")
    page = open_page(replace(here, memory=replace(here.memory, available_bytes=GB // 10)))
    assert page.nothing_fits.isVisible()
    assert "None of these models fits" in visible_words(page.nothing_fits)
    assert {row.step.fit.verdict for row in shown(page)} == {Verdict.TOO_BIG}
    missing = [-row.step.fit.free_bytes for row in shown(page)]
    assert missing == sorted(missing)  # what comes nearest to having room is first
    assert cells(page, "smollm2-135m")[Column.SPEED] == "–|"
    page.open_model("smollm2-135m")
    assert "Too big for this computer" in visible_words(page.staircase.reason)
    assert not any(row.is_best for row in page.staircase.rows)


def test_where_something_fits_it_says_nothing_of_the_kind(open_page):
    assert not open_page("raspberry-pi-8gb").nothing_fits.isVisible()


def test_a_computer_that_cannot_be_read_is_told_and_can_be_tried_again(
    qtbot, open_nibble, folder, kept_sizes, monkeypatch
):
    shutil.copy(kept_sizes, folder.cache)

    def unreadable(*cache: Path) -> Machine:
        raise UnreadableFile("The system does not tell how much memory there is.", "Start Nibble again.")

    with monkeypatch.context() as patched:
        patched.setattr(app.hardware, "probe", unreadable)
        patched.setattr(app.hardware, "probe_usable", unreadable)
        page = open_nibble().show_page("discover")
        settle(qtbot)
    assert page.body.fault.isVisible()
    assert "does not tell how much memory" in visible_words(page.body)
    (again,) = page.body.fault.findChildren(QPushButton)
    again.click()
    settle(qtbot)
    assert page.body.shows_list


# The staircase


def test_a_click_opens_the_staircase_with_all_quantizations(qtbot, open_page):
    page = open_page("desktop-8gb-card")
    open_by_click(qtbot, page, "qwen3-8b")
    expected = recommend_model(
        catalogue_model("qwen3-8b"), budget_of(machine("desktop-8gb-card")), LoadSettings(context_length=8192)
    )
    assert tuple(row.step for row in page.staircase.rows) == expected.recommendation.steps
    assert page.staircase.rows[0].step.quantization == "F16"
    assert page.staircase.rows[-1].step.quantization == "Q2_K"
    (best,) = [row for row in page.staircase.rows if row.is_best]
    assert best.step == expected.recommendation.step
    assert best.accessibleName().startswith("Recommended: ")
    assert expected.recommendation.reason in visible_words(page.staircase.reason)


def test_the_staircase_is_all_keyboard(qtbot, open_page):
    page = open_page()
    page.list.setFocus()
    qtbot.keyClick(page.list, Qt.Key.Key_Down)
    chosen = page.list.current_row().model.id
    assert chosen == shown(page)[1].model.id
    qtbot.keyClick(page.list, Qt.Key.Key_Return)
    settle(qtbot)
    assert page.staircase.model_id == chosen
    assert page.staircase.slider.hasFocus()
    before = page.staircase.slider.shown
    qtbot.keyClick(page.staircase.slider, Qt.Key.Key_Right)
    assert page.staircase.slider.shown != before
    settle(qtbot)
    qtbot.keyClick(page.staircase.slider, Qt.Key.Key_Escape)
    assert page.list.isVisible()
    assert page.list.hasFocus()
    assert page.list.current_row().model.id == chosen


def test_down_leads_from_the_search_into_the_list(qtbot, open_page):
    page = open_page()
    qtbot.keyClick(page, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert page.header.search.hasFocus()
    qtbot.keyClicks(page.header.search, "gemma")
    qtbot.keyClick(page.header.search, Qt.Key.Key_Down)
    assert page.list.hasFocus()
    assert "gemma" in page.list.current_row().model.id


def test_moving_the_context_moves_every_bar_at_once(qtbot, open_page):
    page = open_page("desktop-8gb-card")
    open_by_click(qtbot, page, "llama-3.1-8b")
    settle(qtbot)
    page.staircase.slider.setValue(4)
    # No job in between: each figure has changed when the slider's move returns.
    for row in page.staircase.rows:
        assert row.step.need.kv_bytes == 32 * 2 * 8 * 128 * 2 * 32_768
    expected = recommend_model(
        catalogue_model("llama-3.1-8b"),
        budget_of(machine("desktop-8gb-card")),
        LoadSettings(context_length=32_768),
    )
    assert tuple(row.step for row in page.staircase.rows) == expected.recommendation.steps
    await_list(qtbot, page, 32_768)
    assert page.header.context.currentData() == 32_768
    page.close_model()
    assert cells(page, "llama-3.1-8b")[1].startswith(expected.recommendation.step.quantization)


def alternative_buttons(page: DiscoverPage) -> dict[str, QPushButton]:
    found = page.staircase.alternatives.findChildren(QPushButton)
    return {button.text(): button for button in found if button.isVisible()}


def test_an_alternative_that_is_a_shorter_context_is_set_with_a_click(qtbot, open_page):
    page = open_page("desktop-8gb-card")
    choose(page.header.context, 32_768)
    settle(qtbot)
    open_by_click(qtbot, page, "qwen3-8b")
    told = visible_words(page.staircase.alternatives)
    assert "At 8k instead of 32k, Q5_K_M fits the GPU whole" in told
    assert "With the cache as Q4_0" in told
    qtbot.mouseClick(alternative_buttons(page)["Set to 8k"], Qt.MouseButton.LeftButton)
    assert page.offers.context == 8192
    assert page.staircase.slider.shown == "8k"
    assert page.header.context.currentData() == 8192
    best = next(row for row in page.staircase.rows if row.is_best)
    assert best.step.quantization == "Q5_K_M"
    assert best.step.fit.verdict is Verdict.FITS
    assert "instead of 32k" not in visible_words(page.staircase.alternatives)
    await_list(qtbot, page, 8192)


def test_another_size_of_the_family_opens_with_a_click(qtbot, open_page):
    page = open_page("desktop-8gb-card")
    open_by_click(qtbot, page, "qwen3-14b")
    button = alternative_buttons(page)["Show Qwen3 8B"]
    assert "Qwen3 14B in" in button.accessibleDescription()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert page.staircase.model_id == "qwen3-8b"
    page.close_model()
    assert page.list.current_row().model.id == "qwen3-8b"


def test_a_model_that_loses_nothing_has_no_alternatives(qtbot, open_page):
    page = open_page("unified-pc-128gb")
    open_by_click(qtbot, page, "gemma-3-27b")
    assert not page.staircase.alternatives.isVisible()


def test_the_legend_is_whole_however_large_the_font(qtbot, open_page):
    page = open_page()
    open_by_click(qtbot, page, "qwen3-8b")
    legend = page.staircase.findChild(Legend)
    for width in (40, 400, 4000):
        legend.fit_into(width)
        hint = legend.sizeHint()
        assert all(hint.width() >= word.sizeHint().width() for word in legend.findChildren(QLabel))
    in_a_row = legend.sizeHint()
    legend.fit_into(in_a_row.width() - 1)
    assert legend.sizeHint().width() < in_a_row.width()
    assert legend.sizeHint().height() > in_a_row.height()


def test_the_context_ends_where_the_model_does(qtbot, open_page):
    page = open_page()
    choose(page.header.context, 131_072)
    settle(qtbot)
    open_by_click(qtbot, page, "gemma-2-2b")
    assert page.staircase.slider.maximum() == 2  # 2k, 4k, 8k
    assert page.staircase.slider.shown == "8k"
    assert page.staircase.slider.accessibleName() == "Context: 8k tokens"


def test_a_warning_stands_with_the_recommendation(qtbot, open_page):
    page = open_page("laptop-16gb")
    here = machine("laptop-16gb")
    page.offers.follow(replace(here, memory=replace(here.memory, available_bytes=3 * GB)))
    settle(qtbot)
    low = next(row for row in shown(page) if row.recommendation.warning and row.step.fit.free_bytes >= 0)
    page.open_model(low.model.id)
    assert low.recommendation.warning in visible_words(page.staircase.reason)


def test_every_step_can_be_reached_and_has_a_name(qtbot, open_page):
    page = open_page()
    open_by_click(qtbot, page, "qwen3-8b")
    for control in page.staircase.findChildren(QAbstractButton):
        if control.isVisible():
            assert control.accessibleName() or control.text()
            assert control.toolTip()
            assert control.focusPolicy() & Qt.FocusPolicy.TabFocus
    for row in page.staircase.rows:
        assert row.step.quantization in row.accessibleName()
        assert row.step.quantization in row.button.accessibleName()


# Onwards from a step


def test_hugging_face_opens_only_when_asked_twice(qtbot, open_page, monkeypatch):
    opened: list[str] = []
    monkeypatch.setattr(
        "app.ui.links.QDesktopServices.openUrl", lambda url: opened.append(url.toString()) or True
    )
    page = open_page()
    without = next(model for model in read_catalogue() if not model.gguf)
    open_by_click(qtbot, page, without.id)
    page.staircase.rows[0].button.click()
    assert opened == []
    (bar,) = page.notices.bars()
    address = f"https://huggingface.co/{without.repository}"
    assert bar.hint == address
    bar.findChildren(QPushButton)[0].click()
    assert opened == [address]


def test_a_step_gets_its_quantization_tells_how_far_it_is_and_then_chats(
    qtbot, open_page, server, folder, tmp_path
):
    name = "SmolLM2-135M-Instruct-Q4_K_M.gguf"
    file = put_ghost(tmp_path / name, "smollm2-135m", "Q4_K_M")
    id = catalogue_model("smollm2-135m").gguf[0]
    server.add(Repository(id, {name: file, "SmolLM2-135M-Instruct-Q8_0.gguf": b"GGUF"}))
    server.faults.append(Fault(host="cdn", stall_at=2_000_000, times=-1))
    page = open_page()
    open_by_click(qtbot, page, "smollm2-135m")
    (step,) = [row for row in page.staircase.rows if row.step.quantization == "Q4_K_M"]
    qtbot.waitUntil(lambda: step.button.text() == "Get")
    step.button.click()
    assert step.button.text() == "Asking…"
    qtbot.waitUntil(lambda: step.button.text() not in ("Asking…", "Waiting", "0 %"), timeout=20_000)
    assert step.button.text().endswith(" %")
    assert f"of {file.stat().st_size / 1e6:.0f} MB" in step.button.toolTip()
    others = [row.button.text() for row in page.staircase.rows if row is not step]
    assert set(others) == {"Get"}
    step.button.click()
    card = page.window().show_page("library").downloads
    assert card.isVisible()
    (download,) = card.rows
    page.window().services.downloads.pause(download.entry.id)
    qtbot.waitUntil(lambda: step.button.text() == "Paused", timeout=20_000)
    settle(qtbot)
    server.faults.clear()
    page.window().services.downloads.resume(download.entry.id)
    page.window().show_page("discover")
    qtbot.waitUntil(lambda: step.button.text() == "Chat", timeout=60_000)
    settle(qtbot)
    with qtbot.waitSignal(page.chat_requested) as asked:
        step.button.click()
    assert asked.args == [folder.models / id / name]


def test_a_hub_that_does_not_answer_need_not_be_waited_for(qtbot, open_page, server, folder):
    server.add(Repository(catalogue_model("smollm2-135m").gguf[0], {"M-F16.gguf": b"GGUF"}))
    server.faults.append(Fault(host="hub", stall_at=0, times=-1))
    page = open_page()
    open_by_click(qtbot, page, "smollm2-135m")
    step = page.staircase.rows[0]
    qtbot.waitUntil(lambda: step.button.text() == "Get")
    step.button.click()
    qtbot.waitUntil(lambda: any("/api/models/" in each.path for each in server.requests))
    step.button.click()
    assert step.button.text() == "Get"
    server.closing.set()  # the answer is cut off
    settle(qtbot)
    assert page.window().notices.bars() == []
    assert page.window().services.downloads.entries == []


def test_a_quantization_that_a_repository_lacks_is_told_with_those_it_has(qtbot, open_page, server):
    id = catalogue_model("smollm2-135m").gguf[0]
    server.add(Repository(id, {"SmolLM2-135M-Instruct-Q8_0.gguf": b"GGUF"}))
    page = open_page()
    open_by_click(qtbot, page, "smollm2-135m")
    (step,) = [row for row in page.staircase.rows if row.step.quantization == "Q4_K_M"]
    step.button.click()
    settle(qtbot)
    (bar,) = page.window().notices.bars()
    assert (bar.sentence, bar.hint) == (f"{id} has no Q4_K_M.", "There are: Q8_0.")
    assert step.button.text() == "Get"


def test_a_quantization_comes_from_the_next_repository_where_the_first_lacks_it(
    qtbot, open_page, server, folder
):
    model = next(each for each in read_catalogue() if len(each.gguf) > 1)
    first, second = model.gguf[:2]
    server.add(Repository(first, {"M-Q8_0.gguf": b"GGUF"}))
    server.add(Repository(second, {"M-Q8_0.gguf": b"GGUF", "M-Q4_K_M.gguf": b"GGUF4"}))
    page = open_page()
    open_by_click(qtbot, page, model.id)
    (step,) = [row for row in page.staircase.rows if row.step.quantization == "Q4_K_M"]
    step.button.click()
    settle(qtbot)
    assert (folder.models / second / "M-Q4_K_M.gguf").read_bytes() == b"GGUF4"
    assert page.window().notices.bars() == []


def test_a_model_of_the_library_is_chatted_with(qtbot, open_page, folder):
    path = put_ghost(folder.models / "SmolLM2-135M-Instruct-Q4_K_M.gguf", "smollm2-135m", "Q4_K_M")
    page = open_page()
    open_by_click(qtbot, page, "smollm2-135m")
    qtbot.waitUntil(lambda: chats(page) == ["Q4_K_M"])
    (button,) = [row.button for row in page.staircase.rows if row.button.text() == "Chat"]
    with qtbot.waitSignal(page.chat_requested) as asked:
        button.click()
    assert asked.args == [path]
    chat = page.window().show_page("chat")
    settle(qtbot)
    assert chat.model == path


def test_a_file_that_arrives_is_seen_when_the_page_is_shown_again(qtbot, open_page, folder):
    page = open_page()
    window = page.window()
    window.show_page("settings")
    put_ghost(folder.models / "SmolLM2-135M-Instruct-Q8_0.gguf", "smollm2-135m", "Q8_0")
    window.show_page("discover")
    settle(qtbot)
    page.open_model("smollm2-135m")
    qtbot.waitUntil(lambda: chats(page) == ["Q8_0"])


@pytest.mark.parametrize(
    ("file", "name", "found"),
    [
        ("SmolLM2-135M-Instruct-Q4_K_M.gguf", "", True),
        ("smollm2-135m-instruct.q4_k_m.gguf", "", True),
        ("model.gguf", "SmolLM2 135M Instruct", True),
        ("SmolLM2-135M-Instruct-uncensored-Q4_K_M.gguf", "", False),
        ("my-finetune.gguf", "My finetune", False),
    ],
)
def test_a_file_belongs_to_the_model_of_its_name(tmp_path, file, name, found):
    put_ghost(tmp_path / file, "smollm2-135m", "Q4_K_M", name)
    here = files_of(read_catalogue(), scan_folders([tmp_path]))
    assert here == ({("smollm2-135m", "Q4_K_M"): tmp_path / file} if found else {})


def test_a_file_of_the_name_but_of_other_sizes_is_another_model(tmp_path):
    put_ghost(tmp_path / "SmolLM2-135M-Instruct-Q8_0.gguf", "smollm2-360m", "Q8_0")
    assert files_of(read_catalogue(), scan_folders([tmp_path])) == {}


def test_bf16_are_the_originals_bits_as_f16_are(tmp_path):
    path = put_ghost(tmp_path / "SmolLM2-135M-Instruct-BF16.gguf", "smollm2-135m", "BF16")
    assert files_of(read_catalogue(), scan_folders([tmp_path])) == {("smollm2-135m", "F16"): path}


# Words, and the start


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_has_a_symbol_and_a_word(verdict):
    look = words.verdict_look(verdict)
    assert look.glyph
    assert look.words
    assert words.verdict_meaning(verdict)
    assert verdict in words.VERDICTS


def test_no_two_verdicts_share_a_symbol():
    assert len({words.verdict_look(each).glyph for each in Verdict}) == len(Verdict)


def test_every_use_of_the_catalogue_has_a_name():
    assert {use for model in read_catalogue() for use in model.uses} <= words.use_names().keys()


@pytest.mark.parametrize(
    ("longest", "contexts"),
    [
        (0, words.CONTEXTS),
        (1024, (2048,)),
        (2048, (2048,)),
        (32_768, (2048, 4096, 8192, 16_384, 32_768)),
        (40_960, (2048, 4096, 8192, 16_384, 32_768, 65_536)),
        (1 << 20, words.CONTEXTS),
    ],
)
def test_contexts_end_with_the_one_that_means_all_the_model_takes(longest, contexts):
    assert words.contexts_of(longest) == contexts


@pytest.mark.parametrize(
    ("name", "zones"), [("desktop-8gb-card", 2), ("mac-64gb", 1), ("laptop-16gb", 1), ("server-512gb", 1)]
)
def test_bars_have_a_zone_for_each_memory(name, zones):
    found = zones_of(budget_of(machine(name)))
    assert len(found) == zones
    assert sum(zone.share for zone in found) == pytest.approx(1)


def test_the_window_opens_without_the_catalogue(home):
    code = (
        "import sys\n"
        "from PySide6.QtWidgets import QApplication\n"
        "from app.storage import data_folder\n"
        "from app.ui.application import open_window, prepare_application\n"
        "application = QApplication(['nibble'])\n"
        "prepare_application(application)\n"
        "window = open_window(application, data_folder())\n"
        "window.show()\n"
        "print(sorted(name for name in sys.modules if name.startswith(('app.recommend', 'app.ui.pages.discover'))))\n"
        "window.leave()\n"
        "from app.ui import jobs\n"
        "jobs.cancel_all(10)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def chats(page: DiscoverPage) -> list[str]:
    """The quantizations that can be chatted with."""
    return [row.step.quantization for row in page.staircase.rows if row.button.text() == "Chat"]


def open_by_click(qtbot, page: DiscoverPage, id: str) -> None:
    page.list.show_model(id)
    place = page.list.visualRect(page.list.currentIndex()).center()
    qtbot.mouseClick(page.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert page.staircase.model_id == id


def put_ghost(path: Path, id: str, quantization: str, name: str = "") -> Path:
    """A file of a model as its header would be, with a hole for the weights."""
    model = catalogue_model(id)
    shapes = outline(model.architecture, model.geometry, model.tied_embeddings)
    metadata = loading_metadata(model.architecture, model.geometry)
    numbers = {known: number for number, known in QUANTIZATIONS.items()}
    metadata["general.file_type"] = numbers[quantization]
    if name:
        metadata["general.name"] = name
    types = tensor_types(shapes, read_traits(metadata), quantization)
    write_ghost_of(path, metadata, zip(shapes, types, strict=True))
    return path


def test_another_runtime_pack_that_uses_other_devices_is_noticed_when_the_page_is_seen_again(
    open_page, folder, monkeypatch: pytest.MonkeyPatch, qtbot
):
    monkeypatch.delenv("LLAMA_CPP_LIB_PATH", raising=False)
    page = open_page("laptop-16gb")
    assert page.computer.machine.accelerators == ()
    device = Device(
        name="RPC0", description="Tower", backend="RPC", kind="gpu", total_bytes=24 << 30, free_bytes=24 << 30
    )
    described = Described(version="", system_info="", backends=("RPC",), devices=(device,))
    monkeypatch.setattr(app.hardware, "ask_runtime", lambda: (described, ()))
    page.window().show_page("library")
    settle(qtbot)
    page.window().show_page("discover")
    settle(qtbot)
    assert page.computer.machine.accelerators == ()  # it is the same runtime, which was asked already
    page.window().show_page("library")
    good_pack(folder.packs, "Network")
    runtime_packs().chosen()
    settle(qtbot)
    page.window().show_page("discover")
    settle(qtbot)
    assert [each.name for each in page.computer.machine.accelerators] == ["Tower"]
