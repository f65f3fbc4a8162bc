"""LoRA adapters in use: what they do to the model's expectations, several at once, and files that do not fit."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import resources
from app.core.errors import DamagedGguf, EnvironmentFault, FileGone, LoadFailed, NotGguf, WrongChoice
from app.gguf import read_facts
from app.memory.companions import read_companions
from app.runtime import LoadedModel, LoadSettings
from app.runtime.protocol import Adapter
from tests.helpers import numpy_llama
from tests.helpers.lora import Pair, merged, random_pair, write_lora
from tests.helpers.tiny_gguf import write_tiny_model

TEXT = "Nibble runs language models on your own computer. What is two and two? Four, as far as I know."
ALPHA = 16.0
MATRICES = {"mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "self_attn.v_proj": "attn_v"}
"""Of each layer, by the name in a checkpoint. Not queries and keys, whose rows llama.cpp has in another order."""


def settings(*adapters: tuple[Path, float]) -> LoadSettings:
    return LoadSettings(
        context_length=256,
        threads=1,
        adapters=tuple(Adapter(os.fsencode(path), strength) for path, strength in adapters),
    )


def scores(model: Path, *adapters: tuple[Path, float]) -> NDArray[np.float64]:
    with LoadedModel.load(model, settings(*adapters)) as loaded:
        return np.array(loaded.score(TEXT).log_probabilities)


@pytest.fixture(scope="module")
def checkpoint() -> tuple[numpy_llama.TinyLlama, dict[str, NDArray[np.float32]]]:
    if not resources.guide_checkpoint().exists():
        pytest.skip("the guide's checkpoint is not in this repository yet")
    return numpy_llama.read_checkpoint(resources.guide_checkpoint())


def pairs_for(weights: dict[str, NDArray[np.float32]], layers: int, seed: int) -> dict[str, Pair]:
    """By the name in the checkpoint."""
    names = [f"model.layers.{layer}.{matrix}.weight" for layer in range(layers) for matrix in MATRICES]
    return {
        name: random_pair(*weights[name].shape, rank=8, seed=100 * seed + number, size=0.3)
        for number, name in enumerate(names)
    }


def in_gguf(name: str) -> str:
    _, _, layer, block, matrix, _ = name.split(".")
    return f"blk.{layer}.{MATRICES[f'{block}.{matrix}']}.weight"


@pytest.mark.parametrize("strengths", [(1.0, 0.0), (0.5, 0.0), (-1.0, 0.0), (1.0, 0.75)], ids=str)
def test_adapters_of_a_strength_do_what_merging_their_matrices_does(
    tmp_path: Path,
    guide: Callable[[str], Path],
    checkpoint: tuple[numpy_llama.TinyLlama, dict[str, NDArray[np.float32]]],
    strengths: tuple[float, float],
) -> None:
    llama, weights = checkpoint
    model = guide("BF16")
    changed: dict[str, NDArray[np.float64]] = {}
    used = []
    for seed, strength in enumerate(strengths):
        pairs = pairs_for(weights, llama.layers, seed)
        path = write_lora(
            tmp_path / f"{seed}.gguf",
            {in_gguf(name): pair for name, pair in pairs.items()},
            alpha=ALPHA,
            architecture=read_facts(model).architecture or "",
        )
        used.append((path, strength))
        for name, pair in pairs.items():
            before = changed.get(name, weights[name].astype(np.float64))
            changed[name] = merged(before, pair, alpha=ALPHA, strength=strength)
    with LoadedModel.load(model, settings(*used)) as loaded:
        scored = loaded.score(TEXT)
    with LoadedModel.load(model, settings()) as loaded:
        alone = np.array(loaded.score(TEXT).log_probabilities)
    expected = np.array(numpy_llama.log_probabilities(llama, {**weights, **changed}, scored.tokens))  # type: ignore[dict-item]
    found = np.array(scored.log_probabilities)
    assert np.abs(alone - expected).mean() > 0.3
    # Half precision of the cache and of products with weights in BF16.
    assert np.abs(found - expected).mean() < 0.02
    assert np.abs(found - expected).max() < 0.2


@pytest.fixture(scope="module")
def adapter(models: Path) -> Path:
    return write_lora(
        models / "voice.gguf", {"blk.0.attn_v.weight": random_pair(128, 256, 8, 1)}, alpha=ALPHA
    )


def test_adapter_of_strength_0_changes_nothing(tiny: Path, adapter: Path) -> None:
    assert (scores(tiny, (adapter, 0.0)) == scores(tiny)).all()
    assert (scores(tiny, (adapter, 1.0)) != scores(tiny)).any()


def test_adapter_of_experts_changes_what_a_mixture_expects(models: Path) -> None:
    mixture = write_tiny_model(models / "adapted-mixture.gguf", experts=4, never_ends=True, scale=2.0)
    low = np.stack([random_pair(512, 256, 8, seed)[0] for seed in range(4)])
    high = np.stack([random_pair(512, 256, 8, seed)[1] for seed in range(4)])
    path = write_lora(models / "experts.gguf", {"blk.0.ffn_up_exps.weight": (low, high)}, alpha=ALPHA)
    read_companions(read_facts(mixture), [path])
    assert (scores(mixture, (path, 1.0)) != scores(mixture)).any()


def refused(model: Path, path: Path, kind: type[EnvironmentFault], words: str) -> None:
    with pytest.raises(kind, match=words):
        LoadedModel.load(model, settings((path, 1.0)))


def test_adapter_for_another_architecture_is_refused(tiny: Path, tmp_path: Path) -> None:
    path = write_lora(
        tmp_path / "qwen.gguf",
        {"blk.0.attn_v.weight": random_pair(128, 256, 8, 1)},
        alpha=1.0,
        architecture="qwen2",
    )
    refused(tiny, path, LoadFailed, "cannot use the adapter qwen.gguf .*model arch and LoRA arch mismatch")


@pytest.mark.parametrize(
    ("name", "rows"), [("blk.0.attn_v.weight", 256), ("blk.9.attn_v.weight", 128)], ids=["shape", "layer"]
)
def test_adapter_for_a_model_of_another_size_is_refused(
    tiny: Path, tmp_path: Path, name: str, rows: int
) -> None:
    path = write_lora(tmp_path / "large.gguf", {name: random_pair(rows, 256, 8, 1)}, alpha=1.0)
    refused(tiny, path, LoadFailed, "maybe wrong base model")


def test_adapter_that_is_cut_short_or_no_adapter_is_refused(
    tiny: Path, adapter: Path, tmp_path: Path
) -> None:
    short = tmp_path / "short.gguf"
    short.write_bytes(adapter.read_bytes()[:-400])
    refused(tiny, short, DamagedGguf, "short.gguf")
    text = tmp_path / "text.gguf"
    text.write_text("not what it is called")
    refused(tiny, text, NotGguf, "text.gguf")
    refused(tiny, tmp_path / "none.gguf", FileGone, "none.gguf")
    refused(tiny, tiny, LoadFailed, "expect general.type to be 'adapter'")


def test_adapter_whose_header_has_numbers_of_other_types_is_refused(tiny: Path, tmp_path: Path) -> None:
    pairs = {"blk.0.attn_v.weight": random_pair(128, 256, 8, 1)}
    path = write_lora(tmp_path / "odd.gguf", pairs, alpha=1.0)
    content = path.read_bytes()
    # The type of the value, F32 (6), stands behind the key; I32 is 5.
    path.write_bytes(content.replace(b"adapter.lora.alpha\x06", b"adapter.lora.alpha\x05"))
    refused(tiny, path, WrongChoice, "header is damaged")


@pytest.mark.parametrize("strength", [float("nan"), float("inf"), 1e9])
def test_strength_that_is_no_sensible_number_is_refused(tiny: Path, adapter: Path, strength: float) -> None:
    with pytest.raises(WrongChoice, match="strength"):
        LoadedModel.load(tiny, settings((adapter, strength)))


def test_experts_that_are_too_few_are_refused_before_the_runtime_would_read_beyond_them(models: Path) -> None:
    mixture = write_tiny_model(models / "few-mixture.gguf", experts=4)
    low, high = random_pair(512, 256, 8, 1)
    path = write_lora(models / "few.gguf", {"blk.0.ffn_up_exps.weight": (low[None], high[None])}, alpha=1.0)
    with pytest.raises(WrongChoice, match="another shape"):
        read_companions(read_facts(mixture), [path])
