"""Records what llama.cpp's own converter makes of small random LoRA adapters, for `test_adapters`.

    pip install torch transformers sentencepiece gguf numpy
    python -m tests.data.convert.record_adapters LLAMA_CPP [NAME …]

LLAMA_CPP: as for `record`, whose recorded configurations are the adapters' models. For each a file adapters/NAME.json:
the modules that are changed, and of the GGUF its metadata and the type, shape and digest of each tensor.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import gguf

from tests.data.convert.record import is_compared, plain
from tests.helpers.peft_adapter import write_peft_adapter
from tests.helpers.tiny_checkpoint import write_json

HERE = Path(__file__).parent
NAMES = (
    "llama-3.2",
    "llama-linear",
    "mistral",
    "mixtral",
    "qwen2",
    "qwen3",
    "qwen3-moe",
    "gemma2",
    "gemma3",
    "phi3",
)
LAYERS = 2
"""How many of the first are changed."""


def main() -> None:
    sources, *names = sys.argv[1:]
    for name in names or NAMES:
        recorded = json.loads((HERE / f"{name}.json").read_text())
        found = record(recorded["config"], modules_of(recorded), Path(sources))
        (HERE / "adapters" / f"{name}.json").write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
        print(name)


def modules_of(recorded: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """All matrices of the first layers, and embedding and output where they are two."""
    checkpoint = recorded["checkpoint"]
    found = {}
    for name, (_, shape) in checkpoint.items():
        parts = name.split(".")
        in_layers = parts[1] == "layers" and int(parts[2]) < LAYERS
        if len(shape) == 2 and (in_layers or "lm_head.weight" in checkpoint):
            found[name.removesuffix(".weight")] = (shape[0], shape[1])
    return {
        module: shape for module, shape in found.items() if not module.endswith((".mlp.gate", "_moe.gate"))
    }


def record(config: dict[str, Any], modules: dict[str, tuple[int, int]], sources: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        adapter = write_peft_adapter(Path(scratch) / "Adapter", modules)
        base = Path(scratch) / "Tiny"
        base.mkdir()
        write_json(base / "config.json", config)
        made = Path(scratch) / "made.gguf"
        command = [
            sys.executable,
            str(sources / "convert_lora_to_gguf.py"),
            str(adapter),
            "--base",
            str(base),
        ]
        command += ["--outtype", "f16", "--outfile", str(made)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not made.exists():
            raise SystemExit(done.stderr[-3000:])
        reader = gguf.GGUFReader(made)
        kept = ("general.type", "general.architecture", "general.file_type")
        return {
            "modules": {module: list(shape) for module, shape in modules.items()},
            "metadata": {
                key: plain(field.contents())
                for key, field in reader.fields.items()
                if is_compared(key) or key in kept
            },
            "tensors": {
                tensor.name: [
                    tensor.tensor_type.name,
                    [int(length) for length in reversed(tensor.shape.tolist())],
                    hashlib.sha256(tensor.data.tobytes()).hexdigest()[:16],
                ]
                for tensor in reader.tensors
            },
        }


if __name__ == "__main__":
    main()
