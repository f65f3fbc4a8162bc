"""Numbers of options that typer takes and no command can use."""

from __future__ import annotations

import math

import typer


def finite(number: float | None) -> float | None:
    """An option's callback: "nan" passes every range."""
    if number is not None and not math.isfinite(number):
        raise typer.BadParameter(f"{number} is not a finite number.")
    return number
