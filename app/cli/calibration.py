"""Importance matrices and the texts they are taken over, as commands name them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

import resources
from app.cli.loading import load_as_recommended
from app.cli.terminal import printable
from app.convert import Calibration, importance_path, read_calibration_text
from app.convert.calibrate import CALIBRATION
from app.core.errors import WrongChoice
from app.core.jobs import JobControl
from app.gguf import read_facts
from app.memory import Load
from app.runtime import LoadedModel
from app.storage import data_folder

MIXED = "mixed"
"""What stands for Nibble's own text."""
MIXED_DATASET = "nibble-mixed"

ImportanceOption = Annotated[
    Path | None,
    typer.Option("--importance", help="An importance matrix of this model, as nibble calibrate makes it."),
]
CalibrateOption = Annotated[
    str | None,
    typer.Option(
        "--calibrate",
        metavar="TEXT_FILE",
        help=f"Take an importance matrix over a text first; {MIXED} is Nibble's own, of many kinds.",
    ),
]


def importance_given(importance: Path | None, calibrate: str | None) -> Path | Calibration | None:
    """Raises WrongChoice where both are given, and what reading the text raises."""
    if calibrate is None:
        return importance
    if importance is not None:
        raise WrongChoice("There is an importance matrix already.", "Give --importance or --calibrate.")
    if calibrate == MIXED:
        return mixed_calibration()
    return text_calibration(Path(calibrate))


def calibrated_with(importance: Path | Calibration | None) -> str:
    """What that is called, for the record of how a model was made."""
    if importance is None:
        return ""
    return importance.dataset if isinstance(importance, Calibration) else importance.name


def mixed_calibration() -> Calibration:
    return Calibration(resources.calibration_text(), MIXED_DATASET, load_recommended)


def text_calibration(path: Path) -> Calibration:
    """Raises what `read_calibration_text` raises."""
    return Calibration(read_calibration_text(path), path.name, load_recommended)


def load_recommended(model: Path, control: JobControl) -> LoadedModel:
    """Where it runs best on this computer. Raises what `load_as_recommended` raises."""
    database = data_folder().create().database
    return load_as_recommended(Load(read_facts(model), CALIBRATION), database, control)[1]


def importance_file(importance: Path | Calibration, made: Path) -> Path:
    """Also of a matrix that was taken while the model `made` was made."""
    return importance_path(made, made.parent) if isinstance(importance, Calibration) else importance


def tell_fit(importance: Path, model: Path) -> None:
    """Says on stderr what the matrix does not tell of `model`. Raises what `importance_fit` raises."""
    from app.convert.importance import importance_fit  # NumPy

    if sentence := importance_fit(importance, read_facts(model)).sentence:
        print(
            f"{printable(importance.name, lines=False)}: {printable(sentence, lines=False)}", file=sys.stderr
        )
