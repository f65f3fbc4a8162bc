"""Answers in channels: each message begins with a header that says whom it is for (gpt-oss, Functionary, Glimmer)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.core.text import encodable
from app.runtime.protocol import ToolCall
from app.runtime.worker.answers.marked import ParseCalls, Tools, checked
from app.runtime.worker.answers.marks import MarkScanner
from app.runtime.worker.answers.parts import Kind, Part, Writer
from app.runtime.worker.answers.values import json_object


@dataclass(frozen=True)
class ToolAddress:
    """The message is a call of the tool `name`."""

    name: str


Addressee = Kind | ToolAddress


@dataclass(frozen=True)
class ChannelMarks:
    """`begins` open a header, `header_end` closes it, `ends` close the message. `address` reads a header; None
    for one that is none. `arguments` reads a call's message. `opened`: the prompt's end with which the
    answer begins inside a header. `reasoning` and `answer` are headers of such messages."""

    begins: tuple[str, ...]
    header_end: str
    ends: tuple[str, ...]
    opened: str
    address: Callable[[str, Tools], Addressee | None]
    parse: ParseCalls | None = None
    reasoning: str = ""
    answer: str = ""

    def beginning(self, reasoning: str, text: str, *, opened: bool) -> str:
        """How an answer is written as far as that."""
        start = "" if opened else self.opened
        messages = [f"{self.reasoning}{self.header_end}{reasoning}"] if reasoning and self.reasoning else []
        if text:
            messages.append(f"{self.answer}{self.header_end}{text}")
        end = "".join(self.ends[:1])
        return start + f"{end}{self.opened}".join(messages) if messages else ""


class ChannelReader:
    def __init__(self, marks: ChannelMarks, tools: Tools, *, opened: bool) -> None:
        self._marks = marks
        self._tools = tools
        self._scanner = MarkScanner()
        self._writer = Writer()
        self._header: list[str] | None = [] if opened else None
        self._begin = ""
        self._addressee: Addressee = "answer"
        self._raw: list[str] = []
        self.tool_calls: list[ToolCall] = []

    def feed(self, text: str) -> Sequence[Part]:
        self._scanner.feed(text)
        self._read()
        return self._writer.take()

    def finish(self) -> Sequence[Part]:
        self._scanner.finish()
        self._read()
        if self._header is not None:
            self._give_back(self._begin + "".join(self._header))
        self._end_message("")
        return self._writer.finish()

    def _read(self) -> None:
        marks = self._marks
        while True:
            inside = (marks.header_end,) if self._header is not None else ()
            text, mark = self._scanner.next((*marks.begins, *marks.ends, *inside))
            if not text and not mark:
                return
            if text:
                self._take(text)
            if mark and self._header is not None:
                self._in_header(mark)
            elif mark in marks.begins:
                self._end_message("")
                self._header, self._begin = [], mark
            elif mark:
                self._end_message(mark)

    def _take(self, text: str) -> None:
        if self._header is not None:
            self._header.append(text)
        elif isinstance(self._addressee, ToolAddress):
            self._raw.append(text)
        else:
            self._writer.write(self._addressee, text)

    def _in_header(self, mark: str) -> None:
        assert self._header is not None
        header = "".join(self._header)
        if mark != self._marks.header_end:  # gpt-oss: a role, then a channel; both are the header
            self._header.append(mark)
            return
        addressee = self._marks.address(header, self._tools)
        self._header = None
        if addressee is None:
            self._give_back(self._begin + header + mark)
            return
        self._addressee = addressee
        self._raw = []
        if not isinstance(addressee, ToolAddress):
            self._writer.cut(addressee)

    def _give_back(self, text: str) -> None:
        """What looked like a header goes on with the message before it."""
        self._header = None
        self._take(text)

    def _end_message(self, mark: str) -> None:
        addressee, self._addressee = self._addressee, "answer"
        if not isinstance(addressee, ToolAddress):
            return
        raw = "".join(self._raw)
        calls = self._calls(addressee.name, raw)
        if calls:
            self.tool_calls += calls
            self._writer.cut("answer")
        else:
            self._writer.write("answer", raw + mark)

    def _calls(self, name: str, message: str) -> list[ToolCall]:
        if self._marks.parse is not None:
            return checked(self._marks.parse, message, self._tools)
        arguments = json_object(message)
        return [ToolCall(encodable(name), encodable(arguments))] if arguments is not None else []
