"""What a model's maker recommends, read from a header that may say anything."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from app.gguf import RecommendedSampling, read_facts
from app.gguf.summary import summarize
from tests.helpers.raw_gguf import BOOL, FLOAT32, INT32, INT64, STRING, UINT64, RawGguf


def recommended(path: Path, *keys: tuple[str, int, object]) -> RecommendedSampling | None:
    raw = RawGguf()
    for name, kind, value in keys:
        raw.key(f"general.sampling.{name}", kind, value)
    path.write_bytes(raw.to_bytes())
    return summarize(read_facts(path)).sampling


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.gguf"


def test_header_without_a_word_about_it_recommends_nothing(path: Path) -> None:
    assert recommended(path) is None


def test_what_llama_cpp_s_converter_writes_is_read(path: Path) -> None:
    """Qwen3's generation_config.json: temperature 0.6, top_k 20, top_p 0.95; floats are written as float32."""
    found = recommended(path, ("temp", FLOAT32, 0.6), ("top_k", INT32, 20), ("top_p", FLOAT32, 0.95))
    assert found == RecommendedSampling(temperature=0.6, top_k=20, top_p=0.95)


def test_every_key_has_its_setting(path: Path) -> None:
    found = recommended(
        path,
        ("min_p", FLOAT32, 0.125),
        ("xtc_probability", FLOAT32, 0.5),
        ("xtc_threshold", FLOAT32, 0.25),
        ("penalty_last_n", INT32, 128),
        ("penalty_repeat", FLOAT32, 1.5),
        ("mirostat", INT32, 2),
        ("mirostat_tau", FLOAT32, 4.0),
        ("mirostat_eta", FLOAT32, 0.5),
    )
    assert found == RecommendedSampling(
        min_p=0.125,
        xtc_probability=0.5,
        xtc_threshold=0.25,
        repeat_last_n=128,
        repeat_penalty=1.5,
        mirostat=2,
        mirostat_tau=4.0,
        mirostat_eta=0.5,
    )


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (FLOAT32, math.nan),
        (FLOAT32, math.inf),
        (FLOAT32, -math.inf),
        (BOOL, True),
        (STRING, "0.7"),
        (UINT64, 2**64 - 1),
        (INT64, -(2**63)),
    ],
)
def test_what_is_no_such_number_is_ignored_and_the_rest_read(path: Path, kind: int, value: object) -> None:
    found = recommended(path, ("temp", kind, value), ("top_k", kind, value), ("min_p", FLOAT32, 0.5))
    assert found == RecommendedSampling(min_p=0.5)


def test_half_a_token_is_no_top_k(path: Path) -> None:
    assert recommended(path, ("top_k", FLOAT32, 20.5)) is None


def test_top_k_below_zero_is_off_as_in_llama_cpp(path: Path) -> None:
    assert recommended(path, ("top_k", INT32, -1)) == RecommendedSampling(top_k=0)


def test_sampler_that_is_left_out_of_the_sequence_is_off(path: Path) -> None:
    found = recommended(path, ("sequence", STRING, "top-p;temp"), ("temp", FLOAT32, 1.0))
    assert found == RecommendedSampling(temperature=1.0, top_k=0, min_p=0.0)


def test_sequence_of_unknown_words_changes_nothing(path: Path) -> None:
    assert recommended(path, ("sequence", STRING, "🦙;;" * 1000)) is None
