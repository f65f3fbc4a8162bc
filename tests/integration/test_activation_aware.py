"""AWQ's scaling folded into a checkpoint: the model computes what it did, and loses less when inputs differ in size."""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
import pytest

from app.convert import convert_checkpoint, quantize
from app.convert.activation_aware import ActivationAware
from app.core.errors import WrongChoice
from app.core.jobs import CancelToken, JobControl
from app.gguf.importance import Importance, ImportanceMatrix, read_importance, write_importance
from tests.helpers import numpy_llama, reference
from tests.helpers.command_line import nibble
from tests.helpers.random_checkpoint import write_random_checkpoint
from tests.helpers.tiny_checkpoint import TinyLlama, write_safetensors, write_tiny_checkpoint

DATA = Path(__file__).parents[1] / "data" / "convert"
TOKENS = [1, *np.random.default_rng(0).integers(5, 400, 40).tolist()]


def control() -> JobControl:
    return JobControl(CancelToken(), lambda event: None)


def importance_of(model: Path) -> ImportanceMatrix:
    """Inputs of every matrix in blocks, some a hundred times larger than others."""
    found = {}
    for tensor in gguf.GGUFReader(model).tensors:
        if tensor.name.startswith("blk.") and len(tensor.shape) == 2:
            columns = int(tensor.shape[0])
            # What attention and gates multiply, they have in common.
            random = np.random.default_rng([int(tensor.name.split(".")[1]), columns])
            sums = np.exp(random.standard_normal((1, columns)) * 3).astype(np.float32)
            found[tensor.name] = Importance(sums * 100, np.array([100]))
    return ImportanceMatrix(found, ("random",), 1, 512)


def convert_both(folder: Path, quantization: str = "Q3_K_S") -> tuple[Path, Path, ActivationAware]:
    """Plain and scaled, in F32."""
    out = folder.parent
    plain = convert_checkpoint(folder, out / "plain.gguf", control(), "F32")
    aware = ActivationAware(out / "importance.gguf", quantization, out / "scaled.gguf")
    write_importance(importance_of(plain), aware.importance)
    return plain, convert_checkpoint(folder, out / "aware.gguf", control(), "F32", aware=aware), aware


def changed(first: Path, second: Path) -> set[str]:
    """The names of tensors that are not the same, without their layers."""
    others = {tensor.name: tensor.data for tensor in gguf.GGUFReader(second).tensors}
    return {
        tensor.name.split(".")[-2] + "." + tensor.name.split(".")[-1]
        for tensor in gguf.GGUFReader(first).tensors
        if tensor.data.tobytes() != others[tensor.name].tobytes()
    }


@pytest.mark.parametrize(
    ("llama", "with_output"),
    [
        (TinyLlama(dtype="F32"), False),
        (TinyLlama(dtype="F32", kv_heads=8, biases=True, tied=True), True),
    ],
    ids=["grouped queries", "a value for each query, biases"],
)
def test_scaled_llama_computes_what_an_independent_forward_pass_does(
    tmp_path: Path, llama: TinyLlama, with_output: bool
) -> None:
    plain, aware, _ = convert_both(write_tiny_checkpoint(tmp_path / "Tiny", llama))
    matrices = {"attn_q", "attn_k", "attn_v", "ffn_gate", "ffn_up", "ffn_down"}
    matrices |= {"attn_output"} if with_output else set()
    assert {name for name in changed(plain, aware) if "norm" not in name and "bias" not in name} == {
        f"{name}.weight" for name in matrices
    }
    expected = numpy_llama.logits(llama, llama.weights(), TOKENS)
    found = np.array(reference.logits(aware, TOKENS))
    assert np.abs(found - expected).max() < 2e-5 * np.abs(expected).max()


@pytest.mark.parametrize(
    "name", ["qwen2", "qwen3", "gemma2", "gemma3", "phi3", "starcoder2", "olmo2", "mixtral"]
)
def test_scaled_model_of_every_layout_computes_what_it_did(tmp_path: Path, name: str) -> None:
    recorded = json.loads((DATA / f"{name}.json").read_text())
    shapes = {each: (dtype, tuple(shape)) for each, (dtype, shape) in recorded["checkpoint"].items()}
    plain, aware, _ = convert_both(write_random_checkpoint(tmp_path / "Tiny", recorded["config"], shapes))
    assert changed(plain, aware)
    expected, found = (np.array(reference.logits(path, TOKENS)) for path in (plain, aware))
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


def test_importance_of_the_scaled_model_counts_its_smaller_inputs(tmp_path: Path) -> None:
    llama = TinyLlama(dtype="F32")
    plain, aware, asked = convert_both(write_tiny_checkpoint(tmp_path / "Tiny", llama))
    before, after = read_importance(asked.importance), read_importance(asked.scaled)
    assert set(before.tensors) == set(after.tensors)
    name = "blk.0.ffn_down.weight"
    weights = [
        next(t.data for t in gguf.GGUFReader(path).tensors if t.name == name) for path in (plain, aware)
    ]
    outputs = [
        np.square(each) @ matrix.tensors[name].weights()
        for each, matrix in zip(weights, (before, after), strict=True)
    ]
    assert np.allclose(*outputs, rtol=1e-4)


def test_importance_matrix_of_another_model_is_refused(tmp_path: Path) -> None:
    small = write_tiny_checkpoint(tmp_path / "small" / "Small", TinyLlama(dtype="F32", hidden=128, heads=4))
    _, _, asked = convert_both(small)
    folder = write_tiny_checkpoint(tmp_path / "Tiny", TinyLlama(dtype="F32"))
    with pytest.raises(WrongChoice, match="of another model"):
        convert_checkpoint(folder, tmp_path / "out" / "aware.gguf", control(), "F32", aware=asked)
    assert not (tmp_path / "out").exists()


def write_uneven_checkpoint(folder: Path) -> None:
    """Norms make some inputs up to a hundred times larger than others, and weights are smaller by as much."""
    llama = TinyLlama(dtype="F32")
    write_tiny_checkpoint(folder, llama)
    weights = llama.weights()
    for layer in range(llama.layers):
        prefix = f"model.layers.{layer}"
        sizes = np.exp(np.random.default_rng(layer).standard_normal(llama.hidden) * 1.5).astype(np.float32)
        for norm, matrices in (
            ("input_layernorm", ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")),
            ("post_attention_layernorm", ("mlp.gate_proj", "mlp.up_proj")),
        ):
            weights[f"{prefix}.{norm}.weight"] *= sizes
            for matrix in matrices:
                weights[f"{prefix}.{matrix}.weight"] /= sizes
    write_safetensors(folder / "model.safetensors", {name: ("F32", each) for name, each in weights.items()})


def true_importance_of(model: Path) -> ImportanceMatrix:
    """What comes out of a norm has its weights' size."""
    tensors = {tensor.name: tensor.data for tensor in gguf.GGUFReader(model).tensors}
    found = {}
    for name in tensors:
        block, matrix = name.rsplit(".", 2)[0], name.split(".")[-2]
        if matrix in ("attn_q", "attn_k", "attn_v", "ffn_gate", "ffn_up"):
            norm = tensors[f"{block}.{'attn' if 'attn' in matrix else 'ffn'}_norm.weight"]
            found[name] = Importance(np.square(norm)[None] * 100, np.array([100]))
    return ImportanceMatrix(found, ("norms",), 1, 512)


def test_scaled_checkpoint_loses_less_where_inputs_differ_in_size(tmp_path: Path) -> None:
    folder = tmp_path / "Tiny"
    write_uneven_checkpoint(folder)
    exact = convert_checkpoint(folder, tmp_path / "Tiny-F32.gguf", control(), "F32")
    importance = tmp_path / "importance.gguf"
    write_importance(true_importance_of(exact), importance)
    plain = quantize(exact, "Q4_0", tmp_path, control(), threads=1)
    done = nibble(
        *("convert", folder, "--to", "Q4_0,Q3_K_S", "--out", tmp_path / "out", "--json"),
        *("--activation-aware", "--importance", importance),
    )
    made = [Path(each["path"]) for each in done.document["outputs"]]
    assert [path.name for path in made] == ["Tiny-aware-Q4_0.gguf", "Tiny-aware-Q3_K_S.gguf"]
    assert sorted((tmp_path / "out").iterdir()) == sorted(made)
    expected, rounded, scaled = (np.array(reference.logits(path, TOKENS)) for path in (exact, plain, made[0]))
    assert np.square(scaled - expected).mean() < 0.5 * np.square(rounded - expected).mean()


def test_command_says_what_scaling_lacks(tmp_path: Path) -> None:
    folder = write_tiny_checkpoint(tmp_path / "Tiny", TinyLlama(dtype="F32"))
    plain, _, asked = convert_both(folder)
    ask = ("convert", folder, "--activation-aware", "--out", tmp_path / "out")
    nibble(*ask, "--to", "Q4_0").assert_refused("importance matrix", "nibble calibrate")
    nibble(*ask, "--to", "BF16", "--importance", asked.importance).assert_refused("BF16 is not rounded")
    ask = ("convert", plain, "--activation-aware", "--importance", asked.importance)
    nibble(*ask, "--to", "Q4_0").assert_refused("Only a checkpoint's weights")
