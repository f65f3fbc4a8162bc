"""What the guide is trained on, made of the corpus."""

from __future__ import annotations

import pytest

pytest.importorskip("sentencepiece")

from resources.guide.training.stream import told_apart


def test_an_answer_is_told_apart_where_it_first_differs_from_all_others() -> None:
    lengths = told_apart([(5, 6, 7, 2), (5, 6, 8, 2), (5, 9, 2), (4, 2)])
    assert lengths == {(5, 6, 7, 2): 3, (5, 6, 8, 2): 3, (5, 9, 2): 2, (4, 2): 1}


def test_an_answer_that_another_one_begins_with_ends_where_the_other_goes_on() -> None:
    assert told_apart([(5, 6, 2), (5, 6, 7, 2), (5, 6, 2)]) == {(5, 6, 2): 3, (5, 6, 7, 2): 3}


def test_a_single_answer_needs_one_token() -> None:
    assert told_apart([(3, 2)]) == {(3, 2): 1}
