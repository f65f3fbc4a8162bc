"""Conversations as Markdown, each message under a heading. Texts stay as they were written: they are Markdown
themselves. One that would swallow what follows it is given as a block of code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from markdown_it import MarkdownIt

from app.chat.export.exported import Exported, author, remarks, when
from app.chat.tool_calls import name_of, readable_arguments

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$-])")
_AFTER = "what follows"


def write(conversations: Iterable[Exported]) -> Iterator[str]:
    for number, each in enumerate(conversations):
        if number:
            yield "\n---\n\n"
        yield from _conversation(each)


def _conversation(exported: Exported) -> Iterator[str]:
    conversation = exported.conversation
    yield f"# {escaped(exported.title)}\n\n"
    if written := when(conversation.created_at):
        yield f"{written}\n\n"
    if conversation.system_prompt.strip():
        yield f"## System prompt\n\n{contained(conversation.system_prompt)}\n\n"
    for message in exported.shown:
        yield f"## {escaped(author(message))}\n\n"
        if message.reasoning.strip():
            yield f"{_quoted(message.reasoning)}\n\n"
        if message.text.strip():
            yield f"{contained(message.text)}\n\n"
        for call in message.tool_calls:
            heading = escaped(f"Asks for the tool {name_of(call)}:")
            yield f"{heading}\n\n{_fenced(readable_arguments(call), 'json')}\n\n"
        for remark in remarks(message):
            yield f"*{escaped(remark)}*\n\n"


def escaped(text: str) -> str:
    """As itself in a line of Markdown."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def contained(text: str) -> str:
    """The text, or a block of code of it where what stands after it would not be read as it is meant."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\N{REPLACEMENT CHARACTER}")
    # Blocks alone: what is inside of lines reaches no further.
    tokens = MarkdownIt("commonmark").disable("inline").parse(f"{text}\n\n## {_AFTER}\n")
    is_read = len(tokens) >= 3 and tokens[-3].type == "heading_open" and tokens[-3].level == 0
    if is_read and tokens[-2].content == _AFTER:
        return text.strip("\n")
    return _fenced(text, "text")


def _fenced(text: str, language: str) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _quoted(reasoning: str) -> str:
    """As a quote: plain, since reasoning is often no whole Markdown."""
    lines = ["**Reasoning**", "", *contained(reasoning).splitlines()]
    return "\n".join(f"> {line}".rstrip() for line in lines)
