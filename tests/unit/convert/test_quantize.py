"""What is asked of a model before it is quantized; no llama.cpp is started."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import app.convert
from app.core.errors import WorkerDied, WrongChoice
from app.core.jobs import CancelToken, JobControl
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
