"""tokenizer.model: read as SentencePiece itself reads it, and no damage goes further than a fault."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.convert.checkpoint.sentencepiece import Piece, PieceType, SentencePieceModel, read_sentencepiece
from app.core.errors import Cancelled, DamagedCheckpoint, EnvironmentFault, UnsupportedCheckpoint
from app.core.jobs import CancelToken
from tests.helpers.raw_sentencepiece import (
    BPE,
    CONTROL,
    UNIGRAM,
    UNKNOWN,
    message,
    number,
    piece,
    sentencepiece_model,
    varint,
)
from tests.helpers.trained_sentencepiece import train_sentencepiece


def read_model(content: bytes, most_pieces: int = 1000) -> SentencePieceModel:
    return read_sentencepiece("tokenizer.model", content, most_pieces, CancelToken())


PIECES = [("<unk>", 0.0, UNKNOWN), ("<s>", 0.0, CONTROL), ("▁a", -1.5, 1), ("漢", -2.0, 1)]


@pytest.mark.parametrize("add_dummy_prefix", [True, False])
def test_trained_model_is_read_as_sentencepiece_reads_it(add_dummy_prefix: bool) -> None:
    sentencepiece = pytest.importorskip("sentencepiece", reason="no wheel for this computer")
    content = train_sentencepiece(add_dummy_prefix=add_dummy_prefix, user_defined_symbols=["<b>", "▁▁"])
    theirs = sentencepiece.SentencePieceProcessor(model_proto=content)
    ours = read_model(content)
    assert ours.kind == "BPE"
    assert ours.add_dummy_prefix is add_dummy_prefix
    assert len(ours.pieces) == theirs.vocab_size()
    for index, found in enumerate(ours.pieces):
        assert (found.text, found.score) == (theirs.id_to_piece(index), theirs.get_score(index))
        assert (found.type == PieceType.UNKNOWN) == theirs.is_unknown(index)
        assert (found.type == PieceType.CONTROL) == theirs.is_control(index)
        assert (found.type == PieceType.BYTE) == theirs.is_byte(index)
        assert (found.type == PieceType.UNUSED) == theirs.is_unused(index)
    by_text = {found.text: found.type for found in ours.pieces}
    assert by_text["<|user|>"] == PieceType.CONTROL
    assert by_text["<b>"] == by_text["▁▁"] == PieceType.USER_DEFINED


@pytest.mark.parametrize(("kind", "name"), [(BPE, "BPE"), (UNIGRAM, "Unigram"), (4, "character"), (9, "9")])
def test_kind_of_model_is_named(kind: int, name: str) -> None:
    assert read_model(sentencepiece_model(PIECES, kind=kind)).kind == name


def test_model_that_leaves_out_everything_has_the_defaults_of_the_format() -> None:
    model = read_model(message(1, message(1, b"a")))
    assert model.pieces == (Piece("a", 0.0, PieceType.NORMAL),)
    assert (model.kind, model.add_dummy_prefix) == ("Unigram", True)


def test_fields_unknown_here_are_stepped_over() -> None:
    unknown = (
        number(99, 7) + message(98, b"x") + varint(97 << 3 | 1) + bytes(8) + varint(96 << 3 | 5) + bytes(4)
    )
    model = read_model(unknown + sentencepiece_model(PIECES) + unknown)
    assert [found.text for found in model.pieces] == [text for text, _, _ in PIECES]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x0a",
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01a",  # a length beyond any file
        b"\x80" * 20,  # a number that never ends
        b"\x0b",  # a group
        b"{}",
        bytes(100),
        number(1, 7),  # a piece that is a number
        number(2, 7) + piece("a"),
        message(1, b""),
        message(1, message(1, b"\xff")),
        message(1, message(1, b"a") + number(2, 7)),
        message(1, message(1, b"a") + message(2, b"abc")),
        message(1, message(1, b"a") + number(3, 7)),
        piece("a", float("nan")),
        piece("a", float("inf")),
        piece("a") + message(3, message(3, b"x")),
        sentencepiece_model(PIECES)[:-1],
        sentencepiece_model([]),
    ],
)
def test_damaged_model_is_refused(content: bytes) -> None:
    with pytest.raises(DamagedCheckpoint, match=r"tokenizer\.model is damaged") as caught:
        read_model(content)
    assert caught.value.hint


def test_pointer_of_git_lfs_is_told_as_one() -> None:
    with pytest.raises(DamagedCheckpoint, match="Git LFS"):
        read_model(b"version https://git-lfs.github.com/spec/v1\n")


def test_reading_ends_at_the_first_piece_too_many() -> None:
    content = sentencepiece_model(PIECES)
    assert len(read_model(content, len(PIECES)).pieces) == len(PIECES)
    with pytest.raises(UnsupportedCheckpoint, match="more tokens than the 3 that the model has") as caught:
        read_model(content + b"\x0b", 3)  # what comes after it is not looked at
    assert "another model" in caught.value.hint


@pytest.mark.parametrize(
    "content",
    [piece("a") * 10, number(99, 7) * 10, message(2, number(99, 7) * 10), message(1, number(99, 7) * 10)],
    ids=["pieces", "unknown fields", "fields of the trainer", "fields of a piece"],
)
def test_cancelled_reading_ends_within_any_message(content: bytes) -> None:
    class CancelledSoon(CancelToken):
        looks = 0

        def raise_if_cancelled(self) -> None:
            self.looks += 1
            if self.looks == 5:
                raise Cancelled

    with pytest.raises(Cancelled):
        read_sentencepiece("tokenizer.model", content, 1000, CancelledSoon())


SOUND = sentencepiece_model(PIECES)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(SOUND) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_mutated_model_is_read_or_refused(changes: list[tuple[int, int]]) -> None:
    content = bytearray(SOUND)
    for position, value in changes:
        content[position] = value
    try:
        model = read_model(bytes(content))
    except EnvironmentFault:
        return
    assert all(found.text for found in model.pieces)
