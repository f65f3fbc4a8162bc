"""How one model marks reasoning and calls: chosen once, when its template is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.runtime.worker.answers.channels import ChannelMarks, ChannelReader
from app.runtime.worker.answers.families import CALLS, CHANNELS, REASONING, SILENT
from app.runtime.worker.answers.marked import CallMarks, MarkedReader, ReasoningMarks, Tools
from app.runtime.worker.answers.parts import AnswerReader, PlainReader


@dataclass(frozen=True)
class AnswerFormat:
    channels: ChannelMarks | None = None
    reasoning: tuple[ReasoningMarks, ...] = ()
    calls: tuple[CallMarks, ...] = ()
    silent: tuple[str, ...] = ()

    @classmethod
    def of(cls, template: str, is_token: Callable[[str], bool] = lambda text: False) -> AnswerFormat:
        """That of a model with this chat template; `is_token` tells whether its vocabulary has one token for
        a mark. A template that only speaks of thinking in words is not taken for one that marks it."""
        channels = next((marks for sign, marks in CHANNELS if sign in template), None)
        if channels is not None:
            return cls(channels=channels)
        reasoning = [marks for marks in REASONING if (marks.sign or marks.open) in template]
        if not reasoning:
            reasoning = [marks for marks in REASONING if is_token(marks.open) and is_token(marks.close)]
        sign = next((sign for sign, _ in CALLS if sign in template), None)
        return cls(
            reasoning=tuple(reasoning),
            calls=tuple(marks for needed, marks in CALLS if needed == sign),
            silent=tuple(mark for needed, marks in SILENT if needed in template for mark in marks),
        )

    @property
    def marks(self) -> tuple[str, ...]:
        """All texts that must reach a reader even where they are control tokens."""
        channels = self.channels
        if channels is not None:
            return (*channels.begins, channels.header_end, *channels.ends)
        reasoning = (mark for marks in self.reasoning for mark in (marks.open, marks.close))
        calls = (mark for marks in self.calls for mark in (marks.open, *marks.closes))
        return (*reasoning, *calls, *self.silent)

    def reader(
        self, prompt: str, tools: Sequence[Mapping[str, Any]] = (), *, follows_grammar: bool = False
    ) -> AnswerReader:
        """For the answer to `prompt`, which may end inside a reasoning block. Calls are looked for where
        `tools` were offered. An answer after a grammar is all answer: it cannot hold the family's marks."""
        if follows_grammar:
            return PlainReader()
        schemas = _schemas(tools)
        if self.channels is not None:
            return ChannelReader(
                self.channels, schemas, opened=prompt.rstrip().endswith(self.channels.opened)
            )
        opened = next((marks for marks in self.reasoning if prompt.rstrip().endswith(marks.open)), None)
        calls = self.calls if tools else ()
        if not self.reasoning and not calls and not self.silent:
            return PlainReader()
        return MarkedReader(self.reasoning, calls, self.silent, schemas, opened)

    def beginning(self, prompt: str, reasoning: str, text: str) -> str:
        """How the family writes the answer to `prompt` as far as that; without any text, its reasoning goes on."""
        if self.channels is not None:
            is_opened = prompt.rstrip().endswith(self.channels.opened)
            return self.channels.beginning(reasoning, text, opened=is_opened)
        opened = next((marks for marks in self.reasoning if prompt.rstrip().endswith(marks.open)), None)
        if not self.reasoning or not (reasoning or (text and opened)):
            return text
        marks = opened or self.reasoning[0]
        begin = "" if opened else marks.open
        line = "" if opened and prompt[-1:].isspace() else "\n"
        return f"{begin}{line}{reasoning}" + (f"\n{marks.close}\n\n{text}" if text else "")


def _schemas(tools: Sequence[Mapping[str, Any]]) -> Tools:
    functions = [tool.get("function", tool) for tool in tools]
    return {
        function["name"]: parameters if isinstance(parameters := function.get("parameters"), dict) else {}
        for function in functions
        if isinstance(function, dict) and isinstance(function.get("name"), str)
    }
