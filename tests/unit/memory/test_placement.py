"""Where layers and the output go, as llama.cpp's log shows it."""

from __future__ import annotations

import pytest

from app.hardware import Accelerator
from app.memory.placement import PROCESSOR, chosen_devices, place, place_of, runtime_name, used_together


@pytest.mark.parametrize(
    ("gpu_layers", "layers", "output"),
    [
        (0, [0, 0, 0, 0, 0, 0, 0, 0], 0),
        (1, [0, 0, 0, 0, 0, 0, 0, 0], 1),
        (4, [0, 0, 0, 0, 0, 1, 1, 1], 1),  # tried with an RPC device: layers 5 to 7 and the output
        (8, [0, 1, 1, 1, 1, 1, 1, 1], 1),
        (9, [1, 1, 1, 1, 1, 1, 1, 1], 1),
        (-1, [1, 1, 1, 1, 1, 1, 1, 1], 1),
        (1000, [1, 1, 1, 1, 1, 1, 1, 1], 1),
    ],
)
def test_the_last_layers_are_offloaded_and_the_output_first_of_all(
    gpu_layers: int, layers: list[int], output: int
) -> None:
    placement = place(8, gpu_layers, [1000])
    assert list(placement.layer_devices) == layers
    assert placement.output_device == output


def test_without_an_accelerator_everything_stays() -> None:
    placement = place(8, -1, [])
    assert set(placement.layer_devices) == {PROCESSOR}
    assert placement.output_device == PROCESSOR


def test_two_cards_share_the_layers_by_what_is_free_on_each() -> None:
    # 32 layers and the output, three quarters of them on the larger card.
    placement = place(32, -1, [18_000, 6_000])
    assert placement.layer_devices.count(1) == 25
    assert placement.layer_devices.count(2) == 7
    assert placement.output_device == 2


def test_cards_that_say_nothing_share_evenly() -> None:
    placement = place(31, -1, [0, 0])
    assert placement.layer_devices.count(1) == 16
    assert placement.layer_devices.count(2) == 15


def test_experts_may_stay_in_main_memory_while_their_layers_go() -> None:
    placement = place(4, -1, [1000], expert_layers_in_memory=-1)
    assert placement.device_of("blk.2.attn_q.weight") == 1
    assert placement.device_of("blk.2.ffn_gate_exps.weight") == PROCESSOR
    assert placement.device_of("blk.2.ffn_gate_shexp.weight") == 1
    assert placement.device_of("token_embd.weight") == PROCESSOR
    assert placement.device_of("output.weight") == 1


def test_experts_of_the_first_layers_stay_where_so_many_are_asked_for() -> None:
    placement = place(12, -1, [1000], expert_layers_in_memory=3)
    experts = [placement.device_of(f"blk.{layer}.ffn_up_exps.weight") for layer in range(12)]
    assert experts == [PROCESSOR] * 3 + [1] * 9
    assert placement.device_of("blk.1.ffn_up.weight") == 1


@pytest.mark.parametrize(
    "name", ["blk.99999.attn_q.weight", "blk.77.attn_q.weight", "blk.x", "", "rope_freqs.weight"]
)
def test_names_of_no_layer_stay(name: str) -> None:
    assert place(4, -1, [1000]).device_of(name) == PROCESSOR


def test_cards_share_the_layers_in_the_parts_that_were_chosen_and_one_of_nothing_gets_none() -> None:
    placement = place(8, -1, [2.0, 0.0, 1.0])
    assert placement.layer_devices.count(1) == 6
    assert placement.layer_devices.count(2) == 0
    assert placement.output_device == 3


def test_cards_are_found_by_the_names_that_the_runtime_has_told() -> None:
    # Vulkan0 is graphics in the processor, which is left alone.
    cards = tuple(Accelerator(f"card {n}", "Vulkan", 8, 8, runtime_name=f"Vulkan{n}") for n in (1, 2))
    assert [runtime_name(cards, index) for index in range(2)] == ["Vulkan1", "Vulkan2"]
    assert [place_of(name, cards) for name in ("Vulkan0", "Vulkan1", "Vulkan2", "Vulkan3")] == [
        None,
        0,
        1,
        None,
    ]
    tower = (Accelerator("tower", "RPC", 8, 8, runtime_name="RPC0"),)
    assert place_of("RPC0[127.0.0.1:50052]", tower) == 0


def test_cards_are_called_as_the_runtime_calls_them_and_found_again() -> None:
    kinds = ("CUDA", "Vulkan", "CUDA", "Metal")
    cards = tuple(Accelerator(f"card {n}", kind, 8, 8) for n, kind in enumerate(kinds))
    names = [runtime_name(cards, index) for index in range(len(cards))]
    assert names == ["CUDA0", "Vulkan0", "CUDA1", "MTL0"]
    assert [place_of(name, cards) for name in names] == [0, 1, 2, 3]
    assert chosen_devices(("CUDA1", "CUDA7", "CUDA0"), cards) == (cards[2], cards[0])
    assert chosen_devices((), cards) == cards


def test_integrated_graphics_work_beside_other_computers_and_not_beside_a_card() -> None:
    """As `llama_prepare_model_devices` chooses: servers first, then cards or else integrated graphics."""
    card, tower = Accelerator("card", "Vulkan", 8, 8), Accelerator("tower", "RPC", 8, 8)
    graphics = Accelerator("graphics", "Vulkan", 8, 8, integrated=True)
    assert used_together((graphics, tower)) == (tower, graphics)
    assert used_together((card, graphics, tower)) == (tower, card)
    assert used_together((graphics,)) == (graphics,)
    assert used_together(()) == ()


def test_buffers_of_a_server_are_numbered_by_its_own_devices() -> None:
    """As `ggml_backend_rpc_buffer_type` and `ggml_backend_rpc_add_server` name them."""
    servers = ("tower:50052", "tower:50052", "box:50052")
    devices = tuple(Accelerator(name, "RPC", 8, 8, runtime_name=f"RPC{n}") for n, name in enumerate(servers))
    assert [place_of(f"RPC{n}", devices) for n in range(3)] == [0, 1, 2]
    buffers = ("RPC0[tower:50052]", "RPC1[tower:50052]", "RPC0[box:50052]", "RPC1[box:50052]")
    assert [place_of(name, devices) for name in buffers] == [0, 1, 2, None]
