"""Loading for commands, and its options. What is not given is as chosen in the window, or recommended."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from app.core.errors import WrongChoice
from app.core.jobs import JobControl
from app.memory import Keeper, Load
from app.recommend.choices import LoadChoices
from app.recommend.loading import load_recommended, plan_recommended
from app.runtime import LoadedModel
from app.runtime.protocol import Adapter

ContextOption = Annotated[
    int | None, typer.Option("--context", min=1, max=1 << 24, help="Context length in tokens.")
]
KvOption = Annotated[
    Literal["f16", "q8_0", "q4_0"] | None, typer.Option("--kv", help="Type of the KV cache.")
]
GpuLayersOption = Annotated[
    int | None, typer.Option("--gpu-layers", min=-1, help="Layers on the GPU, the output as one; -1 for all.")
]
ExpertsOption = Annotated[
    int | None,
    typer.Option(
        "--expert-layers-on-cpu",
        min=-1,
        help="Layers, from the first, whose experts stay in main memory; -1 for all.",
    ),
]
DevicesOption = Annotated[
    str | None,
    typer.Option(
        "--devices",
        help="Devices to use, as CUDA1,CUDA0: the first is the main one, which also computes what is in main memory.",
    ),
]
SplitOption = Annotated[
    str | None,
    typer.Option(
        "--split", help="Parts of the layers that these devices get, as 2,1; by free memory without."
    ),
]
FlashAttentionOption = Annotated[
    bool | None, typer.Option("--flash-attention/--no-flash-attention", help="Flash attention.")
]
ThreadsOption = Annotated[
    int | None, typer.Option("--threads", min=0, max=512, help="Threads; 0 for one per core.")
]
UbatchOption = Annotated[
    int | None, typer.Option("--ubatch", min=1, max=1 << 16, help="Most tokens evaluated at once.")
]
LoadModeOption = Annotated[
    Literal["auto", "mmap", "mlock", "mmap+mlock", "none"] | None,
    typer.Option("--load-mode", help="Map the file, lock it in memory, or copy it."),
]
LoraOption = Annotated[
    list[str] | None,
    typer.Option(
        "--lora",
        help="FILE[:STRENGTH], an adapter in use with it; may be repeated. Strength 1 is as it was trained.",
    ),
]


def choices_with(
    saved: LoadChoices,
    *,
    context: int | None,
    kv: Literal["f16", "q8_0", "q4_0"] | None,
    gpu_layers: int | None,
    expert_layers_on_cpu: int | None,
    devices: str | None,
    split: str | None,
    flash_attention: bool | None,
    threads: int | None,
    ubatch: int | None,
    load_mode: Literal["auto", "mmap", "mlock", "mmap+mlock", "none"] | None,
    lora: list[str] | None,
) -> LoadChoices:
    """`saved` with what was given in its place. Adapters are those that were given, where any were. A split that was
    chosen for other devices does not go on."""
    given = {
        "context_length": context,
        "kv_type": kv,
        "value_type": kv,
        "gpu_layers": gpu_layers,
        "expert_layers_in_memory": expert_layers_on_cpu,
        "devices": device_names(devices),
        "split": parts(split) if split is not None else () if devices is not None else None,
        "flash_attention": None if flash_attention is None else "on" if flash_attention else "off",
        "threads": threads,
        "ubatch": ubatch,
        "load_mode": load_mode,
        "adapters": tuple(map(_adapter, lora)) if lora else None,
    }
    return msgspec.structs.replace(
        saved, **{name: value for name, value in given.items() if value is not None}
    )


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
    keeper.remember(load, loaded)
    return load, loaded


def device_names(words: str | None) -> tuple[str, ...] | None:
    """None where nothing was given."""
    return None if words is None else tuple(name.strip() for name in words.split(",") if name.strip())


def parts(words: str) -> tuple[float, ...]:
    """Raises WrongChoice for what is no number."""
    try:
        return tuple(float(part) for part in words.split(","))
    except ValueError:
        raise WrongChoice(f"{words} is no split.", "Give a number for each device, as in 2,1.") from None


def _adapter(words: str) -> Adapter:
    """A path may have colons of its own, as in C:\\, and so may a file's name."""
    path, colon, last = words.rpartition(":")
    try:
        strength = float(last)
    except ValueError:
        strength = math.nan
    if colon and not math.isnan(strength) and not Path(words).exists():
        return Adapter(_absolute(path), strength)
    return Adapter(_absolute(words))


def _absolute(path: str) -> bytes:
    if not Path(path).is_file():
        raise WrongChoice(f"There is no adapter {path}.", "Give the path of a LoRA adapter in GGUF.")
    return os.fsencode(Path(path).absolute())
