"""Doing what was ordered: quantizations of a model or a checkpoint, calibrated where that was wished. For jobs."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import resources
from app.core.errors import EnvironmentFault
from app.core.jobs import JobControl
from app.storage import DataFolder
from app.ui.make_order import MakeOrder

if TYPE_CHECKING:  # the engine comes with the job
    from app.convert import Calibration
    from app.convert.calibrate import LoadForCalibration
    from app.memory import Keeper
    from app.runtime import LoadedModel


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint's folder, of which models are made."""

    title: str
    path: Path


def made_of(
    source: Path,
    order: MakeOrder,
    data: DataFolder,
    control: JobControl,
    *,
    is_built_in: bool,
    keeper: Keeper | None,
) -> list[Path]:
    """The files in the order of `order.types`. `is_built_in`: any file of the guide stands for its checkpoint.
    `keeper`: makes room for a model that is calibrated, wherever that runs best; needed for that alone.

    Raises what making them raises.
    """
    began = time.monotonic()
    calibration = calibration_of(order, data, keeper) if keeper is not None else None
    paths, of = _made(source, order, calibration, data, control, is_built_in=is_built_in)
    from app.convert.made import remember_making

    took_s = time.monotonic() - began
    for path in paths:
        with suppress(EnvironmentFault):  # an addition: the model is there without it
            words = order.calibration.words
            remember_making(data.database, path, of, calibrated_with=words, took_s=took_s)
    return paths


def _made(
    source: Path,
    order: MakeOrder,
    calibration: Calibration | None,
    data: DataFolder,
    control: JobControl,
    *,
    is_built_in: bool,
) -> tuple[list[Path], Path]:
    """With what they were made of."""
    from app.convert import Choices, importance_taken, is_checkpoint, make_from_checkpoint, quantize_several

    if is_built_in:
        from app.guide import SOURCE_QUANTIZATION, make_guide

        if calibration is None and order.folder is None:
            return make_guide(data, order.types, control), resources.guide_checkpoint()
        (source,) = make_guide(data, [SOURCE_QUANTIZATION], control)
    if is_checkpoint(source):
        folder = order.folder or source
        made = make_from_checkpoint(
            source,
            order.types,
            folder,
            control,
            importance=calibration,
            allow_non_finite=order.allow_non_finite,
        )
        return made, source
    folder = order.folder or data.models
    importance = importance_taken(source, calibration, folder, control)
    return quantize_several(source, order.types, folder, control, Choices(importance=importance)), source


def calibration_of(order: MakeOrder, data: DataFolder, keeper: Keeper) -> Calibration | None:
    """The text that was chosen; None where none was. Raises what reading it raises."""
    from app.convert import Calibration, read_calibration_text

    choice, load = order.calibration, _loading(keeper)
    match choice.kind:
        case "mixed":
            return Calibration(resources.calibration_text(), choice.words, load)
        case "file" if choice.file is not None:
            return Calibration(read_calibration_text(choice.file), choice.words, load)
        case "conversations":
            from app.chat import ConversationStore
            from app.chat.calibration_text import calibration_text

            with ConversationStore(data.database) as store:
                return Calibration(calibration_text(store, choice.conversations), choice.words, load)
        case _:
            return None


def _loading(keeper: Keeper) -> LoadForCalibration:
    """Where a model runs best on this computer, beside what else is loaded in this window."""

    def load(model: Path, control: JobControl) -> LoadedModel:
        from app.convert.calibrate import CALIBRATION
        from app.gguf import read_facts
        from app.memory import Load
        from app.recommend.loading import load_recommended, plan_recommended

        plan = plan_recommended(keeper, model.stem, [Load(read_facts(model), CALIBRATION)])
        keeper.make_room(plan)
        stage = f"Loading {model.stem}"
        _, loaded = load_recommended(
            keeper, plan.loads[0], control.cancel, lambda fraction: control.progress(stage, fraction, 1.0)
        )
        return loaded

    return load
