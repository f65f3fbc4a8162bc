"""`nibble doctor`: this machine, and what the runtime can use of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import msgspec

from app.cli.running import JsonOption, engine_command, print_json
from app.cli.terminal import printable
from app.core.units import format_bytes
from app.hardware import Accelerator, Cpu, Machine, probe
from app.runtime.client import start_worker
from app.runtime.protocol import Describe, Described, Device


@engine_command
def doctor(as_json: JsonOption = False) -> None:
    """Describe this machine: processor, memory, accelerators and the runtime."""
    machine = probe()
    with start_worker() as worker:
        runtime = worker.call_for(Describe())
    assert isinstance(runtime, Described)
    machine = replace(machine, notes=machine.notes + notes_on_unused(machine.accelerators, runtime.devices))
    if as_json:
        print_json(_document(machine, runtime))
    else:
        print(printable(_text(machine, runtime), lines=True))


def notes_on_unused(accelerators: Iterable[Accelerator], devices: Iterable[Device]) -> tuple[str, ...]:
    """One sentence for each accelerator of this machine that the runtime has no device for."""
    usable = [device for device in devices if device.kind in ("gpu", "igpu")]
    unused = dict.fromkeys(
        accelerator.name
        for accelerator in accelerators
        if not any(_is_same(accelerator, device) for device in usable)
    )
    end = "." if usable else ": models run on the processor."
    return tuple(f"The runtime in this build cannot use {name}{end}" for name in unused)


def _is_same(accelerator: Accelerator, device: Device) -> bool:
    if accelerator.backend == "Metal":  # a Mac has one, which ggml calls by its chip's name
        return device.backend in ("Metal", "MTL")
    # One name may be longer: a slice of a card carries the card's name and its own size.
    name, other = accelerator.name.casefold(), (device.description or device.name).casefold()
    return bool(other) and (name in other or other in name)


def _document(machine: Machine, runtime: Described) -> dict[str, Any]:
    """Also a profile of this machine, as `read_profile` takes it."""
    document: dict[str, Any] = msgspec.to_builtins(machine)
    told = msgspec.to_builtins(runtime)
    return {**document, "runtime": {key: told[key] for key in ("version", "backends", "devices")}}


def _kinds(cpu: Cpu) -> str:
    return f"{cpu.performance_cores} fast, {cpu.efficiency_cores} frugal, " if cpu.performance_cores else ""


def _text(machine: Machine, runtime: Described) -> str:
    memory, cpu = machine.memory, machine.cpu
    lines = [
        f"Processor    {cpu.name}, {cpu.physical_cores} cores ({_kinds(cpu)}{cpu.logical_cores} threads)",
        f"             {' '.join(cpu.features)}",
        f"Memory       {format_bytes(memory.total_bytes)}, {format_bytes(memory.available_bytes)} free"
        + (" (unified: shared with the graphics)" if memory.unified else ""),
    ]
    for accelerator in machine.accelerators:
        lines.append(
            f"Accelerator  {accelerator.name} ({accelerator.backend}), {format_bytes(accelerator.total_bytes)}, "
            f"{format_bytes(accelerator.free_bytes)} free"
        )
    if not machine.accelerators:
        lines.append("Accelerator  none found: models run on the processor")
    devices = ", ".join(
        f"{device.description or device.name} ({device.backend})" for device in runtime.devices
    )
    lines.append(f"Runtime      llama-cpp-python {runtime.version}: {devices}")
    lines += [f"Note         {note}" for note in machine.notes]
    return "\n".join(lines)
