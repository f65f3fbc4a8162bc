"""From a cold start to a painted window: the frozen program against the one from source. By hand:

    python -m tests.bench.bench_frozen_start PROGRAM [--runs N] [--drop-caches]

Both are started in turns on a data folder of their own with conversations in it, off screen unless QT_QPA_PLATFORM says
otherwise, and with compiled modules. The clock runs from before the process is made until the socket for later starts
is there, which the window opens after its first paint: that can be seen from outside, without anything added to either.
`--drop-caches` (as root): files are read from the disk each time, as after the computer was started.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from app.storage import DataFolder
from tests.bench.bench_start import fill
from tests.bench.runtime.table import HEADER, Row, in_turns

GOAL = 1.3
PATIENCE_S = 120


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=Path, help="the executable of the frozen program")
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--drop-caches", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as compiled:
        source = [sys.executable, "-P", "-m", "app"]
        frozen = [str(options.program.resolve())]
        sides = []
        for name, command in (("frozen", frozen), ("source", source)):
            data = DataFolder(Path(folder) / name).create()
            fill(data)
            environment = {
                **os.environ,
                "NIBBLE_HOME": str(data.root),
                "PYTHONPYCACHEPREFIX": compiled,
                "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen"),
            }
            environment.pop("PYTHONDONTWRITEBYTECODE", None)
            sides.append((command, environment, data.cache / "window.socket"))
        frozen_side, source_side = sides
        used: dict[str, list[float]] = {"frozen": [], "source": []}
        for side in sides:
            started_s(*side, [], drops=False)  # compiles
        pairs = in_turns(
            options.runs,
            lambda: started_s(*frozen_side, used["frozen"], drops=options.drop_caches),
            lambda: started_s(*source_side, used["source"], drops=options.drop_caches),
        )
    ms = [statistics.median(each) * 1e3 for each in (pairs.ours, pairs.theirs)]
    cpu_ms = [statistics.median(each) * 1e3 for each in (used["frozen"], used["source"])]
    files = "from the disk" if options.drop_caches else "in the system's cache"
    print(HEADER)
    print(
        Row(
            f"cold start to painted window, frozen over source, files {files}",
            f"{pairs.ratio:.2f}",
            f"{GOAL} at most",
            pairs.ratio <= GOAL,
            f"{ms[0]:.0f} ms to {ms[1]:.0f} ms; ratios' middle half {pairs.spread()}; of the processor"
            f" {cpu_ms[0]:.0f} ms to {cpu_ms[1]:.0f} ms;"
            f" load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
        )
    )


def started_s(
    command: list[str], environment: dict[str, str], socket: Path, used: list[float], *, drops: bool
) -> float:
    """`used` gets the processor time that it took, which says more where other programs are busy."""
    if drops:
        os.sync()
        Path("/proc/sys/vm/drop_caches").write_text("3")
    begun = time.perf_counter()
    with subprocess.Popen(command, env=environment) as process:
        while not socket.exists():
            if process.poll() is not None or time.perf_counter() - begun > PATIENCE_S:
                raise RuntimeError(f"{command[0]} opened no window")
            time.sleep(0.001)
        taken_s = time.perf_counter() - begun
        times = psutil.Process(process.pid).cpu_times()
        used.append(times.user + times.system)
        time.sleep(0.5)
        process.terminate()
        process.wait(PATIENCE_S)
    socket.unlink(missing_ok=True)
    return taken_s


if __name__ == "__main__":
    main()
