"""Every architecture against what llama.cpp's own converter makes of the same checkpoint.

The same tensors in the same types, identical to the bit, and the same value for every key that changes what a model
does. Recorded by `tests/data/convert/record.py`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import gguf
import pytest

from app.convert import convert_checkpoint
from app.convert.checkpoint.architectures import ARCHITECTURES
from app.core.jobs import CancelToken, JobControl
from tests.helpers.random_checkpoint import write_random_checkpoint

RECORDED = sorted((Path(__file__).parents[3] / "data" / "convert").glob("*.json"))


@pytest.fixture(params=RECORDED, ids=lambda path: path.stem)
def recorded(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(request.param.read_text())
    return found


def test_gguf_is_the_one_llama_cpp_makes(tmp_path: Path, recorded: dict[str, Any]) -> None:
    tensors = {name: (dtype, tuple(shape)) for name, (dtype, shape) in recorded["checkpoint"].items()}
    folder = write_random_checkpoint(tmp_path / "Tiny", recorded["config"], tensors)
    made = convert_checkpoint(folder, tmp_path / "made.gguf", JobControl(CancelToken(), lambda event: None))
    reader = gguf.GGUFReader(made)
    found = {
        tensor.name: [
            tensor.tensor_type.name,
            [int(length) for length in reversed(tensor.shape.tolist())],
            hashlib.sha256(tensor.data.tobytes()).hexdigest()[:16],
        ]
        for tensor in reader.tensors
    }
    assert found == recorded["tensors"]
    keys = {
        key: field.contents()
        for key, field in reader.fields.items()
        if not key.startswith(("GGUF.", "general.", "tokenizer."))
    }
    assert with_defaults(keys) == with_defaults(recorded["metadata"])


def with_defaults(keys: dict[str, Any]) -> dict[str, Any]:
    """With what llama.cpp takes where a key is missing (`llama_model::load_hparams`), so that what is written in vain
    makes no difference."""
    prefix = next(iter(keys)).split(".")[0]
    even = keys[f"{prefix}.embedding_length"] // keys[f"{prefix}.attention.head_count"]
    length = keys.get(f"{prefix}.attention.key_length", even)
    return {
        f"{prefix}.attention.key_length": length,
        f"{prefix}.attention.value_length": length,
        f"{prefix}.rope.dimension_count": length,
        f"{prefix}.rope.freq_base": 10_000.0,
        f"{prefix}.vocab_size": 448,
        **keys,
    }


def test_every_architecture_is_compared() -> None:
    named = {json.loads(path.read_text())["config"]["architectures"][0] for path in RECORDED}
    assert named == set(ARCHITECTURES) - {"Olmo3ForCausalLM"}
