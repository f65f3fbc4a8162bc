"""What a person wants to have made of a model or a checkpoint, and how the window says it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QCoreApplication

CalibrationKind = Literal["none", "mixed", "file", "conversations"]


@dataclass(frozen=True)
class CalibrationChoice:
    """From which text an importance matrix is taken: Nibble's own ("mixed"), a `file`, or `conversations` by id."""

    kind: CalibrationKind = "none"
    file: Path | None = None
    conversations: tuple[int, ...] = ()

    @property
    def words(self) -> str:
        """`notes.txt`; empty for none."""
        match self.kind:
            case "mixed":
                return _tr("Nibble's mixed text")
            case "file":
                return self.file.name if self.file is not None else ""
            case "conversations":
                count = len(self.conversations)
                return _tr("1 conversation") if count == 1 else _tr("{n} conversations").format(n=count)
            case _:
                return ""


NO_CALIBRATION = CalibrationChoice()


@dataclass(frozen=True)
class MakeOrder:
    """`types` by llama.cpp's names, in the order of quality. `folder`: where the files go, None for the usual place.
    `allow_non_finite`: also of a checkpoint with weights that are NaN or infinite."""

    types: tuple[str, ...]
    calibration: CalibrationChoice = field(default=NO_CALIBRATION)
    folder: Path | None = None
    allow_non_finite: bool = False

    @property
    def words(self) -> str:
        """`Q4_K_M, Q8_0`"""
        return ", ".join(self.types)


def _tr(text: str) -> str:
    return QCoreApplication.translate("MakeOrder", text)
