"""FoundModel: one model as a program keeps it, before anything in its files was read."""

from __future__ import annotations

from dataclasses import dataclass

from app.core.errors import EnvironmentFault


@dataclass(frozen=True, slots=True)
class FoundModel:
    """`path` is its file, of a split model the first part there is, or a folder that cannot be read (with `fault`).

    `name` is what the program calls it, `aliases` what else; `origin` the repository or registry it came from.
    `companions` are files that the program says belong to it: a projector, adapters. `size` is what the program says
    the file has, in bytes.
    """

    path: str
    name: str
    aliases: tuple[str, ...] = ()
    origin: str = ""
    licence: str = ""
    companions: tuple[str, ...] = ()
    size: int | None = None
    fault: EnvironmentFault | None = None
