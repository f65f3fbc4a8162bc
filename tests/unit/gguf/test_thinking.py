"""What templates let a person choose about thinking."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.gguf import ThinkingControls
from app.gguf.thinking import thinking_controls

FOLDER = Path(__file__).parents[4] / "shared/data/chat_templates_llamacpp_2026/llamacpp/models/templates"
USUAL = ("low", "medium", "high")


@pytest.mark.parametrize(
    ("template", "controls"),
    [
        (None, None),
        ("{{ messages }} I was thinking, enable it!", None),
        ("{% if message.thinking %}{{ message.thinking }}{% endif %}", None),
        ("{% if enable_thinking is defined and not enable_thinking %}", ThinkingControls(switch=True)),
        ("{% if not thinking is defined %}", ThinkingControls(switch=True)),
        ('{% set reasoning_effort = "medium" %}', ThinkingControls(efforts=USUAL)),
        (
            "{% if reasoning_effort in ['high', 'low', 'no_think'] %}",
            ThinkingControls(efforts=("no_think", "low", "high")),
        ),
    ],
)
def test_template_shows_what_can_be_chosen(template: str | None, controls: ThinkingControls | None) -> None:
    assert thinking_controls(template) == controls


@pytest.mark.skipif(not FOLDER.is_dir(), reason="no templates beside the checkout")
@pytest.mark.parametrize(
    ("name", "controls"),
    [
        ("Qwen-Qwen3-0.6B", ThinkingControls(switch=True)),
        ("deepseek-ai-DeepSeek-V3.1", ThinkingControls(switch=True)),
        ("ibm-granite-granite-3.3-2B-Instruct", ThinkingControls(switch=True)),
        ("openai-gpt-oss-120b", ThinkingControls(efforts=USUAL)),
        ("meta-llama-Llama-3.1-8B-Instruct", None),
        ("google-gemma-2-2b-it", None),
    ],
)
def test_real_templates_show_what_their_models_documentation_says(
    name: str, controls: ThinkingControls | None
) -> None:
    assert thinking_controls((FOLDER / f"{name}.jinja").read_text(encoding="utf-8")) == controls
