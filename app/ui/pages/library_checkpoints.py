"""Checkpoints, of which models are made: those among the folders of a person, and those that were downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtWidgets import QMenu, QWidget

from app.core.jobs import JobControl
from app.ui import jobs
from app.ui.make_menu import fill_checkpoint_menu, pop_up_under
from app.ui.make_order import MakeOrder
from app.ui.making import Checkpoint
from app.ui.parts import without_mnemonics

if TYPE_CHECKING:
    from app.convert.checkpoint.prospect import Prospect


class Checkpoints(QObject):
    """`found` carries the folders that are checkpoints, `make_asked` a Checkpoint and a MakeOrder, `choose_asked` a
    Checkpoint and the type that is meant already or "", `failed` a fault."""

    found = Signal(object)
    make_asked = Signal(object, object)
    choose_asked = Signal(object, str)
    failed = Signal(object)

    def __init__(self, page: QWidget) -> None:
        super().__init__(page)
        self._page = page

    def look(self, paths: Sequence[Path], added: Sequence[Path] = ()) -> None:
        """Among what a person added: checkpoints are no models yet. Of one that was added just now is asked what to
        make."""
        folders = [path for path in paths if path.suffix.lower() != ".gguf"]

        def work(control: JobControl) -> list[Path]:
            from app.convert import is_checkpoint

            return [path for path in folders if is_checkpoint(path)]

        def show(found: list[Path]) -> None:
            self.found.emit(found)
            first = next((path for path in found if path in added), None)
            if first is not None:
                self.choose_asked.emit(Checkpoint(first.name, first), "")

        if folders:
            jobs.run(self, "Look for checkpoints", work, on_done=show)

    def open_menu(self, checkpoint: Checkpoint, at: QPoint) -> None:
        """Under the button whose right lower corner is at `at`: what can be made of it, or why nothing can."""

        def work(control: JobControl) -> Prospect:
            from app.convert.checkpoint.prospect import prospect_of_folder

            return prospect_of_folder(checkpoint.path)

        def show(prospect: Prospect) -> None:
            menu = QMenu(self._page)
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            if prospect.reason_against:
                menu.addAction(without_mnemonics(prospect.reason_against)).setEnabled(False)
            else:
                fill_checkpoint_menu(
                    menu,
                    prospect,
                    lambda name: self.make_asked.emit(checkpoint, MakeOrder((name,))),
                    lambda name: self.choose_asked.emit(checkpoint, name),
                )
            pop_up_under(menu, at)

        jobs.run(self, "Look at a checkpoint", work, on_done=show, on_failed=self.failed.emit)
