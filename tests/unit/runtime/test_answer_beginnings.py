"""An answer that goes on is written as its family would have: read again, it is what was shown."""

from __future__ import annotations

import pytest

from app.runtime.protocol import AnswerSoFar
from app.runtime.worker.answers import AnswerFormat
from app.runtime.worker.answers.families import CHANNELS, REASONING
from app.runtime.worker.continuing import read

MARKED = [(marks.sign or marks.open, f"…assistant\n{end}") for marks in REASONING for end in ("", marks.open)]
CHANNELLED = [(sign, f"…{end}") for sign, marks in CHANNELS for end in ("", marks.opened)]


@pytest.mark.parametrize(("template", "prompt"), [*MARKED, *CHANNELLED])
@pytest.mark.parametrize(
    "so_far",
    [
        AnswerSoFar("", "Two and"),
        AnswerSoFar("Fo", "Two and two."),
        AnswerSoFar("Fo"),
        AnswerSoFar("", ""),
    ],
)
def test_beginning_of_an_answer_reads_as_what_was_shown(
    template: str, prompt: str, so_far: AnswerSoFar
) -> None:
    answers = AnswerFormat.of(template)
    if so_far.reasoning and answers.channels is not None and not answers.channels.reasoning:
        pytest.skip("a family that does not reason")
    written = answers.beginning(prompt, so_far.reasoning, so_far.text)
    assert read(answers.reader(prompt), written) == so_far
