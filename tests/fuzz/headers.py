"""Mutated headers of real GGUF files: our reader answers with facts or a typed fault, a worker loads and
answers or tells why not.

    python -m tests.fuzz.headers --count 20000 [--load-every 20] [--seed 0] [MODEL ...]

Without models, tiny ones of several architectures are made. Of each only the header counts: the tensors' data are a
hole of the same size. Prints what came of it; exits with 1 where anything but facts or a typed fault came out.
"""

from __future__ import annotations

import argparse
import os
import random
import struct
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.core.errors import Cancelled, EnvironmentFault, WorkerDied
from app.core.jobs import CancelToken
from app.gguf import read_facts, read_header
from app.gguf.source import LocalFile
from app.runtime import ChatMessage, LoadSettings, Sampling, Worker
from app.runtime.client import WorkerCrash
from app.runtime.protocol import Generate, Load
from tests.helpers.tiny_gguf import CHATML, write_tiny_model

SLOW_S = 5.0
"""No header is worth more of anybody's time, whatever it says."""
LOAD_LIMIT_S = 60.0
TOO_LONG = "takes too long"
MEMORY_LIMIT_BYTES = 8 << 30
"""Of a worker's address space: a header that asks for everything shall not take it from this computer."""

NUMBERS = (0, 1, 2, 3, 7, 8, 9, 12, 13, 31, 32, 127, 255, 4096, 65_536, 1 << 20, (1 << 31) - 1, 1 << 31)
NUMBERS += (
    (1 << 32) - 1,
    1 << 32,
    (1 << 40),
    (1 << 62),
    (1 << 63) - 1,
    1 << 63,
    (1 << 64) - 8,
    (1 << 64) - 1,
)


@dataclass(frozen=True)
class Original:
    """A real header, and how large its file is."""

    name: str
    header: bytes
    file_bytes: int


@dataclass
class Report:
    """How often each outcome came, and what should never have."""

    read: Counter[str] = field(default_factory=Counter)
    loaded: Counter[str] = field(default_factory=Counter)
    deaths: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest_s: float = 0.0

    def lines(self) -> Iterator[str]:
        for title, counts in (("reader", self.read), ("worker", self.loaded), ("deaths", self.deaths)):
            for outcome, count in counts.most_common():
                yield f"{title:8} {count:7,}  {outcome}"
        yield f"slowest read {self.slowest_s:.2f} s; {len(self.wrong)} wrong"
        yield from self.wrong


def read_original(path: Path) -> Original:
    with LocalFile(path) as source:
        size = read_header(source).data_offset
        return Original(path.name, source.read_at(0, size), path.stat().st_size)


def tiny_originals(folder: Path) -> list[Original]:
    """Dense, with experts, with a chat template and of another architecture."""
    paths = [
        write_tiny_model(folder / "dense.gguf", chat_template=CHATML, layers=2),
        write_tiny_model(folder / "experts.gguf", experts=4, layers=2),
        write_tiny_model(folder / "f16.gguf", type="f16", layers=3),
        write_tiny_model(folder / "qwen2.gguf", architecture="qwen2", layers=1),
    ]
    return [read_original(path) for path in paths]


def mutate(original: Original, others: Sequence[Original], chance: random.Random) -> bytes:
    """One to four changes. Most at both ends, where the structure is: between lies the vocabulary."""
    content = bytearray(original.header)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        at = _position(len(content), chance)
        match chance.randrange(8):
            case 0:
                content[at] = chance.randrange(256)
            case 1:
                content[at] ^= 1 << chance.randrange(8)
            case 2:
                content[at : at + 4] = struct.pack("<I", chance.choice(NUMBERS) & 0xFFFFFFFF)
            case 3 | 4:
                content[at : at + 8] = struct.pack("<Q", chance.choice(NUMBERS))
            case 5:
                del content[at : at + chance.choice((1, 4, 8, 100))]
            case 6:
                end = at + chance.choice((1, 8, 64, 1000))
                content[at:at] = content[at:end]
            case _:
                other = chance.choice(others).header
                start = _position(len(other), chance)
                length = chance.choice((8, 64, 500))
                content[at : at + length] = other[start : start + length]
        if not content:
            break
    return bytes(content)


def _position(length: int, chance: random.Random) -> int:
    kind = chance.random()
    if kind < 0.5:
        return chance.randrange(min(length, 2048))
    if kind < 0.8:
        return chance.randrange(max(0, length - 4096), length)
    return chance.randrange(length)


def write_mutant(path: Path, original: Original, header: bytes, chance: random.Random) -> None:
    with path.open("wb") as file:
        file.write(header)
        size = original.file_bytes if chance.random() < 0.9 else chance.randrange(original.file_bytes)
        file.truncate(max(size, len(header)))


class Loader:
    """Loads one mutant after the other in one worker, in a new one after each that died."""

    def __init__(self) -> None:
        self._worker: Worker | None = None

    def load(self, path: Path) -> tuple[str, str]:
        """The outcome, and how the worker died where it did. Raises whatever is not to come out of a worker."""
        if self._worker is None:
            self._worker = limited_worker()
        cancel = CancelToken()
        timer = threading.Timer(LOAD_LIMIT_S, cancel.cancel)
        timer.start()
        doing = "load"
        try:
            request = Load(path=os.fsencode(path), settings=LoadSettings(context_length=256, threads=1))
            self._worker.call_for(request, cancel)
            doing = "answer"
            asked = (ChatMessage("user", "hello <|im_end|>"),)
            self._worker.call_for(Generate(messages=asked, sampling=Sampling(max_tokens=4)), cancel)
            return "answers", ""
        except WorkerDied as death:
            self.close()
            return (
                f"{doing}: {type(death).__name__}",
                f"{death.message} {death.log[-1] if death.log else ''}"[:160],
            )
        except Cancelled:
            self.close()
            return TOO_LONG, ""
        except EnvironmentFault as fault:
            return f"{doing}: {type(fault).__name__}", ""
        except WorkerCrash:
            self.close()
            raise
        finally:
            timer.cancel()

    def close(self) -> None:
        if self._worker is not None:
            self._worker.close()
            self._worker = None


def limited_worker() -> Worker:
    code = (
        "import sys\n"
        "from contextlib import suppress\n"
        "with suppress(ImportError):\n"
        "    import resource\n"
        f"    resource.setrlimit(resource.RLIMIT_AS, ({MEMORY_LIMIT_BYTES}, {MEMORY_LIMIT_BYTES}))\n"
        "from app.runtime.worker.main import run_worker\n"
        "sys.exit(run_worker())\n"
    )
    return Worker([sys.executable, "-c", code])


def fuzz(originals: Sequence[Original], count: int, load_every: int, seed: int, folder: Path) -> Report:
    """The same mutants for the same arguments."""
    report = Report()
    with _loader() as loader:
        for number in range(count):
            chance = random.Random(f"{seed} {number}")
            original = chance.choice(originals)
            header = mutate(original, originals, chance)
            path = folder / "mutant.gguf"
            write_mutant(path, original, header, chance)
            try:
                _read(path, report)
                if number % load_every == 0:
                    outcome, death = loader.load(path)
                    report.loaded[outcome] += 1
                    if death:
                        report.deaths[death] += 1
            except Exception:  # whatever it is, it is what is looked for
                report.wrong.append(f"{number} of {original.name}: {traceback.format_exc()}")
            finally:
                path.unlink()
    return report


def _read(path: Path, report: Report) -> None:
    begun = time.perf_counter()
    try:
        read_facts(path)
        outcome = "facts"
    except EnvironmentFault as fault:
        outcome = type(fault).__name__ if fault.message else "a fault without a word"
    report.read[outcome] += 1
    took = time.perf_counter() - begun
    report.slowest_s = max(report.slowest_s, took)
    assert took < SLOW_S, f"took {took:.1f} s"


@contextmanager
def _loader() -> Iterator[Loader]:
    loader = Loader()
    try:
        yield loader
    finally:
        loader.close()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--load-every", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        originals = [read_original(path) for path in asked.models] or tiny_originals(Path(folder))
        report = fuzz(originals, asked.count, asked.load_every, asked.seed, Path(folder))
    print("\n".join(report.lines()))
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
