"""LoadPlan: whether a set of models fits into a computer's memory together, and what has to give way where not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import zip_longest

from app.core.errors import TooLittleMemory
from app.core.units import format_bytes
from app.gguf import ModelFacts
from app.hardware import Accelerator, Machine
from app.memory.estimate import MemoryEstimate, estimate
from app.memory.held import Held
from app.memory.overhead import WORKER_BYTES, backend_overhead
from app.memory.placement import used_together
from app.runtime.protocol import LoadSettings

MAIN_MEMORY = "memory"


@dataclass(frozen=True)
class Load:
    """A model that is to be loaded, in a worker of its own.

    `accelerators`: those that `settings` were chosen for, as they were then; none without, or before any choice.
    `is_placed`: a person chose where its layers go.
    """

    facts: ModelFacts
    settings: LoadSettings
    accelerators: tuple[Accelerator, ...] = ()
    is_placed: bool = False


class Way(Enum):
    AT_ONCE = "at once"
    IN_TURNS = "in turns"
    IMPOSSIBLE = "impossible"


@dataclass(frozen=True)
class Room:
    """Bytes on one device: needed, to be had once everything has given way that will, and in use by others.

    `device`: MAIN_MEMORY or an accelerator's name. `others_bytes`: of other programs and the system. `is_shared`: these
    bytes are main memory's, and counted there, too.
    """

    device: str
    needed_bytes: int
    available_bytes: int
    others_bytes: int
    is_shared: bool = False

    @property
    def missing_bytes(self) -> int:
        return max(self.needed_bytes - self.available_bytes, 0)


@dataclass(frozen=True)
class Lack:
    """The load that does not even fit alone, by index, and where it lacks most."""

    load: int
    room: Room


@dataclass(frozen=True)
class LoadPlan:
    """`estimates` in the order of `loads`; `rooms` for all of them together, main memory first.

    `leaves`: what goes in any case. `unloads`: what gives way, or would in vain; `stays`: what need not. `waits_for`:
    what is at work and would have to give way for a better plan. `lack`: where not even one after another fits.
    """

    loads: tuple[Load, ...]
    estimates: tuple[MemoryEstimate, ...]
    way: Way
    rooms: tuple[Room, ...]
    unloads: tuple[Held, ...] = ()
    stays: tuple[Held, ...] = ()
    waits_for: tuple[Held, ...] = ()
    lack: Lack | None = None
    leaves: tuple[Held, ...] = ()

    @property
    def needed_bytes(self) -> int:
        """Of all together, on all devices."""
        return sum(room.needed_bytes for room in self.rooms if not room.is_shared)

    @property
    def available_bytes(self) -> int:
        return sum(room.available_bytes for room in self.rooms if not room.is_shared)

    @property
    def sentence(self) -> str:
        """What will happen, for the person."""
        if self.lack is not None:
            return _waiting_words(self.waits_for) if self.waits_for else self._lack_words(self.lack)
        words = "They fit together." if len(self.loads) > 1 else "It fits."
        if self.way is Way.IN_TURNS:
            words = self._turn_words()
        return " ".join((words, *(_farewell(each) for each in self.unloads)))

    def require(self) -> None:
        """Raises TooLittleMemory where the loads are impossible."""
        if self.lack is None:
            return
        if self.waits_for:
            raise at_work(self.waits_for)
        raise TooLittleMemory(self.sentence, "Choose a smaller quantization, or close other programs.")

    def _turn_words(self) -> str:
        tightest = _tightest(self.rooms)
        numbers = ""
        if tightest.missing_bytes:
            needed, free = format_bytes(tightest.needed_bytes), format_bytes(tightest.available_bytes)
            numbers = f" ({needed} of {free}{_where(tightest)})"
        words = f"They do not fit together{numbers}, so they are loaded one after another."
        if self.waits_for:
            words += f" They will fit together once {_titles(self.waits_for)} can be unloaded."
        return words

    def _lack_words(self, lack: Lack) -> str:
        load, room = self.loads[lack.load], lack.room
        alone = " alone" if len(self.loads) > 1 else ""
        even = f" even with {_titles(self.unloads)} unloaded" if self.unloads else ""
        others = (
            f" Other programs and the system use {format_bytes(room.others_bytes)}."
            if room.others_bytes
            else ""
        )
        return (
            f"{load.facts.path.stem}{alone} needs about {format_bytes(room.needed_bytes)} of memory"
            f"{_where(room)} with a context of {load.settings.context_length} tokens; "
            f"{format_bytes(room.available_bytes)} are free{even}, {format_bytes(room.missing_bytes)} too "
            f"little.{others}"
        )


def plan_loads(
    loads: Sequence[Load],
    machine: Machine,
    *,
    loaded: Held | None = None,
    idle: Sequence[Held] = (),
    leaving: Sequence[Held] = (),
    worker_bytes: int = WORKER_BYTES,
) -> LoadPlan:
    """The gentlest way to have `loads` on `machine`, whose free memory is that of now.

    `loaded`: what of the same set is loaded already; it stays unless models take turns. `idle`: what may be unloaded,
    all of it or nothing, unless it is busy. `leaving`: what goes in any case. `worker_bytes`: of each process.
    All at once is preferred to turns, and then what leaves the others alone. A file that is loaded twice counts
    twice.
    """
    ours = (*leaving, *idle, *((loaded,) if loaded else ()))
    planner = _Planner(tuple(loads), machine, loaded, tuple(leaving), ours, worker_bytes)
    may_go = tuple(each for each in idle if not each.is_busy)
    at_work = tuple(each for each in idle if each.is_busy)
    plan = replace(planner.gentlest(may_go, at_work), leaves=tuple(leaving))
    if at_work and _RANK[planner.gentlest((*may_go, *at_work), ()).way] < _RANK[plan.way]:
        return replace(plan, waits_for=at_work)
    return plan


_RANK = {way: rank for rank, way in enumerate(Way)}


@dataclass(frozen=True)
class _Space:
    """Bytes that can be had in main memory, and the accelerators with theirs."""

    memory_bytes: int
    accelerators: tuple[Accelerator, ...]

    @property
    def free(self) -> tuple[int, ...]:
        return (self.memory_bytes, *(each.free_bytes for each in self.accelerators))

    def less(self, needs: Sequence[int]) -> _Space:
        return _Space(
            self.memory_bytes - needs[0],
            tuple(
                replace(each, free_bytes=max(each.free_bytes - need, 0))
                for each, need in zip(self.accelerators, needs[1:], strict=True)
            ),
        )


@dataclass(frozen=True)
class _Planner:
    loads: tuple[Load, ...]
    machine: Machine
    loaded: Held | None
    leaving: tuple[Held, ...]
    ours: tuple[Held, ...]
    worker_bytes: int
    told: dict[tuple[int, tuple[int, ...]], MemoryEstimate] = field(default_factory=dict)
    """By load and free bytes: an estimate takes milliseconds, and ways differ little."""

    def gentlest(self, may_go: tuple[Held, ...], at_work: tuple[Held, ...]) -> LoadPlan:
        """The first that works, or why not even the last does."""
        plan = self._at_once((), (*at_work, *may_go))
        if plan.lack is not None and may_go:
            plan = self._at_once(may_go, at_work)
        if plan.lack is not None and (len(self.loads) > 1 or self.loaded is not None):
            plan = self._in_turns((), (*at_work, *may_go))
            if plan.lack is not None and may_go:
                plan = self._in_turns(may_go, at_work)
        return plan

    def _at_once(self, going: tuple[Held, ...], staying: tuple[Held, ...]) -> LoadPlan:
        space = self._space(going, (*staying, *self._members))
        estimates, rooms = self._together(space)
        tightest = _tightest(rooms)
        if tightest.missing_bytes:
            return LoadPlan(
                self.loads, estimates, Way.IMPOSSIBLE, rooms, going, staying, lack=Lack(0, tightest)
            )
        return LoadPlan(self.loads, estimates, Way.AT_ONCE, rooms, going, staying)

    def _in_turns(self, going: tuple[Held, ...], staying: tuple[Held, ...]) -> LoadPlan:
        space = self._space((*going, *self._members), staying)
        estimates, rooms = self._together(space)
        lacks = [
            Lack(index, _tightest(self._rooms(self._needs(index, space)[1], space)))
            for index in range(len(self.loads))
        ]
        worst = max(lacks, key=lambda lack: lack.room.missing_bytes)
        if worst.room.missing_bytes:
            return LoadPlan(self.loads, estimates, Way.IMPOSSIBLE, rooms, going, staying, lack=worst)
        return LoadPlan(self.loads, estimates, Way.IN_TURNS, rooms, going, staying)

    @property
    def _members(self) -> tuple[Held, ...]:
        return (self.loaded,) if self.loaded else ()

    def _together(self, space: _Space) -> tuple[tuple[MemoryEstimate, ...], tuple[Room, ...]]:
        """As they come, one beside the other: each finds what those before it have left."""
        left, estimates, total = space, [], [0] * len(space.free)
        for index in range(len(self.loads)):
            told, needs = self._needs(index, left)
            left = left.less(needs)
            estimates.append(told)
            total = [sum(pair) for pair in zip(total, needs, strict=True)]
        return tuple(estimates), self._rooms(total, space)

    def _needs(self, index: int, space: _Space) -> tuple[MemoryEstimate, list[int]]:
        """Bytes on each device. What integrated graphics use comes out of main memory, too."""
        told = self._estimate(index, space.accelerators)
        on = {device.name: device.total_bytes for device in told.devices}
        needs = [on.get("CPU", 0) + self.worker_bytes]
        for each in space.accelerators:
            size = on.get(each.name, 0)
            size += backend_overhead(each.backend) if size else 0
            needs.append(size)
            if each.integrated:
                needs[0] += max(size - each.reserved_bytes, 0)
        return told, needs

    def _estimate(self, index: int, accelerators: tuple[Accelerator, ...]) -> MemoryEstimate:
        key = (index, tuple(each.free_bytes for each in accelerators))
        if key not in self.told:
            load = self.loads[index]
            told = estimate(load.facts, load.settings, accelerators)
            self.told[key] = replace(told, worker_bytes=self.worker_bytes)
        return self.told[key]

    def _space(self, going: tuple[Held, ...], staying: tuple[Held, ...]) -> _Space:
        going = (*self.leaving, *going)
        accelerators = told_apart(used_together(self.machine.accelerators))
        freed = _on_accelerators(going, len(accelerators))
        memory = self.machine.memory.available_bytes
        memory += sum(each.freed_bytes for each in going) - sum(each.mapped_bytes for each in staying)
        for size, each in zip(freed, accelerators, strict=True):
            memory += max(size - each.reserved_bytes, 0) if each.integrated else 0
        return _Space(
            min(max(memory, 0), self.machine.memory.total_bytes),
            tuple(
                replace(each, free_bytes=min(each.free_bytes + size, each.total_bytes))
                for size, each in zip(freed, accelerators, strict=True)
            ),
        )

    def _rooms(self, needs: Sequence[int], space: _Space) -> tuple[Room, ...]:
        names = [(MAIN_MEMORY, False), *((each.name, each.integrated) for each in space.accelerators)]
        return tuple(
            Room(name, need, free, others, shared)
            for (name, shared), need, free, others in zip(
                names, needs, space.free, self._others(), strict=True
            )
        )

    def _others(self) -> list[int]:
        memory = self.machine.memory
        accelerators = used_together(self.machine.accelerators)
        held = _on_accelerators(self.ours, len(accelerators))
        in_memory = sum(each.freed_bytes for each in self.ours) + sum(
            size for size, each in zip(held, accelerators, strict=True) if each.integrated
        )
        used = [memory.total_bytes - memory.available_bytes - in_memory]
        used += [
            0 if each.free_is_assumed else each.total_bytes - each.free_bytes - size
            for size, each in zip(held, accelerators, strict=True)
        ]
        return [max(each, 0) for each in used]


def at_work(held: Sequence[Held]) -> TooLittleMemory:
    """The fault where these would have to be unloaded, but are busy."""
    return TooLittleMemory(_waiting_words(held), "Wait until the answer is there or stop it, then try again.")


def told_apart(accelerators: Sequence[Accelerator]) -> tuple[Accelerator, ...]:
    """Two cards of one kind are called by their number, too."""
    alike = Counter(each.name for each in accelerators)
    seen: Counter[str] = Counter()
    named = []
    for each in accelerators:
        seen[each.name] += 1
        number = f" ({seen[each.name]})" if alike[each.name] > 1 else ""
        named.append(replace(each, name=each.name + number))
    return tuple(named)


def _on_accelerators(held: Sequence[Held], count: int) -> list[int]:
    """Bytes by accelerator; what was on one that is not there any more is left out."""
    sums = [sum(sizes) for sizes in zip_longest(*(each.accelerator_bytes for each in held), fillvalue=0)]
    return (sums + [0] * count)[:count]


def _tightest(rooms: Sequence[Room]) -> Room:
    """Where most is missing, or else least is left."""
    return max(rooms, key=lambda room: room.needed_bytes - room.available_bytes)


def _waiting_words(held: Sequence[Held]) -> str:
    return (
        f"{_capitalized(_titles(held))} would have to be unloaded to make room, "
        "which cannot be while an answer is on its way."
    )


def _farewell(held: Held) -> str:
    return f"{_capitalized(held.title)} will be unloaded ({format_bytes(held.total_bytes)})."


def _titles(held: Sequence[Held]) -> str:
    return " and ".join(each.title for each in held)


def _capitalized(words: str) -> str:
    return words[:1].upper() + words[1:]


def _where(room: Room) -> str:
    return "" if room.device == MAIN_MEMORY else f" on {room.device}"
