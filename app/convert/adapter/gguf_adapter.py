"""An adapter's folder to a GGUF adapter, which the runtime loads beside the model."""

from __future__ import annotations

import os
from pathlib import Path

from app.convert.adapter.settings import read_settings
from app.convert.checkpoint.config import Config, read_json
from app.convert.checkpoint.conversion import FILE_TYPES, plan_model
from app.convert.checkpoint.folder import CheckpointFolder
from app.convert.quantizations import quantization_named
from app.convert.space import require_space
from app.core.errors import WrongChoice, from_os_error
from app.core.jobs import JobControl
from app.gguf.cursor import shorten
from app.storage.atomic import finished_file

CONFIG = "config.json"


def convert_adapter(
    folder: Path,
    base: Path | None,
    target: Path,
    control: JobControl,
    file_type: str = "F16",
    *,
    allow_non_finite: bool = False,
) -> Path:
    """Converts the LoRA adapter in `folder` to the file `target`, which it returns, replacing an earlier one.

    `base`: the checkpoint it was trained for, its folder or its config.json, which is all that is read of it.
    `file_type`: F16, BF16 or F32. `allow_non_finite`: numbers may be NaN or infinite. The file appears under its name
    only when it is whole. Progress is in bytes of the adapter.

    Raises FileGone, NotAllowed, UnreadableFile, DamagedCheckpoint, NonFiniteWeights, UnsupportedCheckpoint,
    UnknownArchitecture, WrongChoice, DiskFull and Cancelled.
    """
    kind = quantization_named(file_type)
    if kind.name not in FILE_TYPES:
        raise WrongChoice(
            f"An adapter is not quantized: {kind.name} would cost more than it saves.",
            f"Choose {', '.join(FILE_TYPES)}.",
        )
    adapted = CheckpointFolder(folder)
    adapted.files()
    settings = read_settings(adapted)
    if base is None:
        trained = f" ({shorten(settings.base)})" if settings.base else ""
        raise WrongChoice(
            f"{adapted.name} is an adapter, and its own files do not say how the model is built that it changes.",
            f"Name that model's{trained} folder or config.json with --base.",
        )
    described, path = _config_of(base)
    plan = plan_model(described, Config(read_json(path)))
    # NumPy and gguf take a third of a second to import: only when there is something to write.
    from app.convert.adapter.fitting import fitted
    from app.convert.adapter.pairs import open_adapter, watched
    from app.convert.adapter.writing import write_adapter

    with open_adapter(adapted) as opened:
        adapter = fitted(opened, plan)
        if not allow_non_finite:
            adapter = watched(adapter, control.cancel)
        elements = sum(pair.rank * sum(pair.shape) for pair in adapter.pairs.values())
        try:
            os.makedirs(target.parent, exist_ok=True)
        except OSError as error:
            raise from_os_error(error, target.parent, writing=True) from error
        require_space(target.parent, elements * FILE_TYPES[kind.name], kind.name)
        with finished_file(target) as partial:
            write_adapter(partial, target, adapter, plan, kind, control)
    return target


def _config_of(base: Path) -> tuple[CheckpointFolder, Path]:
    """The folder that a model is called after, and the file that describes it, under whatever name."""
    if base.is_file():
        return CheckpointFolder(base.parent), base
    folder = CheckpointFolder(base)
    folder.files()
    return folder, folder.require(CONFIG, "Choose the folder of the model that the adapter was trained for.")
