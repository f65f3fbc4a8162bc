"""Which computer a command is about: this one, or one described in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.hardware import Machine, probe_usable, read_profile
from app.recommend.budget import Budget, budget_of
from app.recommend.runs import corrected
from app.storage import data_folder

MachineOption = Annotated[
    Path | None,
    typer.Option("--machine", help="A computer described in a file, as nibble doctor --json prints it."),
]


def machine_named(profile: Path | None) -> Machine:
    """Raises what reading the profile raises."""
    if profile is not None:
        return read_profile(profile)
    machine, _ = probe_usable(data_folder().cache)
    return machine


def budget_on(machine: Machine, profile: Path | None) -> Budget:
    """That of `machine_named(profile)`; what answers have taught holds for this computer only."""
    budget = budget_of(machine)
    return budget if profile is not None else corrected(budget, data_folder().database)
