"""Models answer the same however their memory is laid out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.core.errors import LoadFailed, WrongChoice
from app.gguf import read_facts
from app.memory import estimate
from app.memory.dry_run import dry_run
from app.runtime import LoadedModel, LoadSettings
from app.runtime.protocol import KvType, PromptProgress
from app.storage import DataFolder
from tests.helpers.answers import ask, events, greedy
from tests.helpers.tiny_gguf import CHATML, write_tiny_model

PROMPT = "hello world " * 180
"""Some 1,300 tokens, more than a micro-batch has by default."""


@pytest.fixture(scope="module")
def answer(tiny: Path) -> str:
    with LoadedModel.load(tiny, LoadSettings(context_length=2048, threads=1)) as model:
        return ask(model, PROMPT, greedy(20)).text


@pytest.mark.parametrize(
    "options",
    [
        {"ubatch": 64},
        {"ubatch": 1024},
        {"batch": 2048},
        {"flash_attention": "off"},
        {"gpu_layers": 1},
        {"prompt_threads": 2},
        {"load_mode": "none"},
        {"load_mode": "mmap+mlock"},
    ],
    ids=str,
)
def test_answer_does_not_depend_on_how_memory_is_used(
    tiny: Path, answer: str, options: dict[str, Any]
) -> None:
    with LoadedModel.load(tiny, LoadSettings(context_length=2048, threads=1, **options)) as model:
        assert ask(model, PROMPT, greedy(20)).text == answer


@pytest.fixture(scope="module")
def mixture(models: Path) -> Path:
    return write_tiny_model(
        models / "mixture-f32.gguf", chat_template=CHATML, context=4096, never_ends=True, scale=2.0, experts=4
    )


def test_answer_does_not_depend_on_where_experts_are(mixture: Path) -> None:
    answers = []
    for layers in (0, 1, -1):
        settings = LoadSettings(context_length=512, threads=1, expert_layers_in_memory=layers)
        with LoadedModel.load(mixture, settings) as model:
            answers.append(ask(model, "hello world", greedy(20)).text)
    assert answers[0] == answers[1] == answers[2]
    assert len(set(answers[0])) > 1


def test_dry_run_with_experts_in_main_memory_needs_the_same_where_there_is_no_other(
    mixture: Path, tmp_path: Path
) -> None:
    apart = LoadSettings(context_length=512, expert_layers_in_memory=-1)
    asked = dry_run(mixture, apart, DataFolder(tmp_path).create())
    assert asked == dry_run(mixture, LoadSettings(context_length=512), DataFolder(tmp_path).create())


def test_kv_cache_of_fewer_bits_changes_what_the_model_expects_the_more_the_fewer(tiny: Path) -> None:
    kv_types: tuple[KvType, ...] = ("f16", "q8_0", "q4_0")
    scores = {}
    for kv_type in kv_types:
        settings = LoadSettings(context_length=512, threads=1, kv_type=kv_type)
        with LoadedModel.load(tiny, settings) as model:
            scores[kv_type] = np.array(model.score("hello world " * 30).log_probabilities)
    changes = [np.abs(scores[kv_type] - scores["f16"]).mean() for kv_type in kv_types[1:]]
    assert 0 < changes[0] < changes[1] / 2


@pytest.mark.parametrize(("ubatch", "step"), [(64, 512), (512, 512), (1024, 1024)])
def test_prompt_is_evaluated_in_batches_of_the_micro_batch_and_512_at_least(
    tiny: Path, ubatch: int, step: int
) -> None:
    settings = LoadSettings(context_length=2048, threads=1, ubatch=ubatch)
    with LoadedModel.load(tiny, settings) as model:
        done = [event.done for event in events(model, PROMPT, greedy(1)) if isinstance(event, PromptProgress)]
    assert done[-1] > 1024
    assert done[:-1] == list(range(0, done[-1], step))


def test_answer_in_a_context_of_several_sequences_ends_where_its_part_does(tiny: Path) -> None:
    settings = LoadSettings(context_length=2048, sequences=4, threads=1)
    with LoadedModel.load(tiny, settings) as model:
        statistics = ask(model, "hello", greedy(0)).statistics
    assert statistics.finish_reason == "context"
    assert statistics.prompt_tokens + statistics.tokens <= 512 + 1


def test_keys_and_values_may_be_kept_in_different_types(tiny: Path) -> None:
    scores = {}
    types: list[tuple[KvType, KvType | None]] = [
        ("q8_0", None),
        ("q8_0", "q8_0"),
        ("q8_0", "f16"),
        ("f16", "q8_0"),
    ]
    for kv_type, value_type in types:
        settings = LoadSettings(context_length=512, threads=1, kv_type=kv_type, value_type=value_type)
        with LoadedModel.load(tiny, settings) as model:
            described = model.description.buffers.kv_cache_bytes
            assert described == pytest.approx(estimate(read_facts(tiny), settings).kv_bytes, abs=5243)
            scores[kv_type, value_type] = model.score("hello world " * 30).log_probabilities
    assert scores["q8_0", None] == scores["q8_0", "q8_0"]
    assert len(set(scores.values())) == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [({"threads": 513}, "513 threads"), ({"devices": ("CUDA7",)}, "no device CUDA7")],
    ids=str,
)
def test_settings_that_llama_cpp_would_die_of_are_refused_by_the_worker_in_a_sentence(
    tiny: Path, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(WrongChoice, match=words):
        LoadedModel.load(tiny, LoadSettings(**options))


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="what may be locked is set otherwise elsewhere"
)
def test_model_that_the_system_does_not_let_be_locked_is_not_said_to_be(heavy: Path) -> None:
    import resource  # which Windows does not have

    limits = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if may_lock_without_limit():
        pytest.skip("this process may lock as much as it likes")
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (1 << 20, limits[1]))
    try:
        with pytest.raises(LoadFailed, match="does not let this model be locked"):
            LoadedModel.load(heavy, LoadSettings(context_length=256, threads=1, load_mode="mlock"))
    finally:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, limits)


def may_lock_without_limit() -> bool:
    """By CAP_IPC_LOCK, which is number 14."""
    (capabilities,) = (
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff")
    )
    return bool(int(capabilities.split()[1], 16) >> 14 & 1)
