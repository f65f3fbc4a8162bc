"""Layers on devices that are not the processor, for real: RPC servers on this computer, and Vulkan's first device.

Needs packs (`tests.helpers.built_packs`). Mesa's lavapipe will do for Vulkan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import LoadFailed, WorkerAborted
from app.gguf import read_facts
from app.hardware import Accelerator, probe_usable
from app.memory import estimate
from app.memory.dry_run import dry_run
from app.memory.estimate import DeviceMemory
from app.memory.placement import used_together
from app.runtime import LoadedModel, LoadSettings
from app.storage import DataFolder, data_folder
from tests.helpers.answers import ask, greedy
from tests.helpers.built_packs import built_pack, held_by_device, rpc_server
from tests.helpers.command_line import nibble
from tests.helpers.tiny_gguf import CHATML, write_tiny_model

LAYERS = 12
TOKENS = 40
LOG_STEP = (1 << 20) // 100 + 1
"""llama.cpp's log has two decimals of a MiB."""

ACTIVATION_BYTES = 512 * 256 * 4
"""Of a batch of 512 tokens and 256 numbers in F32."""

KINDS = ("rpc", "rpc+rpc", "vulkan", "rpc+vulkan")


@pytest.fixture(scope="module")
def deep(models: Path) -> Path:
    return write_tiny_model(
        models / "offloaded.gguf",
        layers=LAYERS,
        chat_template=CHATML,
        context=4096,
        never_ends=True,
        scale=2.0,
    )


@pytest.fixture(scope="module")
def expected(deep: Path) -> str:
    """On the plain build."""
    with LoadedModel.load(deep, LoadSettings(context_length=512, threads=1)) as model:
        return ask(model, "hello world", greedy(TOKENS)).text


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], tuple[Accelerator, ...]]]:
    """Makes workers run on a pack with devices of these kinds, and tells what this computer then has."""
    with ExitStack() as servers:

        def use(kinds: str) -> tuple[Accelerator, ...]:
            pack = built_pack("vulkan" if "vulkan" in kinds else "rpc")
            addresses = [servers.enter_context(rpc_server()) for kind in kinds.split("+") if kind == "rpc"]
            monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(pack))
            monkeypatch.setenv("NIBBLE_RPC_SERVERS", ",".join(addresses))
            monkeypatch.setenv("GGML_VK_VISIBLE_DEVICES", "0")
            machine, runtime = probe_usable(data_folder().create().cache)
            assert runtime is not None, machine.notes
            return used_together(machine.accelerators)

        yield use


@pytest.mark.parametrize("kinds", KINDS)
@pytest.mark.parametrize("gpu_layers", [5, -1])
def test_tokens_are_the_plain_builds_wherever_layers_are(
    kinds: str, gpu_layers: int, deep: Path, expected: str, devices: Callable[[str], tuple[Accelerator, ...]]
) -> None:
    accelerators = devices(kinds)
    assert [each.backend for each in accelerators] == [
        {"rpc": "RPC"}.get(kind, "Vulkan") for kind in kinds.split("+")
    ]
    names = [each.runtime_name for each in accelerators]
    settings = shared(accelerators, context_length=512, gpu_layers=gpu_layers)
    with LoadedModel.load(deep, settings) as model:
        placed = model.description.buffers.layer_devices
        assert ask(model, "hello world", greedy(TOKENS)).text == expected
    offloaded = LAYERS + 1 if gpu_layers < 0 else gpu_layers
    assert placed[: LAYERS + 1 - offloaded] == ("CPU",) * (LAYERS + 1 - offloaded)
    assert set(placed[LAYERS + 1 - offloaded :]) == set(names)


@pytest.mark.parametrize("kinds", KINDS)
@pytest.mark.parametrize(
    "changes",
    [{"gpu_layers": 5}, {"gpu_layers": -1}, {"gpu_layers": 7, "flash_attention": "off"}, {"gpu_layers": 0}],
    ids=str,
)
def test_memory_on_each_device_is_what_the_plan_says(
    kinds: str,
    changes: dict[str, Any],
    deep: Path,
    devices: Callable[[str], tuple[Accelerator, ...]],
    home: Path,
) -> None:
    accelerators = devices(kinds)
    settings = shared(accelerators, context_length=1024, load_mode="none", **changes)
    with LoadedModel.load(deep, settings) as model:
        held = held_by_device(model.description.buffers, accelerators)
    planned = estimate(read_facts(deep), settings, accelerators)
    assert planned.basis == "formula"
    by_name = {each.name: each for each in planned.devices}  # those that have something
    for name, real in zip(("CPU", *(each.name for each in accelerators)), held, strict=True):
        plan = by_name.get(name, DeviceMemory(name, 0, 0, 0))
        # Each number is a sum of at most two that the log has rounded.
        assert real.weights_bytes == pytest.approx(plan.weights_bytes, abs=2 * LOG_STEP)
        assert real.kv_bytes == pytest.approx(plan.kv_bytes, abs=2 * LOG_STEP)
        # Vulkan computes in an order of its own (`ggml_vk_graph_optimize`), in which an activation less may be kept.
        spared = ACTIVATION_BYTES if "vulkan" in kinds and name != "CPU" else 0
        assert -spared - 2 * LOG_STEP <= real.compute_bytes - plan.compute_bytes <= 2 * LOG_STEP, name


def shared(accelerators: tuple[Accelerator, ...], **changes: Any) -> LoadSettings:
    """Several devices in fixed parts: by free memory, they would depend on the moment."""
    if len(accelerators) > 1:
        changes |= {"devices": tuple(each.runtime_name for each in accelerators), "split": (2.0, 1.0)}
    return LoadSettings(threads=1, **changes)


@pytest.mark.parametrize("kinds", ["rpc", "vulkan"])
def test_dry_run_tells_the_working_space_of_each_device_as_the_load_has_it(
    kinds: str, deep: Path, devices: Callable[[str], tuple[Accelerator, ...]], home: Path
) -> None:
    accelerators = devices(kinds)
    settings = LoadSettings(context_length=1024, threads=1, gpu_layers=5, load_mode="none")
    told = dry_run(deep, settings, DataFolder(home).create())
    with LoadedModel.load(deep, settings) as model:
        real = model.description.buffers
    assert told.buffers.layer_devices == real.layer_devices
    exact, held = held_by_device(told.buffers, accelerators), held_by_device(real, accelerators)
    assert [each.compute_bytes for each in exact] == [each.compute_bytes for each in held]


def test_server_that_is_at_work_is_told_and_not_waited_for(
    deep: Path, expected: str, devices: Callable[[str], tuple[Accelerator, ...]]
) -> None:
    (accelerator,) = devices("rpc")
    settings = LoadSettings(context_length=512, threads=1, gpu_layers=-1)
    with LoadedModel.load(deep, settings) as model:
        document = nibble("doctor", "--json").document
        assert any("at work for another model" in note for note in document["notes"])
        assert not any(each["backend"] == "RPC" for each in document["accelerators"])
        # Who does not need the server goes on without.
        with LoadedModel.load(deep, LoadSettings(context_length=512, threads=1)) as other:
            assert ask(other, "hello world", greedy(TOKENS)).text == expected
        assert ask(model, "hello world", greedy(TOKENS)).text == expected
    with LoadedModel.load(deep, settings) as model:
        assert set(model.description.buffers.layer_devices) == {accelerator.runtime_name}


def test_server_that_goes_away_before_a_load_is_a_fault_with_a_sentence(
    deep: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.runtime import start_worker
    from app.runtime.protocol import Describe, Load

    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(built_pack("rpc")))
    with ExitStack() as servers:
        monkeypatch.setenv("NIBBLE_RPC_SERVERS", servers.enter_context(rpc_server()))
        with start_worker() as worker:
            worker.call_for(Describe())
            servers.close()
            with pytest.raises(LoadFailed, match="cannot be reached"):
                worker.call_for(Load(path=bytes(deep), settings=LoadSettings(context_length=512, threads=1)))
            alone = LoadSettings(context_length=512, threads=1, processor_only=True)
            assert worker.call_for(Load(path=bytes(deep), settings=alone))


def test_server_that_ends_while_a_model_is_on_it_is_a_fault_and_another_load_goes_on_without(
    deep: Path, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(built_pack("rpc")))
    with ExitStack() as servers:
        monkeypatch.setenv("NIBBLE_RPC_SERVERS", servers.enter_context(rpc_server()))
        with LoadedModel.load(deep, LoadSettings(context_length=512, threads=1, gpu_layers=-1)) as model:
            servers.close()
            with pytest.raises(WorkerAborted, match="connection to the other computer"):
                ask(model, "hello world", greedy(TOKENS))
    with LoadedModel.load(deep, LoadSettings(context_length=512, threads=1)) as model:
        assert ask(model, "hello world", greedy(TOKENS)).text == expected
