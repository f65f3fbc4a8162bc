"""Models and checkpoints of the Library as sources for Make it here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

import resources
from app.storage import DataFolder
from app.ui.fit_words import USUAL_CONTEXT
from app.ui.making import Checkpoint
from app.ui.pages.library_rows import Row
from app.ui.pages.make_panel import MakeSource

if TYPE_CHECKING:  # the engine comes with the job
    from pathlib import Path

    from app.convert.offers import MakingOffer
    from app.recommend.budget import Budget


def make_source(source: Row | Checkpoint, data: DataFolder) -> MakeSource:
    if isinstance(source, Checkpoint):
        return MakeSource(source.title, _checkpoint(source.path), source.path, _tr("beside it"))
    if source.built_in:  # any file of it stands for its checkpoint
        return MakeSource(
            source.title,
            _checkpoint(resources.guide_checkpoint()),
            data.guide,
            _tr("with the built-in model"),
        )
    path = source.path

    def look(budget: Budget) -> MakingOffer:
        from app.convert.offers import offer_of_gguf

        return offer_of_gguf(path, budget, USUAL_CONTEXT)

    return MakeSource(source.label, look, data.models, _tr("in your models folder"))


def _checkpoint(folder: Path) -> Callable[[Budget], MakingOffer]:
    def look(budget: Budget) -> MakingOffer:
        """Raises UnsupportedCheckpoint for what cannot be converted."""
        from app.convert.checkpoint.conversion import checkpoint_precision
        from app.convert.checkpoint.prospect import prospect_of_folder
        from app.convert.offers import offer_of_checkpoint
        from app.core.errors import UnsupportedCheckpoint

        prospect = prospect_of_folder(folder)
        if prospect.reason_against:
            raise UnsupportedCheckpoint(
                prospect.reason_against,
                _tr("Choose another checkpoint, or download a GGUF file of this model."),
            )
        form = checkpoint_precision(folder) if prospect.method is None else ""
        size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
        return offer_of_checkpoint(prospect, form, size, budget, USUAL_CONTEXT)

    return look


def _tr(text: str) -> str:
    return QCoreApplication.translate("MakePanel", text)
