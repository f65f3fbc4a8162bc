"""Importance matrices against llama-imatrix, and what they are worth. By hand: `python -m tests.bench.bench_imatrix`.

    python -m tests.bench.bench_imatrix [--tools FOLDER] [--threads N] [--runs N] [--model GGUF TEXT]...
        [--only speed|gain]

Speed: from the start of the process to the written file, in turns; on the guide with the mixed text, and on each
`--model` with its text. Equality: all counts, and the largest relative difference of a value. llama-imatrix also tells
the perplexity, which takes it time and nobody asked for; it has to be built like the tools of `bench_runtime`.

Gain: KL divergence from BF16 over text that the matrix was not taken over, of quantizations with and without one. Of
each text the first two thirds are calibrated on, the rest is what is measured.
"""

from __future__ import annotations

import argparse
import functools
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import psutil

import resources
from app.compare.divergence import divergence_figures
from app.convert import calibrate, quantize
from app.convert.calibrate import load_plainly
from app.core.jobs import CancelToken, JobControl
from app.gguf.importance import ImportanceMatrix, read_importance
from app.guide import make_guide
from app.runtime import LoadedModel, LoadSettings
from app.runtime.protocol import TokenDivergence
from app.storage import DataFolder
from tests.bench.bench_runtime import REFERENCE
from tests.bench.runtime.table import HEADER, Row, in_turns
from tests.bench.runtime.tools import environment

SPEED = 0.8
CLOSE = 1e-3
TYPES = ("Q4_K_S", "Q3_K_S", "Q2_K", "IQ2_M")
NEEDS_ONE = "IQ2_M"
CHUNK = 256
CHUNKS = 12


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tools", type=Path, default=REFERENCE)
    parser.add_argument("--threads", type=int, default=psutil.cpu_count(logical=False) or 1)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--model", nargs=2, action="append", default=[], metavar=("GGUF", "TEXT"))
    parser.add_argument("--only", choices=("speed", "gain"))
    options = parser.parse_args()
    print(HEADER)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        guide = make_guide(DataFolder(scratch / "data").create(), ["BF16"], control())[0]
        cases = [(Path(model), Path(text).read_text("utf-8")) for model, text in options.model]
        if options.only != "gain":
            for model, text in [(guide, resources.calibration_text()), *cases]:
                for row in speed_rows(
                    model, text, options.tools / "llama-imatrix", options.threads, options.runs, scratch
                ):
                    print(row, flush=True)
        if options.only != "speed":
            answers = "\n\n".join(resources.guide_answers())
            for model, text in [(guide, answers), *cases]:
                for row in gain_rows(model, text, options.threads, scratch):
                    print(row, flush=True)


def control() -> JobControl:
    return JobControl(CancelToken(), lambda event: None)


def speed_rows(model: Path, text: str, tool: Path, threads: int, runs: int, scratch: Path) -> Iterator[Row]:
    file = scratch / "text.txt"
    file.write_text(text, "utf-8")
    theirs, ours = scratch / "theirs.gguf", scratch / "ours.gguf"
    command = [str(tool), "-m", str(model), "-f", str(file), "-o", str(theirs), "-t", str(threads)]

    def llama_imatrix() -> float:
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env=environment())
        return time.perf_counter() - start

    def nibble() -> float:
        start = time.perf_counter()
        _calibrate(model, text.removesuffix("\n"), ours, threads)
        return time.perf_counter() - start

    # Seconds: how many times as fast is theirs to ours.
    pairs = in_turns(runs, llama_imatrix, nibble)
    low, high = min(pairs.ratios), max(pairs.ratios)
    matrix = read_importance(ours)
    yield Row(
        f"{model.stem}, {matrix.chunks} chunks: speed to llama-imatrix's",
        f"{pairs.ratio:.2f}",
        f"{SPEED} or better",
        pairs.ratio >= SPEED,
        f"{np.median(pairs.theirs):.1f} s, llama-imatrix {np.median(pairs.ours):.1f} s; {runs} turns, {low:.2f} to "
        f"{high:.2f}",
    )
    counts, worst = _compared(matrix, read_importance(theirs))
    yield Row(f"{model.stem}: counts", "equal" if counts else "different", "equal", counts)
    yield Row(f"{model.stem}: largest relative difference", f"{worst:.1e}", f"{CLOSE}", worst <= CLOSE)


def _compared(ours: ImportanceMatrix, theirs: ImportanceMatrix) -> tuple[bool, float]:
    assert set(ours.tensors) == set(theirs.tensors)
    pairs = [(ours.tensors[name], each) for name, each in theirs.tensors.items()]
    worst = max(float(np.max(np.abs(a.sums - b.sums) / np.maximum(np.abs(b.sums), 1e-30))) for a, b in pairs)
    return all(np.array_equal(a.counts, b.counts) for a, b in pairs), worst


def gain_rows(model: Path, text: str, threads: int, scratch: Path) -> Iterator[Row]:
    cut = len(text) * 2 // 3
    own = _calibrate(model, text[:cut], scratch / "own.gguf", threads)
    mixed = _calibrate(model, resources.calibration_text(), scratch / "mixed.gguf", threads)
    for kind in TYPES:
        found = {}
        for name, importance in (("without", None), ("mixed text", mixed), ("own text", own)):
            if importance is None and kind == NEEDS_ONE:
                continue
            made = quantize(model, kind, scratch / "made", control(), threads, importance=importance)
            figures = divergence_figures(_diverge(model, made, text[cut:], threads, scratch))
            found[name] = (figures.mean_kl, figures.other_perplexity, figures.reference_perplexity)
            made.unlink()
        told = "; ".join(
            f"{name} {kl:.4f} (perplexity {other:.2f})" for name, (kl, other, _) in found.items()
        )
        first = next(iter(found.values()))
        best = min(kl for kl, _, _ in found.values())
        yield Row(
            f"{model.stem}, {kind}: mean KL divergence from {model.stem.rpartition('-')[2]}",
            f"{best / first[0] - 1:+.1%}",
            "-",
            None,
            f"{told}; reference {first[2]:.2f}",
        )


def _calibrate(model: Path, text: str, target: Path, threads: int) -> Path:
    load = functools.partial(load_plainly, settings=LoadSettings(context_length=512, threads=threads))
    return calibrate(model, text, target, control(), load=load)


def _diverge(
    reference: Path, other: Path, text: str, threads: int, scratch: Path
) -> Sequence[TokenDivergence]:
    """The second half of each chunk, which begins with the start token."""
    whole = LoadSettings(context_length=8192, threads=threads)
    with LoadedModel.load(reference, whole) as first, LoadedModel.load(other, whole) as second:
        tokens = first.score(text[: CHUNKS * CHUNK * 3]).tokens
        found: list[TokenDivergence] = []
        for start in range(0, min(CHUNKS * CHUNK, len(tokens) - CHUNK), CHUNK):
            chunk = (tokens[0], *tokens[start + 1 : start + CHUNK])
            file = scratch / "logits"
            vocabulary = first.write_logits(chunk, CHUNK // 2 + 1, file)
            found += second.diverge(chunk, CHUNK // 2 + 1, file, vocabulary, top=1)
    return found


if __name__ == "__main__":
    main()
