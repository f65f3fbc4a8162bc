"""The importance matrix of a model over a text, computed in a worker."""

from __future__ import annotations

from pathlib import Path

from app.core.errors import NotText, from_os_error
from app.core.jobs import JobControl
from app.runtime import LoadedModel, LoadSettings
from app.storage.atomic import finished_file

CALIBRATION = LoadSettings(context_length=512)
"""How a model is loaded for it: it makes a context of its own."""


def calibrate(
    model: Path,
    text: str,
    target: Path,
    control: JobControl,
    *,
    dataset: str = "text",
    settings: LoadSettings = CALIBRATION,
) -> Path:
    """Writes the importance matrix of `model` over `text` to `target`, in llama.cpp's format, and returns that.

    `dataset` is what the text is called in the file. Progress is in chunks of 512 tokens. The file appears when it is
    whole. Raises what loading the model and `LoadedModel.calibrate` raise.
    """
    name = model.stem
    loaded = LoadedModel.load(
        model, settings, control.cancel, lambda fraction: control.progress(f"Loading {name}", fraction, 1.0)
    )
    with loaded:
        return calibrate_loaded(loaded, text, target, control, dataset=dataset)


def calibrate_loaded(
    loaded: LoadedModel, text: str, target: Path, control: JobControl, *, dataset: str = "text"
) -> Path:
    """As `calibrate`, for a model that is loaded; the next answer evaluates its whole prompt."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise from_os_error(error, target.parent, writing=True) from error
    stage = f"Calibrating {loaded.path.stem}"
    control.progress(stage)
    with finished_file(target) as partial:
        loaded.calibrate(
            text,
            dataset,
            partial,
            control.cancel,
            lambda done, total: control.progress(stage, done, total, "chunks"),
        )
    return target


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
