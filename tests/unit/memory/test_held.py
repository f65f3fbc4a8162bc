"""Which bytes of a loaded model are where; names as ggml's backends give them to their buffers."""

from __future__ import annotations

from app.hardware import Accelerator
from app.memory.held import Held, bytes_on_accelerators
from app.memory.overhead import backend_overhead
from app.runtime.protocol import BufferSize, MemoryBuffers

GB = 10**9
CARDS = (Accelerator("One", "CUDA", 24 * GB, 20 * GB), Accelerator("Two", "CUDA", 24 * GB, 20 * GB))
MAC = (Accelerator("Apple M2", "Metal", 16 * GB, 16 * GB, integrated=True),)


def buffers(
    *weights: tuple[str, int | None], compute: tuple[tuple[str, int | None], ...] = ()
) -> MemoryBuffers:
    return MemoryBuffers(
        weights=tuple(BufferSize(*each) for each in weights),
        kv_cache=(),
        kv_cache_bytes=0,
        recurrent_state=(),
        output=(BufferSize("CPU", 500),),
        compute=tuple(BufferSize(*each) for each in compute),
        layer_devices=(),
        flash_attention=True,
    )


def test_buffers_go_to_the_card_of_their_number_with_its_drivers_context() -> None:
    told = buffers(
        ("CPU_Mapped", 7), ("CUDA0", 3 * GB), ("CUDA1", 2 * GB), compute=(("CUDA1", GB), ("CUDA_Host", 9))
    )
    context = backend_overhead("CUDA")
    assert bytes_on_accelerators(told, CARDS) == (3 * GB + context, 3 * GB + context)


def test_buffers_of_a_card_that_vanished_and_sizes_nobody_told_count_nowhere() -> None:
    told = buffers(("CUDA1", 2 * GB), ("CUDA0", None), ("RPC0[127.0.0.1:50052]", GB), ("Vulkan0", GB))
    assert bytes_on_accelerators(told, CARDS[:1]) == (0,)
    assert bytes_on_accelerators(told, ()) == ()


def test_all_of_metals_buffers_are_its_devices() -> None:
    told = buffers(("MTL0_Mapped", 4 * GB), ("MTL0_Private", GB), compute=(("MTL0", GB),))
    assert bytes_on_accelerators(told, MAC) == (6 * GB + backend_overhead("Metal"),)


def test_freed_is_what_does_not_count_as_available_already() -> None:
    held = Held("Chat's model", ("Llama",), 5 * GB, mapped_bytes=4 * GB, accelerator_bytes=(2 * GB,))
    assert (held.freed_bytes, held.total_bytes) == (GB, 7 * GB)
    assert not held.unload()
