"""Which words mean the guide, and what it is asked first."""

from __future__ import annotations

import pytest

from app.convert import QUANTIZATIONS
from app.guide import FIRST_QUESTION, GUIDE_QUANTIZATIONS, guide_file, guide_quantization
from app.storage import data_folder
from resources.guide.topics import read_topics


@pytest.mark.parametrize(
    ("reference", "quantization"),
    [
        ("guide", "Q8_0"),
        ("Guide", "Q8_0"),
        ("guide.gguf", "Q8_0"),
        ("guide-Q4_0", "Q4_0"),
        ("GUIDE-q4_k_m.GGUF", "Q4_K_M"),
        ("guide-Q4_K", "Q4_K_M"),
        ("guide-bf16", "BF16"),
    ],
)
def test_name_of_the_guide_means_one_of_its_quantizations(reference: str, quantization: str) -> None:
    assert guide_quantization(reference) == quantization


@pytest.mark.parametrize(
    "reference", ["", "guid", "guide-", "guide-lines", "guide-Q9_9", "my-guide", "guide Q4_0"]
)
def test_other_name_does_not_mean_the_guide(reference: str) -> None:
    assert guide_quantization(reference) is None


@pytest.mark.parametrize("kind", QUANTIZATIONS, ids=lambda kind: kind.name)
def test_every_file_of_the_guide_is_reached_by_its_name(kind) -> None:
    path = guide_file(data_folder(), kind.name)
    assert path.parent == data_folder().guide
    assert guide_quantization(path.stem) == guide_quantization(path.name) == kind.name


def test_first_question_is_one_the_guide_was_trained_to_answer() -> None:
    assert any(FIRST_QUESTION in topic.split.trained for topic in read_topics())
    known = {kind.name for kind in QUANTIZATIONS}
    assert set(GUIDE_QUANTIZATIONS) <= known
