"""The importance matrix of a model over a text, computed in a worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.convert.quantize import output_path
from app.core.errors import NotText, from_os_error
from app.core.jobs import JobControl
from app.runtime import LoadedModel, LoadSettings
from app.storage.atomic import finished_file

CALIBRATION = LoadSettings(context_length=512)
"""What a model is loaded with for it: it makes a context of its own."""

LoadForCalibration = Callable[[Path, JobControl], LoadedModel]
"""How a model comes into a worker, e.g. as is recommended for this computer."""


def load_plainly(model: Path, control: JobControl, settings: LoadSettings = CALIBRATION) -> LoadedModel:
    """On all accelerators there are, and nowhere else. Raises what `LoadedModel.load` raises."""
    stage = f"Loading {model.stem}"
    return LoadedModel.load(
        model, settings, control.cancel, lambda fraction: control.progress(stage, fraction, 1.0)
    )


@dataclass(frozen=True)
class Calibration:
    """An importance matrix that is yet to be taken: over `text`, which its file calls `dataset`."""

    text: str
    dataset: str
    load: LoadForCalibration = load_plainly


def calibrate(
    model: Path,
    text: str,
    target: Path,
    control: JobControl,
    *,
    dataset: str = "text",
    load: LoadForCalibration = load_plainly,
) -> Path:
    """Writes the importance matrix of `model` over `text` to `target`, in llama.cpp's format, and returns that.

    `dataset` is what the text is called in the file. Progress is in chunks of 512 tokens. The file appears when it is
    whole. Raises what `load` and `LoadedModel.calibrate` raise.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise from_os_error(error, target.parent, writing=True) from error
    stage = f"Calibrating {model.stem}"
    with load(model, control) as loaded, finished_file(target) as partial:
        control.progress(stage)
        loaded.calibrate(
            text,
            dataset,
            partial,
            control.cancel,
            lambda done, total: control.progress(stage, done, total, "chunks"),
        )
    return target


def importance_taken(
    model: Path, importance: Path | Calibration | None, folder: Path, control: JobControl
) -> Path | None:
    """The file of an importance matrix; where there is only a text yet, it is taken of `model` and kept in `folder`.

    Raises what `calibrate` raises.
    """
    if not isinstance(importance, Calibration):
        return importance
    target = importance_path(model, folder)
    return calibrate(
        model, importance.text, target, control, dataset=importance.dataset, load=importance.load
    )


def importance_path(model: Path, folder: Path) -> Path:
    """`bard-bf16.gguf` -> `folder/bard.imatrix.gguf`."""
    named_so = output_path(model, "imatrix", folder).name
    return folder / f"{named_so.removesuffix('-imatrix.gguf')}.imatrix.gguf"


def read_calibration_text(path: Path) -> str:
    """A text file to calibrate with; as llama-imatrix reads it, without the line end behind its last line.

    Raises FileGone, NotAllowed, UnreadableFile, and NotText for what is no UTF-8.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise from_os_error(error, path) from error
    try:
        return content.decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError as error:
        raise NotText(
            f"{path.name} is no text in UTF-8.", "Save it as UTF-8, or choose another file."
        ) from error
