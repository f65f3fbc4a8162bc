"""The Library of many programs: details of a model, checks, disk space."""

from __future__ import annotations

import os
import time
from pathlib import Path
from unittest.mock import patch

from app.core.jobs import JobControl
from app.ui import jobs
from app.ui.pages.library import LibraryPage
from tests.helpers.other_programs import cached_file, cached_main, ollama_blob, ollama_model
from tests.helpers.projectors import PROJECTORS, write_projector_ghost
from tests.helpers.tiny_gguf import write_tiny_model
from tests.tour.props import computer, put_faulty_files, put_hollow, put_models
from tests.tour.stage import Stage, scene


@scene
def library_of_many_programs(stage: Stage) -> None:
    put_programs(stage)
    open_on(stage, "desktop-12gb-card").list.setFocus()


@scene
def library_of_one_program_by_size(stage: Stage) -> None:
    put_programs(stage)
    bar = open_on(stage, "desktop-12gb-card").filter_bar
    bar.source.setCurrentText("Nibble")
    bar.order.setCurrentText("Sort by size")
    bar.order.setFocus()


@scene
def library_details(stage: Stage) -> None:
    put_programs(stage)
    detail(stage, open_on(stage, "desktop-12gb-card"), "Qwen3-8B-Q6_K")


@scene
def library_details_too_big(stage: Stage) -> None:
    put_programs(stage)
    page = open_on(stage, "laptop-16gb")
    detail(stage, page, "Llama-3.3-70B")
    page.details.overview.verticalScrollBar().setValue(10_000)


@scene
def library_details_of_another_program(stage: Stage) -> None:
    put_programs(stage)
    page = open_on(stage, "desktop-12gb-card")
    detail(stage, page, "sha256-")
    page.details.overview.verticalScrollBar().setValue(10_000)


@scene
def library_details_header(stage: Stage) -> None:
    put_programs(stage)
    page = open_on(stage, "desktop-12gb-card")
    detail(stage, page, "Qwen3-8B-Q6_K")
    page.details.show_header()
    page.details.header.search.setText("attn_q")
    page.details.header.search.setFocus()


@scene
def library_details_renaming(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    detail(stage, stage.library, "tiny-f16")
    stage.library.details.begin_renaming()
    stage.library.acts.rename(stage.row("tiny-f16"), "x" * 300)
    stage.wait(lambda: not jobs.running())


@scene
def library_verifying(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    detail(stage, stage.library, "tiny-f16")
    with patch("app.library.verify", checked_halfway):
        stage.library.acts.verify(stage.row("tiny-f16"))
        stage.wait(lambda: stage.library.acts.checking.cards[0].lines.has_begun)


@scene
def library_verified_for_the_first_time(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    verify_row(stage, "tiny-f16")


@scene
def library_verified_as_damaged(stage: Stage) -> None:
    put_models(stage)
    put_in_cache(stage, spoilt=True)
    stage.open()
    verify_row(stage, "Poet")


@scene
def library_verified_as_on_the_hub(stage: Stage) -> None:
    put_models(stage)
    put_in_cache(stage)
    stage.open()
    verify_row(stage, "Poet")


@scene
def library_disk_space(stage: Stage) -> None:
    put_programs(stage)
    open_on(stage, "desktop-12gb-card").show_space()
    stage.wait(lambda: not jobs.running())


@scene
def library_looking_for_duplicates(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    stage.library.show_space()
    with patch("app.library.find_duplicates", checked_halfway):
        stage.library.space.duplicates.begin.click()
        stage.wait(lambda: stage.library.space.duplicates.lines.has_begun)


@scene
def library_duplicates(stage: Stage) -> None:
    put_models(stage)
    put_in_cache(stage)
    other = stage.root / "My models" / "a copy of the poet.gguf"
    (cached,) = (stage.root / "person").rglob("Poet*.gguf")
    other.write_bytes(cached.read_bytes())
    stage.open()
    stage.library.show_space()
    stage.library.space.duplicates.begin.click()
    stage.wait(lambda: not jobs.running())


@scene
def library_gone_and_damaged(stage: Stage) -> None:
    put_models(stage)
    put_faulty_files(stage.models)
    write_tiny_model(stage.models / "split.gguf", tensors_per_part=8, name="In three parts")
    stage.open()
    verify_row(stage, "tiny-bf16", shown=False)
    (stage.models / "tiny-f16.gguf").unlink()
    (stage.models / "split-00002-of-00003.gguf").unlink()
    os.utime(stage.models / "tiny-bf16.gguf")
    stage.library.notices.clear()
    stage.library.rescan()
    stage.wait(lambda: not jobs.running())


@scene
def library_details_of_a_gone_file(stage: Stage) -> None:
    library_gone_and_damaged(stage)
    detail(stage, stage.library, "tiny-f16")


@scene
def library_details_of_a_changed_file(stage: Stage) -> None:
    library_gone_and_damaged(stage)
    detail(stage, stage.library, "tiny-bf16")


@scene
def library_details_of_a_projector(stage: Stage) -> None:
    put_models(stage)
    write_projector_ghost(next(iter(PROJECTORS.values())), stage.models / "mmproj-model-f16.gguf")
    stage.open()
    detail(stage, stage.library, "mmproj")


# Props


def put_programs(stage: Stage) -> None:
    """What is on the disk of somebody who has tried several programs."""
    person, apache = stage.root / "person", "apache-2.0"
    qwen = {"basename": "Qwen3", "license": apache}
    put_hollow(stage.models / "Qwen3-8B-Q6_K.gguf", "qwen3-8b", "Q6_K", name="Qwen3 8B", **qwen)
    put_hollow(stage.models / "Qwen3-8B-Q4_K_M.gguf", "qwen3-8b", "Q4_K_M", name="Qwen3 8B", **qwen)
    lm_studio = person / ".lmstudio/models"
    put_hollow(
        lm_studio / "lmstudio-community/Llama-3.3-70B-Instruct-GGUF/Llama-3.3-70B-Instruct-Q4_K_M.gguf",
        "llama-3.3-70b",
        "Q4_K_M",
        name="Llama 3.3 70B Instruct",
        basename="Llama-3.3",
        license="llama3.3",
    )
    put_hollow(
        lm_studio / "unsloth/Qwen3-30B-A3B-GGUF/Qwen3-30B-A3B-Q4_K_M.gguf",
        "qwen3-30b-a3b",
        "Q4_K_M",
        name="Qwen3 30B A3B",
        **qwen,
    )
    put_hollow(
        person / ".local/share/nomic.ai/GPT4All/gemma-3-12b-Q4_0.gguf", "gemma-3-12b", "Q4_0", license="gemma"
    )
    source = put_hollow(
        stage.root / "new.gguf", "gemma-3-12b", "Q4_K_M", name="Gemma 3 12B It", license="gemma"
    )
    give_to_ollama(source, person / "ollama", "registry.ollama.ai/library/gemma3/12b")
    put_in_cache(stage)


def give_to_ollama(source: Path, models: Path, place: str) -> None:
    """A manifest for weights that are too large to be written."""
    stub = b"0" * 64
    manifest = ollama_model(models, place, stub, license="Gemma Terms of Use")
    manifest.write_text(manifest.read_text().replace('"size": 64', f'"size": {source.stat().st_size}'))
    source.rename(ollama_blob(models, stub))


def put_in_cache(stage: Stage, *, spoilt: bool = False) -> None:
    """A model in the cache of Hugging Face; `spoilt`: not the bytes that came from there."""
    content = write_tiny_model(stage.root / "poet.gguf", type="f16", name="Poet", seed=7).read_bytes()
    hub = stage.root / "person/.cache/huggingface/hub"
    link = cached_file(hub, "owner/Poet-GGUF", "0123abcd", "Poet-F16.gguf", content)
    cached_main(hub, "owner/Poet-GGUF", "0123abcd")
    (stage.root / "poet.gguf").unlink()
    if spoilt:
        link.resolve().write_bytes(content[:-4] + b"oops")


def open_on(stage: Stage, machine: str) -> LibraryPage:
    """The library as it is on another computer."""
    here = computer(machine)
    for pretended in (
        patch("app.hardware.probe", lambda: here),
        patch("app.hardware.ask_runtime", lambda: (None, ())),
        patch("app.hardware.live.LiveMachine.read", lambda live: here),
    ):
        pretended.start()
        stage.around.callback(pretended.stop)
    stage.open()
    return stage.library


def detail(stage: Stage, page: LibraryPage, name: str) -> None:
    page.show_details(stage.row(name))
    stage.wait(lambda: not jobs.running())


def verify_row(stage: Stage, name: str, *, shown: bool = True) -> None:
    row = stage.row(name)
    if shown:
        detail(stage, stage.library, name)
    stage.library.acts.verify(row)
    stage.wait(lambda: not jobs.running())


def checked_halfway(*arguments: object) -> list[object]:
    """In the place of what reads whole files: comes as far as a picture needs and waits until it is cancelled."""
    control = next(each for each in arguments if isinstance(each, JobControl))
    control.progress("Checking", 0, 4_900_000_000, "bytes")
    time.sleep(0.25)
    control.progress("Checking", 2_100_000_000, 4_900_000_000, "bytes")
    while True:
        control.cancel.raise_if_cancelled()
        time.sleep(0.01)
