"""What it takes to convert a checkpoint, beside llama.cpp's converter. By hand: `python -m tests.bench.bench_convert`.

    python -m tests.bench.bench_convert --converter PATH/convert_hf_to_gguf.py --converter-python PYTHON

The same random checkpoint of a Llama by `nibble convert` and by convert_hf_to_gguf.py (PYTHON has torch, transformers
and sentencepiece) in turns, each a whole command, files in the page cache; medians. Goals: 3 times as fast, in 300 MB
and twice the largest tensor at most. Memory is the peak of the process's resident set, files it has mapped among it,
and of its anonymous part. Without a converter only Nibble's own figures. `--repack`: AWQ and GPTQ on one core; goal:
300 MB of the checkpoint a second.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.convert import convert_checkpoint
from app.core.jobs import CancelToken, JobControl
from tests.helpers.command_line import COMMAND
from tests.helpers.tiny_checkpoint import TinyLlama, as_stored, write_json
from tests.helpers.trained_sentencepiece import train_sentencepiece

PAIRS = (("BF16", "BF16"), ("BF16", "F16"), ("F32", "F16"))
_LOOK_S = 0.005
_NUMBERS = 1 << 22
BYTES = {"BF16": 2, "F16": 2, "F32": 4}


@dataclass(frozen=True)
class Cost:
    wall_s: float
    cpu_s: float
    peak_bytes: int
    peak_anonymous_bytes: int


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--folder", type=Path, help="on the disk to write to; else the system's temporary one"
    )
    parser.add_argument("--converter", type=Path)
    parser.add_argument("--converter-python", type=Path)
    parser.add_argument("--repack", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as scratch:
        if options.repack:
            repack(Path(scratch), options.megabytes, options.rounds)
            return
        commands = {"nibble": [*COMMAND, "convert"]}
        if options.converter:
            commands["llama.cpp"] = [str(options.converter_python), str(options.converter)]
        for dtype, wanted in PAIRS:
            folder = write_large(Path(scratch) / f"Large-{dtype}", options.megabytes, dtype)
            compare(commands, folder, dtype, wanted, options.rounds)


def compare(commands: dict[str, list[str]], folder: Path, dtype: str, wanted: str, rounds: int) -> None:
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            costs[name].append(run(name, command, folder, wanted))
    largest = LLAMA.vocabulary * LLAMA.hidden * BYTES[dtype]
    for name, of_rounds in costs.items():
        print(
            f"{dtype:4} -> {wanted:4}  {name:9}  wall {median(of_rounds, 'wall_s'):6.2f} s"
            f"  processor {median(of_rounds, 'cpu_s'):6.2f} s"
            f"  peak {median(of_rounds, 'peak_bytes') / 1e6:5.0f} MB"
            f"  (anonymous {median(of_rounds, 'peak_anonymous_bytes') / 1e6:5.0f} MB;"
            f" goal {300 + 2 * largest / 1e6:.0f} MB)",
            flush=True,
        )
    if len(costs) > 1:
        ours, theirs = (median(of_rounds, "wall_s") for of_rounds in costs.values())
        print(f"{dtype:4} -> {wanted:4}  {theirs / ours:.2f} times as fast", flush=True)


def median(costs: list[Cost], kind: str) -> float:
    return statistics.median(getattr(cost, kind) for cost in costs)


def run(name: str, command: list[str], folder: Path, wanted: str) -> Cost:
    out = folder.parent / "out"
    out.mkdir()
    made = out / f"{folder.name}-{wanted}.gguf"
    arguments = (
        ["--to", wanted, "--out", str(out)]
        if name == "nibble"
        else ["--outtype", wanted.lower(), "--outfile", str(made)]
    )
    os.sync()
    begun = time.perf_counter()
    # As on a person's computer, where Python keeps what it has compiled.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    with subprocess.Popen(
        [*command, str(folder), *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        said: list[str] = []
        assert process.stdout is not None
        reading = threading.Thread(target=said.extend, args=(process.stdout,))
        reading.start()
        peak = anonymous = 0
        while True:
            peak, anonymous = _larger_of(process.pid, peak, anonymous)
            found, status, usage = os.wait4(process.pid, os.WNOHANG)
            if found:
                break
            time.sleep(_LOOK_S)
        wall_s = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        reading.join()
    if process.returncode or not made.exists():
        raise SystemExit("".join(said[-20:]))
    made.unlink()
    out.rmdir()
    return Cost(wall_s, usage.ru_utime + usage.ru_stime, peak, anonymous)


def _larger_of(pid: int, peak: int, anonymous: int) -> tuple[int, int]:
    """VmHWM is the kernel's own peak; of the anonymous part there is none, so that it is looked at every few ms."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return peak, anonymous
    status = dict(line.split(":", 1) for line in lines)
    kibibytes = {name: int(status[name].split()[0]) for name in ("VmHWM", "RssAnon") if name in status}
    return (
        max(peak, kibibytes.get("VmHWM", 0) * 1024),
        max(anonymous, kibibytes.get("RssAnon", 0) * 1024),
    )


LLAMA = TinyLlama(
    hidden=2048,
    layers=1,
    heads=32,
    kv_heads=8,
    head_length=64,
    feed_forward=8192,
    context=4096,
    vocabulary=32_000,
)


def write_large(folder: Path, megabytes: int, dtype: str) -> Path:
    """A checkpoint of some `megabytes` in one file; made once."""
    if folder.exists():
        return folder
    of_layers = {layers: _size(layers) * BYTES[dtype] for layers in (1, 2)}
    of_each = of_layers[2] - of_layers[1]
    layers = max(1, 1 + (megabytes * 1_000_000 - of_layers[1]) // of_each)
    llama = TinyLlama(**{**vars(LLAMA), "layers": layers, "dtype": dtype})
    folder.mkdir()
    write_json(folder / "config.json", llama.config())
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "LlamaTokenizer", "eos_token": None})
    (folder / "tokenizer.model").write_bytes(train_sentencepiece())
    header, position = {}, 0
    for name, shape in llama.shapes().items():
        size = int(np.prod(shape)) * BYTES[dtype]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [position, position + size]}
        position += size
    numbers = np.random.default_rng(0).standard_normal(_NUMBERS, np.float32) * np.float32(0.02)
    some = as_stored(numbers, dtype).tobytes()
    with (folder / "model.safetensors").open("wb") as file:
        text = json.dumps(header).encode()
        file.write(len(text).to_bytes(8, "little") + text)
        for written in range(0, position, len(some)):
            file.write(some[: position - written])
    return folder


def _size(layers: int) -> int:
    shapes = TinyLlama(**{**vars(LLAMA), "layers": layers}).shapes()
    return sum(int(np.prod(shape)) for shape in shapes.values())


def repack(scratch: Path, megabytes: int, rounds: int) -> None:
    """Pinned to one processor, so that its threads share one core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    for method, wanted in (("awq", "Q4_1"), ("gptq", "Q4_0")):
        folder = write_quantized(scratch / method, megabytes, method)
        size = (folder / "model.safetensors").stat().st_size
        walls, processors = [], []
        for _ in range(rounds):
            wall, processor = time.perf_counter(), time.process_time()
            convert_checkpoint(
                folder, scratch / "made.gguf", JobControl(CancelToken(), lambda event: None), wanted
            )
            walls.append(time.perf_counter() - wall)
            processors.append(time.process_time() - processor)
        print(
            f"{method} -> {wanted}: {size / 1e6 / statistics.median(walls):.0f} MB/s,"
            f" {size / 1e6 / statistics.median(processors):.0f} MB per second of the processor",
            flush=True,
        )


def write_quantized(folder: Path, megabytes: int, method: str) -> Path:
    """Random words of 4-bit integers with groups of 128; embedding and output in F16."""
    group = 128
    llama = TinyLlama(**{**vars(LLAMA), "dtype": "F16", "vocabulary": 1000, "layers": megabytes // 31 + 1})
    folder.mkdir()
    quantization = {"quant_method": method, "bits": 4, "group_size": group, "version": "gemm"}
    write_json(folder / "config.json", {**llama.config(), "quantization_config": quantization})
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "LlamaTokenizer"})
    (folder / "tokenizer.model").write_bytes(train_sentencepiece())
    random = np.random.default_rng(0)
    parts: dict[str, tuple[str, tuple[int, ...], bytes]] = {}
    for name, shape in llama.shapes().items():
        if "_proj" not in name:
            half = (random.standard_normal(shape, np.float32) * np.float32(0.02)).astype("<f2")
            parts[name] = ("F16", shape, half.tobytes())
            continue
        rows, columns = shape
        prefix = name.removesuffix("weight")
        groups = columns // group
        zeros = random.bytes(groups * rows // 2) if method == "awq" else b"\x77" * (groups * rows // 2)
        words = (columns, rows // 8) if method == "awq" else (columns // 8, rows)
        scales = random.uniform(0.001, 0.01, (groups, rows)).astype("<f2")
        parts[f"{prefix}qweight"] = ("I32", words, random.bytes(rows * columns // 2))
        parts[f"{prefix}qzeros"] = ("I32", (groups, rows // 8), zeros)
        parts[f"{prefix}scales"] = ("F16", (groups, rows), scales.tobytes())
    header, position = {}, 0
    for name, (dtype, shape, content) in parts.items():
        end = position + len(content)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [position, end]}
        position = end
    text = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.writelines(content for _, _, content in parts.values())
    return folder


if __name__ == "__main__":
    sys.exit(main())
