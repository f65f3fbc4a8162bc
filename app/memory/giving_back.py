"""Whether memory that was given up is there again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from app.core.units import format_bytes
from app.hardware import Machine
from app.memory.held import Held
from app.memory.placement import used_together

PATIENCE_S = 3.0
"""Drivers of graphics cards give back a little after the process has ended."""
_STEP_S = 0.1
_SLACK = 0.25
_SLACK_BYTES = 200_000_000
"""Other programs take and give at the same time."""

MAIN_MEMORY = "memory"


@dataclass(frozen=True)
class Unreturned:
    """Of `given_bytes` that `titles` had on `device`, so many are not free again."""

    titles: str
    device: str
    given_bytes: int
    missing_bytes: int

    @property
    def sentence(self) -> str:
        where = "" if self.device == MAIN_MEMORY else f" on {self.device}"
        return (
            f"{self.titles[:1].upper()}{self.titles[1:]} was unloaded, but of its {format_bytes(self.given_bytes)}"
            f"{where}, {format_bytes(self.missing_bytes)} are not free again: another program has taken them."
        )


def wait_until_returned(
    gone: Sequence[Held],
    before: Machine,
    read_machine: Callable[[], Machine],
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[Unreturned, ...]:
    """What is still missing of what `gone` had, after some seconds at most; `before`: as it was while they had it."""
    expected = dict(_expected(gone, before))
    for _ in range(round(PATIENCE_S / _STEP_S)):
        if not (found := _missing(gone, expected, _free(read_machine()))):
            return ()
        sleep(_STEP_S)
    return found


def _free(machine: Machine) -> dict[int | None, int]:
    """By index of the accelerator; None is main memory. Where the system does not say what is free, nothing."""
    free: dict[int | None, int] = {None: machine.memory.available_bytes}
    for index, each in enumerate(used_together(machine.accelerators)):
        if not each.free_is_assumed and not each.integrated:
            free[index] = each.free_bytes
    return free


def _expected(gone: Sequence[Held], before: Machine) -> Iterator[tuple[int | None, tuple[str, int, int]]]:
    """Name, bytes that were given and bytes that should be free."""
    names = [each.name for each in used_together(before.accelerators)]
    for index, free in _free(before).items():
        if index is None:
            given = sum(each.freed_bytes for each in gone)
        else:
            given = sum(each.accelerator_bytes[index] for each in gone if index < len(each.accelerator_bytes))
        if given:
            yield index, (MAIN_MEMORY if index is None else names[index], given, free + given)


def _missing(
    gone: Sequence[Held],
    expected: dict[int | None, tuple[str, int, int]],
    free: dict[int | None, int],
) -> tuple[Unreturned, ...]:
    titles = " and ".join(each.title for each in gone)
    return tuple(
        Unreturned(titles, device, given, min(wanted - free[index], given))
        for index, (device, given, wanted) in expected.items()
        if index in free and wanted - free[index] > given * _SLACK + _SLACK_BYTES
    )
