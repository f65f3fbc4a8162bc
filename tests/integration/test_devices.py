"""Which devices a model is given, and in what parts. The cards are stand-ins (`card_worker`)."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from app.gguf import read_facts
from app.hardware import Accelerator
from app.memory import estimate
from app.runtime import LoadedModel, LoadSettings
from tests.helpers.answers import ask, greedy
from tests.helpers.card_worker import machine_with_card, worker_with_card
from tests.helpers.tiny_gguf import CHATML, write_tiny_model

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the stand-in for a card knows ggml as it is built for Linux"
)

LAYERS = 8
ROOMS = (60_000_000, 60_000_000)


@pytest.fixture(scope="module")
def deep(models: Path) -> Path:
    return write_tiny_model(
        models / "eight.gguf", layers=LAYERS, chat_template=CHATML, never_ends=True, scale=2.0
    )


@pytest.fixture(scope="module")
def expected(deep: Path) -> str:
    """What it answers without a card."""
    with LoadedModel.load(deep, LoadSettings(context_length=512, threads=1)) as model:
        return ask(model, "hello world", greedy(16)).text


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.runtime.client.worker_command", lambda: worker_with_card(*ROOMS))


def called(number: int, accelerator: Accelerator) -> Accelerator:
    return replace(accelerator, name=f"CUDA{number}")


@pytest.mark.parametrize(
    ("devices", "split", "layers"),
    [
        ((), (), None),
        (("CUDA1",), (), {"CUDA1": 9}),
        (("CUDA0", "CUDA1"), (2.0, 1.0), {"CUDA0": 6, "CUDA1": 3}),
        (("CUDA1", "CUDA0"), (2.0, 1.0), {"CUDA1": 6, "CUDA0": 3}),
        (("CUDA0", "CUDA1"), (0.0, 1.0), {"CUDA1": 9}),
    ],
    ids=str,
)
def test_layers_go_to_the_devices_that_were_chosen_in_the_parts_that_were(
    cards: None,
    deep: Path,
    expected: str,
    devices: tuple[str, ...],
    split: tuple[float, ...],
    layers: dict[str, int] | None,
) -> None:
    settings = LoadSettings(context_length=512, threads=1, devices=devices, split=split)
    with LoadedModel.load(deep, settings) as model:
        answer = ask(model, "hello world", greedy(16)).text
        buffers = model.description.buffers
    used = buffers.layer_devices
    assert answer == expected
    found = {device: used.count(device) for device in set(used)}
    assert found == layers if layers else set(found) == {"CUDA0", "CUDA1"}
    # The formula puts the same on each of them.
    accelerators = machine_with_card(*ROOMS).accelerators
    named = [called(number, each) for number, each in enumerate(accelerators)]
    told = {device.name: device for device in estimate(read_facts(deep), settings, named).devices}
    for name in set(used):
        weights = sum(each.size_bytes or 0 for each in buffers.weights if each.buffer == name)
        cache = sum(each.size_bytes or 0 for each in buffers.kv_cache if each.buffer == name)
        assert told[name].weights_bytes == pytest.approx(weights, abs=20_000)
        assert told[name].kv_bytes == pytest.approx(cache, abs=5243)
    assert set(told) - set(used) <= {"CPU", "CUDA0"}


def test_formula_knows_a_split_where_the_cards_are_and_where_they_are_not(deep: Path) -> None:
    settings = LoadSettings(context_length=512, devices=("CUDA0", "CUDA1"), split=(2.0, 1.0))
    alone = estimate(read_facts(deep), LoadSettings(context_length=512))
    assert estimate(read_facts(deep), settings) == alone
    one = machine_with_card(ROOMS[0]).accelerators
    assert estimate(read_facts(deep), settings, one).gpu_layers == LAYERS + 1
