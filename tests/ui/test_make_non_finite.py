"""A checkpoint with weights that are no numbers, in the Library: told, and made only when the person says so."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QAbstractButton, QLabel

from app.gguf import read_facts
from app.ui.make_order import MakeOrder
from app.ui.making import Checkpoint
from app.ui.pages.library import LibraryPage
from tests.helpers.tiny_checkpoint import write_tiny_checkpoint

PATIENCE_MS = 60_000


def spoiled(folder: Path) -> Checkpoint:
    checkpoint = write_tiny_checkpoint(folder / "Spoiled")
    weights = checkpoint / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-2] + b"\xc0\x7f")  # a NaN at the end of the last tensor
    return Checkpoint(checkpoint.name, checkpoint)


def buttons(page: LibraryPage) -> dict[str, QAbstractButton]:
    found = page.notices.findChildren(QAbstractButton)
    return {each.text(): each for each in found if not each.isHidden() and each.text()}


def words(page: LibraryPage) -> str:
    return " ".join(label.text() for label in page.notices.findChildren(QLabel) if not label.isHidden())


def test_weights_that_are_no_numbers_are_told_and_made_when_the_person_says_so(
    qtbot, library: LibraryPage, tmp_path: Path
) -> None:
    source = spoiled(tmp_path)
    made = source.path / "Spoiled-BF16.gguf"
    library.making.start(source, MakeOrder(("BF16",)))
    qtbot.waitUntil(lambda: "Make it all the same" in buttons(library), timeout=PATIENCE_MS)
    assert "lm_head.weight (1 NaN, 0 infinite)" in words(library)
    assert not made.exists()
    buttons(library)["Make it all the same"].click()
    qtbot.waitUntil(lambda: made.exists() and "is ready" in words(library), timeout=PATIENCE_MS)
    assert read_facts(made).quantization == "BF16"


def test_nothing_is_offered_where_llama_cpp_takes_no_such_weights(
    qtbot, library: LibraryPage, tmp_path: Path
) -> None:
    library.making.start(spoiled(tmp_path), MakeOrder(("Q4_0",)))
    qtbot.waitUntil(lambda: "Try again" in buttons(library), timeout=PATIENCE_MS)
    assert "Make it all the same" not in buttons(library)
