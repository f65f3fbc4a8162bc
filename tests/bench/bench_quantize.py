"""Quantizing: beside llama-quantize, and a ladder beside separate runs. By hand:
`python -m tests.bench.bench_quantize [--parameters 500] [--rounds 3] [--threads 2] [--llama-quantize PATH] [--ladder]`.

A random Llama checkpoint of so many million parameters is made in a temporary folder. Everything runs as a command, in
turns, and medians are told: seconds of the clock, seconds of processors, and the largest memory of all its processes
(USS: what they do not share with others). Where other programs keep the processors busy, only the second means much.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.helpers.random_checkpoint import write_random_checkpoint

LADDER = ("Q8_0", "Q5_K_M", "Q4_K_M", "Q3_K_M")
SAMPLE_S = 0.05
HIDDEN, FEED_FORWARD, HEADS, KV_HEADS, VOCABULARY = 1024, 2816, 16, 4, 32_000


@dataclass(frozen=True)
class Run:
    wall_s: float
    cpu_s: float
    peak_bytes: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parameters", type=int, default=500, help="in millions")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--llama-quantize", type=Path)
    parser.add_argument("--types", default="Q8_0,Q4_K_M")
    parser.add_argument("--ladder", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checkpoint = write_checkpoint(folder / "Random", options.parameters * 1_000_000)
        if options.llama_quantize:
            source = folder / "Random-BF16.gguf"
            subprocess.run(convert(checkpoint, "BF16", folder), check=True, stdout=subprocess.DEVNULL)
            for kind in options.types.split(","):
                beside_llama_quantize(source, kind, options, folder)
        if options.ladder:
            ladder(checkpoint, options.rounds, folder)


def write_checkpoint(folder: Path, parameters: int) -> Path:
    keys = HIDDEN * KV_HEADS // HEADS
    layer = {
        "input_layernorm": (HIDDEN,),
        "self_attn.q_proj": (HIDDEN, HIDDEN),
        "self_attn.k_proj": (keys, HIDDEN),
        "self_attn.v_proj": (keys, HIDDEN),
        "self_attn.o_proj": (HIDDEN, HIDDEN),
        "post_attention_layernorm": (HIDDEN,),
        "mlp.gate_proj": (FEED_FORWARD, HIDDEN),
        "mlp.up_proj": (FEED_FORWARD, HIDDEN),
        "mlp.down_proj": (HIDDEN, FEED_FORWARD),
    }
    of_layer = HIDDEN * (2 * HIDDEN + 2 * keys + 3 * FEED_FORWARD + 2)
    layers = max(1, (parameters - 2 * HIDDEN * VOCABULARY) // of_layer)
    tensors: dict[str, tuple[int, ...]] = {"model.embed_tokens": (VOCABULARY, HIDDEN)}
    for number in range(layers):
        tensors |= {f"model.layers.{number}.{part}": shape for part, shape in layer.items()}
    tensors |= {"model.norm": (HIDDEN,), "lm_head": (VOCABULARY, HIDDEN)}
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": HIDDEN,
        "intermediate_size": FEED_FORWARD,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "num_hidden_layers": layers,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": 4096,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10_000.0,
        "torch_dtype": "bfloat16",
    }
    stored = {f"{name}.weight": ("BF16", shape) for name, shape in tensors.items()}
    return write_random_checkpoint(folder, config, stored)


def beside_llama_quantize(source: Path, kind: str, options: argparse.Namespace, folder: Path) -> None:
    ours, theirs = [], []
    for _ in range(options.rounds):
        with emptied(folder / "out") as out:
            ours.append(quantize(source, kind, options.threads, out))
        with emptied(folder / "out") as out:
            command = [options.llama_quantize, source, out / "theirs.gguf", kind, options.threads]
            theirs.append(measured([list(map(str, command))]))
    tell(f"{kind}: Nibble", ours)
    tell(f"{kind}: llama-quantize", theirs)
    print(
        f"{kind}: speed {ratio(theirs, ours, 'wall_s'):.3f} of llama-quantize by the clock, "
        f"{ratio(theirs, ours, 'cpu_s'):.3f} by processors (goal 0.98)\n",
        flush=True,
    )


def ladder(checkpoint: Path, rounds: int, folder: Path) -> None:
    """Also beside one run that writes a BF16 file first, as every separate run once did."""
    together, alone, through_file = [], [], []
    for _ in range(rounds):
        with emptied(folder / "out") as out:
            together.append(measured([convert(checkpoint, ",".join(LADDER), out)]))
        with emptied(folder / "out") as out:
            alone.append(measured([convert(checkpoint, kind, out) for kind in LADDER]))
        with emptied(folder / "out") as out:
            commands = []
            for kind in LADDER:
                commands += [
                    convert(checkpoint, "BF16", out),
                    convert(out / f"{checkpoint.name}-BF16.gguf", kind, out),
                ]
            through_file.append(measured(commands))
    tell(f"ladder of {len(LADDER)}", together)
    tell("separate runs", alone)
    tell("separate, each with a BF16 file", through_file)
    for label, others in (("separate runs", alone), ("those with a BF16 file", through_file)):
        print(
            f"ladder: {ratio(together, others, 'wall_s'):.3f} of {label} by the clock, "
            f"{ratio(together, others, 'cpu_s'):.3f} by processors (goal 0.7)",
            flush=True,
        )


def convert(source: Path, types: str, out: Path) -> list[str]:
    return [sys.executable, "-m", "app", "convert", str(source), "--to", types, "--out", str(out)]


QUANTIZE = """
import json, resource, sys, time
from pathlib import Path
from app.convert import quantize
from app.core.jobs import CancelToken, JobControl

def cpu_s():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)

source, kind, out, threads = sys.argv[1:]
before, start = cpu_s(), time.perf_counter()
quantize(Path(source), kind, Path(out), JobControl(CancelToken(), lambda event: None), int(threads))
print(json.dumps([time.perf_counter() - start, cpu_s() - before]))
"""
"""As in the window: Nibble is there, the worker is started for it."""


def quantize(source: Path, kind: str, threads: int, out: Path) -> Run:
    command = [sys.executable, "-c", QUANTIZE, str(source), kind, str(out), str(threads)]
    told, peak = watched(command)
    wall, cpu = json.loads(told)
    return Run(wall, cpu, peak)


class emptied:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Path:
        self._folder.mkdir()
        return self._folder

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder)


def measured(commands: Sequence[list[str]]) -> Run:
    """One after another."""
    before, start, peak = _cpu_s(), time.perf_counter(), 0
    for command in commands:
        peak = max(peak, watched(command)[1])
    return Run(time.perf_counter() - start, _cpu_s() - before, peak)


def watched(command: list[str]) -> tuple[str, int]:
    """What it printed, and the most memory it had."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    watch = _Watch(process.pid)
    told, log = process.communicate()
    peak = watch.end()
    if process.returncode:
        sys.exit(log[-2000:])
    return told, peak


class _Watch:
    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._peak = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def end(self) -> int:
        self._over.set()
        self._thread.join()
        return self._peak

    def _look(self) -> None:
        while not self._over.wait(SAMPLE_S):
            with suppress(psutil.Error):
                process = psutil.Process(self._pid)
                everyone = [process, *process.children(recursive=True)]
                self._peak = max(self._peak, sum(each.memory_full_info().uss for each in everyone))


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def tell(label: str, runs: Sequence[Run]) -> None:
    wall, cpu = (statistics.median(getattr(run, name) for run in runs) for name in ("wall_s", "cpu_s"))
    peak = statistics.median(run.peak_bytes for run in runs)
    print(f"{label:34} {wall:8.1f} s {cpu:8.1f} s of processors {peak / 1e6:8.0f} MB at most", flush=True)


def ratio(numerator: Sequence[Run], denominator: Sequence[Run], name: str) -> float:
    above, below = (
        statistics.median(getattr(run, name) for run in runs) for runs in (numerator, denominator)
    )
    return above / below


if __name__ == "__main__":
    main()
