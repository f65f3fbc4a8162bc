"""`nibble estimate`: what a model takes in memory, before it is loaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from app.cli.hub_models import MODEL_HELP, described_model, file_to_plan_with
from app.cli.loading import DevicesOption, ExpertsOption, SplitOption, device_names, parts
from app.cli.machines import MachineOption, budget_on, machine_named
from app.cli.running import JsonOption, engine_command, print_json, run_job
from app.cli.terminal import printable
from app.core.errors import WrongChoice
from app.core.jobs import JobControl
from app.core.units import format_bytes, format_rates
from app.gguf import ModelFacts
from app.hardware import Machine
from app.memory import (
    Companion,
    DeviceMemory,
    Load,
    MemoryEstimate,
    default_context_length,
    estimate,
    exact_estimate,
    plan_loads,
)
from app.memory.companions import Companions, read_companions, with_companions
from app.memory.dry_run import dry_run
from app.memory.placement import require_devices, used_together
from app.memory.plan import told_apart
from app.recommend.budget import Budget, budget_of
from app.recommend.fit import speed_with
from app.recommend.loading import placed
from app.recommend.need import need_of
from app.recommend.speed import Speed
from app.runtime.loading_limits import require_possible
from app.runtime.protocol import LoadSettings
from app.storage import data_folder


@engine_command
def estimate_memory(
    model: Annotated[str, typer.Argument(help=MODEL_HELP)],
    context: Annotated[
        int | None, typer.Option(min=1, max=1 << 24, help="Context length in tokens; 4096 without.")
    ] = None,
    kv: Annotated[Literal["f16", "q8_0", "q4_0"], typer.Option(help="Type of the KV cache.")] = "f16",
    gpu_layers: Annotated[
        int | None, typer.Option(help="Layers on the GPU, the output as one; as many as fit without.")
    ] = None,
    expert_layers_on_cpu: ExpertsOption = None,
    devices: DevicesOption = None,
    split: SplitOption = None,
    ubatch: Annotated[int, typer.Option(min=1, max=1 << 16, help="Most tokens evaluated at once.")] = 512,
    flash_attention: Annotated[bool, typer.Option(help="Flash attention.")] = True,
    lora: Annotated[
        list[Path] | None, typer.Option(help="An adapter in use with it; may be repeated.")
    ] = None,
    mmproj: Annotated[Path | None, typer.Option(help="What makes images or sound its input.")] = None,
    draft: Annotated[Path | None, typer.Option(help="A small model that writes ahead for it.")] = None,
    machine: MachineOption = None,
    exact: Annotated[bool, typer.Option("--exact", help="Ask the runtime, by a dry run.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Tell what a model with its context takes in memory, and whether that fits."""
    entry, facts = described_model(model)
    if facts.kind != "model":
        raise WrongChoice(f"{entry.name}: {entry.why_no_chat}", "Choose a model.")
    companions = read_companions(facts, lora or (), mmproj, draft)
    here = machine_named(machine)
    here = replace(here, accelerators=told_apart(here.accelerators))  # bytes are told by a device's name
    settings = LoadSettings(
        context_length=context or default_context_length(facts),
        kv_type=kv,
        ubatch=ubatch,
        flash_attention="auto" if flash_attention else "off",
        gpu_layers=-1 if gpu_layers is None else gpu_layers,
        expert_layers_in_memory=expert_layers_on_cpu or 0,
        devices=device_names(devices) or (),
        split=parts(split) if split else (),
    )
    accelerators = used_together(here.accelerators)
    require_possible(settings)
    require_devices(settings.devices, accelerators)
    need, budget = need_of(facts, settings), budget_on(here, machine)
    if gpu_layers is None and expert_layers_on_cpu is None:
        left = _left_by(companions, facts, settings, here, budget)
        settings = placed(
            Load(facts, settings, accelerators), left, lambda load: plan_loads([load], here)
        ).settings
    told = _asked(model, facts, settings) if exact else estimate(facts, settings, accelerators)
    told = with_companions(told, facts, settings, accelerators, companions)
    experts = need.expert_layers_apart(told.gpu_layers, settings.expert_layers_in_memory)
    speed = speed_with(
        need, budget, told.gpu_layers, expert_layers_in_memory=settings.expert_layers_in_memory
    )
    document = _document(facts, told, experts, here, speed)
    if as_json:
        print_json(document)
    else:
        print(printable(_text(facts, told, experts, document["fits"], here, speed), lines=True))


def _left_by(
    companions: Companions, facts: ModelFacts, settings: LoadSettings, machine: Machine, budget: Budget
) -> Budget:
    """What the companions leave of `budget` to the model."""
    if not companions:
        return budget
    accelerators = used_together(machine.accelerators)
    alone = estimate(facts, settings, accelerators)
    beside = with_companions(alone, facts, settings, accelerators, companions).companions
    devices = [device for companion in beside for device in companion.devices]
    in_memory = sum(device.total_bytes for device in devices if device.name == "CPU")
    elsewhere = sum(device.total_bytes for device in devices) - in_memory
    return replace(
        budget,
        accelerator_bytes=max(budget.accelerator_bytes - elsewhere, 0),
        memory_bytes=max(
            budget.memory_bytes - in_memory - (elsewhere if budget.is_shared else 0),
            0,
        ),
    )


def _asked(model: str, facts: ModelFacts, settings: LoadSettings) -> MemoryEstimate:
    def work(control: JobControl) -> MemoryEstimate:
        control.progress("Asking the runtime")
        with file_to_plan_with(model, facts, control.cancel) as path:
            return exact_estimate(dry_run(path, settings, data_folder(), control.cancel))

    return run_job("dry run", work)


def _fits(told: MemoryEstimate, machine: Machine) -> bool:
    """Each device has room for its part; unified memory for all of them together."""
    free = {each.name: each.free_bytes for each in machine.accelerators}
    on_processor = sum(device.total_bytes for device in told.devices if device.name not in free)
    in_memory = told.in_use_bytes if budget_of(machine).is_shared else on_processor
    return in_memory <= machine.memory.available_bytes and all(
        device.total_bytes <= free.get(device.name, device.total_bytes) for device in told.devices
    )


def _document(
    facts: ModelFacts, told: MemoryEstimate, expert_layers: int, machine: Machine, speed: Speed
) -> dict[str, Any]:
    return {
        "model": facts.path.stem,
        "quantization": facts.quantization,
        "context_tokens": told.context_length,
        "gpu_layers": told.gpu_layers,
        "expert_layers_on_cpu": expert_layers,
        "weights_bytes": told.weights_bytes,
        "kv_bytes": told.kv_bytes,
        "compute_bytes": told.compute_bytes,
        "total_bytes": told.total_bytes,
        "devices": [_device(device) for device in told.devices],
        "companions": [_companion(companion) for companion in told.companions],
        "fits": _fits(told, machine),
        "available_bytes": machine.memory.available_bytes,
        "basis": told.basis,
        "tokens_per_s": round(speed.middle, 2),
        "tokens_per_s_range": [round(speed.low, 2), round(speed.high, 2)],
        "speed_basis": speed.basis,
        "notes": [*told.notes, *_context_note(facts, told)],
    }


def _companion(companion: Companion) -> dict[str, Any]:
    return {
        "kind": companion.kind,
        "file": str(companion.file),
        "weights_bytes": companion.weights_bytes,
        "kv_bytes": companion.kv_bytes,
        "compute_bytes": companion.compute_bytes,
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


def _text(
    facts: ModelFacts, told: MemoryEstimate, expert_layers: int, fits: bool, machine: Machine, speed: Speed
) -> str:
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
    if expert_layers:
        rows.append(("Experts", f"of {expert_layers} layers in main memory"))
    free = [f"{format_bytes(machine.memory.available_bytes)} of memory"]
    free += [f"{format_bytes(each.free_bytes)} on {each.name}" for each in machine.accelerators]
    rows.append(("Free now", ", ".join(free)))
    rows.append(("Fits", "yes" if fits else "no"))
    rows.append(("Known from", _BASES[told.basis]))
    rows.append(("Speed", f"about {format_rates(speed.low, speed.high)}, {speed.basis}"))
    rows += [("Note", note) for note in (*told.notes, *_context_note(facts, told))]
    return "\n".join(f"{name:<15} {value}" for name, value in rows)


_BASES = {
    "formula": "the memory formula",
    "guess": "a guess in part: see the notes",
    "dry run": "the runtime itself, asked without loading",
}
