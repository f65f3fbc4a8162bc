"""How long recommending takes. By hand: `python -m tests.bench.bench_recommend [PROFILE]`.

Sorting 5,000 variants for one machine (goal: 50 ms), the whole catalogue for a new machine, and one model
for a new context, medians of eleven runs.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from itertools import count, cycle, islice
from pathlib import Path

from app.hardware import read_profile
from app.recommend import read_catalogue
from app.recommend.budget import budget_of
from app.recommend.fit import fit
from app.recommend.ranking import rank
from app.recommend.staircase import staircases_of
from app.runtime.protocol import LoadSettings

RUNS = 11
VARIANTS = 5000
PROFILE = Path(__file__).parents[1] / "data" / "machines" / "desktop-12gb-card.json"


def main() -> None:
    budget = budget_of(read_profile(Path(sys.argv[1]) if len(sys.argv) > 1 else PROFILE))
    settings = LoadSettings(context_length=8192)
    began = time.perf_counter()
    staircases = staircases_of(read_catalogue())
    for each in staircases:
        each.prepare(settings)
    print(f"{len(staircases)} models from tensors, nothing kept: {time.perf_counter() - began:.1f} s")

    choices = [each.choice(budget, settings) for each in staircases]
    steps = [step for choice in choices for step in choice.recommendation.steps]
    many = list(islice(cycle(choices), VARIANTS))
    needs = list(islice(cycle(step.need for step in steps), VARIANTS))
    one = staircases[0]
    contexts = count(2048, 256)
    show(f"{VARIANTS} choices in order", lambda: rank(many))
    show(f"{VARIANTS} variants placed on the machine", lambda: [fit(need, budget) for need in needs])
    show(
        "the catalogue for a new machine", lambda: rank(each.choice(budget, settings) for each in staircases)
    )
    show("one model, a new context", lambda: one.choice(budget, LoadSettings(context_length=next(contexts))))


def show(what: str, work: Callable[[], object]) -> None:
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    print(
        f"{what}: {statistics.median(times) * 1000:.1f} ms ({min(times) * 1000:.1f} to {max(times) * 1000:.1f})"
    )


if __name__ == "__main__":
    main()
