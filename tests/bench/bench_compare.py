"""What a comparison adds to loading and answering. By hand: `python -m tests.bench.bench_compare`.

    python -m tests.bench.bench_compare [--runs N] [--tokens N] [--models FOLDER]

In turns: two models on a machine with room for one (its free memory is pretended), beside each loaded alone, asked the
same and ended. At once: how much slower a model writes beside the other one than alone with all cores, which is why
timing one after the other is fair.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from app.compare import Comparison, PaneAnswer
from app.compare.plan import count_cores
from app.core.jobs import Job
from app.gguf import read_facts
from app.hardware import Machine, Memory, ThisMachine
from app.memory import Keeper, estimate
from app.memory.overhead import WORKER_BYTES
from app.recommend.choices import LoadChoices
from app.runtime import ChatMessage, LoadedModel, LoadSettings, Sampling
from app.storage import DataFolder
from tests.bench.runtime.models import middling_model
from tests.bench.runtime.table import HEADER, Row, in_turns

MOST_OVERHEAD = 0.05
PROMPT = "Why is the sky blue, and why is it red in the evening?"
CONTEXT = 4096


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--models", type=Path)
    options = parser.parse_args()
    print(HEADER)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.models or Path(scratch)
        paths = [middling_model(folder, quantization) for quantization in ("Q8_0", "Q4_K_M")]
        database = DataFolder(Path(scratch) / "data").create().database
        sampling = Sampling(temperature=0.0, max_tokens=options.tokens)
        print(turns_row(paths, database, sampling, options.runs), flush=True)
        for row in beside_rows(paths, database, sampling, options.runs):
            print(row, flush=True)


def turns_row(paths: Sequence[Path], database: Path, sampling: Sampling, runs: int) -> Row:
    room = max(
        estimate(read_facts(path), LoadSettings(context_length=CONTEXT)).in_use_bytes for path in paths
    )
    machine = ThisMachine().read()

    def read() -> Machine:
        return Machine(machine.cpu, Memory(machine.memory.total_bytes, room + WORKER_BYTES))

    def compared() -> float:
        start = time.perf_counter()
        with Comparison(paths, sampling, Keeper(database, read), choose=_with_context) as comparison:
            _ask(comparison)
            assert sum(pid is not None for pid in comparison.worker_pids) == 1, "there was room for both"
        return time.perf_counter() - start

    def alone() -> float:
        start = time.perf_counter()
        for path in paths:
            with LoadedModel.load(path, LoadSettings(context_length=CONTEXT, threads=count_cores())) as model:
                list(model.generate([ChatMessage("user", PROMPT)], sampling, tells_tokens=True))
        return time.perf_counter() - start

    compared(), alone()
    pairs = in_turns(runs, compared, alone)
    seconds = [statistics.median(each) for each in (pairs.ours, pairs.theirs)]
    return Row(
        f"two panes in turns, {sampling.max_tokens} tokens each, over loading and asking each alone",
        f"{100 * (pairs.ratio - 1):.1f} % more",
        f"{100 * MOST_OVERHEAD:.0f} % at most",
        pairs.ratio <= 1 + MOST_OVERHEAD,
        f"{seconds[0]:.2f} s to {seconds[1]:.2f} s; middle half {pairs.spread()}",
    )


def beside_rows(paths: Sequence[Path], database: Path, sampling: Sampling, runs: int) -> Iterator[Row]:
    rates: dict[bool, list[list[float]]] = {True: [], False: []}
    for way, found in rates.items():
        keeper = Keeper(database)
        with Comparison(paths, sampling, keeper, choose=_with_context, one_after_another=way) as comparison:
            _ask(comparison)
            for _ in range(runs):
                found.append([_rate(answer) for answer in _ask(comparison)])
    for pane, path in enumerate(paths):
        beside, alone = (statistics.median(each[pane] for each in rates[way]) for way in (False, True))
        yield Row(
            f"{path.stem} beside the other one, over alone with all cores",
            f"{beside / alone:.2f}",
            "-",
            None,
            f"{beside:.1f} to {alone:.1f} tokens/s",
        )


def _with_context(choices: LoadChoices) -> LoadChoices:
    return msgspec.structs.replace(choices, context_length=CONTEXT)


def _ask(comparison: Comparison) -> Sequence[PaneAnswer]:
    for index in range(len(comparison.paths)):
        comparison.set_conversation(index, [])
    answers = Job("ask", lambda control: comparison.ask(PROMPT, control)).start().result()
    assert all(answer.fault is None for answer in answers), [answer.fault for answer in answers]
    return answers


def _rate(answer: PaneAnswer) -> float:
    assert answer.statistics is not None
    return answer.statistics.tokens_per_s


if __name__ == "__main__":
    main()
