"""An answer ends before the first stop string, however its text arrives, and nothing waits longer than it must."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.runtime.worker.stopping import StopStrings

FEW = st.text("ab\n🦙", max_size=12)
"""Of few characters, so that stop strings come up and overlap."""

STOPS = st.lists(st.text("ab\n🦙", min_size=1, max_size=4), max_size=3)


def cut(text: str, stops: list[str]) -> str:
    """`text` before its first stop string: the shortest beginning that ends in one, without it."""
    for end in range(len(text) + 1):
        found = [stop for stop in stops if text[:end].endswith(stop)]
        if found:
            return text[: end - max(map(len, found))]
    return text


def shown(pieces: list[str], stops: list[str]) -> tuple[str, bool]:
    strings = StopStrings(stops)
    text = "".join(strings.feed(piece) for piece in pieces)
    return text + strings.finish(), strings.found


@given(st.lists(FEW), STOPS)
def test_pieces_show_what_cutting_the_whole_text_leaves(pieces: list[str], stops: list[str]) -> None:
    whole = "".join(pieces)
    text, found = shown(pieces, stops)
    assert text == cut(whole, stops)
    assert found == any(stop in whole for stop in stops)


@given(st.lists(FEW), STOPS)
def test_held_back_is_the_longest_end_that_may_become_a_stop_string(
    pieces: list[str], stops: list[str]
) -> None:
    strings = StopStrings(stops)
    whole, text = "", ""
    for piece in pieces:
        whole += piece
        text += strings.feed(piece)
        if strings.found:
            break
        starts = {stop[:length] for stop in stops for length in range(len(stop))}
        longest = max((len(start) for start in starts if whole.endswith(start)), default=0)
        assert text == whole[: len(whole) - longest]


@pytest.mark.parametrize(
    ("pieces", "stops", "expected"),
    [
        (["Hello", " wor", "ld"], [" world"], "Hello"),
        (["a", "a", "b"], ["ab"], "a"),
        (["###"], ["###"], ""),
        (["x</", "s", "> y"], ["</s>"], "x"),
        (["abc"], ["abc", "b"], "a"),
        (["abc"], ["c", "bc"], "a"),
        (["aaab"], ["aab"], "a"),
        (["no end"], [], "no end"),
        (["almost <", "/"], ["</s>"], "almost </"),
    ],
)
def test_examples(pieces: list[str], stops: list[str], expected: str) -> None:
    assert shown(pieces, stops)[0] == expected


def test_text_after_the_stop_string_is_never_shown() -> None:
    strings = StopStrings(["END"])
    assert strings.feed("one END two") == "one "
    assert strings.found
    assert strings.feed("three") == strings.finish() == ""
