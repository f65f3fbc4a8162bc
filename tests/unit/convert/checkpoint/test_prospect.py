"""Whether a checkpoint could be converted, told from its description and held against the converter itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.convert.checkpoint.conversion import convert_checkpoint
from app.convert.checkpoint.prospect import Described, reason_against
from app.core.jobs import CancelToken, JobControl
from tests.helpers.tiny_checkpoint import write_tiny_checkpoint

LLAMA = Described(
    "LlamaForCausalLM",
    "BF16",
    is_pickled=False,
    is_adapter=False,
    files=("config.json", "model.safetensors", "tokenizer.model"),
)


@pytest.mark.parametrize("form", ["BF16", "F16", "F32", None])
def test_full_precision_llama_can_be_converted(form: str | None) -> None:
    assert reason_against(replace(LLAMA, form=form)) == ""


@pytest.mark.parametrize(
    ("checkpoint", "word"),
    [
        (replace(LLAMA, is_adapter=True), "adapter"),
        (replace(LLAMA, is_pickled=True), "pickled"),
        (replace(LLAMA, form="FP8"), "FP8"),
        (replace(LLAMA, form="GPTQ, 4 bits"), "GPTQ, 4 bits"),
        (replace(LLAMA, architecture="BertModel"), "BertModel"),
        (replace(LLAMA, architecture="x" * 10_000), "x..."),
        (replace(LLAMA, architecture=None), "nothing tells"),
        (replace(LLAMA, files=("tokenizer.model", "weights.safetensors")), "model.safetensors"),
        (replace(LLAMA, files=("model.safetensors", "vocab.txt")), "tokenizer"),
    ],
)
def test_what_cannot_has_a_reason(checkpoint: Described, word: str) -> None:
    reason = reason_against(checkpoint)
    assert word in reason
    assert reason.endswith(".")
    assert len(reason) < 200


def test_what_is_said_to_be_convertible_is_converted(tmp_path: Path) -> None:
    folder = write_tiny_checkpoint(tmp_path / "checkpoint")
    files = [path.name for path in folder.iterdir()]
    assert reason_against(replace(LLAMA, files=files)) == ""
    control = JobControl(CancelToken(), lambda event: None)
    assert convert_checkpoint(folder, tmp_path / "model.gguf", control).exists()
