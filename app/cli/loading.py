"""Loading the one model that a command needs."""

from __future__ import annotations

from pathlib import Path

from app.core.jobs import JobControl
from app.memory import Keeper, Load
from app.recommend.loading import load_recommended, plan_recommended
from app.runtime import LoadedModel


def load_as_recommended(wanted: Load, database: Path, control: JobControl) -> tuple[Load, LoadedModel]:
    """Where it runs best on this computer; what it took is remembered. Raises TooLittleMemory, and what
    `LoadedModel.load` raises.
    """
    keeper = Keeper(database)
    name = wanted.facts.path.stem
    plan = plan_recommended(keeper, name, [wanted])
    keeper.make_room(plan)
    load, loaded = load_recommended(
        keeper,
        plan.loads[0],
        control.cancel,
        lambda fraction: control.progress(f"Loading {name}", fraction, 1.0),
    )
    keeper.remember(load, loaded.description)
    return load, loaded
