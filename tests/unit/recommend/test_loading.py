"""Where models go on real machines before they are loaded, and what is unloaded for that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import msgspec
import pytest

from app.core.errors import TooLittleMemory, WrongChoice
from app.gguf import ModelFacts
from app.hardware import Accelerator, Machine, read_profile
from app.memory import Held, Keeper, Load, LoadPlan, Way, estimate, plan_loads
from app.memory.overhead import backend_overhead
from app.memory.placement import is_expert
from app.recommend import read_catalogue
from app.recommend.budget import budget_of
from app.recommend.fit import fit
from app.recommend.loading import placed, plan_recommended
from app.recommend.need import need_of
from app.runtime import LoadSettings
from tests.helpers.plain_recommendation import variants_of

GB = 10**9
MACHINES = Path(__file__).parents[2] / "data" / "machines"
WITHOUT_CARD = ("laptop-16gb", "raspberry-pi-8gb", "server-512gb")


@cache
def facts(model_id: str, quantization: str) -> ModelFacts:
    model = next(each for each in read_catalogue() if each.id == model_id)
    return next(each.facts for each in variants_of(model) if each.quantization == quantization)


def load(model_id: str = "llama-3.1-8b", quantization: str = "Q8_0", context: int = 4096, **more) -> Load:
    return Load(facts(model_id, quantization), LoadSettings(context_length=context, **more))


def machine(name: str) -> Machine:
    return read_profile(MACHINES / f"{name}.json")


class Owner:
    """Has something loaded."""

    def __init__(self, title: str, memory: int, *on_cards: int, busy: bool = False) -> None:
        self.title = title
        self._held = Held(title, ("A model",), memory, accelerator_bytes=on_cards, is_busy=busy)

    def held(self, accelerators: Sequence[Accelerator]) -> Held:
        return self._held


@pytest.fixture
def keep(tmp_path: Path):
    """A keeper on a machine, which others have joined."""

    def made(here: Machine, *owners: Owner) -> Keeper:
        keeper = Keeper(tmp_path / "none.db", lambda: here)
        for owner in owners:
            keeper.join(owner)
        return keeper

    return made


def plan_of(keeper: Keeper, *loads: Load, keeping: Owner | None = None) -> LoadPlan:
    return plan_recommended(keeper, "Chat's model", loads, keeping)


def layers_of(plan: LoadPlan) -> list[int]:
    return [each.settings.gpu_layers for each in plan.loads]


def test_model_that_is_too_large_for_the_card_is_split_where_it_was_refused(keep) -> None:
    here = machine("desktop-8gb-card")
    assert plan_loads([load()], here).way is Way.IMPOSSIBLE
    plan = plan_of(keep(here), load())
    assert (plan.way, plan.unloads) == (Way.AT_ONCE, ())
    # Q8_0 has 34 bytes for 32 weights, norms 4 for each; the cache 131,072 bytes for a token over 32 layers.
    attention, feed_forward = 2 * 4096 * 4096 + 2 * 4096 * 1024, 3 * 4096 * 14_336
    layer = (attention + feed_forward) * 34 // 32 + 2 * 4096 * 4 + 131_072 * 4096 // 32
    output = 128_256 * 4096 * 34 // 32 + 4096 * 4
    room = here.accelerators[0].free_bytes - backend_overhead("CUDA") - output
    # 6.61 GB for layers of 0.249 GB and the working space, which llama.cpp tells as some 260 MB for this model.
    assert layers_of(plan) == [1 + (room - 260_000_000) // layer] == [26]
    assert plan.loads[0].accelerators == here.accelerators
    assert plan.estimates[0].gpu_layers == 26


def test_only_where_layers_and_experts_are_is_chosen(keep) -> None:
    asked = load(context=8192, kv_type="q8_0", threads=3, ubatch=256)
    (chosen,) = plan_of(keep(machine("desktop-8gb-card")), asked).loads
    assert 1 < chosen.settings.gpu_layers < 33
    assert replace(chosen, settings=asked.settings, accelerators=()) == asked
    for name in ("context_length", "kv_type", "threads", "ubatch", "flash_attention", "sequences"):
        assert getattr(chosen.settings, name) == getattr(asked.settings, name)


def test_model_that_fits_whole_goes_to_the_card_whole(keep) -> None:
    plan = plan_of(keep(machine("desktop-24gb-card")), load())
    assert layers_of(plan) == [33]


def test_experts_stay_in_main_memory_where_that_is_recommended(keep) -> None:
    here = machine("desktop-8gb-card")
    # 48 layers with 4 heads of 128 + 128 numbers: 98,304 bytes for a token, 3.2 GB for 32,768 of them.
    asked = load("qwen3-30b-a3b", "Q4_K_M", context=32_768)
    recommended = fit(need_of(asked.facts, asked.settings), budget_of(here))
    assert recommended.experts_in_memory
    plan = plan_of(keep(here), asked)
    (chosen,) = plan.loads
    assert plan.way is Way.AT_ONCE
    assert chosen.settings.gpu_layers == 49
    memory, card = plan.rooms
    assert card.needed_bytes > 98_304 * 32_768
    # Those of the fewest layers with which there is room.
    count = chosen.settings.expert_layers_in_memory
    assert 1 < count < 48
    fewer = msgspec.structs.replace(chosen.settings, expert_layers_in_memory=count - 1)
    lack = plan_loads([replace(asked, settings=fewer)], here).lack
    assert lack is not None
    assert lack.room.device == here.accelerators[0].name
    # A layer's experts take some 0.37 GB of the 18.6, and what is left is less.
    experts = sum(t.size_bytes for t in asked.facts.tensors if is_expert(t.name)) / 48
    assert 0 <= card.available_bytes - card.needed_bytes < experts * 1.3
    assert memory.needed_bytes > count * experts


@pytest.mark.parametrize("name", WITHOUT_CARD)
def test_without_accelerators_nothing_changes(keep, name: str) -> None:
    asked = [load("llama-3.1-8b", "Q4_K_M"), load("qwen3-30b-a3b", "Q4_K_M")]
    plan = plan_of(keep(machine(name)), *asked)
    assert plan == plan_loads(asked, machine(name))
    assert plan.loads == tuple(asked)


def test_card_that_the_runtime_cannot_use_is_none(keep) -> None:
    here = machine("desktop-8gb-card")
    here = replace(here, accelerators=(replace(here.accelerators[0], usable=False),))
    asked = load("llama-3.1-8b", "Q4_K_M")
    assert plan_of(keep(here), asked).loads == (asked,)


@pytest.mark.parametrize("profile", sorted(MACHINES.glob("*.json")), ids=lambda path: path.stem)
@pytest.mark.parametrize(
    ("model_id", "quantization"),
    [("llama-3.1-8b", "Q8_0"), ("gemma-3-27b", "Q4_K_M"), ("gpt-oss-20b", "MXFP4_MOE")],
)
def test_plan_never_refuses_for_want_of_room_on_a_card(
    keep, profile: Path, model_id: str, quantization: str
) -> None:
    here = read_profile(profile)
    asked = load(model_id, quantization, context=32_768)
    plan = plan_of(keep(here), asked)
    if plan.lack is not None:
        assert plan.lack.room.device == "memory"
        return
    assert plan.way is Way.AT_ONCE
    if here.accelerators:
        recommended = fit(need_of(asked.facts, asked.settings), budget_of(here))
        assert 0 <= recommended.gpu_layers - plan.loads[0].settings.gpu_layers <= 2


def test_what_fits_nowhere_is_refused_with_what_is_missing_in_main_memory(keep) -> None:
    # 42.5 GB as Q4_K_M; 7.2 GB of them on the card, and 25.8 GB of main memory are free.
    plan = plan_of(keep(machine("desktop-8gb-card")), load("llama-3.3-70b", "Q4_K_M"))
    assert plan.way is Way.IMPOSSIBLE
    with pytest.raises(
        TooLittleMemory, match=r"llama-3.3-70b-Q4_K_M needs about 3\d\.\d GB of memory with"
    ) as caught:
        plan.require()
    assert "25.8 GB are free" in caught.value.message


def test_idle_model_of_another_page_is_counted_as_gone_and_unloaded(keep) -> None:
    here = machine("desktop-8gb-card")
    small = load("llama-3.1-8b", "Q4_K_M")
    full = replace(here, accelerators=(replace(here.accelerators[0], free_bytes=GB),))
    compared = Owner("the compared models", GB // 2, 6_650_000_000)
    # 4.9 GB and half a GB of cache go onto the card whole once the others are gone.
    plan = plan_of(keep(full, compared), small)
    assert layers_of(plan) == [33]
    assert [each.title for each in plan.unloads] == ["the compared models"]


def test_what_chat_is_about_to_replace_is_counted_as_gone(keep) -> None:
    here = machine("desktop-8gb-card")
    full = replace(here, accelerators=(replace(here.accelerators[0], free_bytes=GB),))
    plan = plan_of(keep(full, Owner("Chat's model", GB // 2, 6_650_000_000)), load("llama-3.1-8b", "Q4_K_M"))
    assert layers_of(plan) == [33]
    assert plan.unloads == ()


def test_model_at_work_stays_and_what_it_leaves_is_shared_out(keep) -> None:
    here = machine("desktop-8gb-card")
    full = replace(here, accelerators=(replace(here.accelerators[0], free_bytes=3 * GB),))
    busy = Owner("the compared models", GB // 2, 4_650_000_000, busy=True)
    plan = plan_of(keep(full, busy), load("llama-3.1-8b", "Q4_K_M"))
    assert (plan.way, plan.unloads) == (Way.AT_ONCE, ())
    # 3 GB less CUDA's own, 0.43 of output and some 0.26 to compute in, over 0.13 GB of weights and 17 MB of cache.
    assert 10 <= layers_of(plan)[0] <= 14


def test_compared_models_are_placed_as_alone_and_share_the_card_or_take_turns(keep) -> None:
    eight, twelve = keep(machine("desktop-8gb-card")), keep(machine("desktop-12gb-card"))
    both = [load("llama-3.1-8b", "Q8_0"), load("llama-3.1-8b", "Q4_K_M")]
    turns = plan_of(eight, *both)
    assert (turns.way, layers_of(turns)) == (Way.IN_TURNS, [26, 33])
    small = [load("llama-3.2-1b", "Q8_0"), load("llama-3.1-8b", "Q4_K_M")]
    at_once = plan_of(twelve, *small)
    assert (at_once.way, layers_of(at_once)) == (Way.AT_ONCE, [17, 33])


def test_those_of_a_set_are_placed_alike_whichever_was_loaded_before(keep) -> None:
    here = machine("desktop-8gb-card")
    full = replace(here, accelerators=(replace(here.accelerators[0], free_bytes=GB),))
    ours = Owner("the compared models", GB // 2, 6_650_000_000)
    plan = plan_of(keep(full, ours), load("llama-3.1-8b", "Q4_K_M"), keeping=ours)
    assert (plan.way, layers_of(plan)) == (Way.IN_TURNS, [33])


def test_two_cards_are_filled_as_far_as_the_fuller_one_goes(keep) -> None:
    here = machine("desktop-two-24gb-cards")
    asked = load("llama-3.3-70b", "Q6_K", context=16_384)
    plan = plan_of(keep(here), asked)
    assert plan.way is Way.AT_ONCE
    (layers,) = layers_of(plan)
    assert 2 < layers < 81
    # One for each card more, and one of them would have too little room.
    settings = msgspec.structs.replace(plan.loads[0].settings, gpu_layers=layers + 2)
    assert plan_loads([replace(asked, settings=settings)], here).lack is not None


def test_cards_are_equally_full_where_experts_of_the_first_layers_are_elsewhere(keep) -> None:
    here = machine("desktop-two-24gb-cards")
    asked = load("glm-4.5-air", "Q4_K_M", context=16_384)
    plan = plan_of(keep(here), asked)
    (chosen,) = plan.loads
    assert plan.way is Way.AT_ONCE
    # 46 layers and the output, all of them on the cards.
    assert sum(chosen.settings.split) == 47
    assert chosen.settings.gpu_layers == 47
    _, first, second = plan.rooms
    # A layer's experts are 128 x 3 matrices of 1408 x 4096 numbers in 4 to 6 bits, some 1.4 GB, and the first card has
    # room for a copy of a third of them.
    assert first.available_bytes - first.needed_bytes < 3 * GB
    assert second.available_bytes - second.needed_bytes < 3 * GB
    # Shared out by number, the second card would have to leave many more of its experts in memory.
    unbalanced = msgspec.structs.replace(chosen.settings, devices=(), split=())
    lack = plan_loads([replace(asked, settings=unbalanced)], here).lack
    assert lack is not None
    assert lack.room.missing_bytes > 5 * GB


def test_parts_that_a_person_chose_stay_where_experts_are_elsewhere(keep) -> None:
    here = machine("desktop-two-24gb-cards")
    chosen = load("glm-4.5-air", "Q4_K_M", devices=("CUDA0", "CUDA1"), split=(3.0, 1.0))
    (placed_there,) = plan_of(keep(here), chosen).loads
    assert placed_there.settings.split == (3.0, 1.0)
    by_hand = replace(load("glm-4.5-air", "Q4_K_M", expert_layers_in_memory=30), is_placed=True)
    (balanced_there,) = plan_of(keep(here), by_hand).loads
    assert balanced_there.settings.expert_layers_in_memory == 30
    assert balanced_there.settings.devices == ("CUDA0", "CUDA1")


def test_model_is_fitted_to_the_one_card_that_was_chosen_for_it(keep) -> None:
    here = machine("desktop-two-24gb-cards")
    asked = load("llama-3.3-70b", "Q6_K", context=16_384)
    both = plan_of(keep(here), asked)
    alone = plan_of(keep(here), load("llama-3.3-70b", "Q6_K", context=16_384, devices=("CUDA1",)))
    assert alone.way is Way.AT_ONCE
    _, first, second = alone.rooms
    assert first.needed_bytes == 0
    # A layer of some 0.7 GB more would have no room.
    assert 0 <= second.available_bytes - second.needed_bytes < 1.4 * GB
    assert layers_of(alone)[0] == pytest.approx(layers_of(both)[0] / 2, abs=3)


def test_device_that_is_not_there_is_refused_before_anything_gives_way(keep) -> None:
    compared = Owner("the compared models", GB // 2, 6_650_000_000)
    for name in ("desktop-8gb-card", "laptop-16gb"):
        with pytest.raises(WrongChoice, match="no device CUDA1"):
            plan_of(keep(machine(name), compared), load(devices=("CUDA1",)))


def test_main_device_is_the_one_that_reads_prompts_with_what_is_in_main_memory(keep) -> None:
    cards = machine("desktop-two-24gb-cards").accelerators
    names = [f"{each.name} {number}" for number, each in enumerate(cards)]
    cards = tuple(replace(each, name=name) for each, name in zip(cards, names, strict=True))
    asked = load("qwen3-30b-a3b", "Q4_K_M", expert_layers_in_memory=-1)
    for order in (("CUDA0", "CUDA1"), ("CUDA1", "CUDA0")):
        settings = msgspec.structs.replace(asked.settings, devices=order)
        told = {each.name: each for each in estimate(asked.facts, settings, cards).devices}
        main, other = (told[names[int(each[-1])]] for each in order)
        # A copy of one of the tensors of experts of a layer: 128 x 768 x 2048 numbers in 4 to 6 bits.
        assert main.compute_bytes - other.compute_bytes > 100_000_000


def test_choice_goes_no_lower_than_the_plan_asks(keep) -> None:
    asked = load()
    here = machine("desktop-8gb-card")
    budget = budget_of(here)
    recommended = fit(need_of(asked.facts, asked.settings), budget).gpu_layers
    # A plan that has room for everything leaves it as it is recommended.
    roomy = replace(here, accelerators=(replace(here.accelerators[0], free_bytes=8 * GB),))
    chosen = placed(asked, budget, lambda load: plan_loads([load], roomy))
    assert chosen.settings.gpu_layers == recommended
    # And one without any leaves it to the processor, with what it takes there.
    none = replace(here, accelerators=(replace(here.accelerators[0], free_bytes=0),))
    chosen = placed(asked, budget, lambda load: plan_loads([load], none))
    assert (chosen.settings.gpu_layers, chosen.settings.processor_only) == (0, True)
    told = estimate(chosen.facts, chosen.settings, none.accelerators)
    assert told == estimate(asked.facts, chosen.settings)
    assert [each.name for each in told.devices] == ["CPU"]


def test_card_on_which_there_is_not_even_room_to_compute_is_left_alone(keep) -> None:
    here = machine("desktop-8gb-card")
    full = replace(here, accelerators=(replace(here.accelerators[0], free_bytes=300_000_000),))
    asked = load("llama-3.1-8b", "Q4_K_M")
    plan = plan_of(keep(full), asked)
    memory, card = plan.rooms
    assert (plan.way, card.needed_bytes) == (Way.AT_ONCE, 0)
    assert memory.needed_bytes == estimate(asked.facts, asked.settings).in_use_bytes
