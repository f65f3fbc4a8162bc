"""What is read from llama.cpp's log about memory. Expected numbers are those printed in the lines."""

from __future__ import annotations

import json

import pytest

from app.runtime.protocol import BufferSize, MemoryBuffers
from app.runtime.worker.buffers import BufferLog
from tests.helpers.shared_data import SHARED_DATA

MIB = 1024 * 1024
LOGS = SHARED_DATA / "load_logs.json"

# Recorded: llama.cpp loads a model of 2 layers on the processor, flash attention "auto".
PROCESSOR = """
print_info: general.name          = Tiny random
load_tensors: layer   0 assigned to device CPU, is_swa = 0
load_tensors: layer   1 assigned to device CPU, is_swa = 0
load_tensors: layer   2 assigned to device CPU, is_swa = 0
load_tensors:   CPU_Mapped model buffer size =     5.32 MiB
llama_context: n_ctx                 = 4096
llama_context: flash_attn            = auto
llama_context:        CPU  output buffer size =     0.00 MiB
llama_kv_cache: layer   0: dev = CPU
llama_kv_cache: layer   1: dev = CPU
llama_kv_cache:        CPU KV buffer size =     4.00 MiB
llama_kv_cache: size =    4.00 MiB (  4096 cells,   2 layers,  1/1 seqs), K (f16):    2.00 MiB, V (f16):    2.00 MiB
sched_reserve: reserving ...
resolve_fused_ops: Flash Attention enabled
resolve_fused_ops: fused DeepSeek V4 HC pre enabled
sched_reserve:        CPU compute buffer size =     8.01 MiB
"""

# Recorded: the dry run of Qwen3.5 9B, whose 32 layers have a recurrent state or, 8 of them, a KV cache.
HYBRID_DRY = """
load_tensors:          CPU model buffer size =     0.00 MiB
llama_context: flash_attn            = auto
llama_context:        CPU  output buffer size =     0.95 MiB
llama_kv_cache:        CPU KV buffer size =     0.00 MiB
llama_kv_cache: size =  128.00 MiB (  4096 cells,   8 layers,  1/1 seqs), K (f16):   64.00 MiB, V (f16):   64.00 MiB
llama_memory_recurrent:        CPU RS buffer size =    50.25 MiB
llama_memory_recurrent: size =   50.25 MiB (     1 cells,  32 layers,  1 seqs  0 rs_seq), R (f32):    2.25 MiB
sched_reserve: reserving ...
resolve_fused_ops: Flash Attention enabled
sched_reserve:        CPU compute buffer size =   513.02 MiB
"""

# Recorded: the dry run of DeepSeek V4 Flash, which has five caches, one of them empty, and three states.
FIVE_CACHES_DRY = """
llama_kv_cache: size =    0.00 MiB (  4096 cells,   0 layers,  1/1 seqs), K (f16):    0.00 MiB, V (f16):    0.00 MiB
llama_kv_cache:        CPU KV buffer size =     0.00 MiB
llama_kv_cache: size =  172.00 MiB (  4096 cells,  43 layers,  1/1 seqs), K (f16):  172.00 MiB, V (f16):    0.00 MiB
llama_kv_cache:        CPU KV buffer size =     0.00 MiB
llama_kv_cache: size =   21.00 MiB (  1024 cells,  21 layers,  1/1 seqs), K (f16):   21.00 MiB, V (f16):    0.00 MiB
llama_kv_cache:        CPU KV buffer size =     0.00 MiB
llama_kv_cache: size =    5.00 MiB (   256 cells,  20 layers,  1/1 seqs), K (f16):    5.00 MiB, V (f16):    0.00 MiB
llama_kv_cache:        CPU KV buffer size =     0.00 MiB
llama_kv_cache: size =    5.25 MiB (  1024 cells,  21 layers,  1/1 seqs), K (f16):    5.25 MiB, V (f16):    0.00 MiB
llama_dsv4_comp_state:        CPU DSV4 csa state buffer size =     1.31 MiB
llama_dsv4_comp_state: csa ratio = 4, state = 8 x 1024, streams = 1, rs_seq = 0, layers = 21, size =    1.31 MiB
llama_dsv4_comp_state:        CPU DSV4 hca state buffer size =    10.00 MiB
llama_dsv4_comp_state:        CPU DSV4 lid state buffer size =     0.33 MiB
"""

# As llama.cpp prints it for a card and the processor and, with a window, for two caches.
TWO_DEVICES_DRY = """
load_tensors: layer   0 assigned to device CPU, is_swa = 0
load_tensors: layer   1 assigned to device CUDA0, is_swa = 1
load_tensors: layer   2 assigned to device CUDA0, is_swa = 0
load_tensors:        CUDA0 model buffer size =     0.00 MiB
load_tensors:          CPU model buffer size =     0.00 MiB
llama_context:  CUDA_Host  output buffer size =     0.58 MiB
llama_kv_cache:        CPU KV buffer size =     0.00 MiB
llama_kv_cache:      CUDA0 KV buffer size =     0.00 MiB
llama_kv_cache: size =   32.00 MiB (  4096 cells,   2 layers,  1/1 seqs), K (f16):   16.00 MiB, V (f16):   16.00 MiB
llama_kv_cache:      CUDA0 KV buffer size =     0.00 MiB
llama_kv_cache: size =    6.00 MiB (  1536 cells,   1 layers,  1/1 seqs), K (f16):    3.00 MiB, V (f16):    3.00 MiB
sched_reserve: reserving ...
sched_reserve:      CUDA0 compute buffer size =   304.75 MiB
sched_reserve:  CUDA_Host compute buffer size =    18.01 MiB
"""


def read(text: str, *, dry_run: bool = False) -> MemoryBuffers:
    log = BufferLog(dry_run=dry_run)
    for line in text.strip().splitlines():
        log.read(line + "\n")
    return log.buffers()


def size(mib: float) -> int:
    return round(mib * MIB)


def test_load_on_the_processor_is_read_in_full() -> None:
    assert read(PROCESSOR) == MemoryBuffers(
        weights=(BufferSize("CPU_Mapped", size(5.32)),),
        kv_cache=(BufferSize("CPU", size(4)),),
        kv_cache_bytes=size(4),
        recurrent_state=(),
        output=(BufferSize("CPU", 0),),
        compute=(BufferSize("CPU", size(8.01)),),
        layer_devices=("CPU", "CPU", "CPU"),
        flash_attention=True,
    )


def test_dry_run_of_a_hybrid_model_counts_cache_and_state_apart() -> None:
    buffers = read(HYBRID_DRY, dry_run=True)
    assert buffers.weights == (BufferSize("CPU", None),)
    assert buffers.kv_cache == (BufferSize("CPU", size(128)),)
    assert buffers.kv_cache_bytes == size(128)
    assert buffers.recurrent_state == (BufferSize("CPU", size(50.25)),)
    assert buffers.output == (BufferSize("CPU", size(0.95)),)
    assert buffers.compute == (BufferSize("CPU", size(513.02)),)


def test_all_caches_and_states_of_a_model_add_up() -> None:
    buffers = read(FIVE_CACHES_DRY, dry_run=True)
    assert buffers.kv_cache_bytes == size(172 + 21 + 5 + 5.25)
    assert buffers.kv_cache == (BufferSize("CPU", buffers.kv_cache_bytes),)
    assert buffers.recurrent_state == (BufferSize("CPU", size(1.31) + size(10) + size(0.33)),)


def test_cache_over_two_devices_has_a_known_total_and_unknown_shares_in_a_dry_run() -> None:
    buffers = read(TWO_DEVICES_DRY, dry_run=True)
    assert buffers.kv_cache_bytes == size(32) + size(6)
    assert set(buffers.kv_cache) == {BufferSize("CPU", None), BufferSize("CUDA0", None)}
    assert buffers.layer_devices == ("CPU", "CUDA0", "CUDA0")
    assert pairs(buffers.compute) == {"CUDA0": size(304.75), "CUDA_Host": size(18.01)}


def test_two_caches_on_one_device_add_up_in_a_dry_run() -> None:
    lines = [line for line in TWO_DEVICES_DRY.splitlines() if "CPU KV buffer" not in line]
    assert read("\n".join(lines), dry_run=True).kv_cache == (BufferSize("CUDA0", size(32) + size(6)),)


def test_flash_attention_that_a_device_does_not_support_is_off() -> None:
    lines = PROCESSOR.replace("Flash Attention enabled", "Flash Attention not supported, set to disabled")
    assert not read(lines).flash_attention
    asked = "llama_context: flash_attn            = {}"
    assert read(asked.format("enabled")).flash_attention
    assert not read(asked.format("disabled")).flash_attention


def test_compute_buffers_reserved_again_replace_the_first() -> None:
    again = "sched_reserve: reserving ...\nsched_reserve:        CPU compute buffer size =     9.50 MiB\n"
    assert read(PROCESSOR + again).compute == (BufferSize("CPU", size(9.5)),)


def test_repacked_weights_are_told_apart() -> None:
    log = BufferLog()
    for line in (
        "load_tensors:   CPU_Mapped model buffer size =   100.50 MiB\n",
        "load_tensors:   CPU_REPACK model buffer size =    90.25 MiB\n",
    ):
        log.read(line)
    assert log.repacked_bytes == size(90.25)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "load_tensors:   CPU_Mapped model buffer size =     x MiB",
        "load_tensors:   CPU_Mapped model buffer size =     1.2.3.4",
        "load_tensors:   CPU_Mapped model buffer size =     nan MiB",
        "load_tensors:   CPU_Mapped model buffer size =     -1.00 MiB",
        "llama_kv_cache: size =    inf MiB (  4096 cells,   2 layers,  1/1 seqs), K (f16):    2.00 MiB",
        "print_info: general.name          = load_tensors:   CPU model buffer size =    99.00 MiB",
        # A name may hold line ends; llama.cpp hands it over within one message.
        "print_info: general.name          = x\nload_tensors:   CPU model buffer size =    99.00 MiB\n",
        "print_info: general.name          = \nllama_kv_cache: size =   99.00 MiB (  1 cells,  1 layers), K (",
    ],
)
def test_other_text_of_any_kind_changes_nothing(text: str) -> None:
    log = BufferLog()
    log.read(text)
    assert log.buffers() == BufferLog().buffers()


@pytest.mark.skipif(not LOGS.exists(), reason="the shared logs are not here")
def test_figures_of_real_loads_on_many_devices_are_read_back() -> None:
    """The logs are there as figures, not as lines: these are written as llama.cpp writes them."""
    kinds = (
        ("model", "model", "weights"),
        ("kv", "KV", "kv_cache"),
        ("recurrent", "RS", "recurrent_state"),
        ("output", " output", "output"),
        ("compute", "compute", "compute"),
    )
    figures = 0
    for run in json.loads(LOGS.read_text())["runs"]:
        log = BufferLog()
        for kind, word, _ in kinds:
            for buffer, mib in run["mib"][kind]:
                log.read(f"load_tensors: {buffer:>12} {word} buffer size = {mib:8.2f} MiB\n")
                figures += 1
        log.read(
            "llama_kv_cache: size =    1.00 MiB (     1 cells,   1 layers,  1/1 seqs), K (f16):    1.00 MiB\n"
        )
        for kind, _, field in kinds:
            expected: dict[str, int] = {}
            for buffer, mib in run["mib"][kind]:
                expected[buffer] = expected.get(buffer, 0) + size(mib)
            assert pairs(getattr(log.buffers(), field)) == expected, run["id"]
    assert figures > 200


def pairs(sizes: tuple[BufferSize, ...]) -> dict[str, int | None]:
    return {each.buffer: each.size_bytes for each in sizes}
