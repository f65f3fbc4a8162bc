"""Chat, Compare and the command line on a computer whose card is too small for the whole model.

The card is a stand-in (`card_worker`): llama.cpp puts layers on it as on any other, and the processor computes them.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from app.chat import ChatEngine, ConversationStore
from app.cli import run_command_line
from app.compare import Comparison, MemoryPlanned
from app.core.errors import TooLittleMemory
from app.core.jobs import CancelToken, Emitted, JobControl
from app.gguf import read_facts
from app.hardware import Machine
from app.memory import Keeper, Load, Spread, Way, estimate, past_loads
from app.memory.overhead import backend_overhead
from app.recommend.loading import load_recommended, plan_recommended
from app.runtime import LoadedModel, LoadSettings, Sampling
from tests.helpers.card_worker import TITLE, machine_with_card, worker_with_card
from tests.helpers.conversations import answer, new_conversation
from tests.helpers.tiny_gguf import CHATML, write_tiny_model

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the stand-in for a card knows ggml as it is built for Linux"
)

LAYERS = 12
LAYER_BYTES = 4 * (256 * 256 * 2 + 256 * 128 * 2 + 3 * 256 * 512 + 2 * 256) + 4096 * 2 * (64 + 64) * 2
"""Weights of a layer in F32, and its cache: two heads of 64 numbers for keys and for values, F16, for 4,096 tokens."""

ROOM_BYTES = 40_000_000
"""For 8.9 layers, and fewer beside the output and the working space."""


@pytest.fixture(scope="module")
def deep(models: Path) -> Path:
    return write_tiny_model(
        models / "deep.gguf", layers=LAYERS, chat_template=CHATML, context=4096, never_ends=True, scale=2.0
    )


@pytest.fixture
def use_card(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """From now on workers have a card that takes so much."""
    return lambda room: monkeypatch.setattr(
        "app.runtime.client.worker_command", lambda: worker_with_card(room)
    )


@pytest.fixture
def use_cards(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The same of several."""
    return lambda *rooms: monkeypatch.setattr(
        "app.runtime.client.worker_command", lambda: worker_with_card(*rooms)
    )


@pytest.fixture
def here() -> Machine:
    return machine_with_card(ROOM_BYTES)


@pytest.fixture
def keeper(database: Path, here: Machine) -> Keeper:
    return Keeper(database, lambda: here)


@pytest.fixture
def chat(database: Path, keeper: Keeper) -> Iterator[ChatEngine]:
    engine = ChatEngine(database, keeper)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def expected(deep: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the model answers without a card."""
    database = tmp_path_factory.mktemp("without") / "nibble.db"
    engine = ChatEngine(database, Keeper(database))
    with ConversationStore(database) as store:
        message = answer(engine, new_conversation(store, deep, "hello world"))
    engine.close()
    assert message is not None
    return message.text


def quiet() -> JobControl:
    return JobControl(CancelToken(), lambda event: None)


def test_chat_puts_as_many_layers_on_the_card_as_have_room_there_and_answers_the_same(
    chat: ChatEngine,
    here: Machine,
    store: ConversationStore,
    deep: Path,
    expected: str,
    use_card: Callable[[int], None],
) -> None:
    use_card(ROOM_BYTES)
    message = answer(chat, new_conversation(store, deep, "hello world"))
    assert message is not None
    assert message.text == expected
    spread, held = chat.spread, chat.held(here.accelerators)
    assert spread is not None
    assert held is not None
    # What llama.cpp says it has there; for a layer more there would be no room, give or take the working space.
    used = held.accelerator_bytes[0] - backend_overhead("CUDA")
    assert ROOM_BYTES - 2 * LAYER_BYTES < used <= ROOM_BYTES
    assert spread == Spread(LAYERS + 1, spread.offloaded, (TITLE,))
    assert 1 < spread.offloaded <= ROOM_BYTES // LAYER_BYTES
    assert not spread.is_whole


def test_prediction_of_a_split_load_is_held_against_what_both_devices_have(
    chat: ChatEngine, database: Path, deep: Path, use_card: Callable[[int], None]
) -> None:
    use_card(ROOM_BYTES)
    chat.load(deep, quiet())
    with sqlite3.connect(database) as connection:
        predicted, real = connection.execute("SELECT predicted_kv_bytes, real_kv_bytes FROM loads").fetchone()
    assert predicted == LAYERS * 4096 * 2 * (64 + 64) * 2
    assert real == pytest.approx(predicted, abs=2 * 5243)
    assert past_loads(database).count == 1


@pytest.mark.parametrize(("gpu_layers", "expert_layers"), [(9, 0), (9, 3), (9, -1), (4, 6), (4, 3)])
def test_experts_of_the_first_layers_stay_in_main_memory_to_the_byte(
    models: Path, use_card: Callable[[int], None], gpu_layers: int, expert_layers: int
) -> None:
    use_card(1_000_000_000)
    path = models / "eight-layers-of-experts.gguf"
    if not path.exists():
        write_tiny_model(path, layers=8, experts=4)
    settings = LoadSettings(
        context_length=256, threads=1, gpu_layers=gpu_layers, expert_layers_in_memory=expert_layers
    )
    with LoadedModel.load(path, settings) as model:
        weights = {each.buffer: each.size_bytes for each in model.description.buffers.weights}
    told = estimate(read_facts(path), settings, machine_with_card(1_000_000_000).accelerators)
    assert weights["CUDA0"] == pytest.approx(told.devices[1].weights_bytes, abs=5243)
    # Each has 4 experts of 3 matrices of 256 x 512 numbers in F32.
    stay = {0: 0, 3: 3, 6: 6, -1: 8}[expert_layers]
    on_card = len(set(range(9 - gpu_layers, 8)) - set(range(stay)))
    everything = estimate(
        read_facts(path),
        msgspec.structs.replace(settings, expert_layers_in_memory=-1),
        machine_with_card(1_000_000_000).accelerators,
    )
    assert told.devices[1].weights_bytes - everything.devices[1].weights_bytes == (
        on_card * 4 * 3 * 256 * 512 * 4
    )


def test_two_cards_are_equally_full_where_experts_of_the_first_layers_stay_in_memory(
    database: Path, models: Path, use_cards: Callable[..., None]
) -> None:
    """Of 32 layers with 6.3 MB of experts each, and 0.8 of all else, those of 12 are on two cards."""
    rooms = (90_000_000, 90_000_000)
    use_cards(*rooms)
    path = write_tiny_model(models / "many-layers-of-experts.gguf", layers=32, experts=4, context=4096)
    keeper = Keeper(database, lambda: machine_with_card(*rooms))
    asked = LoadSettings(context_length=256, threads=1, expert_layers_in_memory=20)
    plan = plan_recommended(keeper, "any", [Load(read_facts(path), asked, is_placed=True)])
    settings = plan.loads[0].settings
    assert settings.expert_layers_in_memory == 20
    load, model = load_recommended(keeper, plan.loads[0], CancelToken(), lambda fraction: None)
    with model:
        buffers = model.description.buffers
    assert load.settings == settings
    devices = buffers.layer_devices
    assert [float(devices.count(name)) for name in settings.devices] == list(settings.split)
    weights = {each.buffer: each.size_bytes or 0 for each in buffers.weights}
    assert abs(weights["CUDA0"] - weights["CUDA1"]) < 2 * 4 * 3 * 256 * 512 * 4


def test_card_with_less_room_than_it_said_gets_fewer_layers(
    keeper: Keeper, deep: Path, monkeypatch: pytest.MonkeyPatch, use_card: Callable[[int], None]
) -> None:
    use_card(ROOM_BYTES - 2 * LAYER_BYTES)
    monkeypatch.setattr("app.recommend.loading.MARGIN_BYTES", 3 * LAYER_BYTES)
    plan = plan_recommended(keeper, "any", [Load(read_facts(deep), LoadSettings(threads=1))])
    load, model = load_recommended(keeper, plan.loads[0], CancelToken(), lambda fraction: None)
    with model:
        devices = model.description.buffers.layer_devices
    fewer = plan.loads[0].settings.gpu_layers - 3
    assert load.settings.gpu_layers == fewer > 1
    assert devices == ("CPU",) * (LAYERS + 1 - fewer) + ("CUDA0",) * fewer


def test_card_that_has_no_room_at_all_leaves_the_model_to_the_processor(
    chat: ChatEngine,
    here: Machine,
    store: ConversationStore,
    deep: Path,
    expected: str,
    use_card: Callable[[int], None],
) -> None:
    use_card(LAYER_BYTES)
    message = answer(chat, new_conversation(store, deep, "hello world"))
    assert message is not None
    assert message.text == expected
    assert chat.spread == Spread(LAYERS + 1, 0, ())
    held = chat.held(here.accelerators)
    assert held is not None
    assert held.accelerator_bytes == (0,)


def test_card_is_left_alone_where_only_the_processor_is_to_be_used(
    deep: Path, use_card: Callable[[int], None]
) -> None:
    use_card(ROOM_BYTES)
    with LoadedModel.load(deep, LoadSettings(threads=1, gpu_layers=5, processor_only=True)) as model:
        buffers = model.description.buffers
    assert set(buffers.layer_devices) == {"CPU"}
    assert [each.buffer for each in (*buffers.weights, *buffers.kv_cache, *buffers.compute)] == [
        "CPU_Mapped",
        "CPU",
        "CPU",
    ]


def test_card_that_is_too_small_for_what_was_asked_is_a_fault_with_a_sentence(
    deep: Path, use_card: Callable[[int], None]
) -> None:
    use_card(LAYER_BYTES)
    with pytest.raises(TooLittleMemory, match="could not get the memory for this model"):
        LoadedModel.load(deep, LoadSettings(threads=1))
    # The weights have room and half a megabyte, the working space has not.
    use_card(LAYERS * LAYER_BYTES + 1_000_000)
    with pytest.raises(TooLittleMemory, match="could not get the memory for a context of 4096 tokens"):
        LoadedModel.load(deep, LoadSettings(threads=1))


def test_driver_that_ends_the_process_for_want_of_memory_is_understood(
    deep: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "ggml_cuda_compute_forward: MUL_MAT failed\nCUDA error: out of memory\n"
    dying = f"import os, sys; sys.stdin.buffer.read(1); os.write(2, {words.encode()!r}); os.abort()"
    monkeypatch.setattr("app.runtime.client.worker_command", lambda: [sys.executable, "-c", dying])
    with pytest.raises(TooLittleMemory, match="too little memory to run deep") as caught:
        LoadedModel.load(deep, LoadSettings(threads=1))
    assert caught.value.log[-1] == "CUDA error: out of memory"


def test_compared_models_are_each_placed_as_they_would_be_alone_and_take_turns(
    keeper: Keeper, deep: Path, chat: ChatEngine, tmp_path: Path, use_card: Callable[[int], None]
) -> None:
    use_card(ROOM_BYTES)
    again = tmp_path / "again.gguf"
    again.hardlink_to(deep)
    plans = []

    def listen(event: object) -> None:
        if isinstance(event, Emitted) and isinstance(event.value, MemoryPlanned):
            plans.append(event.value.plan)

    sampling = Sampling(temperature=0, max_tokens=8)
    with Comparison([deep, again], sampling, keeper) as comparison:
        first, second = comparison.ask("hello world", JobControl(CancelToken(), listen))
    assert first.text == second.text != ""
    (plan,) = plans
    assert plan.way is Way.IN_TURNS
    alone = (
        plan_recommended(keeper, "any", [Load(read_facts(deep), LoadSettings())]).loads[0].settings.gpu_layers
    )
    assert [load.settings.gpu_layers for load in plan.loads] == [alone, alone]
    assert 1 < alone < LAYERS + 1


def test_command_line_loads_as_chat_does(
    here: Machine,
    deep: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    use_card: Callable[[int], None],
) -> None:
    use_card(ROOM_BYTES)
    monkeypatch.setattr("app.memory.keeper.ThisMachine.read", lambda this: here)
    options = ("--temperature", "0", "--max-tokens", "40", "--json")
    assert run_command_line(["chat", str(deep), "-p", "hello world", *options]) == 0
    assert '"tokens": 40' in capsys.readouterr().out
    with sqlite3.connect(home / "nibble.db") as connection:
        (layers,) = connection.execute("SELECT gpu_layers FROM runs").fetchone()
    assert 1 < layers <= ROOM_BYTES // LAYER_BYTES
