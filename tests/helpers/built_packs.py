"""Packs that `python -m kernels.native build` made, and devices to offload to without a graphics card.

They are looked for in the folder that NIBBLE_TEST_PACKS names; tests that need one are skipped without.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.hardware import Accelerator
from app.memory.placement import place_of
from app.runtime.protocol import BufferSize, MemoryBuffers
from app.runtime.rpc_servers import why_not

FOLDER = "NIBBLE_TEST_PACKS"
ROOT = Path(__file__).parents[2]


def built_pack(name: str) -> Path:
    folder = Path(os.environ.get(FOLDER, "")) / name
    if FOLDER not in os.environ or not (folder / "pack.json").is_file():
        pytest.skip(f"needs a built pack {name} in the folder that {FOLDER} names")
    return folder.resolve()


@contextmanager
def rpc_server() -> Iterator[str]:
    """One of the pack `rpc`, on this computer's processor; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [
        sys.executable,
        "-m",
        "kernels.native.rpc_server",
        str(built_pack("rpc")),
        address,
        "--threads",
        "1",
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            for _ in range(100):
                if not (reason := why_not(address)):
                    break
                time.sleep(0.1)
            else:
                raise AssertionError(reason)
            yield address
        finally:
            server.kill()


@dataclass(frozen=True)
class Held:
    """Bytes that llama.cpp says it has on one device."""

    weights_bytes: int
    kv_bytes: int
    compute_bytes: int


def held_by_device(buffers: MemoryBuffers, accelerators: tuple[Accelerator, ...]) -> list[Held]:
    """The processor's first, as an estimate has them. Its weights only where the file is not mapped."""

    def on(place: int | None, *kinds: tuple[BufferSize, ...]) -> int:
        return sum(
            each.size_bytes or 0
            for kind in kinds
            for each in kind
            if place_of(each.buffer, accelerators) == place
        )

    return [
        Held(
            on(place, buffers.weights),
            on(place, buffers.kv_cache, buffers.recurrent_state),
            on(place, buffers.compute, buffers.output),
        )
        for place in (None, *range(len(accelerators)))
    ]
