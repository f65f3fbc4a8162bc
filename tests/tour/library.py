"""The Library's list: models, faults, what is made."""

from __future__ import annotations

from PySide6.QtCore import QPoint
from PySide6.QtTest import QTest

from app.core.errors import (
    DiskFull,
)
from app.gguf import read_header
from app.hardware import Accelerator, Cpu, Machine, Memory
from app.ui import jobs
from app.ui.make_order import MakeOrder
from tests.helpers.tiny_gguf import write_tiny_model
from tests.tour.props import put_faulty_files, put_models, shared_big_model
from tests.tour.stage import CannotPlay, Stage, scene


@scene
def library_filled(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    stage.library.show_row(stage.row("tiny-bf16").path)


@scene
def library_filtered(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    stage.library.search.setText("f16")


@scene
def library_no_match(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    stage.library.search.setText("llama 405b")


@scene
def library_faults(stage: Stage) -> None:
    put_models(stage)
    put_faulty_files(stage.models)
    stage.elsewhere.append(stage.root / "A disk that was unplugged")
    stage.open()


@scene
def library_many(stage: Stage) -> None:
    first = write_tiny_model(stage.models / "model-000.gguf", type="f16", name="Tiny 000")
    header, size = first.read_bytes()[: read_header(first).data_offset], first.stat().st_size
    for number in range(1, 120):
        with first.with_name(f"model-{number:03d}.gguf").open("wb") as file:  # a link would be no model more
            file.write(header)
            file.truncate(size)
    (stage.models / "more").mkdir()
    stage.open()


@scene
def library_choosing_to_compare(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    for name in ("tiny-f32", "tiny-bf16"):
        stage.library.list.compare_asked.emit(stage.row(name))


@scene
def library_dragging_over(stage: Stage) -> None:
    put_models(stage)
    stage.open().veil.cover()


@scene
def library_make_menu(stage: Stage) -> None:
    need_convert()
    put_models(stage)
    stage.open()
    row = stage.row("tiny-f16")
    stage.library.list.make_asked.emit(row, stage.library.list.make_menu_place(row))


@scene
def library_row_menu_of_a_quantized_model(stage: Stage) -> None:
    need_convert()
    put_models(stage)
    make(stage, "tiny-f16", "Q8_0")
    row = stage.row("Q8_0")
    stage.library.list.menu_asked.emit(row, stage.library.list.make_menu_place(row) - QPoint(240, 0))


@scene
def library_making(stage: Stage) -> None:
    need_convert()
    put_models(stage)
    source = shared_big_model(stage)
    stage.open()
    library = stage.library
    library.making.start(stage.row(source.stem), MakeOrder(("Q4_K_M",)))
    library.making.start(stage.row("tiny-f16"), MakeOrder(("Q8_0",)))
    stage.wait(lambda: not library.making.cards or library.making.cards[0].lines.has_begun)


@scene
def library_made(stage: Stage) -> None:
    need_convert()
    put_models(stage)
    make(stage, "tiny-f16", "Q4_K_M")


@scene
def library_not_made(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    fault = DiskFull(
        "The disk ran full while writing tiny-f16-Q4_K_M.gguf.", "Free some space and try again."
    )
    stage.library.making.failed.emit(stage.row("tiny-f16"), MakeOrder(("Q4_K_M",)), fault)


@scene
def library_pointed_at_and_focused(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    library = stage.library
    library.show_row(stage.row("bf16").path)
    library.list.setFocus()
    third = library.list.model().index(2, 0)
    QTest.mouseMove(library.list.viewport(), library.list.visualRect(third).center())
    stage.application.processEvents()


@scene
def library_on_a_gaming_computer(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    stage.library.computer.show_machine(
        Machine(
            Cpu("AMD Ryzen 9 7950X", 16, 32, ("AVX2", "AVX512")),
            Memory(64 * 10**9, 9 * 10**9),
            (
                Accelerator("NVIDIA GeForce RTX 4090", "CUDA", 24 * 10**9, 21 * 10**9),
                Accelerator("NVIDIA GeForce RTX 4060 Ti", "CUDA", 16 * 10**9, 1 * 10**9),
            ),
            ("NVIDIA graphics card 3 does not answer: GPU is lost.",),
        )
    )
    stage.application.processEvents()


# Props


def need_convert() -> None:
    try:
        import app.convert  # noqa: F401
    except ImportError as error:
        raise CannotPlay("app.convert is not there yet") from error


def make(stage: Stage, name: str, quantization: str) -> None:
    stage.open()
    stage.library.making.start(stage.row(name), MakeOrder((quantization,)))
    stage.wait(lambda: not jobs.running())
