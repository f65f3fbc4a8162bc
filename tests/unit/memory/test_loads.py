"""Predictions of loads on computers with cards, held against what such loads take."""

from __future__ import annotations

import sqlite3
from functools import cache
from pathlib import Path

import pytest

from app.gguf import ModelFacts
from app.hardware import Accelerator
from app.memory import estimate, past_loads, remember_load, worker_bytes
from app.memory.overhead import WORKER_BYTES
from app.recommend import read_catalogue
from app.runtime.protocol import BufferSize, LoadSettings, MemoryBuffers, ModelDescription
from tests.helpers.plain_recommendation import variants_of

GB = 10**9
MB = 10**6
CARD = Accelerator("Card", "CUDA", 8 * GB, 7 * GB)
MAC = Accelerator("Apple M2", "Metal", 16 * GB, 16 * GB, integrated=True)
HALF = LoadSettings(gpu_layers=16)


@cache
def llama() -> ModelFacts:
    """Llama 3.1 8B as Q4_K_M: 33 layers with the output."""
    model = next(each for each in read_catalogue() if each.id == "llama-3.1-8b")
    return next(each.facts for each in variants_of(model) if each.quantization == "Q4_K_M")


def loaded(card: Accelerator, buffer: str, worker: int, mapped_more: int) -> ModelDescription:
    """A load of half the layers that takes exactly what the formula says, in a process that takes `worker` bytes
    besides. `mapped_more`: of the file, between the weights that the processor has."""
    told = estimate(llama(), HALF, [card])
    here, there = told.devices
    output = 128_256 * 4
    resident = here.weights_bytes + mapped_more + here.kv_bytes + worker
    return ModelDescription(
        context_length=4096,
        memory_bytes=resident + (there.total_bytes if card.integrated else 0),
        buffers=MemoryBuffers(
            weights=(
                BufferSize("CPU_Mapped", here.weights_bytes + mapped_more),
                BufferSize(buffer, there.weights_bytes),
            ),
            kv_cache=(BufferSize("CPU", here.kv_bytes), BufferSize(buffer, there.kv_bytes)),
            kv_cache_bytes=told.kv_bytes,
            recurrent_state=(),
            output=(BufferSize("CPU", output),),
            compute=(BufferSize("CPU", here.compute_bytes - output), BufferSize(buffer, there.compute_bytes)),
            layer_devices=("CPU",) * 17 + ("CUDA0",) * 16,
            flash_attention=True,
        ),
    )


@pytest.mark.parametrize(
    ("card", "buffer", "mapped_more"),
    [(CARD, "CUDA0", 0), (CARD, "CUDA0", 300 * MB), (MAC, "MTL0", 0)],
    ids=["card", "card, experts in memory", "shared"],
)
def test_what_is_on_a_card_is_predicted_there_and_only_the_process_is_to_be_learned(
    tmp_path: Path, card: Accelerator, buffer: str, mapped_more: int
) -> None:
    database = tmp_path / "nibble.db"
    worker = WORKER_BYTES + 25 * MB
    description = loaded(card, buffer, worker, mapped_more)
    for _ in range(3):
        remember_load(database, llama(), HALF, description, [card])
    total = estimate(llama(), HALF, [card]).total_bytes
    assert past_loads(database).worst_error == pytest.approx(25 * MB / (total + worker))
    assert worker_bytes(database) == worker
    remember_load(database, llama(), HALF, description, [card])
    with sqlite3.connect(database) as connection:
        predicted, real = connection.execute(
            "SELECT predicted_bytes, real_bytes FROM loads ORDER BY id DESC"
        ).fetchone()
    assert predicted == real == total + worker
