"""Numbers of options that typer takes and no command can use."""

from __future__ import annotations

import math
from typing import Annotated

import typer

from app.storage import DataFolder, load_settings


def finite(number: float | None) -> float | None:
    """An option's callback: "nan" passes every range."""
    if number is not None and not math.isfinite(number):
        raise typer.BadParameter(f"{number} is not a finite number.")
    return number


LimitOption = Annotated[
    float | None,
    typer.Option(
        "--limit",
        min=0,
        callback=finite,
        help="Most megabytes a second, 0 for no limit; without, as the window's settings say.",
    ),
]


def bytes_per_s(limit: float | None, data: DataFolder) -> int:
    """What LimitOption stands for. Raises what reading the settings raises."""
    return load_settings(data.settings).download_bytes_per_s if limit is None else int(limit * 1e6)
