"""The form of the guide's corpus: what training and evaluation will rely on."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import resources

CORPUS = Path(resources.__file__).parent / "guide" / "corpus"
FILES = ("nibble", "quantization", "running", "talk")


def read(name: str) -> dict[str, Any]:
    return tomllib.loads((CORPUS / f"{name}.toml").read_text(encoding="utf-8"))


def plain(text: str) -> str:
    """Questions that differ only in case and punctuation are the same question."""
    return re.sub(r"[^a-z0-9+_.:/-]+", " ", text.lower()).strip(" .?!")


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
    questions = [(phrasing, item["answer"]) for item in items for phrasing in item["phrasings"]]
    questions += [(question, "refusal") for question in read("refusals")["questions"]]
    doubled = [text for text, answer in questions if answers.setdefault(plain(text), answer) != answer]
    assert doubled == []


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
