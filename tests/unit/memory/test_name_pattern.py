"""Patterns for tensors' names: they find what a regular expression finds, and none goes on for ever."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import WrongChoice
from app.memory.mixture.name_pattern import NamePattern

NAMES = (
    "token_embd.weight",
    "output.weight",
    "blk.0.attn_v.weight",
    "blk.11.ffn_down_exps.weight",
    "blk.3.ffn_gate.weight",
)


@pytest.mark.parametrize(
    "pattern",
    [
        "attn_v",
        r"blk\.(0|11)\.",
        r"blk\.[0-3]\.ffn",
        r"blk\.\d{2}\.",
        r"^output\.weight$",
        r"ffn_(up|gate)(_exps)?\.weight",
        "a.*e+",
        "[^a-z._0-9]",
        r"[\d\-]\.w?",
        "(?:down|v){1,2}_?",
        "e{2}",
        "t+?w",
        "x*",
    ],
)
def test_pattern_finds_what_the_regular_expression_finds(pattern: str) -> None:
    ours = [NamePattern(pattern).found_in(name) for name in NAMES]
    assert ours == [re.search(pattern, name) is not None for name in NAMES]


def test_capital_letters_count_as_small_ones() -> None:
    assert NamePattern("ATTN_V").found_in("blk.0.attn_v.weight")
    assert NamePattern("[A-C]lk").found_in("blk.0.attn_v.weight")


_PATTERNS = st.recursive(
    st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "^", "$", r"\."]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda two: f"({two[0]}|{two[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{2,}"])).map(
            lambda two: f"(?:{two[0]}){two[1]}"
        ),
    ),
    max_leaves=8,
)


@given(_PATTERNS, st.text("ab.", max_size=12))
def test_any_pattern_finds_what_the_regular_expression_finds(pattern: str, name: str) -> None:
    assert NamePattern(pattern).found_in(name) == (re.search(pattern, name) is not None)


@pytest.mark.parametrize(
    "pattern",
    ["(a*)*b", "(a|a)*b", "(a+a+)+b", "(((a{1,99}){1,99}){1,99}){1,99}b", "(a?){1000}" + "a" * 60 + "b"],
)
def test_pattern_over_which_others_never_end_is_answered(pattern: str) -> None:
    assert not NamePattern(pattern).found_in("a" * 64)


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "(",
        "a)",
        "[a",
        "*",
        "a{",
        "a{2,1}",
        "a{5000}",
        "a\\",
        r"(a)\1",
        "(?=a)",
        "[b-a]",
        "x" * 201,
        r"\b",
    ],
)
def test_what_is_no_pattern_is_refused_with_its_reason(pattern: str) -> None:
    with pytest.raises(WrongChoice, match="cannot be read: ") as caught:
        NamePattern(pattern)
    assert "attn_v" in caught.value.hint
