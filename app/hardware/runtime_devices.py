"""What the runtime itself can use, which is the truth, joined with what drivers tell of the same devices."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from app.core.errors import Cancelled, EnvironmentFault
from app.core.jobs import CancelToken
from app.core.text import encodable
from app.hardware.bandwidth import known_bandwidth
from app.hardware.graphics_names import maker_of, tidy_device_name
from app.hardware.machine import Accelerator, Machine, Memory
from app.hardware.plausible import plausible
from app.runtime import Worker, packs_set_aside, start_worker
from app.runtime.protocol import Describe, Described, Device
from app.runtime.rpc_servers import rpc_servers, why_not

ANSWER_WITHIN_S = 10.0
"""A process has to start, and the first look at a graphics card takes seconds on some computers."""

_SAME_SIZE = 0.85
"""Of two sources' totals of one card the smaller is at least this share: drivers keep some for themselves. A slice of
a card is less."""


def ask_runtime(
    start: Callable[[], Worker] = start_worker,
    within_s: float = ANSWER_WITHIN_S,
    cancel: CancelToken | None = None,
) -> tuple[Described | None, tuple[str, ...]]:
    """What a worker says about its runtime; None and a note when it does not. And a note for each
    runtime pack that is set aside and each RPC server that is not used. Raises Cancelled where `cancel` is why it does
    not."""
    late = CancelToken()
    timer = threading.Timer(within_s, late.cancel)
    timer.daemon = True
    timer.start()
    forget = cancel.on_cancel(late.cancel) if cancel is not None else lambda: None
    try:
        with start() as worker:
            described = worker.call_for(Describe(), late)
    except Cancelled:
        if cancel is not None:
            cancel.raise_if_cancelled()
        return None, ("The runtime does not answer, so nobody knows what it can use of this computer.",)
    except EnvironmentFault as fault:
        return None, (f"The runtime cannot be asked what it can use: {fault.message}",)
    except OSError as error:
        return None, (f"The runtime cannot be started: {error}.",)
    finally:
        timer.cancel()
        forget()
    assert isinstance(described, Described)
    return described, (*packs_set_aside(), *_on_servers(described.devices))


def with_runtime_devices(machine: Machine, devices: Iterable[Device]) -> Machine:
    """`machine` with the accelerators the runtime lists, in its order, those of other computers first, then those it
    has no use for.

    A device and an accelerator that a driver told of are one where maker, kind and memory agree or the names do.
    What the runtime says of its size counts; what the driver says is free now does, since ggml on Vulkan may know
    only sizes, and on a card counts its own process. Accelerators without a device stay, marked and with a note.
    """
    # llama.cpp puts those of other computers first, so that fewer numbers travel.
    graphics = sorted(
        (device for device in devices if device.kind in ("gpu", "igpu")),
        key=lambda each: each.backend != "RPC",
    )
    slots = [_Slot(accelerator) for accelerator in machine.accelerators]
    listed: list[Accelerator] = []
    for device in graphics:
        if device.backend == "RPC":  # on another computer, whatever its name
            listed.append(_described(device))
            continue
        slot = _best_slot(slots, device)
        if slot is None:
            slot = _Slot(_described(device))
            slots.append(slot)
            listed.append(slot.told)
        elif not slot.listed:
            listed.append(_joined(slot.told, device, machine.memory))
        slot.listed = True
        slot.backends.add(device.backend)  # a second backend's device for the same card adds nothing
    idle = [replace(slot.told, usable=False) for slot in slots if not slot.listed]
    usable, doubts = plausible(listed)
    used, resting = _resting(usable)
    notes = (*machine.notes, *doubts, *_on_unused(idle, bool(used)), *_on_resting(resting))
    return replace(machine, accelerators=(*used, *resting, *idle), notes=tuple(dict.fromkeys(notes)))


class _Slot:
    """One physical device: what is told of it, and whether and through which backends the runtime lists it."""

    def __init__(self, told: Accelerator) -> None:
        self.told = told
        self.listed = False
        self.backends: set[str] = set()


def _best_slot(slots: list[_Slot], device: Device) -> _Slot | None:
    rest = [slot for slot in slots if device.backend not in slot.backends and _is_same(slot.told, device)]
    return min(rest, key=lambda slot: _distance(slot.told, device), default=None)


def _is_same(accelerator: Accelerator, device: Device) -> bool:
    if accelerator.backend == "Metal":  # a Mac has one, which ggml calls by its chip's name
        return _backend(device) == "Metal"
    name, other = _plain(accelerator.name), _plain(_name(device))
    # One may be longer: a slice of a card carries the card's name and its own size.
    if other and (name in other or other in name):
        return True
    maker, integrated = maker_of(accelerator.name), device.kind == "igpu"
    if not maker or maker != maker_of(_name(device)) or accelerator.integrated != integrated:
        return False
    return integrated or _share(accelerator.total_bytes, device.total_bytes) >= _SAME_SIZE


def _distance(accelerator: Accelerator, device: Device) -> tuple[bool, float]:
    alike = _plain(accelerator.name) == _plain(_name(device))
    return not alike, 1 - _share(accelerator.total_bytes, device.total_bytes)


def _described(device: Device) -> Accelerator:
    """A device that no driver told of."""
    name = tidy_device_name(_name(device)) or device.name
    return Accelerator(
        name,
        _backend(device),
        device.total_bytes,
        device.free_bytes,
        integrated=device.kind == "igpu",
        bandwidth_bytes_per_s=known_bandwidth(name, device.total_bytes),
        runtime_name=device.name,
    )


def _joined(told: Accelerator, device: Device, memory: Memory) -> Accelerator:
    total = device.total_bytes or told.total_bytes
    if told.integrated:
        total = min(total, memory.total_bytes + told.reserved_bytes)
    is_slice = not told.integrated and _share(told.total_bytes, total) < _SAME_SIZE
    free = told.free_bytes
    if told.free_is_assumed and device.free_bytes:
        free = device.free_bytes
    if told.integrated:
        free = min(free, memory.available_bytes + told.reserved_bytes)
    name = told.name if told.backend == "Metal" else tidy_device_name(_name(device)) or told.name
    return replace(
        told,
        name=name,
        backend=_backend(device),
        total_bytes=total,
        free_bytes=device.free_bytes if is_slice else min(free, total),
        bandwidth_bytes_per_s=told.bandwidth_bytes_per_s or known_bandwidth(name, total),
        free_is_assumed=told.free_is_assumed and not device.free_bytes,
        usable=True,
        # Of a card's slice its driver does not tell what is free.
        pci_address="" if is_slice else told.pci_address,
        runtime_name=device.name,
    )


def _resting(usable: Sequence[Accelerator]) -> tuple[list[Accelerator], list[Accelerator]]:
    """Those llama.cpp puts layers on, and integrated ones, which it leaves alone where there is a card."""
    if all(each.integrated or each.backend == "RPC" for each in usable):
        return list(usable), []
    used = [each for each in usable if not each.integrated]
    return used, [replace(each, usable=False) for each in usable if each.integrated]


def _on_unused(idle: Iterable[Accelerator], others_used: bool) -> Iterable[str]:
    end = "." if others_used else ": models run on the processor."
    return (f"The runtime in this build cannot use {each.name}{end}" for each in idle)


def _on_resting(resting: Iterable[Accelerator]) -> Iterable[str]:
    return (f"{each.name} is left alone, since there is a card with memory of its own." for each in resting)


def _on_servers(devices: Iterable[Device]) -> Iterable[str]:
    """Why a server that a person named is not used."""
    used = {device.description for device in devices if device.backend == "RPC"}
    for server in rpc_servers():
        if server not in used:
            yield why_not(server) or (
                f"The RPC server {encodable(server)} is not used: the runtime pack in use cannot. "
                "Choose one with RPC, and see its log."
            )


def _share(one: int, other: int) -> float:
    return min(one, other) / max(one, other) if one > 0 and other > 0 else 0.0


def _backend(device: Device) -> str:
    return "Metal" if device.backend == "MTL" else device.backend  # ggml's abbreviation


def _name(device: Device) -> str:
    return device.description or device.name


def _plain(name: str) -> str:
    return tidy_device_name(name).casefold()
