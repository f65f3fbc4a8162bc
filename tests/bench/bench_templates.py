"""Prompts against Transformers. By hand: `python -m tests.bench.bench_templates REFERENCE FOLDER... [--record]`.

REFERENCE is a Python that has Transformers and jinja2==3.1.6, each FOLDER one with templates (llama.cpp's
`models/templates`). Goal: the same prompt from each template and conversation, or a refusal by both; the table counts
them and tells each difference. Then the time of a conversation of 100,000 tokens in each template, with and without a
budget, and when hostile templates are stopped: goal 200 ms.

`--record` writes digests of Transformers' prompts to `tests/data/chat_templates.json`, which
`tests/unit/runtime/test_real_templates.py` holds Nibble against.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from pathlib import Path
from typing import Any

from app.core.errors import TemplateFault
from app.runtime.protocol import ChatMessage
from app.runtime.worker.templates import ChatTemplate
from tests.helpers.hostile_templates import HOSTILE_TEMPLATES
from tests.helpers.template_conversations import (
    BOS,
    CONVERSATIONS,
    EOS,
    NOW,
    RECORD,
    REFUSED,
    digest,
    prompt_or_refusal,
)

REFERENCE = Path(__file__).with_name("transformers_reference.py")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reference", help="a Python with Transformers")
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--record", action="store_true", help="write what Transformers said")
    arguments = parser.parse_args()
    templates = {
        path.stem: path.read_text(encoding="utf-8")
        for folder in reversed(arguments.folders)
        for path in sorted(folder.glob("*.jinja"))
    }
    reference = transformers_prompts(arguments.reference, templates)
    if arguments.record:
        RECORD.write_text(record(templates, reference), encoding="utf-8")
        return
    compare(templates, reference["prompts"])
    long_conversation(templates)
    hostile()


def transformers_prompts(python: str, templates: dict[str, str]) -> dict[str, Any]:
    request = {
        "templates": templates,
        "conversations": {
            title: {"messages": c.messages, "tools": c.tools, "arguments": dict(c.arguments)}
            for title, c in CONVERSATIONS.items()
        },
        "bos": BOS,
        "eos": EOS,
        "now": NOW.isoformat(),
    }
    done = subprocess.run(
        [python, str(REFERENCE)], input=json.dumps(request), stdout=subprocess.PIPE, text=True, check=True
    )
    reference: dict[str, Any] = json.loads(done.stdout)
    return reference


def record(templates: dict[str, str], reference: dict[str, Any]) -> str:
    """By the template's digest: several versions of one have the same name."""
    prompts = {
        digest(template): {
            "name": name,
            "prompts": {title: _digests(forms) for title, forms in reference["prompts"][name].items()},
        }
        for name, template in templates.items()
    }
    document = {"transformers": reference["version"], "templates": prompts}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _digests(forms: dict[str, dict[str, str]]) -> list[str]:
    """Of the prompt with arguments as objects and, where it is another, as texts."""
    found = [
        digest(form["prompt"]) if "prompt" in form else REFUSED for form in (forms["objects"], forms["texts"])
    ]
    return found[:1] if found[0] == found[1] else found


def compare(templates: dict[str, str], prompts: dict[str, Any]) -> None:
    same = as_text = refused = total = 0
    for name, template in templates.items():
        ours = ChatTemplate(template, lambda: NOW)
        for title, conversation in CONVERSATIONS.items():
            forms = prompts[name][title]
            prompt = prompt_or_refusal(ours, conversation)
            total += 1
            if "prompt" not in forms["objects"] and prompt == REFUSED:
                refused += 1
            elif prompt == forms["objects"].get("prompt"):
                same += 1
            elif prompt == forms["texts"].get("prompt"):
                as_text += 1
                print(f"as text   {name} x {title}: {forms['objects'].get('error', 'Python notation')[:150]}")
            else:
                print(f"DIFFERENT {name} x {title}: {difference(prompt, forms['objects'])}")
    print(
        f"{same} of {total} prompts are the same, {as_text} more with the arguments of calls as text; "
        f"{refused} are refused by both; {total - same - as_text - refused} differ"
    )


def difference(prompt: str, reference: dict[str, str]) -> str:
    if "error" in reference:
        return f"Transformers: {reference['error'][:200]}; Nibble: {prompt[-200:]!r}"
    at = next(
        (i for i, (a, b) in enumerate(zip(prompt, reference["prompt"], strict=False)) if a != b),
        min(len(prompt), len(reference["prompt"])),
    )
    start = max(0, at - 40)
    return f"Nibble {prompt[start : at + 80]!r}, Transformers {reference['prompt'][start : at + 80]!r}"


def long_conversation(templates: dict[str, str]) -> None:
    """400,000 characters, about 100,000 tokens, in 2,000 messages and in two."""
    many = [ChatMessage(("user", "assistant")[i % 2], f"{i} " + "words and words " * 13) for i in range(1999)]
    one = [ChatMessage("user", "words and words " * 26_000)]
    slowest = []
    for name, template in templates.items():
        ours = ChatTemplate(template)
        for title, messages in (("question", [ChatMessage("user", "Hello?")]), ("many", many), ("one", one)):
            start = time.thread_time()
            try:
                ours.render(messages, bos_token=BOS, eos_token=EOS)
            except TemplateFault as fault:
                if "refuses" not in fault.message:
                    print(f"STOPPED {name} x {title}: {fault.message}")
            slowest.append((time.thread_time() - start, name, title))
    for title in ("question", "many", "one"):
        taken, name, _ = max(entry for entry in slowest if entry[2] == title)
        print(f"slowest render, {title}: {taken * 1000:.0f} ms ({name})")


def hostile() -> None:
    for name, template in HOSTILE_TEMPLATES.items():
        start, worked = time.perf_counter(), time.thread_time()
        try:
            ChatTemplate(template).render([ChatMessage("user", "Hello?")])
            told = "RENDERED"
        except TemplateFault as fault:
            told = fault.message
        taken, worked = time.perf_counter() - start, time.thread_time() - worked
        print(f"{taken * 1000:6.0f} ms, {worked * 1000:4.0f} of work  {name:<34} {told[:110]}")


if __name__ == "__main__":
    main()
