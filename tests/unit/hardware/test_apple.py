"""Recorded sysctl texts in, the budget of a Mac's GPU out."""

from __future__ import annotations

import pytest

from app.hardware import Accelerator, Memory
from app.hardware.apple import parse_apple_gpu, read_apple_gpu

GIB = 1024**3


@pytest.mark.parametrize(
    ("total_gib", "limit_mb", "budget_bytes"),
    [
        (24, "0", 16 * GIB),
        (64, "0", 48 * GIB),
        (64, None, 48 * GIB),
        (64, "57344", 56 * GIB),
        (64, "-1", 48 * GIB),
        (64, "many", 48 * GIB),
        (16, "999999999", 16 * GIB),
    ],
)
def test_gpu_may_use_its_share_of_memory(total_gib: int, limit_mb: str | None, budget_bytes: int) -> None:
    memory = Memory(total_gib * GIB, 10 * GIB, unified=True)
    text = "machdep.cpu.brand_string: Apple M2\n"
    if limit_mb is not None:
        text += f"iogpu.wired_limit_mb: {limit_mb}\n"
    gpu = parse_apple_gpu(text, memory)
    assert gpu == Accelerator("Apple GPU", "Metal", budget_bytes, 10 * GIB, True, 100_000_000_000)
    assert gpu.own_bytes == 0


def test_silent_system_leaves_the_default() -> None:
    assert parse_apple_gpu("", Memory(64 * GIB, 60 * GIB, unified=True)).free_bytes == 48 * GIB


def test_a_computer_without_unified_memory_has_no_apple_gpu() -> None:
    assert read_apple_gpu(Memory(8 * GIB, 4 * GIB, unified=False)) == ((), ())
