"""From the bytes of tokens to the parts of an answer."""

from __future__ import annotations

from app.runtime.protocol import ToolCall
from app.runtime.worker.answer_text import AnswerText
from app.runtime.worker.answers import AnswerFormat, Part

TOOL = {"type": "function", "function": {"name": "go"}}


def test_characters_and_marks_cut_by_tokens_are_put_together() -> None:
    text = AnswerText(AnswerFormat.of("<think></think>").reader("", ()))
    taken = []
    for piece in (b"<th", b"ink>", "日".encode()[:2], "日".encode()[2:], b"</think", b">4"):
        text.feed(piece)
        taken += text.take()
    text.finish()
    assert [*taken, *text.take()] == [Part("reasoning", "日"), Part("answer", "4")]
    assert text.raw == "<think>日</think>4"


def test_token_that_ends_an_answer_and_closes_a_call_is_no_part_of_its_text() -> None:
    text = AnswerText(AnswerFormat.of("<|tool_call:begin|>").reader("", [TOOL]))
    text.feed(b"<|tool_calls|><|tool_call:begin|>1<|tool_call:name|>go<|tool_call:args|>{}<|tool_call:end|>")
    text.finish("<|calls|>")
    assert text.take() == []
    assert list(text.tool_calls) == [ToolCall("go", "{}", "1")]
    assert "<|calls|>" not in text.raw
