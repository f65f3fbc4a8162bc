"""What the jobs of a result do: find out how a model was made, and hold its weights against those of its source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.core.jobs import JobControl
from app.ui.making import Checkpoint

if TYPE_CHECKING:  # the engine comes with the jobs
    from app.convert.made import Making
    from app.convert.tensor_errors import QuantizationErrors


@dataclass(frozen=True)
class Original:
    """What a model can be compared with: `path`, or where there is no file yet, what to make: `precision` of the
    `checkpoint`. Neither where the source is gone."""

    path: Path | None = None
    checkpoint: Checkpoint | None = None
    precision: str = ""


@dataclass(frozen=True)
class Result:
    """`source_bytes`: how large that is, None where it is gone."""

    making: Making
    original: Original
    source_bytes: int | None


def opening(database: Path, path: Path) -> Callable[[JobControl], Result | None]:
    """None for what was not made here."""

    def work(control: JobControl) -> Result | None:
        from app.convert.made import making_of, original_of

        making = making_of(database, path)
        if making is None:
            return None
        known = original_of(making, path)
        original = Original(
            known.path,
            Checkpoint(making.source_name, Path(making.source)) if known.precision else None,
            known.precision,
        )
        return Result(making, original, known.source_bytes)

    return work


def measuring(database: Path, path: Path, source: Path) -> Callable[[JobControl], QuantizationErrors]:
    """What it finds is kept. Raises what `measure_errors` raises."""

    def work(control: JobControl) -> QuantizationErrors:
        from app.convert.made import remember_errors
        from app.convert.tensor_errors import measure_errors

        errors = measure_errors(path, source, control)
        remember_errors(database, path, errors)
        return errors

    return work


def exists(path: str) -> bool:
    """Whether there is such a file or folder; a path from the database may be anything."""
    try:
        return Path(path).exists()
    except (OSError, ValueError):
        return False
