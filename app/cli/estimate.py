"""`nibble estimate`: what a model takes in memory, before it is loaded."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
import typer

from app.cli.machines import MachineOption, machine_named
from app.cli.models import model_named
from app.cli.running import JsonOption, engine_command, print_json, run_job
from app.cli.terminal import printable
from app.core.jobs import JobControl
from app.core.units import format_bytes
from app.gguf import ModelFacts
from app.hardware import Machine
from app.memory import (
    DeviceMemory,
    MemoryEstimate,
    default_context_length,
    estimate,
    exact_estimate,
)
from app.memory.dry_run import dry_run
from app.recommend.budget import budget_of, used_together
from app.recommend.fit import fit
from app.recommend.need import need_of
from app.runtime.protocol import LoadSettings
from app.storage import data_folder


@engine_command
def estimate_memory(
    model: Annotated[str, typer.Argument(help="A path to a .gguf file, a name in the library, or guide.")],
    context: Annotated[
        int | None, typer.Option(min=1, max=1 << 24, help="Context length in tokens; 4096 without.")
    ] = None,
    kv: Annotated[Literal["f16", "q8_0", "q4_0"], typer.Option(help="Type of the KV cache.")] = "f16",
    gpu_layers: Annotated[
        int | None, typer.Option(help="Layers on the GPU, the output as one; as many as fit without.")
    ] = None,
    ubatch: Annotated[int, typer.Option(min=1, max=1 << 16, help="Most tokens evaluated at once.")] = 512,
    flash_attention: Annotated[bool, typer.Option(help="Flash attention.")] = True,
    machine: MachineOption = None,
    exact: Annotated[bool, typer.Option("--exact", help="Ask the runtime, by a dry run.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Tell what a model with its context takes in memory, and whether that fits."""
    facts = model_named(model).facts
    assert facts is not None
    here = machine_named(machine)
    settings = LoadSettings(
        context_length=context or default_context_length(facts),
        kv_type=kv,
        ubatch=ubatch,
        flash_attention="auto" if flash_attention else "off",
        gpu_layers=-1 if gpu_layers is None else gpu_layers,
    )
    if gpu_layers is None:
        placed = fit(need_of(facts, settings), budget_of(here))
        settings = msgspec.structs.replace(settings, gpu_layers=placed.gpu_layers)
    told = _asked(facts, settings) if exact else estimate(facts, settings, used_together(here.accelerators))
    document = _document(facts, told, here)
    if as_json:
        print_json(document)
    else:
        print(printable(_text(facts, told, document["fits"], here), lines=True))


def _asked(facts: ModelFacts, settings: LoadSettings) -> MemoryEstimate:
    def work(control: JobControl) -> MemoryEstimate:
        control.progress("Asking the runtime")
        return exact_estimate(dry_run(facts.path, settings, data_folder(), control.cancel))

    return run_job("dry run", work)


def _fits(told: MemoryEstimate, machine: Machine) -> bool:
    """Each device has room for its part; unified memory for all of them together."""
    free = {each.name: each.free_bytes for each in machine.accelerators}
    on_processor = sum(device.total_bytes for device in told.devices if device.name not in free)
    in_memory = told.in_use_bytes if budget_of(machine).is_shared else on_processor
    return in_memory <= machine.memory.available_bytes and all(
        device.total_bytes <= free.get(device.name, device.total_bytes) for device in told.devices
    )


def _document(facts: ModelFacts, told: MemoryEstimate, machine: Machine) -> dict[str, Any]:
    return {
        "model": facts.path.stem,
        "quantization": facts.quantization,
        "context_tokens": told.context_length,
        "gpu_layers": told.gpu_layers,
        "weights_bytes": told.weights_bytes,
        "kv_bytes": told.kv_bytes,
        "compute_bytes": told.compute_bytes,
        "total_bytes": told.total_bytes,
        "devices": [_device(device) for device in told.devices],
        "fits": _fits(told, machine),
        "available_bytes": machine.memory.available_bytes,
        "basis": told.basis,
        "notes": [*told.notes, *_context_note(facts, told)],
    }


def _device(device: DeviceMemory) -> dict[str, Any]:
    return {
        "name": device.name,
        "weights_bytes": device.weights_bytes,
        "kv_bytes": device.kv_bytes,
        "compute_bytes": device.compute_bytes,
    }


def _context_note(facts: ModelFacts, told: MemoryEstimate) -> list[str]:
    if facts.context_length is None or told.context_length <= max(facts.context_length, 256):
        return []
    return [f"The model was trained for {facts.context_length:,} tokens; answers beyond them get worse."]


def _text(facts: ModelFacts, told: MemoryEstimate, fits: bool, machine: Machine) -> str:
    rows = [
        ("Model", f"{facts.path.stem} ({facts.quantization or 'quantization unknown'})"),
        ("Context", f"{told.context_length:,} tokens"),
        ("Weights", format_bytes(told.weights_bytes)),
        ("KV cache", format_bytes(told.kv_bytes)),
        ("Working space", format_bytes(told.compute_bytes)),
        ("Together", format_bytes(told.total_bytes)),
    ]
    if len(told.devices) > 1:
        rows += [(f"  {device.name}"[:24], format_bytes(device.total_bytes)) for device in told.devices]
    free = [f"{format_bytes(machine.memory.available_bytes)} of memory"]
    free += [f"{format_bytes(each.free_bytes)} on {each.name}" for each in machine.accelerators]
    rows.append(("Free now", ", ".join(free)))
    rows.append(("Fits", "yes" if fits else "no"))
    rows.append(("Known from", _BASES[told.basis]))
    rows += [("Note", note) for note in (*told.notes, *_context_note(facts, told))]
    return "\n".join(f"{name:<15} {value}" for name, value in rows)


_BASES = {
    "formula": "the memory formula",
    "guess": "a guess: this architecture is not known to the formula",
    "dry run": "the runtime itself, asked without loading",
}
