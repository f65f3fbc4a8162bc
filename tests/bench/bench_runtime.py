"""The runtime against llama.cpp's own tools. By hand: `python -m tests.bench.bench_runtime [ROW …]`.

    python -m tests.bench.bench_runtime [--tools FOLDER] [--threads N] [--runs N] [--models FOLDER] [--model FILE]

Prints a table: decoding, prompts, time to the first painted word, what a second turn evaluates, four conversations at
once, load to ready, memory. llama-bench and llama-server have to be built, with shared libraries, from the source
archive of the same llama-cpp-python version; they run on the libraries that the worker loads, and are looked for in
--tools, by default ~/.cache/nibble-reference/bin. The same file and the same threads for both, in turns, since the
machine may be noisy: a ratio is the median of those of each turn.

Models with random weights are made and quantized; with --models they are kept there for the next time.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from tests.bench.runtime.conversations import at_once_row, second_turn_row
from tests.bench.runtime.models import guide_model, long_model, middling_model, small_model
from tests.bench.runtime.speed import bench_command_rows, decode_rows, prompt_row
from tests.bench.runtime.start import start_rows
from tests.bench.runtime.table import HEADER, Row
from tests.bench.runtime.tools import LlamaBench

REFERENCE = Path.home() / ".cache" / "nibble-reference" / "bin"


def main() -> None:
    options = _options()
    # A person's Python keeps what it has compiled; where that is forbidden every start of a worker compiles it anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    print(f"{options.threads} threads, load of the machine before: {os.getloadavg()[0]:.2f}\n\n{HEADER}")
    with tempfile.TemporaryDirectory() as folder:
        models = options.models or Path(folder)
        models.mkdir(parents=True, exist_ok=True)
        for name in options.rows or ROWS:
            for row in ROWS[name](options, models):
                print(row, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"all, or of these: {', '.join(ROWS)}")
    parser.add_argument("--tools", type=Path, default=REFERENCE)
    parser.add_argument("--threads", type=int, default=psutil.cpu_count(logical=False) or 1)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--model", type=Path, help="in the place of the one of 500 M parameters")
    parser.add_argument("--quantization", default="Q4_K_M", help="of the one of 500 M parameters")
    options = parser.parse_args()
    if unknown := set(options.rows) - ROWS.keys():
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    return options


def _bench(options: argparse.Namespace) -> LlamaBench:
    return LlamaBench(options.tools / "llama-bench", options.threads)


def _middling(options: argparse.Namespace, folder: Path) -> tuple[str, Path]:
    if options.model is not None:
        return options.model.stem, options.model
    return f"500 M {options.quantization}", middling_model(folder, options.quantization)


def _decode(options: argparse.Namespace, folder: Path) -> Iterator[Row]:
    yield from decode_rows(*_middling(options, folder), _bench(options), options.runs, tokens=128, goal=0.99)


def _decode_small(options: argparse.Namespace, folder: Path) -> Iterator[Row]:
    bench = _bench(options)
    yield from decode_rows(
        "9 M Q8_0 (guide's shape)", small_model(folder), bench, options.runs, tokens=768, goal=0.95
    )


def _prompt(options: argparse.Namespace, folder: Path) -> Iterator[Row]:
    yield prompt_row(*_middling(options, folder), _bench(options), options.runs)


def _paint(options: argparse.Namespace, folder: Path) -> Iterator[Row]:
    # Only here, since Qt may not be installed where everything else is measured.
    from tests.bench.runtime.window import first_paint_row

    yield first_paint_row(*_middling(options, folder), max(options.runs, 3))


def _second_turn(options: argparse.Namespace, folder: Path) -> Iterator[Row]:
    yield second_turn_row(long_model(folder), options.threads)


def _at_once(options: argparse.Namespace, folder: Path) -> Iterator[Row]:
    name, model = _middling(options, folder)
    yield at_once_row(name, model, options.tools / "llama-server", options.threads, options.runs, tokens=64)


def _start(options: argparse.Namespace, folder: Path) -> Iterator[Row]:
    yield from start_rows(*_middling(options, folder), _bench(options), options.runs)
    yield from start_rows("guide Q8_0", guide_model(folder), _bench(options), options.runs)


def _command(options: argparse.Namespace, folder: Path) -> Iterator[Row]:
    yield from bench_command_rows(*_middling(options, folder), _bench(options), options.runs)


ROWS: dict[str, Callable[[argparse.Namespace, Path], Iterator[Row]]] = {
    "decode": _decode,
    "decode-small": _decode_small,
    "prompt": _prompt,
    "paint": _paint,
    "second-turn": _second_turn,
    "at-once": _at_once,
    "start": _start,
    "command": _command,
}

if __name__ == "__main__":
    main()
