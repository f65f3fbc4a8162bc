"""`nibble doctor`: this machine, and what the runtime can use of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import msgspec
import typer

from app.cli import pack_words
from app.cli.aligned import aligned
from app.cli.running import JsonOption, engine_command, print_json
from app.cli.terminal import printable
from app.core.errors import EnvironmentFault
from app.core.units import format_bytes
from app.hardware import (
    Accelerator,
    Cpu,
    Machine,
    Memory,
    keep_bandwidth,
    measure_bandwidth,
    probe_usable,
)
from app.hardware.pack_offers import hint_of, offers_for, read_here
from app.hardware.pack_reports import report_packs
from app.memory import PastLoads, past_loads
from app.recommend.budget import budget_of
from app.recommend.runs import PastRuns, past_runs
from app.runtime.packs import RuntimePacks, runtime_packs
from app.runtime.packs.offered import offered_packs
from app.runtime.packs.place import pack_place
from app.runtime.protocol import Described, Device
from app.storage import data_folder

NO_ACCELERATOR = "none found: models run on the processor"

RetryOption = Annotated[
    bool, typer.Option("--retry-packs", hidden=True, help="What nibble packs retry does.")
]
UsePackOption = Annotated[
    str | None,
    typer.Option("--use-pack", hidden=True, help="What nibble packs use does."),
]
MeasureOption = Annotated[
    bool,
    typer.Option(
        "--measure", help="Measure how fast main memory is read (a quarter of a second on all cores)."
    ),
]


@engine_command
def doctor(
    as_json: JsonOption = False,
    measure: MeasureOption = False,
    retry_packs: RetryOption = False,
    use_pack: UsePackOption = None,
) -> None:
    """Describe this machine: processor, memory, accelerators and the runtime."""
    packs = runtime_packs()
    if retry_packs:
        packs.try_again()
    if use_pack is not None:
        pack_words.choose(packs, use_pack)
    machine, runtime = probe_usable(data_folder().cache)
    if measure:
        machine = _measured(machine)
    machine = with_hint(machine, packs)
    database = data_folder().database
    loads, runs = past_loads(database), past_runs(database, budget_of(machine))
    # Of the plain one alone everything else tells.
    reports = list(report_packs(packs)) if len(packs.states()) > 1 else []
    if as_json:
        told = {"predictions": msgspec.to_builtins(loads), "speed_predictions": msgspec.to_builtins(runs)}
        document = {**document_of(machine, runtime), **told}
        document["runtime"]["packs"] = [pack_words.document_of(each) for each in reports]
        print_json(document)
    else:
        text = text_of(machine, runtime, loads, runs, [pack_words.line_of(each) for each in reports])
        print(printable(text, lines=True))


def with_hint(machine: Machine, packs: RuntimePacks) -> Machine:
    """Where a runtime pack would use what is here, a note says so."""
    offered = offered_packs()
    if not offered:
        return machine
    offers = offers_for(read_here(machine), offered, packs, pack_place())
    hint = hint_of(offers)
    if not hint:
        return machine
    return replace(machine, notes=(*machine.notes, pack_words.hint_line(hint, offers)))


def _measured(machine: Machine) -> Machine:
    bytes_per_s = measure_bandwidth(machine)
    try:
        keep_bandwidth(bytes_per_s, machine, data_folder().create().cache)
    except EnvironmentFault as fault:
        machine = replace(machine, notes=(*machine.notes, f"The measurement is not kept: {fault.message}"))
    return replace(machine, memory=replace(machine.memory, bandwidth_bytes_per_s=bytes_per_s))


def document_of(machine: Machine, runtime: Described | None) -> dict[str, Any]:
    """Also a profile of this machine, as `read_profile` takes it."""
    document: dict[str, Any] = msgspec.to_builtins(machine)
    told = msgspec.to_builtins(runtime) if runtime is not None else _silent_runtime()
    return {**document, "runtime": {key: told[key] for key in ("version", "backends", "devices")}}


def _silent_runtime() -> dict[str, Any]:
    return {"version": _installed_version(), "backends": [], "devices": []}


def _installed_version() -> str:
    from importlib.metadata import (
        version,  # takes 20 ms, and is only needed where the runtime does not answer
    )

    return version("llama-cpp-python")


def text_of(
    machine: Machine,
    runtime: Described | None,
    loads: PastLoads,
    runs: PastRuns,
    pack_lines: Sequence[str] = (),
) -> str:
    """`runtime`: None where it did not answer."""
    parts = [
        ("Processor", _cpu_lines(machine.cpu)),
        ("Memory", [_memory_line(machine.memory)]),
        ("Accelerators", [_accelerator_line(each) for each in machine.accelerators] or [NO_ACCELERATOR]),
        ("Runtime", _runtime_lines(runtime)),
        ("Packs", pack_lines),
        ("Predictions", [_predictions_line(loads), _speeds_line(runs)]),
        ("Notes", machine.notes),
    ]
    return aligned(parts)


def _cpu_lines(cpu: Cpu) -> list[str]:
    kinds = f"{cpu.performance_cores} fast, {cpu.efficiency_cores} frugal, " if cpu.performance_cores else ""
    cores = "1 core" if cpu.physical_cores == 1 else f"{cpu.physical_cores} cores"
    threads = "1 thread" if cpu.logical_cores == 1 else f"{cpu.logical_cores} threads"
    return [f"{cpu.name}, {cores} ({kinds}{threads})", " ".join(cpu.features)]


def _predictions_line(loads: PastLoads) -> str:
    if not loads.count:
        return "no model loaded yet to compare them with"
    times = "1 load" if loads.count == 1 else f"{loads.count} loads"
    return (
        f"{times}, memory in use predicted with a median error of {loads.median_error:.1%}, "
        f"worst {loads.worst_error:.1%}"
    )


def _speeds_line(runs: PastRuns) -> str:
    if not runs.count:
        return "no answer long enough yet to compare their speed with"
    times = "1 answer" if runs.count == 1 else f"{runs.count} answers"
    return f"{times}, speed predicted with a median error of {runs.median_error:.1%}, worst {runs.worst_error:.1%}"


def _memory_line(memory: Memory) -> str:
    facts = [f"{format_bytes(memory.total_bytes)}, {format_bytes(memory.available_bytes)} free"]
    if memory.unified:
        facts.append("shared with the graphics")
    return ", ".join([*facts, *_speed(memory.bandwidth_bytes_per_s)])


def _accelerator_line(accelerator: Accelerator) -> str:
    size, free = format_bytes(accelerator.total_bytes), format_bytes(accelerator.free_bytes)
    use = accelerator.backend if accelerator.usable else "not used"
    facts = [f"{accelerator.name} ({use})"]
    if accelerator.integrated:
        facts.append(
            f"up to {size} of main memory" if not accelerator.reserved_bytes else _shares(accelerator)
        )
    else:
        facts.append(size)
    facts.append(f"about {free} free" if accelerator.free_is_assumed else f"{free} free")
    facts += _speed(accelerator.bandwidth_bytes_per_s)
    return ", ".join(facts)


def _shares(accelerator: Accelerator) -> str:
    shared = accelerator.total_bytes - accelerator.reserved_bytes
    return f"{format_bytes(accelerator.reserved_bytes)} and up to {format_bytes(shared)} of main memory"


def _speed(bytes_per_s: int | None) -> list[str]:
    return [f"read at {format_bytes(bytes_per_s)}/s"] if bytes_per_s else []


def _runtime_lines(runtime: Described | None) -> list[str]:
    if runtime is None:
        return [f"llama-cpp-python {_installed_version()}, which does not answer"]
    return [f"llama-cpp-python {runtime.version}", *(_device_line(device) for device in runtime.devices)]


def _device_line(device: Device) -> str:
    return f"{device.name}: {device.description or device.backend}"
