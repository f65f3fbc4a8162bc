"""Answers taken apart while they stream: reasoning, text and calls of tools, in any cutting."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.runtime.worker.answers import AnswerFormat

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {
                "place": {"type": "string"},
                "days": {"type": "integer"},
                "code": {"type": "string"},
            },
        },
    },
}
MALMÖ = [("weather", {"place": "Malmö", "days": 2})]
"""`§` in the texts below stands for its arguments."""
ARGUMENTS = '{"place": "Malmö", "days": 2}'

QWEN = "<think> </think> <tool_call>"
HARMONY = "<|start|>assistant<|channel|>analysis<|message|>"

Read = tuple[str, str, list[tuple[str, Any]]]


def read(template: str, *pieces: str, prompt: str = "", tools: Any = (WEATHER,)) -> Read:
    """Answer, reasoning and calls, for an answer that arrives in these pieces."""
    reader = AnswerFormat.of(template).reader(prompt, tools)
    parts = [part for piece in pieces for part in reader.feed(piece)] + list(reader.finish())
    answer, reasoning = (
        "".join(part.text for part in parts if part.kind == kind) for kind in ("answer", "reasoning")
    )
    return answer, reasoning, [(call.name, json.loads(call.arguments)) for call in reader.tool_calls]


REASONED = {
    "<think> in the answer": (QWEN, "", "<think>\nTwo and two.\n\nFour.\n</think>\n\nIt is 4.\n"),
    "<think> in the prompt": (QWEN, "…assistant\n<think>\n", "Two and two.\n\nFour.\n</think>\n\nIt is 4.\n"),
    "Seed": ("<seed:think>", "", "<seed:think>Two and two.\n\nFour.</seed:think>It is 4.\n"),
    "Ministral": ("[THINK]", "", "[THINK]Two and two.\n\nFour.[/THINK]It is 4.\n"),
    "Cohere": (
        "<|START_THINKING|> <|START_RESPONSE|>",
        "",
        "<|START_THINKING|>Two and two.\n\nFour.<|END_THINKING|><|START_RESPONSE|>It is 4.\n<|END_RESPONSE|>",
    ),
    "Granite": (
        "between <think></think> … between <response></response>",
        "",
        "<think>Two and two.\n\nFour.</think>\n<response>It is 4.\n</response>",
    ),
    "Apriel": (
        "Here are my reasoning steps: [BEGIN FINAL RESPONSE]",
        "Here are my reasoning steps:\n",
        "Two and two.\n\nFour.\n[BEGIN FINAL RESPONSE]\nIt is 4.\n[END FINAL RESPONSE]",
    ),
    "Gemma 4": ("<|channel>thought", "", "<|channel>thought\nTwo and two.\n\nFour.\n<channel|>It is 4.\n"),
    "Solar": (
        "<|begin|>assistant<|think|> <|begin|>assistant<|content|>",
        "",
        "<|think|>Two and two.\n\nFour.<|end|><|begin|>assistant<|content|>It is 4.\n",
    ),
    "Kimi K3": (
        "open_tag('think') open_tag('response') <|open|>",
        "<|open|>think<|sep|>",
        "Two and two.\n\nFour.<|close|>think<|sep|><|open|>response<|sep|>It is 4.\n<|close|>response<|sep|>",
    ),
    "gpt-oss": (
        HARMONY,
        "<|end|><|start|>assistant",
        "<|channel|>analysis<|message|>Two and two.\n\nFour.<|end|>"
        "<|start|>assistant<|channel|>final<|message|>It is 4.\n",
    ),
    "Glimmer": (
        "<|eom|>",
        "<|eot|><|start|>assistant",
        " to=self<|message|>Two and two.\n\nFour.<|eom|><|start|>assistant to=user<|message|>It is 4.\n",
    ),
}


@pytest.mark.parametrize("family", REASONED)
def test_reasoning_of_each_family_is_told_from_the_answer(family: str) -> None:
    template, prompt, text = REASONED[family]
    answer, reasoning, calls = read(template, *text, prompt=prompt)
    assert (answer.rstrip("\n"), reasoning, calls) == ("It is 4.", "Two and two.\n\nFour.", [])


_CALLED = {
    "Hermes, Qwen": (
        QWEN,
        '<tool_call>\n{"name": "weather", "arguments": §}\n</tool_call>',
    ),
    "Qwen3-Coder": (
        "<tool_call>",
        "<tool_call>\n<function=weather>\n<parameter=place>\nMalmö\n</parameter>\n<parameter=days>\n2\n</parameter>\n"
        "</function>\n</tool_call>",
    ),
    "GLM": (
        "<tool_call>",
        "<tool_call>weather\n<arg_key>place</arg_key>\n<arg_value>Malmö</arg_value>\n<arg_key>days</arg_key>\n"
        "<arg_value>2</arg_value>\n</tool_call>",
    ),
    "Seed": (
        "<seed:tool_call>",
        "<seed:tool_call>\n<function=weather>\n<parameter=place>Malmö</parameter>\n<parameter=days>2</parameter>\n"
        "</function>\n</seed:tool_call>",
    ),
    "MiniMax M2": (
        "<minimax:tool_call>",
        '<minimax:tool_call>\n<invoke name="weather">\n<parameter name="place">Malmö</parameter>\n'
        '<parameter name="days">2</parameter>\n</invoke>\n</minimax:tool_call>',
    ),
    "DeepSeek V3.2": (
        "｜DSML｜",
        '<｜DSML｜function_calls>\n<｜DSML｜invoke name="weather">\n<｜DSML｜parameter name="place" string="true">Malmö'
        '</｜DSML｜parameter>\n<｜DSML｜parameter name="days" string="false">2</｜DSML｜parameter>\n</｜DSML｜invoke>\n'
        "</｜DSML｜function_calls>",
    ),
    "DeepSeek V3.1": (
        "<｜tool▁calls▁begin｜>",
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>weather<｜tool▁sep｜>§<｜tool▁call▁end｜>"
        "<｜tool▁calls▁end｜>",
    ),
    "DeepSeek R1": (
        "<｜tool▁calls▁begin｜>",
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>weather\n```json\n"
        "§\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    ),
    "Kimi K2": (
        "<|tool_calls_section_begin|>",
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.weather:0<|tool_call_argument_begin|>"
        "§<|tool_call_end|><|tool_calls_section_end|>",
    ),
    "Mistral Nemo": (
        "[TOOL_CALLS]",
        '[TOOL_CALLS][{"name": "weather", "arguments": §, "id": "a"}]',
    ),
    "Mistral Small": (
        "[TOOL_CALLS]",
        "[TOOL_CALLS]weather[CALL_ID]a1b2c3d4e[ARGS]§",
    ),
    "Devstral": ("[TOOL_CALLS]", "[TOOL_CALLS]weather[ARGS]§"),
    "Llama 3": ("ipython", '{"name": "weather", "parameters": §}'),
    "Llama 3 with a mark": (
        "ipython",
        '<|python_tag|>{"name": "weather", "parameters": §}',
    ),
    "Functionary 3.1": ("<function=", "<function=weather>§</function>"),
    "Firefunction": (
        "functools[",
        'functools[{"name": "weather", "arguments": §}]',
    ),
    "Cohere": (
        "<|START_ACTION|>",
        '<|START_ACTION|>[\n {"tool_call_id": "0", "tool_name": "weather", "parameters": §}\n]<|END_ACTION|>',
    ),
    "Command R+": (
        "Action:\\n```json",
        'Action:\n```json\n[{"tool_name": "weather", "parameters": §}]\n```',
    ),
    "Granite 3": (
        "<|tool_call|>",
        '<|tool_call|>[{"name": "weather", "arguments": §}]',
    ),
    "Nemotron": (
        "<TOOLCALL>",
        '<TOOLCALL>[{"name": "weather", "arguments": §}]</TOOLCALL>',
    ),
    "MiniMax M1": (
        "<tool_calls>",
        '<tool_calls>\n{"name": "weather", "arguments": §}\n</tool_calls>',
    ),
    "Apertus": (
        "<|tools_prefix|>",
        '<|tools_prefix|>[{"weather": §}]<|tools_suffix|>',
    ),
    "LFM2": ("<|tool_call_start|>", "<|tool_call_start|>[weather(place='Malmö', days=2)]<|tool_call_end|>"),
    "GigaChat": (
        "<|function_call|>",
        '<|function_call|>{"name": "weather", "arguments": §}',
    ),
    "Gemma 4": ("<|tool_call>", '<|tool_call>call:weather{place:<|"|>Malmö<|"|>,days:2}<tool_call|>'),
    "Solar": (
        "<|tool_call:begin|>",
        "<|tool_calls|><|tool_call:begin|>a1<|tool_call:name|>weather<|tool_call:args|>"
        "§<|tool_call:end|><|calls|>",
    ),
    "gpt-oss": (
        HARMONY,
        "<|channel|>commentary to=functions.weather json<|message|>§",
    ),
    "gpt-oss, addressed in the role": (
        HARMONY,
        "<|start|>assistant to=functions.weather<|channel|>commentary json<|message|>§<|call|>",
    ),
    "Functionary 3.2": (">>>all", ">>>weather\n§"),
}


CALLED = {family: (template, text.replace("§", ARGUMENTS)) for family, (template, text) in _CALLED.items()}


@pytest.mark.parametrize("family", CALLED)
def test_call_of_each_family_becomes_a_name_and_arguments(family: str) -> None:
    template, text = CALLED[family]
    assert read(template, *text) == ("", "", MALMÖ)


@pytest.mark.parametrize("family", CALLED)
def test_call_that_breaks_off_stays_text_and_no_call(family: str) -> None:
    template, text = CALLED[family]
    answer, _, calls = read(template, text[: text.index("Malmö") + 3])
    assert calls == []
    assert "Mal" in answer


@pytest.mark.parametrize("family", CALLED)
def test_call_is_text_where_no_tools_were_offered(family: str) -> None:
    template, text = CALLED[family]
    if template in (HARMONY, ">>>all"):
        pytest.skip("its messages say themselves that they are calls")
    assert read(template, *text, tools=())[2] == []
    assert "Malmö" in read(template, *text, tools=())[0]


@pytest.mark.parametrize("family", [*REASONED, *CALLED])
@given(data=st.data())
@settings(max_examples=12, deadline=None)
def test_cutting_an_answer_elsewhere_changes_nothing(family: str, data: st.DataObject) -> None:
    template, prompt, text = (
        REASONED[family] if family in REASONED else (CALLED[family][0], "", CALLED[family][1])
    )
    text = "I look.\n" + text + "\nSo." if data.draw(st.booleans()) else text
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert read(template, *pieces, prompt=prompt) == read(template, text, prompt=prompt)


MARKS = st.sampled_from(
    [
        "<think>",
        "</think>",
        "<tool_call>",
        "</tool_call>",
        "<",
        "think>",
        "\n",
        " ",
        "a",
        "{",
        "}",
        '"name": "weather"',
        ">>>",
    ]
)


@given(pieces=st.lists(MARKS, max_size=14), cuts=st.sets(st.integers(0, 60), max_size=6))
@settings(max_examples=150, deadline=None)
def test_marks_in_any_order_are_read_the_same_in_any_cutting(pieces: list[str], cuts: set[int]) -> None:
    text = "".join(pieces)
    edges = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    assert read(QWEN, *(text[a:b] for a, b in itertools.pairwise(edges))) == read(QWEN, text)


@given(text=st.text(alphabet="<>think/|chanel tosrmg_:{}\"'[]\n.a", max_size=80))
@settings(max_examples=150, deadline=None)
def test_text_without_marks_comes_through_unchanged(text: str) -> None:
    for template in ("", HARMONY, "[TOOL_CALLS]", "<|START_ACTION|>"):
        assert read(template, *text) == (text, "", [])


def test_word_is_shown_as_soon_as_it_can_be_no_mark() -> None:
    reader = AnswerFormat.of(QWEN).reader("", ())
    assert [part.text for part in reader.feed("Hello")] == ["Hello"]
    assert list(reader.feed(" <thi")) == []
    assert [part.text for part in reader.feed("rd>")] == [" <third>"]


def test_reasoning_streams_while_it_comes() -> None:
    reader = AnswerFormat.of(QWEN).reader("assistant\n<think>\n", ())
    assert [(part.kind, part.text) for part in reader.feed("Two and")] == [("reasoning", "Two and")]
    assert [(part.kind, part.text) for part in reader.feed(" two.\n</think>\n\n4")] == [
        ("reasoning", " two."),
        ("answer", "4"),
    ]


def test_marks_that_the_template_does_not_have_are_text() -> None:
    text = "Qwen writes <think>so</think>, gpt-oss <|channel|>analysis<|message|>so."
    assert read("<start_of_turn>", text) == (text, "", [])


def test_mark_in_the_middle_of_an_answer_is_text() -> None:
    text = "Write it so:\n```\n<think>a</think>\n```\n"
    assert read(QWEN, *text) == (text, "", [])


def test_mark_that_only_the_vocabulary_has_counts() -> None:
    answer_format = AnswerFormat.of("", lambda text: text in ("<think>", "</think>"))
    reader = answer_format.reader("", ())
    assert [part.kind for part in reader.feed("<think>a</think>b")] == ["reasoning", "answer"]


def test_closed_block_in_the_prompt_means_no_reasoning() -> None:
    assert read(QWEN, "4", prompt="assistant\n<think>\n\n</think>\n\n") == ("4", "", [])


def test_answer_after_a_grammar_is_all_answer_whatever_the_prompt_has_opened() -> None:
    reader = AnswerFormat.of(QWEN).reader("assistant\n<think>\n", [WEATHER], follows_grammar=True)
    assert [(part.kind, part.text) for part in reader.feed('{"a": 1}')] == [("answer", '{"a": 1}')]


def test_reasoning_that_is_never_closed_stays_reasoning() -> None:
    assert read(QWEN, "<think>\nTwo and", " two") == ("", "Two and two", [])


def test_thought_between_two_channels_of_gpt_oss_is_not_lost() -> None:
    text = (
        "<|channel|>analysis<|message|>A.<|end|><|start|>assistant<|channel|>commentary<|message|>I look.<|end|>"
        "<|start|>assistant<|channel|>analysis<|message|>B.<|end|><|start|>assistant<|channel|>final<|message|>C."
    )
    assert read(HARMONY, *text, prompt="<|start|>assistant") == ("I look.\n\nC.", "A.\n\nB.", [])


def test_several_calls_and_the_text_before_them() -> None:
    call = CALLED["Hermes, Qwen"][1]
    assert read(QWEN, *f"<think>a</think>I look.\n{call}\n{call}") == ("I look.", "a", MALMÖ * 2)


def test_broken_call_is_text_and_a_good_one_beside_it_a_call() -> None:
    good = CALLED["Hermes, Qwen"][1]
    broken = '<tool_call>{"name": "weather", "arguments": {"place": </tool_call>'
    assert read(QWEN, *f"{broken}\n{good}") == (broken, "", MALMÖ)


def test_argument_that_should_be_text_stays_text_and_others_are_values() -> None:
    call = (
        "<tool_call>\n<function=weather>\n<parameter=code>\n123\n</parameter>\n<parameter=days>\n2\n</parameter>\n"
        "<parameter=other>\nTrue\n</parameter>\n<parameter=more>\n['a', 'b']\n</parameter>\n"
        "<parameter=text>\nif a < b:\n    </parm>\n</parameter>\n</function>\n</tool_call>"
    )
    assert read(QWEN, *call)[2] == [
        (
            "weather",
            {"code": "123", "days": 2, "other": True, "more": ["a", "b"], "text": "if a < b:\n    </parm>"},
        )
    ]


def test_signs_of_pythons_prompt_are_text_for_functionary() -> None:
    text = "all\nSo:\n>>> print(1)\n1\n>>> x\n"
    assert read(">>>all", *text, prompt=">>>")[0] == "So:\n>>> print(1)\n1\n>>> x\n"


def test_half_a_surrogate_pair_in_a_call_does_no_harm() -> None:
    calls = read(QWEN, r'<tool_call>{"name": "weather", "arguments": {"place": "\ud800"}}</tool_call>')[2]
    assert calls == [("weather", {"place": "?"})]


HUGE = 40_000


@pytest.mark.parametrize(
    "text",
    [
        "<tool_call>" * HUGE,
        "<tool_call>" + "<function=a>" * HUGE + "</tool_call>",
        "<tool_call><function=a>" + "<parameter=a>" * HUGE + "</function></tool_call>",
        "<tool_call>" + "[" * HUGE + "</tool_call>",
        "<tool_call>" + '{"name":' * HUGE + "</tool_call>",
        "<tool_call>" + "a" * HUGE * 5 + "</tool_call>",
        "<tool_call>" + "a<arg_key>" * HUGE + "</tool_call>",
        "<tool_call><function=weather><parameter=x>" + "-" * HUGE + "1</parameter></function></tool_call>",
        "<tool_call><function=weather><parameter=x>" + "(" * 9000 + "</parameter></function></tool_call>",
    ],
    ids=range(9),
)
def test_answer_that_is_made_to_be_slow_is_read_all_the_same(text: str) -> None:
    answer, _, calls = read(QWEN, *(text[i : i + 4000] for i in range(0, len(text), 4000)))
    assert answer or calls


@pytest.mark.parametrize(
    ("template", "opening"),
    [("<|tool_call>", "<|tool_call>call:a{"), ("]<]minimax[>[", "]<]minimax[>[<tool_call>")],
)
def test_nested_notation_that_is_made_to_be_slow_is_read_all_the_same(template: str, opening: str) -> None:
    for middle in (
        "a" * 200_000,
        "<a>" * HUGE,
        '<invoke name="a">' + "<a>" * HUGE + "</a>" * HUGE + "</invoke>",
    ):
        answer, _, calls = read(template, opening + middle)
        assert answer or calls
