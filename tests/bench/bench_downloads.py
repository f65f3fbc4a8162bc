"""What a download costs beside `hf download`. By hand: `python -m tests.bench.bench_downloads`.

The same bytes from the same local server, which runs in a process of its own, by `nibble pull` and by huggingface_hub's
command in turns; each time into an empty folder. Goals: as fast or faster, and at most 1.5 times the processor time
(`hf download` does not check what arrives; Nibble computes SHA-256 and CRC-32 of every byte).
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.command_line import COMMAND
from tests.helpers.downloader import FILE, REPOSITORY
from tests.helpers.hub_server import HubServer, Repository

HF = str(Path(sys.executable).with_name("hf"))


@dataclass(frozen=True)
class Cost:
    """In seconds; `cpu_s` of all its threads, in the program and in the kernel for it."""

    wall_s: float
    cpu_s: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, nargs="+", default=[10, 300, 2000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--folder", type=Path, help="on the disk to download to; else the system's temporary one"
    )
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    for megabytes in options.megabytes:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            compare(megabytes, options.rounds, Path(folder))


def compare(megabytes: int, rounds: int, folder: Path) -> None:
    source = folder / "source.gguf"
    write(source, megabytes)
    costs: dict[str, list[Cost]] = {"nibble pull": [], "hf download": []}
    with server(source) as url:
        for number in range(rounds):
            for name in costs:
                costs[name].append(run(name, url, source, folder / f"{name}-{number}"))
    for name, of_rounds in costs.items():
        print(
            f"{megabytes:6} MB  {name:12} wall {median_of(of_rounds, 'wall_s'):7.2f} s"
            f"  processor {median_of(of_rounds, 'cpu_s'):7.2f} s",
            flush=True,
        )
    ours, theirs = costs.values()
    ratios = [median_of(ours, kind) / median_of(theirs, kind) for kind in ("wall_s", "cpu_s")]
    print(f"{megabytes:6} MB  nibble / hf: wall {ratios[0]:.2f}, processor {ratios[1]:.2f}", flush=True)


def median_of(costs: list[Cost], kind: str) -> float:
    return statistics.median(getattr(cost, kind) for cost in costs)


def run(name: str, url: str, source: Path, folder: Path) -> Cost:
    folder.mkdir()
    environment = os.environ | {
        "HF_ENDPOINT": url,
        "HF_HOME": str(folder / "hf"),
        "HF_TOKEN": "",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        "NIBBLE_HOME": str(folder),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }
    command = {
        "nibble pull": [*COMMAND, "pull", REPOSITORY],
        "hf download": [HF, "download", REPOSITORY, FILE, "--local-dir", str(folder / "models" / REPOSITORY)],
    }[name]
    os.sync()
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    wall_s = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    path = folder / "models" / REPOSITORY / FILE
    assert path.stat().st_size == source.stat().st_size
    path.unlink()
    return Cost(wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


@contextmanager
def server(source: Path) -> Iterator[str]:
    command = [sys.executable, "-m", __spec__.name, "--serve", str(source)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdin is not None
        assert serving.stdout is not None
        yield serving.stdout.readline().strip()
        serving.stdin.close()


def serve(source: Path) -> None:
    """Until stdin ends."""
    repository = Repository(REPOSITORY, {FILE: source})
    assert repository.stored(FILE).sha256  # or the first to ask would wait for it
    with HubServer(repository) as hub:
        print(hub.url, flush=True)
        sys.stdin.read()


def write(path: Path, megabytes: int) -> None:
    with path.open("wb") as file:
        for number in range(megabytes):
            file.write(random.Random(number).randbytes(1_000_000))


if __name__ == "__main__":
    main()
