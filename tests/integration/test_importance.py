"""Quantizing with an importance matrix: columns that matter come out closer, and matrices of others are refused."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np
import pytest
from gguf.quants import dequantize

from app.convert import expected_bytes, quantization_named, quantize
from app.convert.importance import importance_fit
from app.core.errors import NoImportanceMatrix
from app.core.jobs import CancelToken, JobControl
from app.gguf import read_facts
from app.gguf.importance import Importance, ImportanceMatrix, write_importance
from app.runtime import LoadedModel, LoadSettings
from tests.helpers.answers import ask, greedy
from tests.helpers.tiny_gguf import write_tiny_model

LLAMA_QUANTIZE = Path.home() / ".cache" / "nibble-reference" / "bin" / "llama-quantize"
TOKENS = 4096
EXPERTS = 4


def control() -> JobControl:
    return JobControl(CancelToken(), lambda event: None)


def tensors(path: Path) -> dict[str, gguf.ReaderTensor]:
    return {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}


def importance_of(model: Path, *, seed: int = 3, without: str = "nothing") -> dict[str, Importance]:
    """One in eight columns is as important as all others together."""
    rng = np.random.default_rng(seed)
    found = {}
    for tensor in read_facts(model).tensors:
        if not tensor.name.startswith("blk.") or len(tensor.shape) < 2 or without in tensor.name:
            continue
        rows = tensor.shape[2] if len(tensor.shape) > 2 else 1
        means = np.where(rng.random((rows, tensor.shape[0])) < 0.125, 10.0, 0.2)
        found[tensor.name] = Importance(np.float32(means * TOKENS), np.full(rows, TOKENS))
    return found


def written(path: Path, tensors: Mapping[str, Importance]) -> Path:
    write_importance(ImportanceMatrix(tensors, ("words.txt",), 8, 512), path)
    return path


@pytest.fixture(scope="module")
def matrix(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("matrix") / "tiny.imatrix.gguf", importance_of(tiny))


@pytest.mark.parametrize("kind", ["Q2_K", "Q4_K_S", "Q4_0", "IQ4_XS"])
def test_what_matters_is_closer_to_its_source_with_a_matrix_than_without(
    tiny: Path, matrix: Path, tmp_path: Path, kind: str
) -> None:
    original = tensors(tiny)
    plain = tensors(quantize(tiny, kind, tmp_path / "plain", control(), threads=1))
    weighed = tensors(quantize(tiny, kind, tmp_path / "weighed", control(), threads=1, importance=matrix))
    for name, each in importance_of(tiny).items():
        exact = np.asarray(original[name].data, np.float32)

        def error(made: gguf.ReaderTensor, exact: np.ndarray = exact, each: Importance = each) -> float:
            difference = dequantize(made.data, made.tensor_type) - exact
            return float((difference**2 * each.weights()).sum())

        assert error(weighed[name]) < 0.97 * error(plain[name]), name


@pytest.mark.parametrize("kind", ["IQ2_XXS", "Q2_K_S"])
def test_type_that_needs_a_matrix_is_made_with_one_and_answers(
    tiny: Path, matrix: Path, tmp_path: Path, kind: str
) -> None:
    path = quantize(tiny, kind, tmp_path, control(), threads=1, importance=matrix)
    assert read_facts(path).quantization == kind
    with LoadedModel.load(path, LoadSettings(context_length=256, threads=1)) as model:
        assert ask(model, "hello", greedy(3)).statistics.tokens == 3


def test_file_tells_of_its_matrix_as_llama_quantize_does(tiny: Path, matrix: Path, tmp_path: Path) -> None:
    path = quantize(tiny, "Q2_K_S", tmp_path, control(), threads=1, importance=matrix)
    keys = {key: field.contents() for key, field in gguf.GGUFReader(path).fields.items() if "imatrix" in key}
    assert keys == {
        "quantize.imatrix.file": "tiny.imatrix.gguf",
        "quantize.imatrix.dataset": "words.txt",
        "quantize.imatrix.entries_count": len(importance_of(tiny)),
        "quantize.imatrix.chunks_count": 8,
    }


def test_size_is_told_before_with_the_mixture_that_a_matrix_makes(
    tiny: Path, matrix: Path, tmp_path: Path
) -> None:
    for kind in ("IQ4_XS", "Q4_0"):
        path = quantize(tiny, kind, tmp_path, control(), threads=1, importance=matrix)
        told = expected_bytes(read_facts(tiny), quantization_named(kind), importance=matrix)
        assert 0 <= path.stat().st_size - told < 300  # the keys that tell of the matrix


def test_each_expert_is_weighed_by_its_own_tokens(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "experts.gguf", layers=1, experts=EXPERTS)
    name = "blk.0.ffn_up_exps.weight"
    weighed = importance_of(model)
    own = np.arange(256) % EXPERTS == np.arange(EXPERTS)[:, None]
    means = np.where(own, 10.0, 0.1).astype(np.float32)
    weighed[name] = Importance(means * TOKENS, np.full(EXPERTS, TOKENS))
    importance = written(tmp_path / "m.gguf", weighed)
    made = tensors(quantize(model, "Q2_K", tmp_path / "out", control(), threads=1, importance=importance))[
        name
    ]
    difference = dequantize(made.data, made.tensor_type) - tensors(model)[name].data
    squares = (difference.reshape(EXPERTS, -1, 256) ** 2).mean(axis=1)
    for expert in range(EXPERTS):
        assert squares[expert, own[expert]].mean() < 0.8 * squares[expert, ~own[expert]].mean()


@pytest.mark.skipif(not LLAMA_QUANTIZE.exists(), reason="llama.cpp's own tools are not built here")
@pytest.mark.parametrize("kind", ["Q2_K", "IQ2_XXS", "Q4_K_S"])
def test_quantization_has_the_bytes_llama_quantize_writes_with_the_same_matrix(
    tiny: Path, matrix: Path, tmp_path: Path, kind: str
) -> None:
    theirs = tmp_path / "theirs.gguf"
    command = [LLAMA_QUANTIZE, "--imatrix", matrix, tiny, theirs, kind, "1"]
    done = subprocess.run(command, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    ours = quantize(tiny, kind, tmp_path, control(), threads=1, importance=matrix)
    reference, found = tensors(theirs), tensors(ours)
    assert list(found) == list(reference)
    for name, tensor in found.items():
        assert tensor.data.tobytes() == reference[name].data.tobytes(), name
    keys = [{k: f.contents() for k, f in gguf.GGUFReader(each).fields.items()} for each in (ours, theirs)]
    keys[1]["quantize.imatrix.file"] = matrix.name
    assert keys[0] == keys[1]


# Matrices of others


def test_matrix_of_another_model_is_refused_with_what_is_different(tiny: Path, tmp_path: Path) -> None:
    wider = write_tiny_model(tmp_path / "wider.gguf", hidden=512)
    importance = written(tmp_path / "wider.imatrix.gguf", importance_of(wider))
    with pytest.raises(
        NoImportanceMatrix, match=r"has 512 values for blk\.\S+, where there are 256"
    ) as caught:
        quantize(tiny, "Q4_0", tmp_path / "out", control(), importance=importance)
    assert "alibrate" in caught.value.hint
    assert not (tmp_path / "out").exists()


def test_matrix_that_shares_no_name_with_the_model_is_refused(tiny: Path, tmp_path: Path) -> None:
    importance = written(
        tmp_path / "m.gguf", {"encoder.w": Importance(np.ones((1, 256), np.float32), np.array([1]))}
    )
    with pytest.raises(NoImportanceMatrix, match="tells of none of its tensors"):
        quantize(tiny, "Q4_0", tmp_path / "out", control(), importance=importance)


def test_matrix_without_a_tensor_that_needs_it_is_refused_and_named(tiny: Path, tmp_path: Path) -> None:
    importance = written(tmp_path / "m.gguf", importance_of(tiny, without="attn_q"))
    with pytest.raises(
        NoImportanceMatrix, match=r"does not tell of blk\.0\.attn_q\.weight, which IQ2_XXS stores"
    ):
        quantize(tiny, "IQ2_XXS", tmp_path / "out", control(), importance=importance)
    assert not (tmp_path / "out").exists()


def test_matrix_that_lacks_what_can_do_without_is_taken_and_tells(tiny: Path, tmp_path: Path) -> None:
    importance = written(tmp_path / "m.gguf", importance_of(tiny, without="attn_q"))
    quantize(tiny, "Q4_K_S", tmp_path / "out", control(), importance=importance)
    fit = importance_fit(importance, read_facts(tiny))
    assert fit.missing == ("blk.0.attn_q.weight", "blk.1.attn_q.weight")
    assert "blk.0.attn_q.weight and 1 more" in fit.sentence


def test_experts_without_a_token_are_counted(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "experts.gguf", layers=1, experts=EXPERTS)
    given = importance_of(model)
    name = "blk.0.ffn_up_exps.weight"
    given[name] = Importance(given[name].sums, np.array([TOKENS, 0, 0, TOKENS]))
    fit = importance_fit(written(tmp_path / "m.gguf", given), read_facts(model))
    assert (fit.missing, fit.unseen_experts, fit.experts) == ((), 2, 3 * EXPERTS)
    assert "16.7%" in fit.sentence


def test_file_that_is_no_matrix_is_refused_before_anything_is_made(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(NoImportanceMatrix, match="holds no importance matrix"):
        quantize(tiny, "IQ2_M", tmp_path / "out", control(), importance=tiny)
    assert not (tmp_path / "out").exists()
