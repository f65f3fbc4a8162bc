"""How long a look at the library takes. By hand: `python -m tests.bench.bench_library`.

Lays out that many model files as Nibble, Hugging Face, LM Studio, Ollama, GPT4All and Jan do and looks at them: first
with nothing remembered, then seven times with everything remembered. Goals for 2,000 files: 1 s and 100 ms. The files
are a tiny model with its weights left as a hole. Then the same with headers as large as those of today's
vocabularies (128k tokens with merges), of which every byte has to be read the first time.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from app.gguf import read_header
from app.library import Place, library_places, scan
from app.library.sources import System
from app.storage import DataFolder
from tests.bench.bench_header import write_vocabulary
from tests.helpers.other_programs import ollama_blob, ollama_model, put
from tests.helpers.tiny_gguf import write_tiny_model

SHARES = (("nibble", 4), ("huggingface", 5), ("lmstudio", 4), ("ollama", 4), ("gpt4all", 1), ("jan", 2))
"""Of twenty files."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--vocabularies", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tiny = write_tiny_model(Path(folder) / "tiny.gguf", type="f16", layers=1)
        report("tiny model", tiny, options.files, Path(folder) / "tiny")
        large = write_vocabulary(Path(folder) / "large.gguf", tokens=128_256, merges=280_147)
        report("128k vocabulary", large, options.vocabularies, Path(folder) / "large")


def report(title: str, model: Path, count: int, folder: Path) -> None:
    data = DataFolder(folder / "nibble").create()
    lay_out(model, count, folder, data)
    places = library_places(data, (), System("linux", str(folder), {"OLLAMA_MODELS": str(folder / "ollama")}))
    first, found = timed(places, data)
    again = [timed(places, data)[0] for _ in range(7)]
    assert found == count, f"{found} of {count} were found"
    print(
        f"{title:16} {count:5} files in {len(places)} places: first {first * 1e3:8.0f} ms, then"
        f" {statistics.median(again) * 1e3:6.1f} ms (from {min(again) * 1e3:.1f} to {max(again) * 1e3:.1f})",
        flush=True,
    )


def timed(places: list[Place], data: DataFolder) -> tuple[float, int]:
    start = time.perf_counter()
    entries = scan(places, data.database)
    took = time.perf_counter() - start
    return took, sum(entry.fault is None for entry in entries)


def lay_out(model: Path, count: int, folder: Path, data: DataFolder) -> None:
    """`count` files of the header of `model`, no two of them equal."""
    header = model.read_bytes()[: read_header(model).data_offset]
    size = model.stat().st_size
    put_in: dict[str, Callable[[int, Path], None]] = {
        "nibble": lambda number, source: move(source, data.models / f"Poet-{number:04}-Q4_K_M.gguf"),
        "huggingface": lambda number, source: cache(source, folder / ".cache/huggingface/hub", number),
        "lmstudio": lambda number, source: move(
            source,
            folder / f".lmstudio/models/owner{number % 40}/Poet-{number}-GGUF/Poet-{number}-Q4_K_M.gguf",
        ),
        "ollama": lambda number, source: pull(source, folder / "ollama", number),
        "gpt4all": lambda number, source: move(
            source, folder / f".local/share/nomic.ai/GPT4All/Poet-{number}.Q4_0.gguf"
        ),
        "jan": lambda number, source: add_to_jan(source, folder / ".local/share/Jan/data", number),
    }
    order = [name for name, share in SHARES for _ in range(share)]
    for number in range(count):
        source = folder / "new.gguf"
        with source.open("wb") as file:
            file.write(header)
            file.truncate(size)
        put_in[order[number % len(order)]](number, source)


def move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    source.rename(target)


def cache(source: Path, hub: Path, number: int) -> None:
    """Two files in each repository."""
    top = hub / f"models--owner--Poet-{number // 2}-GGUF"
    blob = top / "blobs" / hashlib.sha256(str(number).encode()).hexdigest()
    move(source, blob)
    link = top / "snapshots" / "0123abcd" / f"Poet-{number}-Q4_K_M.gguf"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(os.path.join("..", "..", "blobs", blob.name))
    put(top / "refs" / "main", "0123abcd")


def pull(source: Path, models: Path, number: int) -> None:
    licence, template = "APACHE LICENSE\nVersion 2.0", "{{ .Prompt }}"
    weights = hashlib.sha256(str(number).encode()).hexdigest()
    manifest = ollama_model(
        models,
        f"registry.ollama.ai/library/poet{number}/3b",
        weights.encode(),
        license=licence,
        template=template,
    )
    stub = ollama_blob(models, weights.encode())
    size = source.stat().st_size
    move(source, stub)
    manifest.write_text(manifest.read_text().replace('"size": 64', f'"size": {size}'))


def add_to_jan(source: Path, data: Path, number: int) -> None:
    folder = data / "llamacpp" / "models" / f"poet-{number}"
    move(source, folder / "model.gguf")
    path = f"llamacpp/models/poet-{number}/model.gguf"
    put(folder / "model.yml", f"name: poet-{number}\nmodel_path: {path}\nsize_bytes: 1\nembedding: false\n")


if __name__ == "__main__":
    main()
