"""What doctor prints: lines to read, and a document that is a profile."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.cli.aligned import LINE_WIDTH
from app.cli.doctor import document_of, text_of, with_hint
from app.hardware import Accelerator, Cpu, Machine, Memory, read_profile
from app.hardware.nvidia_driver import CudaCard, NvidiaDriver
from app.hardware.pack_offers import Here
from app.memory import PastLoads
from app.recommend.runs import PastRuns
from app.runtime.packs import runtime_packs
from app.runtime.packs.computer import this_machine
from app.runtime.protocol import Described, Device
from tests.helpers.packs import VERSION, archive_of, offer_of

GB = 10**9
NO_LOADS = PastLoads(0, 0.0, 0.0)
NO_RUNS = PastRuns(0, 0.0, 0.0)
RUNTIME = Described(
    version="0.3.36",
    system_info="",
    backends=("CUDA", "CPU"),
    devices=(
        Device(
            name="CUDA0",
            description="NVIDIA GeForce RTX 4060",
            backend="CUDA",
            kind="gpu",
            total_bytes=8 * GB,
            free_bytes=7 * GB,
        ),
        Device(
            name="CPU",
            description="AMD Ryzen 7 8700G",
            backend="CPU",
            kind="cpu",
            total_bytes=32 * GB,
            free_bytes=20 * GB,
        ),
    ),
)
CARD = Accelerator("NVIDIA GeForce RTX 4060", "CUDA", 8 * GB, 7 * GB, bandwidth_bytes_per_s=272 * GB)
INTEGRATED = Accelerator(
    "AMD Radeon 780M",
    "Vulkan",
    18 * GB,
    17 * GB,
    integrated=True,
    reserved_bytes=2 * GB,
    usable=False,
)
MACHINE = Machine(
    Cpu("AMD Ryzen 7 8700G", 8, 16, ("AVX2", "AVX512")),
    Memory(32 * GB, 20 * GB, bandwidth_bytes_per_s=61 * GB),
    (CARD, INTEGRATED),
    ("A note that is long enough to need a second line, " * 3 + "as some do.",),
)


def test_text_says_each_thing_on_a_line_beside_its_label() -> None:
    text = text_of(MACHINE, RUNTIME, PastLoads(12, 0.004, 0.013), PastRuns(5, 0.06, 0.21))
    assert "12 loads, memory in use predicted with a median error of 0.4%, worst 1.3%" in " ".join(
        text.split()
    )
    assert "5 answers, speed predicted with a median error of 6.0%, worst 21.0%" in " ".join(text.split())
    lines = text.splitlines()
    assert "Processor    AMD Ryzen 7 8700G, 8 cores (16 threads)" in lines
    assert "Memory       32.0 GB, 20.0 GB free, read at 61.0 GB/s" in lines
    assert "Accelerators NVIDIA GeForce RTX 4060 (CUDA), 8.00 GB, 7.00 GB free, read at 272 GB/s" in lines
    shared = "2.00 GB and up to 16.0 GB of main memory, 17.0 GB free"
    assert f"             AMD Radeon 780M (not used), {shared}" in lines
    assert "             CUDA0: NVIDIA GeForce RTX 4060" in lines
    assert all(len(line) <= LINE_WIDTH for line in lines)
    assert all(line[12] == " " and line[:13].strip() in {"", *line.split()[:1]} for line in lines)
    assert len([line for line in lines if "note" in line.casefold()]) > 1


@pytest.mark.parametrize(
    ("accelerator", "words"),
    [
        (
            Accelerator("Apple GPU", "Metal", 48 * GB, 40 * GB, integrated=True),
            "up to 48.0 GB of main memory",
        ),
        (Accelerator("Arc", "Vulkan", 16 * GB, 14 * GB, free_is_assumed=True), "about 14.0 GB free"),
    ],
)
def test_text_tells_shared_and_assumed_memory(accelerator: Accelerator, words: str) -> None:
    assert words in text_of(Machine(MACHINE.cpu, MACHINE.memory, (accelerator,)), RUNTIME, NO_LOADS, NO_RUNS)


def test_computer_without_graphics_whose_runtime_is_silent_is_described_all_the_same() -> None:
    machine = Machine(Cpu("Unknown processor", 1, 1), Memory(2 * GB, GB), notes=("The runtime is silent.",))
    text = text_of(machine, None, NO_LOADS, NO_RUNS)
    assert "1 core (1 thread)" in text
    assert "models run on the processor" in text
    assert "does not answer" in text
    runtime = document_of(machine, None)["runtime"]
    assert runtime["version"]
    assert (runtime["backends"], runtime["devices"]) == ([], [])


def test_document_is_a_profile_of_the_machine(tmp_path: Path) -> None:
    document = document_of(MACHINE, RUNTIME)
    assert document["runtime"]["backends"] == ("CUDA", "CPU")
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(document))
    assert read_profile(path) == MACHINE


def test_pack_that_would_use_what_is_here_is_a_note_with_its_command(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = NvidiaDriver("580.65.06", (CudaCard("NVIDIA GeForce RTX 4060", (8, 9)),))
    here = Here("linux", this_machine(), VERSION, nvidia=card)
    offer = offer_of(archive_of({}, name="cuda-13", system="linux"), bytes=412_000_000)
    monkeypatch.setattr("app.cli.doctor.read_here", lambda machine: here)
    monkeypatch.setattr("app.cli.doctor.offered_packs", lambda: (offer,))
    (note,) = with_hint(replace(MACHINE, notes=()), runtime_packs()).notes
    assert note.startswith(
        "Get the runtime pack CUDA 13 (412 MB): the fastest way to use NVIDIA GeForce RTX 4060"
    )
    assert note.endswith("nibble packs get cuda-13")
