"""Which family marks what how: one line each, found by what its chat template says.

A template's text is only searched for these marks here, nothing in it is run. Taken from the templates
that models come with; `tests/unit/runtime/test_real_answers.py` has each of them write calls and reasoning
and reads them again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.runtime.worker.answers.calls import (
    gemma_calls,
    json_calls,
    keyed_calls,
    mistral_calls,
    python_calls,
    separated_calls,
)
from app.runtime.worker.answers.channels import Addressee, ChannelMarks, ToolAddress
from app.runtime.worker.answers.marked import CallMarks, ReasoningMarks, Tools
from app.runtime.worker.answers.tags import (
    kimi_calls,
    listed_tagged_calls,
    minimax_calls,
    tagged_calls,
    xml_calls,
)

REASONING: Sequence[ReasoningMarks] = (
    ReasoningMarks("<think>", "</think>", sign="</think>"),
    ReasoningMarks("<thinking>", "</thinking>"),
    ReasoningMarks("<thought>", "</thought>"),
    ReasoningMarks("<seed:think>", "</seed:think>"),
    ReasoningMarks("<mm:think>", "</mm:think>"),
    ReasoningMarks("<think:opensource>", "</think:opensource>", sign="'<think{}>'"),
    ReasoningMarks("[THINK]", "[/THINK]"),
    ReasoningMarks("Here are my reasoning steps:", "[BEGIN FINAL RESPONSE]"),
    ReasoningMarks("<|START_THINKING|>", "<|END_THINKING|>", anywhere=True),
    ReasoningMarks("<|inner_prefix|>", "<|inner_suffix|>", anywhere=True),
    ReasoningMarks("<|channel>thought", "<channel|>", anywhere=True),
    ReasoningMarks("<|open|>think<|sep|>", "<|close|>think<|sep|>", sign="open_tag('think')", anywhere=True),
    ReasoningMarks("<|think|>", "<|end|>", sign="assistant<|think|>", anywhere=True),
)
"""Those of a template in which they occur, or of a vocabulary in which the opening one is one token."""

SILENT: Sequence[tuple[str, tuple[str, ...]]] = (
    ("<|START_RESPONSE|>", ("<|START_RESPONSE|>", "<|END_RESPONSE|>")),
    ("<|START_TEXT|>", ("<|START_TEXT|>", "<|END_TEXT|>")),
    ("between <response></response>", ("<response>", "</response>")),
    ("[BEGIN FINAL RESPONSE]", ("[BEGIN FINAL RESPONSE]", "[END FINAL RESPONSE]")),
    (
        "open_tag('response')",
        ("<|open|>response<|sep|>", "<|close|>response<|sep|>", "<|close|>message<|sep|>"),
    ),
    ("assistant<|content|>", ("<|begin|>assistant", "<|content|>", "<|end|>")),
)
"""What only frames an answer, by what the template must hold."""

_deepseek_calls = separated_calls(
    r"<｜tool▁call▁begin｜>(?:function<｜tool▁sep｜>)?(?P<name>[^\s<｜]+)(?:<｜tool▁sep｜>|\n```json\n)"
)
_kimi_k2_calls = separated_calls(
    r"<\|tool_call_begin\|>\s*(?P<id>(?:functions\.)?(?P<name>[^\s:<]+):\d+)\s*<\|tool_call_argument_begin\|>\s*"
)
_solar_calls = separated_calls(
    r"<\|tool_call:begin\|>(?P<id>[^<]*)<\|tool_call:name\|>(?P<name>[^<]+)<\|tool_call:args\|>"
)

CALLS: Sequence[tuple[str, CallMarks]] = (
    ("｜DSML｜", CallMarks("<｜DSML｜function_calls>", ("</｜DSML｜function_calls>",), xml_calls)),
    ("｜DSML｜", CallMarks("<｜DSML｜tool_calls>", ("</｜DSML｜tool_calls>",), xml_calls)),
    (
        "<｜tool▁calls▁begin｜>",
        CallMarks("<｜tool▁calls▁begin｜>", ("<｜tool▁calls▁end｜>",), _deepseek_calls),
    ),
    (
        "<|tool_calls_section_begin|>",
        CallMarks("<|tool_calls_section_begin|>", ("<|tool_calls_section_end|>",), _kimi_k2_calls),
    ),
    ("<|open|>", CallMarks("<|open|>tools<|sep|>", ("<|close|>tools<|sep|>",), kimi_calls)),
    ("<|tool_call:begin|>", CallMarks("<|tool_calls|>", ("<|calls|>",), _solar_calls)),
    ("<|START_ACTION|>", CallMarks("<|START_ACTION|>", ("<|END_ACTION|>",), json_calls)),
    ("<|tools_prefix|>", CallMarks("<|tools_prefix|>", ("<|tools_suffix|>",), keyed_calls)),
    ("<|tool_call>", CallMarks("<|tool_call>", ("<tool_call|>",), gemma_calls)),
    ("<|tool_call_start|>", CallMarks("<|tool_call_start|>", ("<|tool_call_end|>",), python_calls)),
    ("<|tool_list_start|>", CallMarks("<|tool_call_start|>", ("<|tool_call_end|>",), python_calls)),
    ("<|function_call|>", CallMarks("<|function_call|>", (), json_calls)),
    (
        "'role': 'function call'",
        CallMarks("<|message_sep|>\n\nfunction call<|role_sep|>", (), json_calls),
    ),
    ("[TOOL_CALLS]", CallMarks("[TOOL_CALLS]", (), mistral_calls, keeps_marks=True)),
    ("<seed:tool_call>", CallMarks("<seed:tool_call>", ("</seed:tool_call>",), xml_calls)),
    ("<minimax:tool_call>", CallMarks("<minimax:tool_call>", ("</minimax:tool_call>",), xml_calls)),
    (
        "]<]minimax[>[",
        CallMarks("]<]minimax[>[<tool_call>", ("]<]minimax[>[</tool_call>",), minimax_calls),
    ),
    (
        "'<tool_calls{}>'",
        CallMarks("<tool_calls:opensource>", ("</tool_calls:opensource>",), listed_tagged_calls),
    ),
    ("<TOOLCALL>", CallMarks("<TOOLCALL>", ("</TOOLCALL>",), json_calls)),
    ("<tool_calls>", CallMarks("<tool_calls>", ("</tool_calls>",), json_calls)),
    ("<tool_call>", CallMarks("<tool_call>", ("</tool_call>",), tagged_calls)),
    ("<|tool_call|>", CallMarks("<|tool_call|>", (), json_calls)),
    ("<function name=", CallMarks("<function name=", ("</function>",), xml_calls, keeps_marks=True)),
    ("<function=", CallMarks("<function=", ("</function>",), xml_calls, keeps_marks=True)),
    ("functools[", CallMarks("functools[", (), json_calls, keeps_marks=True)),
    ("Action:\\n```json", CallMarks("Action:\n```json", ("```",), json_calls)),
    ("ipython", CallMarks("<|python_tag|>", (), json_calls)),
    ("ipython", CallMarks("{", (), json_calls, at_start=True, keeps_marks=True)),
)
"""By what the template must hold. Of several that fit, the first ones that have the same text to find count."""

_HARMONY_TO = re.compile(r"\bto=(?:functions\.)?([^\s<]+)")


def _harmony_address(header: str, tools: Tools) -> Addressee | None:
    """gpt-oss: `<|channel|>analysis`, `final`, and calls to `functions.NAME` in `commentary`."""
    if to := _HARMONY_TO.search(header):
        return ToolAddress(to[1])
    return "reasoning" if "analysis" in header else "answer"


def _glimmer_address(header: str, tools: Tools) -> Addressee | None:
    """Glimmer: to itself, to the user or to a tool."""
    to = _HARMONY_TO.search(header)
    if to is None or to[1] == "user":
        return "answer"
    return "reasoning" if to[1] == "self" else ToolAddress(to[1])


def _functionary_address(header: str, tools: Tools) -> Addressee | None:
    """Functionary: a tool's name, or `all`. Anything else is text behind three of Python's prompt signs."""
    return "answer" if header == "all" else ToolAddress(header) if header in tools else None


CHANNELS: Sequence[tuple[str, ChannelMarks]] = (
    (
        "<|channel|>",
        ChannelMarks(
            ("<|start|>", "<|channel|>"),
            "<|message|>",
            ("<|end|>", "<|call|>", "<|return|>"),
            "<|start|>assistant",
            _harmony_address,
            reasoning="<|channel|>analysis",
            answer="<|channel|>final",
        ),
    ),
    (
        "<|eom|>",
        ChannelMarks(
            ("<|start|>",),
            "<|message|>",
            ("<|eom|>", "<|eot|>"),
            "<|start|>assistant",
            _glimmer_address,
            xml_calls,
            reasoning=" to=self",
            answer=" to=user",
        ),
    ),
    (">>>all", ChannelMarks((">>>",), "\n", (), ">>>", _functionary_address, answer="all")),
)
