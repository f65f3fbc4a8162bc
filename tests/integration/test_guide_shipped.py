"""The guide that this repository brings: whole, as small as promised, and ready to talk within a minute."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import resources
from app.convert import QUANTIZATIONS
from app.core.jobs import CancelToken, JobControl
from app.gguf import read_facts
from app.guide import FIRST_QUESTION, GUIDE_QUANTIZATIONS, guide_fault, make_guide
from app.runtime import LoadedModel, LoadSettings
from app.storage import DataFolder
from tests.helpers.answers import ask, greedy
from tests.helpers.guide_checkpoint import needs_shipped_guide

pytestmark = needs_shipped_guide

MOST_BYTES = 30_000_000
LIMIT_S = 60
K_QUANTS = [kind.name for kind in QUANTIZATIONS if "_K" in kind.name and not kind.needs_importance_matrix]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    """Shared: what one test has made, the next finds."""
    return DataFolder(tmp_path_factory.mktemp("home"))


def make(data: DataFolder, *quantizations: str) -> list[Path]:
    return make_guide(data, quantizations, JobControl(CancelToken(), lambda event: None))


def test_checkpoint_is_whole_and_small() -> None:
    assert guide_fault() is None
    files = list(resources.guide_checkpoint().iterdir())
    assert sum(file.stat().st_size for file in files) <= MOST_BYTES
    listed = {
        line.split("  ")[1] for line in (resources.guide_checkpoint() / "SHA256SUMS").read_text().splitlines()
    }
    assert {file.name for file in files} == {*listed, "SHA256SUMS"}


def test_within_a_minute_both_quantizations_are_made_and_answer_a_greeting(data: DataFolder) -> None:
    started = time.monotonic()
    for path in make(data, *GUIDE_QUANTIZATIONS):
        with LoadedModel.load(path, LoadSettings(context_length=1024)) as model:
            for question in ("Hello!", FIRST_QUESTION):
                answer = ask(model, question, greedy(200))
                assert answer.text.strip()
                assert answer.statistics.finish_reason == "stop"
    assert time.monotonic() - started < LIMIT_S


def test_architecture_is_what_the_ladder_needs(data: DataFolder) -> None:
    (path,) = make(data, "BF16")
    facts = read_facts(path)
    assert facts.architecture == "llama"
    assert facts.name == "Nibble guide"
    assert 5_000_000 <= facts.parameters <= 15_000_000
    assert facts.context_length == 1024
    assert facts.heads is not None
    assert facts.kv_heads is not None
    assert facts.kv_heads < facts.heads
    assert facts.chat_template is not None
    assert all(tensor.shape[0] % 256 == 0 for tensor in facts.tensors if len(tensor.shape) == 2)


@pytest.mark.parametrize("kind", K_QUANTS)
def test_every_k_quant_applies_without_fallback(data: DataFolder, kind: str) -> None:
    (path,) = make(data, kind)
    matrices = [tensor for tensor in read_facts(path).tensors if len(tensor.shape) == 2]
    assert {tensor.type.split("_")[1] for tensor in matrices} == {"K"}
