"""What llama-imatrix makes of the models and texts of `CASES`, kept beside this file.

    python -m tests.data.importance.record PATH_OF_LLAMA_IMATRIX

With the llama-imatrix of the llama.cpp that llama-cpp-python 0.3.36 brings, at its defaults but for one thread.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.helpers.tiny_gguf import write_tiny_model

HERE = Path(__file__).parent
OLD_FORMAT = HERE / "dense.imatrix.dat"
"""The first of `CASES` in the format from before GGUF."""


@dataclass(frozen=True)
class Case:
    """`sentences`: of the text, so many."""

    name: str
    sentences: int
    chunks: int
    model: Mapping[str, int] = field(default_factory=dict)

    def write_model(self, path: Path) -> Path:
        return write_tiny_model(path, layers=1, **self.model)

    @property
    def text(self) -> str:
        return " ".join(
            f"hello world {number} you and the {number * number} with it" for number in range(self.sentences)
        )

    @property
    def recorded(self) -> Path:
        return HERE / f"{self.name}.imatrix.gguf"


CASES = (
    Case("dense", 100, 4),
    Case("experts", 70, 3, {"experts": 4}),
    Case("three_left", 150, 7, {"heads": 2, "kv_heads": 1}),
)


def record(tool: Path) -> None:
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            model = case.write_model(Path(folder) / "model.gguf")
            (Path(folder) / "words.txt").write_text(case.text, encoding="utf-8")
            command = [tool, "-m", model, "-f", "words.txt", "-t", "1"]
            subprocess.run([*command, "-o", case.recorded], cwd=folder, check=True)
            if case is CASES[0]:
                subprocess.run([*command, "-o", OLD_FORMAT, "--output-format", "dat"], cwd=folder, check=True)


if __name__ == "__main__":
    record(Path(sys.argv[1]).absolute())
