"""Answers in which marks stand around reasoning and calls: most families'."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from app.core.text import encodable
from app.runtime.protocol import ToolCall
from app.runtime.worker.answers.marks import MarkScanner
from app.runtime.worker.answers.parts import Part, Writer

Tools = Mapping[str, Mapping[str, Any]]
"""The JSON schema of each offered tool's arguments, by its name."""
ParseCalls = Callable[[str, Tools], Sequence[ToolCall]]
"""The calls in what stands between the marks; none where it is not what the family writes."""


@dataclass(frozen=True)
class ReasoningMarks:
    """`sign`: what shows in a template that it has them, unless it is the opening mark. `anywhere`: the mark is
    no text a person would write, so that it counts also inside an answer."""

    open: str
    close: str
    sign: str = ""
    anywhere: bool = False


@dataclass(frozen=True)
class CallMarks:
    """`closes` none: calls are the last of an answer. `at_start`: they are all of it."""

    open: str
    closes: tuple[str, ...]
    parse: ParseCalls
    at_start: bool = False
    keeps_marks: bool = False
    """The marks are part of what is parsed."""


def checked(parse: ParseCalls, text: str, tools: Tools) -> list[ToolCall]:
    """Half a surrogate pair, which JSON can spell, is no text that could be passed on."""
    try:
        found = parse(text, tools)
    except RecursionError:  # brackets in brackets
        return []
    return [ToolCall(encodable(call.name), encodable(call.arguments), encodable(call.id)) for call in found]


class _State(Enum):
    ANSWER = "answer"
    REASONING = "reasoning"
    CALLS = "calls"


class MarkedReader:
    """`silent` marks only structure the answer and are dropped."""

    def __init__(
        self,
        reasoning: Sequence[ReasoningMarks],
        calls: Sequence[CallMarks],
        silent: Sequence[str],
        tools: Tools,
        opened: ReasoningMarks | None,
    ) -> None:
        self._reasoning = {marks.open: marks for marks in reasoning}
        self._calls = {marks.open: marks for marks in calls}
        self._tools = tools
        # One that closes what the prompt has closed already.
        self._needless = {marks.close for marks in reasoning}
        marks = (*self._reasoning, *self._calls, *self._needless, *silent)
        self._answer_marks = tuple(dict.fromkeys(marks))
        self._silent = silent
        self._scanner = MarkScanner()
        self._writer = Writer()
        self._state = _State.ANSWER
        self._open_reasoning: ReasoningMarks | None = None
        self._open_calls: CallMarks | None = None
        self._raw: list[str] = []
        self.tool_calls: list[ToolCall] = []
        if opened is not None:
            self._reason(opened)

    def feed(self, text: str) -> Sequence[Part]:
        self._scanner.feed(text)
        self._read()
        return self._writer.take()

    def finish(self) -> Sequence[Part]:
        self._scanner.finish()
        self._read()
        if self._state is _State.CALLS:
            self._end_calls("")
        return self._writer.finish()

    def _read(self) -> None:
        while True:
            text, mark = self._scanner.next(self._marks())
            if not text and not mark:
                return
            if text:
                self._take(text)
            if mark:
                self._turn(mark)

    def _marks(self) -> tuple[str, ...]:
        if self._open_reasoning is not None:
            return (self._open_reasoning.close,)
        if self._open_calls is not None:
            return self._open_calls.closes
        return self._answer_marks

    def _take(self, text: str) -> None:
        if self._state is _State.CALLS:
            self._raw.append(text)
        else:
            self._writer.write("reasoning" if self._state is _State.REASONING else "answer", text)

    def _turn(self, mark: str) -> None:
        if self._open_reasoning is not None:
            self._open_reasoning = None
            self._state = _State.ANSWER
            self._writer.cut("answer")
        elif self._open_calls is not None:
            self._end_calls(mark)
        elif mark in self._reasoning and self._counts(self._reasoning[mark].anywhere):
            self._reason(self._reasoning[mark])
        elif mark in self._calls and self._counts(not self._calls[mark].at_start):
            self._open_calls = self._calls[mark]
            self._state = _State.CALLS
            self._raw = []
        elif mark in self._silent or (mark in self._needless and self._counts(anywhere=False)):
            self._writer.cut("answer")
        else:
            self._writer.write("answer", mark)

    def _counts(self, anywhere: bool) -> bool:
        return anywhere or not self._writer.has_answer

    def _reason(self, marks: ReasoningMarks) -> None:
        self._open_reasoning = marks
        self._state = _State.REASONING
        self._writer.cut("reasoning")

    def _end_calls(self, close: str) -> None:
        marks, self._open_calls = self._open_calls, None
        assert marks is not None
        self._state = _State.ANSWER
        raw = "".join(self._raw)
        text = marks.open + raw + close if marks.keeps_marks else raw
        # What was not closed broke off, perhaps inside an argument.
        found = checked(marks.parse, text, self._tools) if close or not marks.closes else []
        if found:
            self.tool_calls += found
            self._writer.cut("answer")
        else:
            self._writer.write("answer", marks.open + raw + close)
