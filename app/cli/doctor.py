"""`nibble doctor`: this machine, and what the runtime can use of it."""

from __future__ import annotations

from typing import Any

from app.cli.running import JsonOption, engine_command, print_json
from app.core.units import format_bytes
from app.hardware import Machine, probe
from app.runtime.client import start_worker
from app.runtime.protocol import Describe, Described


@engine_command
def doctor(as_json: JsonOption = False) -> None:
    """Describe this machine: processor, memory, accelerators and the runtime."""
    machine = probe()
    with start_worker() as worker:
        runtime = worker.call_for(Describe())
    assert isinstance(runtime, Described)
    if as_json:
        print_json(_document(machine, runtime))
    else:
        print(_text(machine, runtime))


def _document(machine: Machine, runtime: Described) -> dict[str, Any]:
    return {
        "cpu": {
            "name": machine.cpu.name,
            "physical_cores": machine.cpu.physical_cores,
            "logical_cores": machine.cpu.logical_cores,
            "features": list(machine.cpu.features),
        },
        "memory": {
            "total_bytes": machine.memory.total_bytes,
            "available_bytes": machine.memory.available_bytes,
            "unified": machine.memory.unified,
        },
        "accelerators": [
            {
                "name": accelerator.name,
                "backend": accelerator.backend,
                "total_bytes": accelerator.total_bytes,
                "free_bytes": accelerator.free_bytes,
            }
            for accelerator in machine.accelerators
        ],
        "runtime": {
            "version": runtime.version,
            "backends": list(runtime.backends),
            "devices": [
                {
                    "name": device.name,
                    "description": device.description,
                    "backend": device.backend,
                    "kind": device.kind,
                    "total_bytes": device.total_bytes,
                    "free_bytes": device.free_bytes,
                }
                for device in runtime.devices
            ],
        },
        "notes": list(machine.notes),
    }


def _text(machine: Machine, runtime: Described) -> str:
    memory, cpu = machine.memory, machine.cpu
    lines = [
        f"Processor    {cpu.name}, {cpu.physical_cores} cores ({cpu.logical_cores} threads)",
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
