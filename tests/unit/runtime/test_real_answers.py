"""Answers as real templates write them into a history: what a model of the family is trained to write."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from app.runtime.protocol import ChatMessage, TemplateOptions, ToolCall
from app.runtime.worker.answers import AnswerFormat
from app.runtime.worker.templates import ChatTemplate
from tests.helpers.template_conversations import BOS, CONVERSATIONS, EOS, NOW
from tests.unit.runtime.test_real_templates import PATHS

QUESTION = ChatMessage("user", "QUESTION")
TOOLS = tuple(CONVERSATIONS["tools"].tools or ())
CALLS = (
    ToolCall("get_weather", json.dumps({"place": "Malmö, Sweden", "unit": "celsius"}), "a1b2c3d4e"),
    ToolCall(
        "book_table",
        json.dumps(
            {
                "guests": 4,
                "wishes": ["quiet", 'by the "window"'],
                "address": {"street": "Östra gatan 5"},
                "outside": False,
            }
        ),
        "f5a6b7c8d",
    ),
)
RESULTS = (
    ChatMessage("tool", "RESULT", tool_name="get_weather", tool_call_id="a1b2c3d4e"),
    ChatMessage("tool", "RESULT", tool_name="book_table", tool_call_id="f5a6b7c8d"),
)

WRITES_NO_CALLS = {
    "HuggingFaceTB-SmolLM3-3B",
    "Kimi-K2-Instruct",
    "Kimi-K2-Thinking",
    "LFM2-8B-A1B",
    "LFM2.5-Instruct",
    "deepseek-ai-DeepSeek-R1-Distill-Llama-8B",
    "google-gemma-2-2b-it",
    "ibm-granite-granite-3.3-2B-Instruct",
    "llama-cpp-deepseek-r1",
    "llama-cpp-rwkv-world",
    "microsoft-Phi-3.5-mini-instruct",
    "CohereForAI-c4ai-command-r-plus-tool_use",
    "fireworks-ai-llama-3-firefunction-v2",
}
"""Templates that leave calls out of a history, or that refuse one, in Transformers, too."""

ONE_CALL = {
    "meta-llama-Llama-3.1-8B-Instruct",
    "meta-llama-Llama-3.2-3B-Instruct",
    "meta-llama-Llama-3.3-70B-Instruct",
}
ONE_CALL |= {"openai-gpt-oss-120b", "GigaChat3-10B-A1.8B", "GigaChat3.1-10B-A1.8B"}

END_OF_TURN = re.compile(
    r"</s>|<\|im_end\|>|<\|eot_id\|>|<\|eom_id\|>|<\|message_sep\|>\n\nfunction result|<｜end▁of▁sentence｜>"
    r"|<\|end_of_text\|>|\[e~\[|<\|observation\|>|<\|END_OF_TURN_TOKEN\|>|<turn\|>|<\|assistant_end\|>|<seed:eos>"
    r"|<\|role_end\|>|</assistant>|\n<\|end\|>|<SPECIAL_12>|<｜hy_eos:opensource｜>|<\|eot\|>|<\|tool_response>"
    r"|<end_of_sentence>|\[RESULT|<sep>|<tool_response|<\|begin\|>tool|<\|end_of_msg\|>|<\|call\|>|<\|tool_response\|>"
)
OPENED = re.compile(
    r"\s*(<[\w:|]*think[\w:|]*>|<\|START_THINKING\|>|Here are my reasoning steps:|<\|channel>thought)?"
    r"\s*(</[\w:|]*think[\w:|]*>|<\|END_THINKING\|>|<channel\|>)?\s*$"
)


def written(template: ChatTemplate, calls: tuple[ToolCall, ...], reasoning: str) -> tuple[str, str]:
    """The prompt up to the answer, and the answer that the template has in a history."""
    options = TemplateOptions(tools=TOOLS)
    prompt = template.render([QUESTION], options, bos_token=BOS, eos_token=EOS)
    prompt = prompt[: OPENED.search(prompt).start()]  # type: ignore[union-attr]
    history = [QUESTION, ChatMessage("assistant", "", reasoning, calls), *RESULTS[: len(calls)]]
    whole = template.render(history, options, bos_token=BOS, eos_token=EOS)
    start = 0
    while start < min(len(prompt), len(whole)) and prompt[start] == whole[start]:
        start += 1
    end = END_OF_TURN.search(whole, start)
    return whole[:start], whole[start : end.start() if end else None]


def read(answer_format: AnswerFormat, prompt: str, answer: str) -> tuple[str, str, list[tuple[str, Any]]]:
    reader = answer_format.reader(prompt, TOOLS)
    parts = [part for character in answer for part in reader.feed(character)] + list(reader.finish())
    texts = {
        kind: "".join(part.text for part in parts if part.kind == kind) for kind in ("answer", "reasoning")
    }
    calls = [(call.name, json.loads(call.arguments)) for call in reader.tool_calls]
    return texts["answer"], texts["reasoning"], calls


@pytest.mark.skipif(not PATHS, reason="no templates beside the checkout")
@pytest.mark.parametrize("path", PATHS, ids=[path.stem for path in PATHS])
def test_calls_as_a_real_template_writes_them_are_read_again(path: Path) -> None:
    if path.stem in WRITES_NO_CALLS:
        pytest.skip("this template writes no calls")
    text = path.read_text(encoding="utf-8")
    calls = CALLS[:1] if path.stem in ONE_CALL else CALLS
    for reasoning in ("", "The weather\n\nfirst."):
        prompt, answer = written(ChatTemplate(text, lambda: NOW), calls, reasoning)
        assert read(AnswerFormat.of(text), prompt, answer) == (
            "",
            reasoning if reasoning in answer else "",
            [(call.name, json.loads(call.arguments)) for call in calls],
        )
