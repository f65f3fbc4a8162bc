"""Characters stay whole, however the model cuts them into tokens."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.runtime.worker.text_stream import TextStream


def streamed(pieces: list[bytes]) -> list[str]:
    stream = TextStream()
    return [*(stream.feed(piece) for piece in pieces), stream.finish()]


def test_character_split_over_four_tokens_comes_with_the_last_of_them() -> None:
    llama = "🦙".encode()
    assert len(llama) == 4
    assert streamed([b"a", *(llama[i : i + 1] for i in range(4)), b"b"]) == ["a", "", "", "", "🦙", "b", ""]


def test_character_never_finished_becomes_replacement_at_the_end() -> None:
    assert "".join(streamed([b"abc", "漢".encode()[:2]])) == "abc\ufffd"


def test_bytes_that_are_no_text_become_replacements_and_text_goes_on() -> None:
    assert "".join(streamed([b"\xff", b"ok", b"\xc3", b"(", b"\x80!"])) == "\ufffdok\ufffd(\ufffd!"


def test_bytes_of_a_surrogate_never_become_one() -> None:
    text = "".join(streamed([b"\xed\xa0\x80", b"\xed", b"\xb0\x80"]))
    assert not any("\ud800" <= character <= "\udfff" for character in text)


@given(st.text(), st.lists(st.integers(0, 80), max_size=20))
def test_text_cut_anywhere_comes_back_unchanged(text: str, cuts: list[int]) -> None:
    data = text.encode()
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(edges)]
    assert "".join(streamed(pieces)) == text


@given(st.lists(st.binary(max_size=6)))
def test_any_bytes_give_the_text_python_would_give_for_them_joined(pieces: list[bytes]) -> None:
    assert "".join(streamed(pieces)) == b"".join(pieces).decode("utf-8", "replace")
