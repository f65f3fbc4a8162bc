"""What is asked of a model before it is quantized; no llama.cpp is started."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import app.convert
from app.convert import quantization_named
from app.convert.quantize import expected_bytes
from app.core.errors import WorkerDied, WrongChoice
from app.core.jobs import CancelToken, JobControl
from app.gguf import read_facts
from tests.helpers.raw_gguf import F16, STRING, UINT32, RawGguf

MIXTURE = {
    "token_embd.weight": (256, 100),
    "blk.0.ffn_norm.weight": (256,),
    "blk.0.attn_q.weight": (256, 256),
    "blk.0.ffn_down_exps.weight": (256, 512, 8),
}
DENSE = {name: shape for name, shape in MIXTURE.items() if "exps" not in name}


def model(folder: Path, tensors: dict[str, tuple[int, ...]]) -> Path:
    raw = RawGguf().key("general.architecture", STRING, "llama").key("general.file_type", UINT32, 1)
    for name, shape in tensors.items():
        size = 2
        for length in shape:
            size *= length
        size = -(-size // 32) * 32
        raw.tensor(name, shape, F16, offset=raw.data_bytes, data_bytes=size)
    path = folder / "model-F16.gguf"
    path.write_bytes(raw.to_bytes())
    return path


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    def start() -> None:
        raise WorkerDied("A worker was started.")

    monkeypatch.setattr(sys.modules["app.convert.quantize"], "start_worker", start)


def quantize(source: Path, kind: str) -> Path:
    control = JobControl(CancelToken(), lambda event: None)
    return app.convert.quantize(source, kind, source.parent / "out", control)


def test_type_for_experts_is_refused_for_a_model_without_and_nothing_is_made(tmp_path: Path) -> None:
    source = model(tmp_path, DENSE)
    with pytest.raises(WrongChoice, match=r"model-F16\.gguf is no mixture of experts") as caught:
        quantize(source, "mxfp4_moe")
    assert "Q4_K_M" in caught.value.hint
    assert not (tmp_path / "out").exists()
    with pytest.raises(WorkerDied):
        quantize(source, "Q4_K_M")


def test_type_for_experts_is_made_of_a_model_with_some(tmp_path: Path) -> None:
    with pytest.raises(WorkerDied):
        quantize(model(tmp_path, MIXTURE), "MXFP4_MOE")


@pytest.mark.parametrize(
    ("kind", "row", "bits"),
    [
        # Embeddings, norm, attention.
        ("Q8_0", 256, (8.5008, 32, 8.5008)),
        ("Q4_K_M", 256, (6.5625, 32, 4.8944)),
        ("TQ1_0", 256, (6.5625, 32, 1.69)),
        ("TQ1_0", 288, (8.5, 32, 6.5625)),  # Q8_0, and Q4_0 at most
        ("Q6_K", 288, (8.5, 32, 8.5)),
        ("Q4_K_M", 250, (16, 32, 16)),
        ("F32", 250, (32, 32, 32)),
    ],
)
def test_expected_size_counts_what_llama_cpp_keeps_larger(
    tmp_path: Path, kind: str, row: int, bits: tuple[float, ...]
) -> None:
    shapes = [(row, *shape[1:]) for shape in DENSE.values()]
    facts = read_facts(model(tmp_path, dict(zip(DENSE, shapes, strict=True))))
    weights = [tensor.elements for tensor in facts.tensors]
    expected = sum(count * each / 8 for count, each in zip(weights, bits, strict=True))
    header_bytes = facts.file_bytes - facts.tensor_bytes
    assert expected_bytes(facts, quantization_named(kind)) == int(expected) + header_bytes


def test_expected_size_of_the_type_for_experts_counts_the_rest_as_q8_0(tmp_path: Path) -> None:
    facts = read_facts(model(tmp_path, MIXTURE))
    experts = 256 * 512 * 8
    others = 256 * 100 + 256 * 256
    expected = (experts * 4.25 + others * 8.5 + 256 * 32) / 8 + facts.file_bytes - facts.tensor_bytes
    assert expected_bytes(facts, quantization_named("MXFP4_MOE")) == int(expected)
