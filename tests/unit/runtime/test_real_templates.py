"""Templates of real models: the prompts of Transformers' `apply_chat_template`, which `bench_templates` recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.runtime.worker.templates import ChatTemplate
from tests.helpers.template_conversations import (
    CONVERSATIONS,
    NOW,
    RECORD,
    REFUSED,
    digest,
    prompt_or_refusal,
)

FOLDER = Path(__file__).parents[4] / "shared/data/chat_templates_llamacpp_2026/llamacpp/models/templates"
RECORDED = json.loads(RECORD.read_text(encoding="utf-8"))["templates"]
PATHS = sorted(FOLDER.glob("*.jinja")) if FOLDER.is_dir() else []


@pytest.mark.skipif(not PATHS, reason="no templates beside the checkout")
@pytest.mark.parametrize("path", PATHS, ids=[path.stem for path in PATHS])
def test_real_template_gives_the_prompts_that_transformers_gives(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    recorded = RECORDED[digest(text)]["prompts"]
    assert recorded.keys() == CONVERSATIONS.keys()
    template = ChatTemplate(text, lambda: NOW)
    for title, digests in recorded.items():
        prompt = prompt_or_refusal(template, CONVERSATIONS[title])
        # The second one, where there is one, is that for arguments of calls as text: templates that need
        # them so fail with objects in Transformers.
        told = prompt if prompt == REFUSED else digest(prompt)
        assert told == (digests[1] if digests[0] == REFUSED and len(digests) > 1 else digests[0]), title
