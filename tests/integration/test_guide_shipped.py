"""The guide that this repository brings: whole, as small as promised, and ready to talk within a minute."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from pathlib import Path

import resources
from app.core.jobs import CancelToken, JobControl
from app.gguf import read_facts
from app.guide import FIRST_QUESTION, GUIDE_QUANTIZATIONS, guide_fault, make_guide
from app.runtime import LoadedModel, LoadSettings
from app.storage import data_folder
from tests.helpers.answers import ask, greedy
from tests.helpers.guide_checkpoint import needs_shipped_guide

pytestmark = needs_shipped_guide

MOST_BYTES = 30_000_000
LIMIT_S = 60


def test_checkpoint_is_whole_and_small() -> None:
    assert guide_fault() is None
    files = list(resources.guide_checkpoint().iterdir())
    assert sum(file.stat().st_size for file in files) <= MOST_BYTES
    listed = {
        line.split("  ")[1] for line in (resources.guide_checkpoint() / "SHA256SUMS").read_text().splitlines()
    }
    assert {file.name for file in files} == {*listed, "SHA256SUMS"}


def test_within_a_minute_both_quantizations_are_made_and_answer_a_greeting(home: Path) -> None:
    started = time.monotonic()
    control = JobControl(CancelToken(), lambda event: None)
    for path in make_guide(data_folder(), GUIDE_QUANTIZATIONS, control):
        with LoadedModel.load(path, LoadSettings(context_length=1024)) as model:
            for question in ("Hello!", FIRST_QUESTION):
                answer = ask(model, question, greedy(200))
                assert answer.text.strip()
                assert answer.statistics.finish_reason == "stop"
    assert time.monotonic() - started < LIMIT_S


def test_architecture_is_what_the_ladder_needs(guide: Callable[[str], Path]) -> None:
    facts = read_facts(guide("BF16"))
    assert facts.architecture == "llama"
    assert facts.name == "Nibble guide"
    assert 5_000_000 <= facts.parameters <= 15_000_000
    assert facts.context_length == 1024
    assert facts.heads is not None
    assert facts.kv_heads is not None
    assert facts.kv_heads < facts.heads
    assert facts.chat_template is not None
    assert all(tensor.shape[0] % 256 == 0 for tensor in facts.tensors if len(tensor.shape) == 2)


def test_file_has_as_many_weights_as_the_checkpoint(guide: Callable[[str], Path]) -> None:
    content = (resources.guide_checkpoint() / "model.safetensors").read_bytes()
    header = 8 + struct.unpack("<Q", content[:8])[0]
    assert 2 * read_facts(guide("BF16")).parameters == len(content) - header
