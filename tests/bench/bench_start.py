"""From a cold start to a usable window, against an empty PySide6 window. By hand:

    python -m tests.bench.bench_start [--runs N] [--commands]

Both are started the same way in turns (`started`), with compiled modules, files in the cache of the system and a data
folder with conversations in it. The clock runs from before the process is made until it says that its window can be
used. Off screen unless QT_QPA_PLATFORM says otherwise; where there is Xvfb, also under it. `--commands`: how long
`nibble --version`, `nibble doctor` and `nibble list` take.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from app.chat import ConversationStore
from app.runtime.protocol import Sampling
from app.storage import DataFolder
from tests.bench.runtime.table import HEADER, Row, in_turns

GOAL = 1.6
CONVERSATIONS = 20
DISPLAY = ":97"


@dataclass(frozen=True)
class Started:
    usable_s: float
    longest_turn_s: float
    memory_bytes: int
    stamps: dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--commands", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as compiled:
        fill(DataFolder(Path(folder)).create())
        environment = {**os.environ, "NIBBLE_HOME": folder, "PYTHONPYCACHEPREFIX": compiled}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        if options.commands:
            time_commands(environment, options.runs)
            return
        print(HEADER)
        environment.setdefault("QT_QPA_PLATFORM", "offscreen")
        breakdown = compare(environment["QT_QPA_PLATFORM"], environment, options.runs)
        if which("Xvfb") is not None:
            with x_server() as display:
                compare("Xvfb", {**environment, "QT_QPA_PLATFORM": "xcb", "DISPLAY": display}, options.runs)
        print(f"\n{breakdown}")


def compare(name: str, environment: dict[str, str], runs: int) -> str:
    """Prints the rows; returns where the time goes."""
    ours: list[Started] = []
    theirs: list[Started] = []

    def start_ours() -> float:
        ours.append(start("nibble", environment))
        return ours[-1].usable_s

    def start_theirs() -> float:
        theirs.append(start("empty", environment))
        return theirs[-1].usable_s

    start("nibble", environment), start("empty", environment)  # compiles
    pairs = in_turns(runs, start_ours, start_theirs)
    ms = [statistics.median(each) * 1e3 for each in (pairs.ours, pairs.theirs)]
    ratio = ms[0] / ms[1]
    print(
        Row(
            f"cold start to usable window over an empty one, {name}",
            f"{ratio:.2f}",
            f"{GOAL} at most",
            ratio <= GOAL,
            f"{ms[0]:.0f} ms to {ms[1]:.0f} ms; ratios' middle half {pairs.spread()}; afterwards longest turn"
            f" {_median(ours, 'longest_turn_s') * 1e3:.0f} ms; memory {_median(ours, 'memory_bytes') / 1e6:.0f}"
            f" to {_median(theirs, 'memory_bytes') / 1e6:.0f} MB",
        )
    )
    return "\n".join(_breakdown(who, found) for who, found in (("nibble", ours), ("empty", theirs)))


def start(which_one: str, environment: dict[str, str]) -> Started:
    begun = time.perf_counter()
    command = [sys.executable, "-m", "tests.bench.started", which_one]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "usable\n"
        usable_s = time.perf_counter() - begun
        told = [line.split(maxsplit=2) for line in process.stdout]
    values = {line[0]: line[1] for line in told if line[0] != "stamp"}
    stamps = {line[2].strip(): float(line[1]) for line in told if line[0] == "stamp"}
    stamps = {"interpreter": usable_s - sum(stamps.values()), **stamps}
    return Started(usable_s, float(values["longest_turn_s"]), int(values["memory_bytes"]), stamps)


def _breakdown(who: str, found: list[Started]) -> str:
    parts = (
        f"{name} {statistics.median(each.stamps[name] for each in found) * 1e3:.1f}"
        for name in found[0].stamps
    )
    return f"{who}, ms: " + ", ".join(parts)


def _median(found: list[Started], name: str) -> float:
    return statistics.median(getattr(each, name) for each in found)


def time_commands(environment: dict[str, str], runs: int) -> None:
    for command in (["--version"], ["--help"], ["doctor"], ["list"]):
        taken = []
        for _ in range(runs + 1):
            begun = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "app", *command],
                env=environment,
                stdout=subprocess.DEVNULL,
                check=True,
            )
            taken.append(time.perf_counter() - begun)
        print(f"nibble {' '.join(command)}: {statistics.median(taken[1:]) * 1e3:.0f} ms")


def fill(data: DataFolder) -> None:
    with ConversationStore(data.database) as store:
        for number in range(CONVERSATIONS):
            identity = store.create(data.models / "model.gguf", Sampling()).id
            store.add_prompt(identity, f"What is {number}?")


@contextmanager
def x_server() -> Iterator[str]:
    server = subprocess.Popen(
        ["Xvfb", DISPLAY, "-screen", "0", "1920x1080x24"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not Path(f"/tmp/.X11-unix/X{DISPLAY[1:]}").exists():
            time.sleep(0.05)
        yield DISPLAY
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
