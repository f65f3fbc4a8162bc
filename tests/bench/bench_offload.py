"""Memory on each device of a model that is on several, planned and real. By hand:
`NIBBLE_TEST_PACKS=DIR python -m tests.bench.bench_offload [MODEL...]`.

Devices are RPC servers on this computer and Vulkan's first device. For each model, the built-in one unless named, each
kind of devices and share of layers: weights, KV cache and working space of each device in MiB, as the formula says, as
the dry run says (its working space alone is by device), and as llama.cpp's log says of the load. Goal: the last digit.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from app.core.jobs import CancelToken, JobControl
from app.gguf import ModelFacts, read_facts
from app.guide import make_guide
from app.hardware import Accelerator, probe_usable
from app.memory import estimate
from app.memory.dry_run import dry_run
from app.memory.estimate import DeviceMemory
from app.memory.placement import used_together
from app.runtime import LoadedModel, LoadSettings
from app.storage import DataFolder, data_folder
from tests.helpers.built_packs import built_pack, held_by_device, rpc_server

MIB = 1 << 20
KINDS = ("rpc", "rpc+rpc", "vulkan", "rpc+vulkan")
SHARES = (0.0, 0.5, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--context", type=int, default=2048)
    options = parser.parse_args()
    worst = 0.0
    with tempfile.TemporaryDirectory() as home:
        os.environ["NIBBLE_HOME"] = home
        models = options.models or make_guide(
            DataFolder(Path(home)).create(), ["Q8_0"], JobControl(CancelToken(), lambda event: None)
        )
        for path in models:
            print(f"{path.name}: formula / dry run / real, MiB")
            for kinds in KINDS:
                with using(kinds) as accelerators:
                    for share in SHARES:
                        worst = max(
                            worst,
                            compared(path, read_facts(path), kinds, accelerators, share, options.context),
                        )
    print(f"worst difference between formula and log: {worst:.3f} MiB (the log has two decimals)")


@contextmanager
def using(kinds: str) -> Iterator[tuple[Accelerator, ...]]:
    with ExitStack() as servers:
        addresses = [servers.enter_context(rpc_server()) for kind in kinds.split("+") if kind == "rpc"]
        os.environ["LLAMA_CPP_LIB_PATH"] = str(built_pack("vulkan" if "vulkan" in kinds else "rpc"))
        os.environ["NIBBLE_RPC_SERVERS"] = ",".join(addresses)
        os.environ["GGML_VK_VISIBLE_DEVICES"] = "0"
        machine, _ = probe_usable(data_folder().cache)
        yield used_together(machine.accelerators)


def compared(
    path: Path,
    facts: ModelFacts,
    kinds: str,
    accelerators: tuple[Accelerator, ...],
    share: float,
    context: int,
) -> float:
    """Prints a line for each device; gives the largest difference in MiB."""
    several = len(accelerators) > 1
    settings = LoadSettings(
        context_length=context,
        gpu_layers=round(share * ((facts.layers or 0) + 1)),
        load_mode="none",
        devices=tuple(each.runtime_name for each in accelerators) if several else (),
        split=(2.0, 1.0) if several else (),
    )
    with LoadedModel.load(path, settings) as model:
        real = held_by_device(model.description.buffers, accelerators)
    exact = held_by_device(dry_run(path, settings, data_folder()).buffers, accelerators)
    planned = {each.name: each for each in estimate(facts, settings, accelerators).devices}
    worst = 0.0
    names = {"CPU": "CPU", **{each.name: each.runtime_name for each in accelerators}}
    for name, asked, true in zip(names, exact, real, strict=True):
        ours = planned.get(name, DeviceMemory(name, 0, 0, 0))  # those without anything are left out
        parts = []
        for part in ("weights_bytes", "kv_bytes", "compute_bytes"):
            numbers = [getattr(each, part) / MIB for each in (ours, asked, true)]
            worst = max(worst, abs(numbers[0] - numbers[2]))
            parts.append(" /".join(f"{number:8.2f}" for number in numbers))
        print(f"  {kinds:10} {share:4.0%} {names[name]:8} {'  | '.join(parts)}", flush=True)
    return worst


if __name__ == "__main__":
    main()
