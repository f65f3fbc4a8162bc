"""The parts of an answer, and the white space around them, which belongs to none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from app.runtime.protocol import ToolCall

Kind = Literal["answer", "reasoning"]


class Part(NamedTuple):
    kind: Kind
    text: str


class AnswerReader(Protocol):
    """Takes one answer apart."""

    def feed(self, text: str) -> Sequence[Part]:
        """What is sure with `text`."""
        ...

    def finish(self) -> Sequence[Part]:
        """The rest; then `tool_calls` are complete."""
        ...

    @property
    def tool_calls(self) -> Sequence[ToolCall]: ...


class PlainReader:
    """For models without marks: all of it is answer."""

    tool_calls: Sequence[ToolCall] = ()

    def feed(self, text: str) -> Sequence[Part]:
        return [Part("answer", text)] if text else []

    def finish(self) -> Sequence[Part]:
        return []


class Writer:
    """Collects parts. Around a mark white space is dropped; elsewhere the text stays as it is."""

    def __init__(self) -> None:
        self._parts: list[Part] = []
        self._space = ""
        self._is_trimmed = False
        self._kind: Kind = "answer"
        self._begun: set[Kind] = set()

    @property
    def has_answer(self) -> bool:
        """Whether there was more than white space of it."""
        return "answer" in self._begun

    def write(self, kind: Kind, text: str) -> None:
        if kind != self._kind:
            self.cut(kind)
        body = self._space + text
        stripped = body.rstrip()
        self._space = body[len(stripped) :]
        if not stripped:
            return
        if self._is_trimmed:
            stripped = stripped.lstrip()
            if kind in self._begun:  # one more block of the same
                stripped = "\n\n" + stripped
            self._is_trimmed = False
        self._begun.add(kind)
        if self._parts and self._parts[-1].kind == kind:
            self._parts[-1] = Part(kind, self._parts[-1].text + stripped)
        else:
            self._parts.append(Part(kind, stripped))

    def cut(self, kind: Kind) -> None:
        """A mark: `kind` begins or goes on behind it."""
        self._kind = kind
        self._space = ""
        self._is_trimmed = True

    def take(self) -> list[Part]:
        parts, self._parts = self._parts, []
        return parts

    def finish(self) -> list[Part]:
        if self._space and not self._is_trimmed:
            self._parts.append(Part(self._kind, self._space))
        self._space = ""
        return self.take()
