"""Which bytes of a loaded model are where; names as ggml's backends give them to their buffers."""

from __future__ import annotations

import dataclasses
from functools import cache

from msgspec.structs import replace

from app.gguf import ModelFacts
from app.gguf.header import TensorInfo
from app.hardware import Accelerator
from app.memory import Load, Spread, spread_of
from app.memory.held import Held, allocated_on, bytes_on_accelerators, place_of
from app.memory.overhead import backend_overhead
from app.recommend import read_catalogue
from app.runtime.protocol import BufferSize, LoadSettings, MemoryBuffers
from tests.helpers.plain_recommendation import variants_of

GB = 10**9
CARDS = (Accelerator("One", "CUDA", 24 * GB, 20 * GB), Accelerator("Two", "CUDA", 24 * GB, 20 * GB))
MAC = (Accelerator("Apple M2", "Metal", 16 * GB, 16 * GB, integrated=True),)


@cache
def llama() -> ModelFacts:
    model = next(each for each in read_catalogue() if each.id == "llama-3.2-1b")
    return variants_of(model)[0].facts


def mixture(layers: int) -> ModelFacts:
    """Its first layer has no experts."""
    facts = llama()
    names = [f"blk.{layer}.ffn_up_exps.weight" for layer in range(1, layers)]
    return dataclasses.replace(
        facts, tensors=tuple(TensorInfo(name, (8, 8), "F32", 0, 256, 64) for name in names)
    )


def load_on(accelerators: tuple[Accelerator, ...], *, expert_layers_in_memory: int = 0) -> Load:
    return Load(llama(), LoadSettings(expert_layers_in_memory=expert_layers_in_memory), accelerators)


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


def test_buffers_and_layers_of_another_computer_count_where_it_is_among_the_accelerators() -> None:
    other = Accelerator("Other", "RPC", 16 * GB, 16 * GB)
    told = buffers(("CUDA0", 2 * GB), ("RPC0[127.0.0.1:50052]", GB))
    assert allocated_on(told, (*CARDS, other)) == [2 * GB, 0, GB]
    assert [place_of(name, (*CARDS, other)) for name in ("CPU", "CUDA1", "CUDA2", "RPC0", "CUDA_Host")] == [
        None,
        1,
        None,
        2,
        None,
    ]


def test_spread_is_what_the_runtime_says_of_each_layer_and_the_output() -> None:
    layers = ("CPU", "CPU", "CUDA0", "CUDA0", "CUDA1")
    spread = spread_of(load_on(CARDS), replace(buffers(), layer_devices=layers))
    assert spread == Spread(5, 3, ("One", "Two"))
    assert not spread.is_whole
    whole = replace(buffers(), layer_devices=("CUDA1",) * 5)
    assert spread_of(load_on(CARDS), whole) == Spread(5, 5, ("Two",))
    load = dataclasses.replace(load_on(CARDS, expert_layers_in_memory=3), facts=mixture(layers=4))
    apart = spread_of(load, whole)
    assert apart == Spread(5, 5, ("Two",), expert_layers_in_memory=2)
    assert not apart.is_whole
    # The last two layers and the output are on cards, and of these only the third layer is without experts.
    assert spread_of(load, replace(buffers(), layer_devices=layers)) == Spread(
        5, 3, ("One", "Two"), expert_layers_in_memory=1
    )


def test_where_there_is_but_one_place_there_is_no_spread() -> None:
    assert spread_of(load_on(()), replace(buffers(), layer_devices=("CPU",) * 5)) is None


def test_model_of_which_nothing_is_on_the_card_has_no_experts_apart() -> None:
    load = dataclasses.replace(load_on(CARDS, expert_layers_in_memory=-1), facts=mixture(layers=4))
    spread = spread_of(load, replace(buffers(), layer_devices=("CPU",) * 5))
    assert spread == Spread(5, 0, ())


def test_all_of_metals_buffers_are_its_devices() -> None:
    told = buffers(("MTL0_Mapped", 4 * GB), ("MTL0_Private", GB), compute=(("MTL0", GB),))
    assert bytes_on_accelerators(told, MAC) == (6 * GB + backend_overhead("Metal"),)


def test_freed_is_what_does_not_count_as_available_already() -> None:
    held = Held("Chat's model", ("Llama",), 5 * GB, mapped_bytes=4 * GB, accelerator_bytes=(2 * GB,))
    assert (held.freed_bytes, held.total_bytes) == (GB, 7 * GB)
    assert not held.unload()
