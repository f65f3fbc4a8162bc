"""Run by `bench_templates` with a Python that has Transformers: templates and conversations in, prompts out."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any

import transformers
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast
from transformers.utils import chat_template_utils


def main() -> None:
    request = json.load(sys.stdin)
    now = datetime.fromisoformat(request["now"])

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return now

    chat_template_utils.datetime = Clock
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel({"a": 0}, unk_token="a")),
        bos_token=request["bos"],
        eos_token=request["eos"],
    )
    prompts = {
        name: {
            title: {form: rendered(tokenizer, template, conversation, form) for form in ("objects", "texts")}
            for title, conversation in request["conversations"].items()
        }
        for name, template in request["templates"].items()
    }
    json.dump({"version": transformers.__version__, "prompts": prompts}, sys.stdout)


def rendered(
    tokenizer: PreTrainedTokenizerFast, template: str, conversation: dict[str, Any], form: str
) -> dict[str, str]:
    """With the arguments of tool calls as objects, as Transformers has them, or as texts, as OpenAI does."""
    messages = json.loads(json.dumps(conversation["messages"]))
    for message in messages:
        for call in message.get("tool_calls", ()):
            if form == "texts":
                call["function"]["arguments"] = json.dumps(call["function"]["arguments"], ensure_ascii=False)
    try:
        return {
            "prompt": tokenizer.apply_chat_template(
                messages,
                tools=conversation["tools"],
                chat_template=template,
                add_generation_prompt=True,
                tokenize=False,
                **conversation["arguments"],
            )
        }
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


main()
