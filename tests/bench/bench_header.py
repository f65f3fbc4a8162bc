"""How long a header takes. By hand: `python -m tests.bench.bench_header [--reference] [FILE...]`.

Makes headers as large as those of today's vocabularies, reads each seven times and prints the
median; goal 100 ms. `--reference` lets `gguf.GGUFReader` read the same files (once each: it takes
seconds).
"""

from __future__ import annotations

import argparse
import random
import statistics
import struct
import tempfile
import time
from pathlib import Path

from app.gguf import read_facts
from tests.helpers.raw_gguf import FLOAT32, INT32, STRING, RawGguf


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reference", action="store_true", help="also run gguf.GGUFReader")
    parser.add_argument("files", nargs="*", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = [
            write_vocabulary(Path(folder) / "bpe-128k.gguf", tokens=128_256, merges=280_147),
            write_vocabulary(Path(folder) / "spm-262k.gguf", tokens=262_144, scores=True),
            write_vocabulary(Path(folder) / "bpe-262k.gguf", tokens=262_144, merges=450_000, scores=True),
        ]
        for path in [*made, *options.files]:
            report(path, reference=options.reference)


def report(path: Path, *, reference: bool) -> None:
    times = []
    for _ in range(7):
        start = time.perf_counter()
        read_facts(path)
        times.append(time.perf_counter() - start)
    line = f"{path.name:32} {path.stat().st_size / 1e6:7.1f} MB  {statistics.median(times) * 1e3:7.1f} ms"
    line += f"  (from {min(times) * 1e3:.1f} to {max(times) * 1e3:.1f})"
    if reference:
        from gguf import GGUFReader

        start = time.perf_counter()
        GGUFReader(path)
        line += f"  GGUFReader {time.perf_counter() - start:6.2f} s"
    print(line, flush=True)


def write_vocabulary(path: Path, *, tokens: int, merges: int = 0, scores: bool = False) -> Path:
    """A header of that size with strings as long as real ones, and 300 tensor descriptions."""
    words = random.Random(tokens)
    raw = RawGguf().key("general.architecture", STRING, "llama")
    raw.raw_key("tokenizer.ggml.tokens", 9, _strings(words, tokens, mean=7))
    if scores:
        raw.raw_key("tokenizer.ggml.scores", 9, struct.pack("<IQ", FLOAT32, tokens) + bytes(4 * tokens))
    raw.raw_key("tokenizer.ggml.token_type", 9, struct.pack("<IQ", INT32, tokens) + bytes(4 * tokens))
    if merges:
        raw.raw_key("tokenizer.ggml.merges", 9, _strings(words, merges, mean=9))
    for number in range(300):
        raw.tensor(f"blk.{number}.ffn_up.weight", (64,), offset=256 * number, data_bytes=256)
    path.write_bytes(raw.to_bytes())
    return path


def _strings(words: random.Random, count: int, *, mean: float) -> bytes:
    lengths = [1 + int(words.gammavariate(4, (mean - 1) / 4)) for _ in range(count)]
    return struct.pack("<IQ", STRING, count) + b"".join(
        struct.pack("<Q", size) + b"x" * size for size in lengths
    )


if __name__ == "__main__":
    main()
