"""The program that judges the guide: which model answered what, and what it says where there is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.gguf import read_facts
from resources.guide import evaluate
from resources.guide.exam import Exam, Question
from tests.helpers.tiny_gguf import write_tiny_model


def test_wrong_answers_are_listed_by_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def judged(gguf: Path, exam: Exam, wrong: list[tuple[str, str]] | None = None) -> evaluate.Evaluation:
        assert wrong is not None
        wrong += [(question.text, read_facts(gguf).name or "") for question in exam.sections["sums"]]
        return evaluate.Evaluation(gguf.stem, 0.5, 0.0, 0.5, 1.0, 2.0)

    models = [write_tiny_model(tmp_path / f"{name}.gguf", name=name) for name in ("one", "two")]
    exam = Exam({"sums": (Question("1 + 1?", lambda answer: False),)}, ())
    monkeypatch.setattr(evaluate, "held_back_exam", lambda: exam)
    monkeypatch.setattr(evaluate, "evaluate", judged)
    wrong = tmp_path / "wrong.txt"
    monkeypatch.setattr(sys, "argv", ["evaluate", *map(str, models), "--wrong", str(wrong)])
    evaluate.main()
    one, two = models
    assert wrong.read_text() == f"# {one}\n\n1 + 1?\n    one\n\n# {two}\n\n1 + 1?\n    two\n"


@pytest.mark.parametrize(("name", "word"), [("gone.gguf", "gone.gguf"), ("empty", "config.json")])
def test_model_that_cannot_be_read_ends_in_a_sentence_and_exit_code_1(
    tmp_path: Path, name: str, word: str
) -> None:
    (tmp_path / "empty").mkdir()
    command = [sys.executable, "-m", "resources.guide.evaluate", str(tmp_path / name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=Path(__file__).parents[2])
    assert (done.returncode, done.stdout) == (1, "")
    assert word in done.stderr
    assert "Traceback" not in done.stderr
