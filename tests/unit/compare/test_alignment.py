"""Which words of answers differ, and how answers stand beside each other."""

from __future__ import annotations

import random
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.compare.alignment import Effort, align, differences
from app.compare.rows import rows_of


def marked(first: str, second: str) -> tuple[list[str], list[str]]:
    stretches = align(first, second)
    return tuple(
        [text[start:end] for start, end in differences(stretches, which, text)]
        for which, text in enumerate((first, second))
    )  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("first", "second", "only_first", "only_second"),
    [
        ("The cat sat.", "The cat sat.", [], []),
        ("The cat sat.", "The dog sat.", ["cat"], ["dog"]),
        ("The cat sat.", "The cat sat down.", [], ["down"]),
        ("One two three", "two three four", ["One"], ["four"]),
        ("a  b\nc", "a b c", [], []),
        ("", "Something", [], ["Something"]),
        ("", "", [], []),
        ("It is 41.", "It is 42.", ["41"], ["42"]),
        ("今日は晴れ", "今日は雨", ["晴れ"], ["雨"]),
        ("x = f(1)", "x = f(2)", ["1"], ["2"]),
        ("some 384,400 km", "some 400,384 km", ["384,400"], ["400,384"]),
        ("I can't go", "I can go", ["can't"], ["can"]),
    ],
)
def test_words_that_differ_are_found(
    first: str, second: str, only_first: list[str], only_second: list[str]
) -> None:
    assert marked(first, second) == (only_first, only_second)


WORDS = st.lists(st.sampled_from(["a", "b", "the", "cat", "\n", ".", "né", "晴"]), max_size=30).map(" ".join)


@given(WORDS, WORDS)
def test_stretches_cover_both_texts_and_what_agrees_does(first: str, second: str) -> None:
    stretches = align(first, second)
    for which, text in enumerate((first, second)):
        spans = [stretch.second if which else stretch.first for stretch in stretches]
        assert "".join(text[start:end] for start, end in spans) == text or not text.split()
    for stretch in stretches:
        if stretch.same:
            assert first[slice(*stretch.first)].split() == second[slice(*stretch.second)].split()
    kinds = [stretch.same for stretch in stretches]
    assert all(one != next_one for one, next_one in pairwise(kinds))


def test_a_long_answer_keeps_what_it_has_in_common() -> None:
    numbers = [f"w{number}" for number in range(20_000)]
    other = list(numbers)
    other[5_000] = "other"
    del other[9_000:9_010]
    first, second = " ".join(numbers), " ".join(other)
    only_first, only_second = marked(first, second)
    assert only_second == ["other"]
    assert only_first == ["w5000", " ".join(numbers[9_000:9_010])]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("the " * 20_000, "a the " * 10_000),
        ("x" * 1_000_000, "x" * 999_999),
        ("\N{GRINNING FACE}" * 5_000, "\N{GRINNING FACE}\N{ROCKET}" * 2_500),
        (
            " ".join(random.Random(1).choices("abcdef", k=20_000)),
            " ".join(random.Random(2).choices("abcdef", k=20_000)),
        ),
    ],
    ids=["one word", "one long word", "emoji", "few words"],
)
def test_hostile_answers_are_told_apart_in_the_end(first: str, second: str) -> None:
    began = time.monotonic()
    rows = rows_of([first, second])
    assert "".join(row.parts[0].text for row in rows) == first
    assert "".join(row.parts[1].text for row in rows) == second
    assert not all(row.same for row in rows)
    assert time.monotonic() - began < 60  # not for ever


def test_what_would_take_the_square_of_the_length_is_found_as_far_as_effort_goes() -> None:
    # No word is there once, so there are no anchors; each match is two words long, the first one the longest.
    first = " ".join(f"w{number} w{number} a" for number in range(5_000))
    second = " ".join(f"w{number} w{number} b" for number in range(5_000))
    effort = Effort()
    stretches = align(first, second, effort)
    agreeing = sum(len(first[slice(*each.first)].split()) for each in stretches if each.same)
    assert 5_000 < agreeing <= 10_000  # of the 10,000 that do
    spent = Effort(10)
    (beginning, rest) = align(first, second, spent)  # which both have in common, for nothing
    assert first[slice(*beginning.first)].split() == ["w0", "w0"]
    assert not rest.same
    assert spent.is_spent
    easy = Effort()
    align("One two three", "One three", easy)
    assert not easy.is_spent


def test_a_long_line_without_sentences_is_cut_between_words() -> None:
    for line in ("word " * 4_000, "x" * 20_000):
        rows = rows_of([line, line + "end"])
        assert "".join(row.parts[0].text for row in rows) == line
        assert max(len(row.parts[0].text) for row in rows) < 1_300
    assert all(row.parts[0].text.endswith(" ") for row in rows_of(["word " * 4_000, "word " * 4_000]))


def test_lines_stand_beside_their_counterparts() -> None:
    rows = rows_of(["One.\nTwo is here.\nThree.", "One.\nTwo was here.\nAnd more.\nThree.", "One.\nThree."])
    assert [[part.text for part in row.parts] for row in rows] == [
        ["One.\n", "One.\n", "One.\n"],
        ["Two is here.\n", "Two was here.\nAnd more.\n", ""],
        ["Three.", "Three.", "Three."],
    ]
    assert [row.same for row in rows] == [True, False, True]
    reference, second, _ = rows[1].parts
    assert [second.text[start:end] for start, end in second.differs] == ["was", "And more."]
    # Of the first answer all is marked that any other one lacks.
    assert [reference.text[start:end] for start, end in reference.differs] == ["Two is here."]


@given(st.lists(WORDS, min_size=2, max_size=4))
def test_rows_hold_all_of_every_answer(answers: list[str]) -> None:
    rows = rows_of(answers)
    for column, answer in enumerate(answers):
        assert "".join(row.parts[column].text for row in rows) == answer
        for row in rows:
            part = row.parts[column]
            assert all(0 <= start < end <= len(part.text) for start, end in part.differs)


def test_a_long_line_is_cut_between_sentences() -> None:
    answer = "This is a sentence of some length. " * 60
    rows = rows_of([answer, answer])
    assert len(rows) > 2
    assert all(row.parts[0].text.rstrip().endswith(".") and len(row.parts[0].text) < 700 for row in rows)
