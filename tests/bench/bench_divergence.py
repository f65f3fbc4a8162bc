"""Divergence against llama-perplexity, and what it costs. By hand: `python -m tests.bench.bench_divergence`.

    python -m tests.bench.bench_divergence [--tools FOLDER] [--threads N] [--runs N] [--models FOLDER] [--small]

Figures: the guide's quantizations on text of its corpus, beside those of llama-perplexity's `--kl-divergence`, which
has to be built like the tools of `bench_runtime`. Cost: an answer of 500 tokens by a model of the shape of Llama 3.2
1B (`--small`: 100 M weights), with a vocabulary of 128 thousand, and its Q4_K_M, beside what both take to evaluate
these tokens: with logits for each, without which there is no divergence, and as a prompt, of which only the last has
any.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

import resources
from app.compare.divergence import DivergenceFigures, divergence_figures
from app.core.jobs import Job
from app.guide import make_guide
from app.runtime import LoadedModel, LoadSettings
from app.runtime.protocol import TokenDivergence
from app.storage import DataFolder
from tests.bench.bench_runtime import REFERENCE
from tests.bench.runtime.models import billion_model, wide_model
from tests.bench.runtime.table import HEADER, Row, in_turns
from tests.bench.runtime.tools import environment, resident_bytes

CHUNK = 256
"""Tokens that llama-perplexity takes at once; it tells of the second half."""
CHUNKS = 6
ANSWER = 500
PROMPT = 100
WITHIN = 0.01
MOST_TIME = 1.3
MOST_BYTES = 200_000_000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tools", type=Path, default=REFERENCE)
    parser.add_argument("--threads", type=int, default=psutil.cpu_count(logical=False) or 1)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--small", action="store_true", help="a body that weighs less than its vocabulary")
    options = parser.parse_args()
    print(HEADER)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        models = options.models or scratch
        for row in figure_rows(options.tools / "llama-perplexity", options.threads, scratch):
            print(row, flush=True)
        make = wide_model if options.small else billion_model
        paths = [make(models, quantization) for quantization in ("Q8_0", "Q4_K_M")]
        for row in cost_rows(paths, options.threads, options.runs, scratch):
            print(row, flush=True)


def figure_rows(tool: Path, threads: int, scratch: Path) -> Iterator[Row]:
    data = DataFolder(scratch / "guide").create()
    names = ("Q8_0", "Q4_K_M", "Q2_K")
    paths = Job("make the guide", lambda control: make_guide(data, names, control)).start().result()
    text = scratch / "text.txt"
    corpus = resources.guide_checkpoint().parent / "corpus"
    text.write_text((corpus / "quantization.toml").read_text("utf-8")[:12_000], "utf-8")
    reference = paths[0]
    base = scratch / "base.kld"
    command = [str(tool), "-t", str(threads), "-c", str(CHUNK), "-b", str(CHUNK), "-ub", str(CHUNK)]
    command += ["--chunks", str(CHUNKS), "--kl-divergence-base", str(base)]
    _run([*command, "-m", str(reference), "-f", str(text)])
    for name, path in zip(names, paths, strict=True):
        told = _run([*command, "-m", str(path), "--kl-divergence"])
        ours = divergence_figures(_diverge(reference, path, text.read_text("utf-8"), threads, scratch))
        yield from _compared(f"guide, {name} beside Q8_0", told, ours, is_same=name == "Q8_0")


def _compared(what: str, told: str, ours: DivergenceFigures, *, is_same: bool) -> Iterator[Row]:
    for figure, pattern, found in (
        ("mean KL divergence", r"Mean +KLD: +(-?[\d.]+)", ours.mean_kl),
        ("median KL divergence", r"Median +KLD: +(-?[\d.]+)", ours.median_kl),
        ("90 % KL divergence", r"90\.0% +KLD: +(-?[\d.]+)", ours.kl_90),
        ("99 % KL divergence", r"99\.0% +KLD: +(-?[\d.]+)", ours.kl_99),
        ("maximum KL divergence", r"Maximum KLD: +(-?[\d.]+)", ours.maximum_kl),
        ("same top token", r"Same top p: +([\d.]+)", 100 * ours.same_top_rate),
        ("perplexity", r"Mean PPL\(Q\) +: +([\d.]+)", ours.other_perplexity),
    ):
        match = re.search(pattern, told)
        assert match is not None, f"llama-perplexity does not tell the {figure}"
        theirs = float(match[1])
        if is_same and "KL" in figure:
            yield Row(f"{what}: {figure}", f"{found:.6f}", "0", found == 0, f"llama-perplexity: {theirs:.6f}")
            continue
        off = abs(found / theirs - 1)
        yield Row(
            f"{what}: {figure}",
            f"{100 * off:.2f} % off",
            f"within {100 * WITHIN:.0f} %",
            off <= WITHIN,
            f"{found:.6f}, llama-perplexity: {theirs:.6f}",
        )


def _diverge(
    reference: Path, other: Path, text: str, threads: int, scratch: Path
) -> Sequence[TokenDivergence]:
    """In the pieces that llama-perplexity makes of the text, each beginning with the start token."""
    whole = LoadSettings(context_length=16_384, threads=threads)
    with LoadedModel.load(reference, whole) as first, LoadedModel.load(other, whole) as second:
        tokens = first.score(text, parse_special=True).tokens
        found: list[TokenDivergence] = []
        for start in range(0, CHUNKS * CHUNK, CHUNK):
            chunk = (tokens[0], *tokens[start + 1 : start + CHUNK])
            file = scratch / "logits"
            vocabulary = first.write_logits(chunk, CHUNK // 2 + 1, file)
            found += second.diverge(chunk, CHUNK // 2 + 1, file, vocabulary, top=1)
    return found


def cost_rows(paths: Sequence[Path], threads: int, runs: int, scratch: Path) -> Iterator[Row]:
    settings = LoadSettings(context_length=1024, threads=threads)
    tokens = [1 + index * 7919 % 100_000 for index in range(PROMPT + ANSWER)]
    with LoadedModel.load(paths[0], settings) as first, LoadedModel.load(paths[1], settings) as second:
        models = (first, second)

        def ours() -> float:
            start = time.perf_counter()
            vocabulary = first.write_logits(tokens, PROMPT, scratch / "logits")
            second.diverge(tokens, PROMPT, scratch / "logits", vocabulary)
            return time.perf_counter() - start

        def with_logits() -> float:
            start = time.perf_counter()
            for model in models:
                model.write_logits(tokens, PROMPT, Path(os.devnull))
            return time.perf_counter() - start

        def as_prompt() -> float:
            times = [
                model.bench(prompt_tokens=len(tokens), generated_tokens=0, repetitions=1) for model in models
            ]
            return sum(each.prompt_s[0] for each in times)

        ours(), as_prompt()
        with _peak([model.worker_pid for model in models]) as more:
            ours()
        beside = {
            "evaluating them in both with all logits": in_turns(runs, ours, with_logits),
            "evaluating them in both as a prompt": in_turns(runs, ours, as_prompt),
        }
    for what, pairs in beside.items():
        seconds = [statistics.median(each) for each in (pairs.ours, pairs.theirs)]
        yield Row(
            f"divergence of {ANSWER} tokens, vocabulary of 128 k, over {what}",
            f"{pairs.ratio:.2f}",
            f"{MOST_TIME} at most",
            pairs.ratio <= MOST_TIME,
            f"{seconds[0]:.2f} s to {seconds[1]:.2f} s; middle half {pairs.spread()}",
        )
    yield Row(
        "memory beside that of both workers before",
        f"{more() / 1e6:.1f} MB",
        f"{MOST_BYTES / 1e6:.0f} MB at most",
        more() <= MOST_BYTES,
        "resident, most of both at one time",
    )


@contextmanager
def _peak(pids: Sequence[int]) -> Iterator[Callable[[], int]]:
    """Watches what these processes have in memory together; the result is how much more it was than at first."""

    def together() -> int:
        return sum(resident_bytes(pid) for pid in pids)

    before = most = together()
    ended = threading.Event()

    def watch() -> None:
        nonlocal most
        while not ended.wait(0.005):
            most = max(most, together())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield lambda: most - before
    finally:
        ended.set()
        watcher.join()


def _run(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, check=True, text=True, env=environment()).stdout


if __name__ == "__main__":
    main()
