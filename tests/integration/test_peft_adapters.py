"""Converted LoRA adapters in llama.cpp: beside a model they do what they do merged into it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from app.convert import convert_adapter, convert_checkpoint
from app.core.jobs import CancelToken, JobControl
from app.gguf import read_facts
from app.memory.companions import read_companions
from app.runtime import LoadedModel, LoadSettings
from app.runtime.protocol import Adapter
from tests.helpers import numpy_llama
from tests.helpers.command_line import nibble
from tests.helpers.peft_adapter import change_of, write_peft_adapter
from tests.helpers.random_checkpoint import write_random_checkpoint
from tests.helpers.tiny_checkpoint import TinyLlama, write_tiny_checkpoint

DATA = Path(__file__).parents[1] / "data" / "convert"
TEXT = "The cat sat on the mat and looked at two dogs."


def control() -> JobControl:
    return JobControl(CancelToken(), lambda event: None)


def scores(model: Path, *adapters: Path) -> tuple[tuple[int, ...], NDArray[np.float64]]:
    used = tuple(Adapter(os.fsencode(path), 1.0) for path in adapters)
    with LoadedModel.load(model, LoadSettings(context_length=256, threads=1, adapters=used)) as loaded:
        scored = loaded.score(TEXT)
    return tuple(scored.tokens), np.array(scored.log_probabilities)


@pytest.mark.parametrize("name", ["llama-3.2", "llama-linear", "mixtral", "qwen3", "gemma3", "phi3"])
def test_adapter_beside_a_model_answers_as_the_merged_model_does(tmp_path: Path, name: str) -> None:
    recorded = json.loads((DATA / f"{name}.json").read_text())
    shapes = {each: (dtype, tuple(shape)) for each, (dtype, shape) in recorded["checkpoint"].items()}
    base = write_random_checkpoint(tmp_path / "Tiny", recorded["config"], shapes)
    modules = json.loads((DATA / "adapters" / f"{name}.json").read_text())["modules"]
    folder = write_peft_adapter(tmp_path / "Adapter", modules, config={"lora_alpha": 64, "use_rslora": True})
    model = convert_checkpoint(base, tmp_path / "model.gguf", control(), "F32")
    adapter = convert_adapter(folder, base, tmp_path / "adapter.gguf", control(), "F32")
    merged = convert_checkpoint(base, tmp_path / "merged.gguf", control(), "F32", lora=folder)
    read_companions(read_facts(model), [adapter])
    _, alone = scores(model)
    _, beside = scores(model, adapter)
    _, within = scores(merged)
    assert np.abs(alone - within).mean() > 0.05
    # Half precision of the cache.
    assert np.abs(beside - within).max() < 0.02


def test_merged_model_computes_what_an_independent_forward_pass_does(tmp_path: Path) -> None:
    llama = TinyLlama(dtype="F32")
    modules = {
        f"model.layers.{layer}.{name}": llama.shapes()[f"model.layers.{layer}.{name}.weight"]
        for layer in range(llama.layers)
        for name in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.o_proj", "mlp.up_proj")
    }
    base = write_tiny_checkpoint(tmp_path / "Tiny", llama)
    folder = write_peft_adapter(tmp_path / "Style", modules)  # type: ignore[arg-type]
    done = nibble(
        "convert", str(base), "--lora", str(folder), "--to", "F32", "--out", str(tmp_path), "--json"
    )
    (path,) = (Path(each["path"]) for each in done.document["outputs"])
    done = nibble(
        "convert", str(folder), "--base", str(base), "--to", "F32", "--out", str(tmp_path), "--json"
    )
    (adapter,) = (Path(each["path"]) for each in done.document["outputs"])
    assert (path.name, adapter.name) == ("Tiny-Style-F32.gguf", "Style-F32.gguf")
    weights = llama.weights()
    for module, shape in modules.items():
        weights[f"{module}.weight"] = weights[f"{module}.weight"] + change_of(module, shape)  # type: ignore[arg-type]
    model = convert_checkpoint(base, tmp_path / "plain.gguf", control(), "F32")
    for tokens, found in (scores(path), scores(model, adapter)):
        expected = np.array(numpy_llama.log_probabilities(llama, weights, tokens))
        assert np.abs(found - expected).max() < 0.02


def test_command_says_what_an_adapter_lacks(tmp_path: Path) -> None:
    folder = write_peft_adapter(tmp_path / "Style", {"model.layers.0.mlp.up_proj": (512, 256)})
    done = nibble("convert", str(folder), "--to", "F16", "--out", str(tmp_path))
    done.assert_refused("Style is an adapter", "someone/Tiny", "--base")
