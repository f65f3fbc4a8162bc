"""Judges the guide: `python -m resources.guide.evaluate MODEL...`.

MODEL is a GGUF file or a checkpoint folder, which is made a BF16 GGUF first. Every answer comes
from the runtime, greedily, as a person would get it. Several models give one table.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from app.convert.checkpoint import convert_checkpoint
from app.core.errors import EnvironmentFault
from app.core.jobs import Job
from app.runtime import ChatMessage, Generation, LoadedModel, LoadSettings, Sampling
from resources.guide.exam import Exam, Question, held_back_exam

CONTEXT = 1024
LONGEST_ANSWER = 160  # tokens; the longest of the corpus has about 90
GREEDY = Sampling(temperature=0.0, max_tokens=LONGEST_ANSWER)


@dataclass(frozen=True)
class Evaluation:
    """Shares of right answers, 0 to 1; perplexity over every token of the held-back text."""

    model: str
    phrasings: float
    sums: float
    problems: float
    refusals: float
    perplexity: float


def evaluate(gguf: Path, exam: Exam, wrong: list[tuple[str, str]] | None = None) -> Evaluation:
    """Asks the model everything; `wrong` collects (question, answer) of what it got wrong."""
    model = LoadedModel.load(gguf, LoadSettings(context_length=CONTEXT))
    try:
        shares = {name: _share_right(model, questions, wrong) for name, questions in exam.sections.items()}
        return Evaluation(model=gguf.stem, **shares, perplexity=perplexity(model, exam.text))
    finally:
        model.close()


def perplexity(model: LoadedModel, texts: Sequence[str]) -> float:
    """exp of the mean negative log-probability per token, each text on its own."""
    total, count = 0.0, 0
    for text in texts:
        scores = model.score(text, parse_special=True)
        total -= sum(scores.log_probabilities)
        count += len(scores.log_probabilities)
    return math.exp(total / count)


def table(evaluations: Sequence[Evaluation]) -> str:
    """Markdown, percentages with one decimal."""
    lines = [
        "| model | phrasings | sums | word problems | refusals | perplexity |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for e in evaluations:
        shares = (e.phrasings, e.sums, e.problems, e.refusals)
        lines.append(f"| {e.model} | {' | '.join(f'{share:.1%}' for share in shares)} | {e.perplexity:.3f} |")
    return "\n".join(lines)


def _as_gguf(checkpoint: Path, folder: Path) -> Path:
    target = folder / f"{checkpoint.name}-BF16.gguf"
    job = Job("convert", lambda control: convert_checkpoint(checkpoint, target, control)).start()
    job.result()
    return target


def _share_right(
    model: LoadedModel, questions: Sequence[Question], wrong: list[tuple[str, str]] | None
) -> float:
    right = 0
    for question in questions:
        answer = _answer(model, question.text)
        if question.is_right(answer):
            right += 1
        elif wrong is not None:
            wrong.append((question.text, answer))
    return right / len(questions)


def _answer(model: LoadedModel, question: str) -> str:
    for reply in model.generate([ChatMessage("user", question)], GREEDY):
        if isinstance(reply, Generation):
            return reply.text
    raise AssertionError("an answer ends with a Generation")


def _listed(model: str, wrong: Sequence[tuple[str, str]]) -> str:
    return f"# {model}\n\n" + "".join(f"{question}\n    {answer}\n" for question, answer in wrong)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--wrong", type=Path, metavar="FILE", help="write wrong answers there, by model")
    arguments = parser.parse_args()

    exam = held_back_exam()
    evaluations: list[Evaluation] = []
    wrong: dict[str, list[tuple[str, str]]] = {}
    try:
        for target in filter(None, (arguments.json, arguments.wrong)):
            target.touch()  # better now than after minutes of questions
        with tempfile.TemporaryDirectory() as folder:
            for model in arguments.models:
                gguf = _as_gguf(model, Path(folder)) if model.is_dir() else model
                evaluations.append(evaluate(gguf, exam, wrong.setdefault(str(model), [])))
                print(table(evaluations[-1:]).splitlines()[-1], flush=True)
    except (EnvironmentFault, OSError) as fault:
        sys.exit(str(fault))  # to stderr, with exit code 1
    print(table(evaluations))
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(e) for e in evaluations], indent=2) + "\n", "utf-8")
    if arguments.wrong:
        arguments.wrong.write_text(
            "\n".join(_listed(model, answers) for model, answers in wrong.items()), "utf-8"
        )


if __name__ == "__main__":
    main()
