"""What llama.cpp reserves on the processor and on each of several cards, and what the formula says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from app.gguf import ModelFacts
from app.memory.compute import backend_named, compute_bytes_by_device, largest_batch
from app.memory.geometry import read_geometry
from app.memory.kv_cache import KvType
from app.memory.placement import Placement, place


@dataclass(frozen=True)
class Split:
    """`backend`, of as many cards as there are `free_gb`. `layers`: offloaded, as a share of all and of the output."""

    backend: str
    free_gb: tuple[int, ...]
    layers: float
    context: int = 4096
    ubatch: int = 512
    sequences: int = 1
    outputs: int = 1
    flash_attention: bool = True
    kv_type: KvType = "f16"
    expert_layers_in_memory: int = 0


SPLITS = tuple(
    Split(backend, free_gb, **asked)
    for backend in ("CUDA", "RPC")
    for free_gb in ((8,), (8, 8), (24, 8))
    for asked in (
        {"layers": 0.0},
        {"layers": 0.5},
        {"layers": 1.0},
        {"layers": 0.5, "flash_attention": False, "outputs": 100},
        {"layers": 0.5, "context": 32768},
        {"layers": 1.0, "context": 8192, "kv_type": "q8_0"},
        {"layers": 0.5, "context": 8192, "sequences": 4, "outputs": 4},
        {"layers": 1.0, "expert_layers_in_memory": -1},
    )
) + tuple(
    Split("CUDA", free_gb, layers, expert_layers_in_memory=count)
    for free_gb in ((8,), (24, 8))
    for layers, count in ((1.0, 1), (1.0, 13), (0.5, 20))
)


def placement_of(facts: ModelFacts, split: Split) -> Placement:
    count = facts.layers or 0
    return place(
        count,
        round(split.layers * (count + 1)),
        [each << 30 for each in split.free_gb],
        expert_layers_in_memory=split.expert_layers_in_memory,
    )


def split_by_formula(facts: ModelFacts, split: Split) -> list[int]:
    """Compute buffers in bytes, the processor's first."""
    geometry = read_geometry(facts.metadata, facts.vocabulary_size)
    assert geometry
    batch = largest_batch(
        geometry,
        context=split.context,
        ubatch=split.ubatch,
        outputs=split.outputs,
        flash_attention=split.flash_attention,
        kv_type=split.kv_type,
        sequences=split.sequences,
    )
    backends = [backend_named(split.backend)] * len(split.free_gb)
    return compute_bytes_by_device(geometry, facts.tensors, batch, placement_of(facts, split), backends)


def split_by_llama_cpp(path: Path, facts: ModelFacts, split: Split) -> list[int]:
    """The same, of cards that only pretend to be there. Raises RuntimeError if llama.cpp does not take the model."""
    backend = backend_named(split.backend)
    cards = [
        {
            "name": f"CARD{index}",
            "free_bytes": free << 30,
            "alignment": backend.alignment,
            "wanted_batch": backend.takes_over_from,
            "widens_cache": backend.widens_caches,
            "fuses_experts": backend.fuses_experts,
        }
        for index, free in enumerate(split.free_gb)
    ]
    question = {**asdict(split), "gpu_layers": round(split.layers * ((facts.layers or 0) + 1))}
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.helpers.pretend_cards",
            str(path),
            json.dumps(cards),
            json.dumps([question]),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "GGML_NO_BACKTRACE": "1"},
        timeout=600,
    )
    if run.returncode:
        raise RuntimeError(run.stderr[-2000:])
    compute = json.loads(run.stdout.splitlines()[-1])["compute"]
    return [compute.get(name, 0) for name in ("CPU", *(str(card["name"]) for card in cards))]


def worst_error(ours: Sequence[int], theirs: Sequence[int]) -> float:
    """Of the devices, relative; below 0 where too little was predicted."""
    return max(((our - true) / max(true, 1) for our, true in zip(ours, theirs, strict=True)), key=abs)
