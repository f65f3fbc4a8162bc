"""Adapters, projectors and draft models beside a model: what llama.cpp itself says now, and the commands."""

from __future__ import annotations

import json
import platform
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from app.gguf import read_facts
from app.gguf.outline import TensorShape
from app.memory import estimate
from app.memory.companions import read_companions, with_companions
from app.memory.companions.projector import projector_memory
from app.memory.dry_run import dry_run
from app.runtime import LoadSettings
from app.storage import DataFolder
from tests.helpers.adapters import adapted, reserved_with_adapters, write_adapter
from tests.helpers.command_line import nibble
from tests.helpers.projectors import PROJECTORS, taken_by_libmtmd, write_projector_ghost
from tests.helpers.reservation import MIB
from tests.helpers.tiny_gguf import write_tiny_model

MACHINES = Path(__file__).parents[1] / "data" / "machines"
SETTINGS = LoadSettings(context_length=512)
LOG_DIGIT_MIB = 0.006
OUTPUTS = 512
"""Logits of so many tokens fit into what is reserved for them, as the vocabulary is tiny."""

needs_gcc_library = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64",
    reason="libmtmd's answer is read as GCC's library lays it out on x86-64",
)


@pytest.mark.parametrize("rank", [8, 512])
def test_adapter_takes_what_llama_cpp_logs(tmp_path: Path, tiny: Path, rank: int) -> None:
    model = read_facts(tiny)
    tensors = adapted(model.tensors, rank, "attn_q", "attn_v", "ffn_up", "ffn_down", "output", "token_embd")
    path = write_adapter(tmp_path / "style.gguf", "llama", tensors)
    logged = reserved_with_adapters(tiny, path, context=512, outputs=OUTPUTS)
    found = read_companions(model, [path])
    alone = estimate(model, SETTINGS)
    (told,) = with_companions(alone, model, SETTINGS, (), found).companions
    assert told.weights_bytes / MIB == pytest.approx(logged.adapters, abs=LOG_DIGIT_MIB)
    grown = logged.compute_with - logged.compute_without
    assert told.compute_bytes / MIB == pytest.approx(grown, abs=2 * LOG_DIGIT_MIB)


@pytest.mark.parametrize(
    ("architecture", "tensors", "words"),
    [
        ("qwen2", {}, "model arch and LoRA arch mismatch"),
        ("llama", {"blk.9.attn_q.weight": ((256, 8), (8, 256))}, "does not exist in base model"),
        ("llama", {"blk.0.attn_q.weight": ((512, 8), (8, 256))}, "has incorrect shape"),
        ("llama", {"blk.0.attn_q.weight": ((256, 8), (4, 256))}, "is not transposed"),
    ],
)
def test_what_is_refused_llama_cpp_refuses_too(
    tmp_path: Path,
    tiny: Path,
    architecture: str,
    tensors: dict[str, tuple[tuple[int, int], tuple[int, int]]],
    words: str,
) -> None:
    halves = [
        TensorShape(f"{name}.lora_{half}", shape)
        for name, shapes in tensors.items()
        for half, shape in zip("ab", shapes, strict=True)
    ]
    path = write_adapter(tmp_path / "bad.gguf", architecture, halves)
    with pytest.raises(RuntimeError, match=words):
        reserved_with_adapters(tiny, path)


@needs_gcc_library
def test_projectors_take_what_libmtmd_says(tmp_path: Path) -> None:
    paths = []
    for name in ("llava-1.5-7b", "gemma-3-4b", "qwen2.5-vl-7b", "mistral-small-3.1-24b", "internvl3-8b"):
        few = replace(PROJECTORS[name], layers=3)
        paths.append(write_projector_ghost(few, tmp_path / f"{name}.gguf"))
    for path, true in zip(paths, taken_by_libmtmd(*paths), strict=True):
        told = projector_memory(read_facts(path))
        assert told.weights_bytes + told.compute_bytes == pytest.approx(true, abs=256), path.name


def test_draft_model_takes_what_a_dry_run_of_it_says(tmp_path: Path, tiny: Path) -> None:
    path = write_tiny_model(tmp_path / "draft.gguf", layers=1)
    model = read_facts(tiny)
    told = with_companions(estimate(model, SETTINGS), model, SETTINGS, (), read_companions(model, draft=path))
    asked = [dry_run(each, SETTINGS, DataFolder(tmp_path / "data")) for each in (tiny, path)]
    true = sum(each.weights_bytes + each.buffers.cache_bytes + each.buffers.working_bytes for each in asked)
    assert told.total_bytes == pytest.approx(true, abs=6 * 5243)  # the log has MiB with two decimals


def test_command_counts_what_goes_with_a_model(tmp_path: Path, tiny: Path) -> None:
    style = write_adapter(tmp_path / "style.gguf", "llama", adapted(read_facts(tiny).tensors, 8, "attn_q"))
    other = write_adapter(tmp_path / "other.gguf", "llama", adapted(read_facts(tiny).tensors, 16, "attn_q"))
    draft = write_tiny_model(tmp_path / "draft.gguf", layers=1)
    alone = nibble("estimate", tiny, "--context", "512", "--json").document
    told = nibble(
        "estimate", tiny, "--context", "512", "--lora", style, "--lora", other, "--draft", draft, "--json"
    ).document
    assert alone["companions"] == []
    assert [(each["kind"], Path(each["file"]).name) for each in told["companions"]] == [
        ("lora", "style.gguf"),
        ("lora", "other.gguf"),
        ("draft", "draft.gguf"),
    ]
    for key in ("weights_bytes", "kv_bytes", "compute_bytes"):
        assert told[key] == alone[key] + sum(each[key] for each in told["companions"])
    assert told["companions"][0]["weights_bytes"] == 2 * 8 * (256 + 256) * 2


def test_projector_counts_in_whether_a_model_fits(tmp_path: Path) -> None:
    """It takes 2.1 GB. Alone, all layers of this model go to the card."""
    wide = write_tiny_model(tmp_path / "wide.gguf", hidden=3584, heads=28, kv_heads=4, layers=1)
    projector = write_projector_ghost(PROJECTORS["qwen2.5-vl-7b"], tmp_path / "mmproj.gguf")
    small_card = card_with(tmp_path / "machine.json", free_bytes=2_000_000_000)
    alone = nibble("estimate", wide, "--machine", small_card, "--json").document
    told = nibble("estimate", wide, "--mmproj", projector, "--machine", small_card, "--json").document
    assert alone["gpu_layers"] == 2
    assert told["gpu_layers"] == 0
    # Working space for long prompts, which the card takes over, is all that is on it.
    assert all(
        each["weights_bytes"] + each["kv_bytes"] == 0 for each in told["devices"] if each["name"] != "CPU"
    )
    assert told["fits"] is True
    forced = nibble(
        "estimate", wide, "--mmproj", projector, "--gpu-layers", "2", "--machine", small_card, "--json"
    ).document
    assert forced["fits"] is False


def card_with(path: Path, *, free_bytes: int) -> Path:
    """A desktop whose card has so little free."""
    machine = json.loads((MACHINES / "desktop-8gb-card.json").read_text(encoding="utf-8"))
    machine["accelerators"][0]["free_bytes"] = free_bytes
    path.write_text(json.dumps(machine), encoding="utf-8")
    return path


def test_command_refuses_what_does_not_go_with_the_model(tmp_path: Path, tiny: Path) -> None:
    foreign = write_adapter(tmp_path / "foreign.gguf", "qwen2", ())
    nibble("estimate", tiny, "--lora", foreign).assert_refused("'qwen2'", "'llama'")
    nibble("estimate", tiny, "--mmproj", foreign).assert_refused("is an adapter (LoRA)")
    nibble("estimate", tiny, "--draft", tmp_path / "none.gguf").assert_refused("none.gguf")
    nibble("estimate", foreign).assert_refused("adapter (LoRA)")


def test_inspect_says_what_the_files_are(tmp_path: Path, tiny: Path) -> None:
    style = write_adapter(tmp_path / "style.gguf", "llama", adapted(read_facts(tiny).tensors, 8, "attn_q"))
    eyes = write_projector_ghost(PROJECTORS["smolvlm-500m"], tmp_path / "eyes.gguf")
    assert "adapter (LoRA), rank 8" in nibble("inspect", style).out
    assert "projector of images (mmproj, idefics3)" in nibble("inspect", eyes).out
    assert nibble("inspect", style, "--json").document["adapter_rank"] == 8
    assert nibble("inspect", eyes, "--json").document["projector"] == "idefics3"
