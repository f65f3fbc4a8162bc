"""The exam is fair: right answers count, wrong ones do not, and nothing in it was trained on."""

from __future__ import annotations

import itertools
import random
import re

import pytest

from resources.guide.arithmetic import Sum, draw_sum, sum_exercise, word_problem
from resources.guide.exam import held_back_exam, last_number
from resources.guide.topics import all_held_back, bare, read_refusals, read_topics

_SUM = re.compile(r"(\d+) ([+-]) (\d+) =")


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("20 + 40 = 60, 3 + 5 = 8, 60 + 8 = 68: 23 + 45 = 68.", 68),
        ("12 - 45 = -33.", -33),
        ("7 + 5 = 12, so Anna has 12 apples.", 12),
        ("I do not know that.", None),
        ("23 + 45 = 68.5", None),
        ("500 + 568 = 1,068", None),
        ("", None),
    ],
)
def test_the_last_number_of_an_answer_is_its_result(answer: str, number: int | None) -> None:
    assert last_number(answer) == number


def test_exam_asks_for_each_topic_and_takes_its_answer_as_right() -> None:
    exam = held_back_exam()
    answers = {question: topic.answer for topic in read_topics() for question in topic.split.examined}
    assert {question.text for question in exam.sections["phrasings"]} == set(answers)
    assert all(question.is_right(answers[question.text]) for question in exam.sections["phrasings"])
    refusal = read_refusals().answers[0]
    assert all(question.is_right(refusal) for question in exam.sections["refusals"])
    assert not any(question.is_right(refusal) for question in exam.sections["phrasings"])


def test_exam_is_the_same_every_time() -> None:
    first, second = held_back_exam(), held_back_exam()
    for name, questions in first.sections.items():
        assert [q.text for q in questions] == [q.text for q in second.sections[name]]
    assert first.text == second.text


def test_a_sum_is_held_back_in_both_orders() -> None:
    rng = random.Random(1)
    for _ in range(300):
        sum_ = draw_sum(rng)
        turned = Sum(sum_.operation, sum_.b, sum_.a)
        assert (turned.part, turned.part_in_problems) == (sum_.part, sum_.part_in_problems)


def test_exercises_are_right() -> None:
    rng = random.Random(2)
    for _ in range(500):
        for exercise in (sum_exercise(rng, part="trained"), word_problem(rng, part="examined")):
            steps = re.findall(r"(-?\d+) ([+-]) (\d+) = (-?\d+)", exercise.answer)
            assert all(int(a) + int(sign + b) == int(result) for a, sign, b, result in steps)
            a, _, b, result = steps[-1]
            assert exercise.result == int(result) == last_number(exercise.answer)
            assert {a, b} <= set(re.findall(r"\d+", exercise.question))


def test_nothing_held_back_is_trained_on(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One epoch of the training stream, read back from its tokens."""
    sentencepiece = pytest.importorskip("sentencepiece")
    from resources.guide.training.speller import Speller
    from resources.guide.training.stream import Trainset
    from resources.guide.training.tokenizer import train_tokenizer

    topics, refusals = read_topics(), read_refusals()
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.model"
    train_tokenizer(topics[::8], refusals, path, seed=3)  # any that spells all: to reword all takes seconds
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(path))
    user, end = tokenizer.piece_to_id("<|user|>"), tokenizer.eos_id()
    held_back = all_held_back(topics, refusals)

    questions, sums = set(), set()
    for ids, weights in Trainset(topics, refusals, Speller(tokenizer)).epoch(3):
        assert len(ids) == len(weights)
        starts = [i for i, token in enumerate(ids) if token == user]
        asked = [ids[i + 1 : ids.index(end, i)] for i in starts]
        # A question with hidden tokens is another one.
        questions |= {
            bare(tokenizer.decode(spelled)) for spelled in asked if tokenizer.unk_id() not in spelled
        }
        # Control tokens decode to nothing: each becomes a line break, or numbers would run together.
        text = "\n".join(
            tokenizer.decode(list(part))
            for control, part in itertools.groupby(ids, tokenizer.is_control)
            if not control
        )
        sums |= {Sum(sign, int(a), int(b)) for a, sign, b in _SUM.findall(text)}  # type: ignore[arg-type]
    assert len(questions) > 50_000
    # `bare` takes 81 + 9 for 81 / 9; sums have a split of their own, below.
    assert not {question for question in questions & held_back if not question.isdigit()}
    assert len(sums) > 2000
    assert not any(sum_.part != "trained" for sum_ in sums)
