"""The form of the guide's corpus: what training and evaluation will rely on."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import resources
from resources.guide.arithmetic import WORDINGS
from resources.guide.topics import has_facts, plain, read_refusals, read_topics

CORPUS = Path(resources.__file__).parent / "guide" / "corpus"
FILES = ("nibble", "quantization", "running", "talk")


def read(name: str) -> dict[str, Any]:
    return tomllib.loads((CORPUS / f"{name}.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def items() -> list[dict[str, Any]]:
    return [item for name in FILES for item in read(name)["item"]]


def test_corpus_has_at_least_300_questions_with_ten_phrasings_each(items: list[dict[str, Any]]) -> None:
    assert len({item["answer"] for item in items}) >= 300
    assert all(len({plain(phrasing) for phrasing in item["phrasings"]}) >= 10 for item in items)


def test_ids_are_unique(items: list[dict[str, Any]]) -> None:
    ids = [item["id"] for item in items]
    assert len(ids) == len(set(ids))


def test_no_phrasing_asks_for_two_answers(items: list[dict[str, Any]]) -> None:
    answers: dict[str, str] = {}
    more = read("more")
    questions = [
        (phrasing, item["answer"])
        for item in items
        for phrasing in (*item["phrasings"], *more["topics"].get(item["id"], ()))
    ]
    questions += [(question, "refusal") for question in (*read("refusals")["questions"], *more["refusals"])]
    doubled = [text for text, answer in questions if answers.setdefault(plain(text), answer) != answer]
    assert doubled == []


def test_more_phrasings_belong_to_topics_and_none_of_them_is_held_back(items: list[dict[str, Any]]) -> None:
    more = read("more")
    assert more["topics"].keys() <= {item["id"] for item in items}
    topics, refusals = read_topics(), read_refusals()
    held_back = {plain(text) for kind in (*topics, refusals) for text in kind.split.held_back}
    added = [text for texts in (*more["topics"].values(), more["refusals"]) for text in texts]
    assert [text for text in added if plain(text) in held_back] == []
    assert len(set(map(plain, added))) == len(added) == sum(len(kind.more) for kind in (*topics, refusals))


def test_no_phrasing_is_a_sum_that_the_guide_can_do() -> None:
    wordings = [wording.lower().rstrip("?.= ") for kind in WORDINGS.values() for wording in kind.sums]
    number = r"\d\d?"
    sums = re.compile(
        "|".join(re.escape(text).replace(r"\{a\}", number).replace(r"\{b\}", number) for text in wordings)
    )
    topics = (*read_topics(), read_refusals())
    questions = [question for topic in topics for question in (*topic.split.trained, *topic.split.held_back)]
    assert [question for question in questions if sums.fullmatch(question.lower().rstrip("?.= "))] == []


def test_every_key_fact_stands_in_its_answer(items: list[dict[str, Any]]) -> None:
    missing = [
        (item["id"], spellings)
        for item in items
        for spellings in item["facts"]
        if not any(spelling.lower() in item["answer"].lower() for spelling in spellings)
    ]
    assert missing == []


def test_refusals_name_what_the_model_is_and_the_button_that_gets_a_real_one() -> None:
    for answer in read("refusals")["answers"]:
        assert "tiny demonstration model" in answer
        assert "Find a model" in answer


def test_facts_of_a_topic_tell_its_answer_from_those_of_others() -> None:
    topics = read_topics()
    confused = [
        (topic.answer, other.answer)
        for topic in topics
        for other in topics
        if other is not topic and has_facts(other.answer, topic.facts)
    ]
    refusal = read_refusals().facts
    confused += [("a refusal", topic.answer) for topic in topics if has_facts(topic.answer, refusal)]
    assert confused == []


def test_each_topic_holds_phrasings_back_and_keeps_enough_to_learn_from() -> None:
    for topic in read_topics():
        assert len(topic.split.held_back) >= 2
        assert len(topic.split.trained) >= 8
        assert not {plain(text) for text in topic.split.trained} & {
            plain(text) for text in topic.split.held_back
        }
    refusals = read_refusals()
    assert len(refusals.split.held_back) >= 200
    assert not {plain(text) for text in refusals.split.trained} & {
        plain(text) for text in refusals.split.held_back
    }


def test_one_question_is_not_held_back_here_and_trained_there() -> None:
    topics = read_topics()
    held_back = {plain(text) for topic in topics for text in topic.split.held_back}
    trained = {plain(text) for topic in topics for text in topic.split.trained}
    assert held_back & trained == set()
