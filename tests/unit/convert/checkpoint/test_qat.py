"""Checkpoints that were trained to be quantized: told by name or by weights, and kept as they were trained."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest

from app.convert import make_from_checkpoint, trained_for
from app.convert.checkpoint.prospect import prospect_of_folder
from app.convert.checkpoint.qat import named_qat_type
from app.core.jobs import CancelToken, JobControl
from tests.helpers.command_line import nibble
from tests.helpers.tiny_checkpoint import TinyLlama, Weights, write_safetensors, write_tiny_checkpoint

Q4_0 = gguf.GGMLQuantizationType.Q4_0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("google/gemma-3-4b-it-qat-q4_0-unquantized", "Q4_0"),
        ("gemma-3-1b-it-qat-q4_0-unquantized", "Q4_0"),
        ("gemma-3-270m-it-qat-q4_0-unquantized", "Q4_0"),
        ("google/gemma-3-4b-it-qat-int4-unquantized", None),
        ("google/gemma-3-4b-it", None),
        ("Qwen/Qwen3-8B-Q8_0", None),
        ("someone/aquatic-Q4_0", None),
        ("", None),
    ],
)
def test_name_tells_the_type_where_it_tells_of_such_training(name: str, expected: str | None) -> None:
    assert named_qat_type(name) == expected


def rounded(weights: Weights) -> Weights:
    """Onto the grid of Q4_0."""
    return gguf.dequantize(gguf.quantize(weights, Q4_0), Q4_0).astype(np.float32)


def write_trained(folder: Path, dtype: str = "BF16") -> Path:
    """Its matrices lie on the grid, as far as `dtype` can tell them; the embedding does not."""
    llama = TinyLlama(dtype=dtype)
    write_tiny_checkpoint(folder, llama)
    tensors = {
        name: (dtype, rounded(weights) if weights.ndim == 2 and "embed" not in name else weights)
        for name, weights in llama.weights().items()
    }
    write_safetensors(folder / "model.safetensors", tensors)
    return folder


@pytest.mark.parametrize("dtype", ["BF16", "F16", "F32"])
def test_weights_on_the_grid_of_q4_0_tell_it(tmp_path: Path, dtype: str) -> None:
    folder = write_trained(tmp_path / "Tiny", dtype)
    assert trained_for(folder) == "Q4_0"
    assert prospect_of_folder(folder).trained_for == "Q4_0"


def test_weights_of_a_usual_model_tell_nothing(tmp_path: Path) -> None:
    folder = write_tiny_checkpoint(tmp_path / "Tiny")
    assert trained_for(folder) is None
    assert prospect_of_folder(folder).trained_for is None


def test_weights_that_are_all_zero_tell_nothing(tmp_path: Path) -> None:
    llama = TinyLlama()
    folder = write_tiny_checkpoint(tmp_path / "Tiny", llama)
    zeros = {name: ("BF16", np.zeros_like(weights)) for name, weights in llama.weights().items()}
    write_safetensors(folder / "model.safetensors", zeros)
    assert trained_for(folder) is None


def test_q4_0_keeps_weights_of_the_grid_as_they_were_trained(tmp_path: Path) -> None:
    folder = write_trained(tmp_path / "Tiny", "F32")
    control = JobControl(CancelToken(), lambda event: None)
    (made,) = make_from_checkpoint(folder, ["Q4_0"], tmp_path, control, threads=1)
    weights = TinyLlama(dtype="F32").weights()
    compared = 0
    for tensor in gguf.GGUFReader(made).tensors:
        if tensor.name.endswith(("attn_v.weight", "ffn_down.weight")) and tensor.tensor_type == Q4_0:
            module = "self_attn.v_proj" if "attn_v" in tensor.name else "mlp.down_proj"
            stored = rounded(weights[f"model.layers.{tensor.name.split('.')[1]}.{module}.weight"])
            assert np.array_equal(gguf.dequantize(tensor.data, Q4_0), stored)
            compared += 1
    assert compared >= 3


def test_command_says_so_where_another_type_is_asked_for(tmp_path: Path) -> None:
    folder = write_trained(tmp_path / "Tiny")
    done = nibble("convert", folder, "--to", "Q4_K_M", "--out", tmp_path)
    assert done.code == 0
    assert "Tiny was trained to be quantized to Q4_0" in done.err
    done = nibble("convert", folder, "--to", "Q4_0", "--out", tmp_path)
    assert (done.code, done.err) == (0, "")
