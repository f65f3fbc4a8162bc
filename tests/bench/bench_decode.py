"""Decode speed: Nibble's worker against llama-bench on the same file with the same threads.

    python -m tests.bench.bench_decode [--model FILE] [--threads N] [--runs N] [--tokens N]

Without a file a model of 300 M parameters with random weights is made and quantized (Q4_K_M); what
a weight's value is does not change how long it takes to read it. llama-bench has to be built from
the source archive of the same llama-cpp-python version; its path is --llama-bench, by default
~/.cache/nibble-reference/bin/llama-bench.

Both are run in turns, since the machine may be noisy. llama-bench times decoding alone; the
worker's figure is what a person gets, with sampling, text and messages. llama-bench starts as deep
in the context as the worker's prompt is long (`-d`). Goal: a ratio of 0.97.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
from pathlib import Path

import psutil

from app.convert import quantize
from app.core.jobs import Job
from app.runtime import (
    ChatMessage,
    Generation,
    GenerationStatistics,
    LoadedModel,
    LoadSettings,
    Sampling,
)
from tests.helpers.tiny_gguf import write_random_model

REFERENCE = Path.home() / ".cache" / "nibble-reference" / "bin" / "llama-bench"
GREEDY = Sampling(temperature=0.0)
USUAL = Sampling(seed=1)


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        model = options.model or _random_model(Path(folder), options.quantization)
        ours: dict[str, list[float]] = {"greedy": [], "usual sampling": []}
        theirs: list[float] = []
        for run in range(options.runs):
            greedy = _worker(model, options.threads, options.tokens, GREEDY)
            ours["greedy"].append(greedy.tokens_per_s)
            theirs.append(_llama_bench(options, model, depth=greedy.prompt_tokens))
            ours["usual sampling"].append(_worker(model, options.threads, options.tokens, USUAL).tokens_per_s)
            print(f"run {run + 1}: llama-bench {theirs[-1]:.2f}, worker {ours['greedy'][-1]:.2f} tokens/s")
        _print_table(ours, theirs)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path)
    parser.add_argument("--quantization", default="Q4_K_M")
    parser.add_argument("--threads", type=int, default=psutil.cpu_count(logical=False) or 1)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--llama-bench", type=Path, default=REFERENCE)
    return parser.parse_args()


def _random_model(folder: Path, quantization: str) -> Path:
    source = folder / "random-f16.gguf"
    write_random_model(source)
    return Job("quantize", lambda control: quantize(source, quantization, folder, control)).start().result()


def _llama_bench(options: argparse.Namespace, model: Path, depth: int) -> float:
    command = [options.llama_bench, "-m", model, "-p", "0", "-n", str(options.tokens), "-d", str(depth)]
    command += ["-t", str(options.threads), "-r", "1", "-o", "json"]
    output = subprocess.run(command, capture_output=True, check=True).stdout
    return float(json.loads(output)[0]["avg_ts"])


def _worker(model: Path, threads: int, tokens: int, sampling: Sampling) -> GenerationStatistics:
    with LoadedModel.load(model, LoadSettings(context_length=256, threads=threads)) as loaded:
        limited = Sampling(temperature=sampling.temperature, seed=sampling.seed, max_tokens=tokens)
        for event in loaded.generate([ChatMessage("user", "Go on.")], limited):
            if isinstance(event, Generation):
                if event.statistics.tokens < tokens:
                    print(f"the answer ended after {event.statistics.tokens} tokens")
                return event.statistics
    raise AssertionError("generate() ends with a Generation")


def _print_table(ours: dict[str, list[float]], theirs: list[float]) -> None:
    print(f"\nllama-bench, median of {len(theirs)}: {statistics.median(theirs):.2f} tokens/s")
    for name, figures in ours.items():
        ratios = [ours_once / theirs_once for ours_once, theirs_once in zip(figures, theirs, strict=True)]
        print(
            f"worker, {name}: {statistics.median(figures):.2f} tokens/s, "
            f"ratio {statistics.median(ratios):.3f} (from {min(ratios):.3f} to {max(ratios):.3f}; goal 0.97)"
        )


if __name__ == "__main__":
    main()
