"""What fits together on real machines, and what gives way where it does not."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from app.core.errors import TooLittleMemory
from app.gguf import ModelFacts
from app.hardware import Cpu, Machine, Memory, read_profile
from app.memory import Held, Load, LoadPlan, Way, estimate, plan_loads
from app.memory.overhead import WORKER_BYTES, backend_overhead
from app.recommend import read_catalogue
from app.runtime import LoadSettings
from tests.helpers.plain_recommendation import variants_of

GB = 10**9
MACHINES = Path(__file__).parents[2] / "data" / "machines"
KV_BYTES = 131_072 * 4096
"""Of Llama 3 8B: 32 layers x 8 heads x (128 + 128) x 2 bytes, for 4,096 tokens."""


@cache
def llama(quantization: str) -> ModelFacts:
    """Llama 3.1 8B; the files on the Hub have 4.92 GB as Q4_K_M and 8.54 GB as Q8_0."""
    model = next(each for each in read_catalogue() if each.id == "llama-3.1-8b")
    return next(each.facts for each in variants_of(model) if each.quantization == quantization)


def load(quantization: str = "Q4_K_M", context: int = 4096, gpu_layers: int = -1) -> Load:
    return Load(llama(quantization), LoadSettings(context_length=context, gpu_layers=gpu_layers))


def machine(name: str) -> Machine:
    return read_profile(MACHINES / f"{name}.json")


def computer(total: int, available: int) -> Machine:
    return Machine(Cpu("any", 4, 4), Memory(total, available))


def need(load: Load) -> int:
    """On a computer without accelerators."""
    return estimate(load.facts, load.settings).in_use_bytes


def chat(size: int, mapped: int = 0, on_cards: tuple[int, ...] = (), busy: bool = False) -> Held:
    return Held("Chat's model", ("Llama",), size, mapped, on_cards, busy)


def room(plan: LoadPlan, device: str) -> tuple[int, int]:
    found = next(each for each in plan.rooms if each.device == device)
    return found.needed_bytes, found.available_bytes


# Main memory


def test_two_that_just_fit_together_are_loaded_at_once_and_one_byte_less_makes_them_take_turns() -> None:
    both = [load("Q4_K_M"), load("Q8_0")]
    together = sum(map(need, both))
    # The files of 4.92 and 8.54 GB, two caches, some hundred MB of working space and of processes.
    assert together == pytest.approx(4.92 * GB + 8.54 * GB + 2 * KV_BYTES + 0.6 * GB, rel=0.03)
    plan = plan_loads(both, computer(64 * GB, together))
    assert (plan.way, plan.lack, plan.needed_bytes) == (Way.AT_ONCE, None, together)
    plan.require()
    plan = plan_loads(both, computer(64 * GB, together - 1))
    assert plan.way is Way.IN_TURNS
    assert "one after another" in plan.sentence
    plan.require()


def test_in_turns_the_largest_alone_has_to_fit_and_the_refusal_names_it_with_what_is_missing() -> None:
    both = [load("Q4_K_M"), load("Q8_0")]
    largest = need(both[1])
    assert plan_loads(both, computer(64 * GB, largest)).way is Way.IN_TURNS
    plan = plan_loads(both, computer(64 * GB, largest - 1 * GB))
    assert plan.way is Way.IMPOSSIBLE
    assert plan.lack is not None
    assert (plan.lack.load, plan.lack.room.missing_bytes) == (1, GB)
    with pytest.raises(TooLittleMemory, match=r"llama-3.1-8b-Q8_0 alone needs .* 1\.00 GB too little"):
        plan.require()


def test_laptop_of_16_gb_takes_q4_and_q8_of_8_billion_in_turns_only() -> None:
    # 10.7 GB are free: 14.9 are needed for both, 9.4 for the larger one.
    assert plan_loads([load("Q4_K_M"), load("Q8_0")], machine("laptop-16gb")).way is Way.IN_TURNS


def test_refusal_of_one_model_tells_both_numbers_the_context_what_others_use_and_what_to_do() -> None:
    # 131,072 bytes x 131,072 tokens = 17.18 GB, 4.9 GB of weights and 0.4 to 1 GB of working space.
    plan = plan_loads([load(context=131_072)], computer(16 * GB, 4 * GB))
    with pytest.raises(TooLittleMemory) as caught:
        plan.require()
    message = caught.value.message
    assert re.match(r"llama-3.1-8b-Q4_K_M needs about 2[23]\.\d GB of memory", message)
    assert "131072 tokens" in message
    assert "4.00 GB are free" in message
    assert "Other programs and the system use 12.0 GB." in message
    assert "smaller quantization" in caught.value.hint


def test_limit_of_a_container_counts_and_not_the_memory_of_its_host() -> None:
    # As `Memory` has it in a container of 8 GB of which 1 GB is used; the host may have 512.
    plan = plan_loads([load("Q8_0")], computer(8 * GB, 7 * GB))
    assert plan.way is Way.IMPOSSIBLE
    assert plan.rooms[0].available_bytes == 7 * GB
    assert plan.rooms[0].others_bytes == 1 * GB


def test_what_a_worker_takes_on_this_machine_counts_for_each_of_them() -> None:
    both = [load(), load()]
    usual = plan_loads(both, machine("laptop-16gb"))
    learnt = plan_loads(both, machine("laptop-16gb"), worker_bytes=WORKER_BYTES + 7_000_000)
    assert learnt.needed_bytes - usual.needed_bytes == 14_000_000
    assert learnt.estimates[0].in_use_bytes - usual.estimates[0].in_use_bytes == 7_000_000


def test_nothing_to_load_needs_nothing() -> None:
    plan = plan_loads([], computer(GB, 0))
    assert (plan.way, plan.needed_bytes, plan.estimates) == (Way.AT_ONCE, 0, ())
    plan.require()


def test_same_file_twice_counts_twice() -> None:
    assert plan_loads([load(), load()], machine("server-512gb")).needed_bytes == 2 * need(load())


# What gives way


def test_chats_model_stays_where_there_is_room_beside_it_and_goes_where_only_then_all_fits() -> None:
    one = load()
    beside = plan_loads([one], computer(64 * GB, need(one)), idle=[chat(2 * GB)])
    assert (beside.way, beside.unloads, beside.stays) == (Way.AT_ONCE, (), (chat(2 * GB),))
    instead = plan_loads([one], computer(64 * GB, need(one) - 2 * GB), idle=[chat(2 * GB)])
    assert instead.way is Way.AT_ONCE
    assert [held.title for held in instead.unloads] == ["Chat's model"]
    assert instead.sentence == "It fits. Chat's model will be unloaded (2.00 GB)."
    assert instead.rooms[0].available_bytes == need(one)
    too_little = plan_loads([one], computer(64 * GB, need(one) - 2 * GB - 1), idle=[chat(2 * GB)])
    assert too_little.way is Way.IMPOSSIBLE
    assert "even with Chat's model unloaded" in too_little.sentence


def test_pages_that_count_as_available_are_not_given_back_a_second_time() -> None:
    # Linux shows the mapped file of a loaded model as available memory.
    one, held = load(), chat(5 * GB, mapped=4 * GB)
    available = need(one) - 1 * GB
    assert plan_loads([one], computer(64 * GB, available), idle=[held]).unloads == (held,)
    assert plan_loads([one], computer(64 * GB, available - 1), idle=[held]).way is Way.IMPOSSIBLE
    # And where the model stays, its pages are not to be had for another one.
    assert plan_loads([one], computer(64 * GB, need(one) + 4 * GB), idle=[held]).unloads == ()
    assert plan_loads([one], computer(64 * GB, need(one) + 4 * GB - 1), idle=[held]).unloads == (held,)


def test_what_is_replaced_anyway_is_credited_without_a_word() -> None:
    one = load()
    plan = plan_loads([one], computer(64 * GB, need(one) - 2 * GB), leaving=[chat(2 * GB)])
    assert (plan.way, plan.unloads, plan.sentence) == (Way.AT_ONCE, (), "It fits.")


def test_unloading_chats_model_is_preferred_to_turns_and_turns_beside_it_to_turns_without() -> None:
    both = [load("Q4_K_M"), load("Q8_0")]
    together = sum(map(need, both))
    held = chat(3 * GB)
    assert plan_loads(both, computer(64 * GB, together - GB), idle=[held]).unloads == (held,)
    turns = plan_loads(both, computer(64 * GB, together - 4 * GB), idle=[held])
    assert (turns.way, turns.unloads) == (Way.IN_TURNS, ())
    both_give_way = plan_loads(both, computer(64 * GB, need(both[1]) - GB), idle=[held])
    assert (both_give_way.way, both_give_way.unloads) == (Way.IN_TURNS, (held,))
    assert both_give_way.sentence.endswith("Chat's model will be unloaded (3.00 GB).")


def test_answering_model_is_never_unloaded_and_the_refusal_says_what_to_wait_for() -> None:
    one = load()
    plan = plan_loads([one], computer(64 * GB, need(one) - GB), idle=[chat(2 * GB, busy=True)])
    assert (plan.way, plan.unloads) == (Way.IMPOSSIBLE, ())
    with pytest.raises(TooLittleMemory, match="Chat's model would have to be unloaded") as caught:
        plan.require()
    assert caught.value.hint.startswith("Wait")


def test_answering_model_makes_two_take_turns_that_would_fit_without_it() -> None:
    both = [load(), load()]
    plan = plan_loads(both, computer(64 * GB, sum(map(need, both)) - GB), idle=[chat(2 * GB, busy=True)])
    assert (plan.way, plan.unloads) == (Way.IN_TURNS, ())
    assert "will fit together once Chat's model can be unloaded" in plan.sentence


def test_busy_model_that_would_not_help_is_not_blamed() -> None:
    plan = plan_loads([load()], computer(64 * GB, GB), idle=[chat(GB, busy=True)])
    assert plan.waits_for == ()
    assert "too little" in plan.sentence


def test_what_is_loaded_of_a_set_stays_or_makes_the_rest_take_turns() -> None:
    one, first = load(), Held("the compared models", ("A",), 5 * GB)
    assert plan_loads([one], computer(64 * GB, need(one)), loaded=first).way is Way.AT_ONCE
    assert plan_loads([one], computer(64 * GB, need(one) - 5 * GB), loaded=first).way is Way.IN_TURNS
    assert plan_loads([one], computer(64 * GB, need(one) - 5 * GB - 1), loaded=first).way is Way.IMPOSSIBLE


# Accelerators


def test_two_cards_share_each_model_and_are_told_apart() -> None:
    two_cards = machine("desktop-two-24gb-cards")
    both = [load("Q8_0"), load("Q8_0")]
    plan = plan_loads(both, two_cards)
    assert plan.way is Way.AT_ONCE
    assert [each.device for each in plan.rooms] == [
        "memory",
        "NVIDIA GeForce RTX 3090 (1)",
        "NVIDIA GeForce RTX 3090 (2)",
    ]
    on_cards = sum(each.needed_bytes for each in plan.rooms[1:])
    # All but the token embedding, 128,256 x 4,096 weights at 8.5 bits, twice; and a context of each driver's.
    embedding = 128_256 * 4096 * 34 // 32
    least = 2 * (llama("Q8_0").tensor_bytes - embedding + KV_BYTES) + 4 * backend_overhead("CUDA")
    assert least < on_cards < least + 2.5 * GB
    for each, card in zip(plan.rooms[1:], two_cards.accelerators, strict=True):
        assert each.available_bytes == card.free_bytes
        assert each.others_bytes == card.total_bytes - card.free_bytes


def test_card_that_is_too_small_for_two_is_named_with_what_both_need_there() -> None:
    card = machine("desktop-8gb-card")
    plan = plan_loads([load("Q4_K_M"), load("Q4_K_M")], card)
    assert plan.way is Way.IN_TURNS
    assert f"on {card.accelerators[0].name}" in plan.sentence
    alone = plan_loads([load("Q8_0")], card)
    assert alone.way is Way.IMPOSSIBLE
    assert f"on {card.accelerators[0].name}" in alone.sentence


def test_model_of_chat_on_the_card_gives_the_cards_memory_back_and_not_the_computers() -> None:
    full = machine("desktop-8gb-card")
    card = replace(full.accelerators[0], free_bytes=GB)
    full = replace(full, accelerators=(card,))
    held = chat(GB // 2, on_cards=(5_500_000_000,))
    plan = plan_loads([load("Q4_K_M")], full, idle=[held])
    assert plan.unloads == (held,)
    assert room(plan, card.name)[1] == 6_500_000_000
    assert plan.rooms[0].available_bytes == full.memory.available_bytes + GB // 2


def test_accelerator_that_vanished_is_not_planned_with_nor_credited() -> None:
    gone = replace(machine("desktop-8gb-card"), accelerators=())
    held = chat(GB, on_cards=(5 * GB,))
    plan = plan_loads([load("Q8_0")], replace(gone, memory=Memory(16 * GB, 8_500_000_000)), idle=[held])
    assert [each.device for each in plan.rooms] == ["memory"]
    assert plan.rooms[0].available_bytes == 9_500_000_000
    assert plan.estimates[0].gpu_layers == 0


def test_unified_memory_of_a_mac_is_counted_once() -> None:
    mac = machine("mac-64gb")
    plan = plan_loads([load("Q8_0")], mac)
    memory, metal = plan.rooms
    assert metal.is_shared
    # What Metal has comes out of the same memory; on it everything but the token embedding.
    assert memory.needed_bytes > metal.needed_bytes > llama("Q8_0").tensor_bytes * 0.9
    assert plan.needed_bytes == memory.needed_bytes
    assert plan.needed_bytes < need(load("Q8_0")) + 2 * GB
    assert plan.available_bytes == mac.memory.available_bytes


def test_mac_gives_back_what_metal_held_to_main_memory() -> None:
    mac = machine("macbook-air-16gb")
    full = replace(mac, memory=replace(mac.memory, available_bytes=4 * GB))
    full = replace(full, accelerators=(replace(mac.accelerators[0], free_bytes=4 * GB),))
    held = chat(300_000_000, on_cards=(5 * GB,))
    plan = plan_loads([load("Q4_K_M")], full, idle=[held])
    assert (plan.way, plan.unloads) == (Way.AT_ONCE, (held,))
    assert [each.available_bytes for each in plan.rooms] == [9_300_000_000, 9 * GB]


def test_working_set_of_metal_is_a_limit_of_its_own() -> None:
    mac = machine("macbook-air-16gb")
    roomy = replace(mac, memory=replace(mac.memory, available_bytes=15 * GB))
    plan = plan_loads([load("Q8_0"), load("Q4_K_M")], roomy)
    assert plan.way is Way.IN_TURNS
    assert "on Apple M3" in plan.sentence


@pytest.mark.parametrize("profile", sorted(MACHINES.glob("*.json")), ids=lambda path: path.stem)
def test_on_every_machine_the_plan_adds_up(profile: Path) -> None:
    here = read_profile(profile)
    for loads in ([load("Q4_K_M")], [load("Q4_K_M"), load("Q8_0")], [load("F16")] * 4):
        plan = plan_loads(loads, here, idle=[chat(GB)])
        assert len(plan.estimates) == len(loads)
        assert plan.sentence
        assert (plan.lack is not None) == (plan.way is Way.IMPOSSIBLE)
        if plan.way is Way.AT_ONCE:
            assert all(each.missing_bytes == 0 for each in plan.rooms)
        else:
            assert any(each.missing_bytes for each in plan.rooms)
