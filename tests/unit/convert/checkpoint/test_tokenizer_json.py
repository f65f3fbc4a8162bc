"""What becomes of tokenizer.json, whatever is in it."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.convert.checkpoint import tokenizer_json
from app.convert.checkpoint.folder import CheckpointFolder
from app.convert.checkpoint.sentencepiece import Piece, PieceType, read_sentencepiece
from app.convert.checkpoint.tokenizer import Tokenizer
from app.convert.checkpoint.tokenizer_kinds import read_tokenizer
from app.core.errors import Cancelled, DamagedCheckpoint, FileGone, UnsupportedCheckpoint
from app.core.jobs import CancelToken
from tests.data.convert.tokenizer_families import CL100K, QWEN, begins_with, bytes_step, split_then_bytes
from tests.helpers.shared_data import SHARED_DATA
from tests.helpers.tiny_checkpoint import write_json

VOCABULARY = {"a": 0, "b": 1, "Ġ": 2, "ab": 3, "Ġab": 4, "ba": 5}
MERGES = [["a", "b"], ["Ġ", "ab"], ["b", "a"]]


def byte_level(**changes: Any) -> dict[str, Any]:
    """A tokenizer.json of Qwen's kind; a change `model__vocab` is one of `model`'s `vocab`."""
    document: dict[str, Any] = {
        "added_tokens": [{"id": 6, "content": "<|end|>", "special": True}],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": split_then_bytes(QWEN),
        "post_processor": bytes_step(),
        "model": {"type": "BPE", "vocab": dict(VOCABULARY), "merges": copy.deepcopy(MERGES)},
    }
    return changed(document, changes)


def byte_fallback(**changes: Any) -> dict[str, Any]:
    """As of Llama 2, with ▁, a and b."""
    texts = [
        "<unk>",
        "<s>",
        "</s>",
        *(f"<0x{byte:02X}>" for byte in range(256)),
        "▁a",
        "▁ab",
        "ab",
        "▁",
        "a",
        "b",
    ]
    document: dict[str, Any] = {
        "added_tokens": [
            {"id": number, "content": text, "special": True} for number, text in enumerate(texts[:3])
        ],
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        "pre_tokenizer": None,
        "post_processor": begins_with("<s>"),
        "model": {
            "type": "BPE",
            "byte_fallback": True,
            "vocab": {text: number for number, text in enumerate(texts)},
            "merges": ["▁ a", "▁ ab", "▁a b", "a b"],
        },
    }
    return changed(document, changes)


def changed(document: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    for key, value in changes.items():
        *path, last = key.split("__")
        inside = document
        for name in path:
            inside = inside[name]
        inside[last] = value
    return document


def read(
    folder: Path,
    document: object,
    size: int = 10,
    settings: dict[str, Any] | None = None,
    config: dict[str, Any] | None = None,
) -> Tokenizer:
    write_json(folder / "tokenizer.json", document)
    write_json(folder / "tokenizer_config.json", settings or {})
    return read_tokenizer(CheckpointFolder(folder), config or {}, size)


# BPE of bytes


def test_tokens_merges_and_padding_up_to_the_models_size(tmp_path: Path) -> None:
    made = read(tmp_path, byte_level())
    assert [piece.text for piece in made.pieces] == [*VOCABULARY, "<|end|>", "[PAD7]", "[PAD8]", "[PAD9]"]
    assert [int(piece.type) for piece in made.pieces] == [1] * 6 + [3] + [5] * 3
    assert made.merges == ("a b", "Ġ ab", "b a")
    assert (made.model, made.pre, made.add_bos, made.add_eos) == ("gpt2", "qwen2", False, False)


def test_merges_may_be_texts_or_pairs_with_spaces(tmp_path: Path) -> None:
    texts = read(tmp_path, byte_level(model__merges=[" ".join(merge) for merge in MERGES]))
    assert texts.merges == ("a b", "Ġ ab", "b a")
    spaced = byte_level(model__vocab={"a": 0, " ": 1, " a": 2}, model__merges=[[" ", "a"]], added_tokens=[])
    assert read(tmp_path, spaced).merges == ("Ġ a",)


def test_a_hole_in_the_numbers_is_an_unused_token(tmp_path: Path) -> None:
    made = read(tmp_path, byte_level(added_tokens=[{"id": 8, "content": "<x>", "special": False}]))
    assert made.pieces[6].type == made.pieces[7].type == PieceType.UNUSED
    assert made.pieces[8] == Piece("<x>", -1000.0, PieceType.USER_DEFINED)


def test_added_tokens_beyond_the_model_are_left_out(tmp_path: Path) -> None:
    made = read(tmp_path, byte_level(added_tokens=[{"id": 10, "content": "<image>", "special": True}]))
    assert "<image>" not in [piece.text for piece in made.pieces]


def test_tokenizer_config_adds_tokens_and_names_special_ones(tmp_path: Path) -> None:
    settings = {
        "added_tokens_decoder": {"7": {"content": "<tool>", "special": False}},
        "bos_token": "ba",
        "eos_token": {"content": "<|end|>"},
    }
    made = read(tmp_path, byte_level(), settings=settings, config={"eos_token_id": 0, "pad_token_id": 7})
    assert made.pieces[7] == Piece("<tool>", -1000.0, PieceType.USER_DEFINED)
    assert made.pieces[5].type == PieceType.CONTROL
    assert made.special_ids == {"bos": 5, "eos": 6, "pad": 7}


@pytest.mark.parametrize(
    ("document", "named"),
    [
        (byte_level(pre_tokenizer=split_then_bytes(CL100K)), "dbrx"),
        (byte_level(pre_tokenizer=split_then_bytes(CL100K), model__ignore_merges=True), "llama-bpe"),
        (byte_level(model__ignore_merges=True), "qwen2"),  # the merges make every token anyway
        (byte_level(pre_tokenizer=bytes_step(), normalizer=None), "gpt-2"),
        (byte_level(pre_tokenizer=split_then_bytes(QWEN, "Removed", invert=True)), "qwen2"),
    ],
)
def test_pre_tokenizer_is_known_by_its_steps(tmp_path: Path, document: dict[str, Any], named: str) -> None:
    assert read(tmp_path, document).pre == named


@pytest.mark.parametrize(
    "document",
    [
        byte_level(pre_tokenizer=None),
        byte_level(pre_tokenizer=split_then_bytes(QWEN + "|x")),
        byte_level(pre_tokenizer=split_then_bytes(QWEN, "MergedWithNext")),
        byte_level(pre_tokenizer=split_then_bytes(QWEN, "Isolated", invert=True)),
        byte_level(pre_tokenizer=split_then_bytes(QWEN)["pretokenizers"][0]),
        byte_level(pre_tokenizer=bytes_step() | {"add_prefix_space": True}),
        byte_level(pre_tokenizer={"type": "Whitespace"}),
        byte_level(normalizer={"type": "Lowercase"}),
        byte_level(normalizer={"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Strip"}]}),
        byte_level(post_processor={"type": "BertProcessing"}),
        byte_level(model__type="Unigram"),
        byte_level(model__end_of_word_suffix="</w>"),
        # "ba" would be looked up as a whole, and llama.cpp merges.
        byte_level(model__ignore_merges=True, model__merges=MERGES[:2]),
        byte_fallback(normalizer=None),
        byte_fallback(normalizer={"type": "NFKC"}),
        byte_fallback(pre_tokenizer={"type": "Metaspace", "replacement": "▁", "split": True}),
        byte_fallback(model__merges=["▁ a", "▁ ab", "a b"]),  # not "▁a b", which llama.cpp would merge
        byte_fallback(model__merges=["▁ ab", "a b", "▁a b", "▁ a"]),  # one token at two places
    ],
)
def test_what_would_be_read_otherwise_is_refused(tmp_path: Path, document: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedCheckpoint) as caught:
        read(tmp_path, document, size=400)
    assert caught.value.hint
    assert len(str(caught.value)) < 300


def test_vocabulary_larger_than_the_embedding_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        UnsupportedCheckpoint, match="more tokens than the 5 that the model has embeddings for"
    ):
        read(tmp_path, byte_level(), size=5)


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        byte_level(model=[]),
        byte_level(model__vocab=None),
        byte_level(model__vocab={}),
        byte_level(model__vocab=[["a", 0]]),
        byte_level(model__vocab=VOCABULARY | {"a": "0"}),
        byte_level(model__vocab=VOCABULARY | {"a": True}),
        byte_level(model__vocab=VOCABULARY | {"a": -1}),
        byte_level(model__vocab=VOCABULARY | {"": 7}),
        byte_level(model__vocab=VOCABULARY | {"c": 3}),
        byte_level(model__vocab=VOCABULARY | {"[PAD7]": 8}),
        byte_level(model__merges=None),
        byte_level(model__merges={"a": "b"}),
        byte_level(model__merges=["ab"]),
        byte_level(model__merges=["a b c"]),
        byte_level(model__merges=[["a", 5]]),
        byte_level(model__merges=[5]),
        byte_level(model__merges=["a z"]),
        byte_level(model__merges=["b b"]),
        byte_level(added_tokens="x"),
        byte_level(added_tokens=["x"]),
        byte_level(added_tokens=[{"id": 6}]),
        byte_level(added_tokens=[{"id": "6", "content": "x"}]),
        byte_level(added_tokens=[{"id": 6, "content": ""}]),
        byte_level(added_tokens=[{"id": 3, "content": "x"}]),
        byte_level(added_tokens=[{"id": 7, "content": "ab"}]),
        byte_level(added_tokens=[{"id": 7, "content": "x"}, {"id": 7, "content": "y"}]),
        byte_level(added_tokens=[{"id": 7, "content": "x"}, {"id": 8, "content": "x"}]),
        byte_level(pre_tokenizer=5),
        byte_level(pre_tokenizer={"type": "Sequence"}),
        byte_level(pre_tokenizer={"type": "Sequence", "pretokenizers": [5]}),
        byte_level(normalizer={"type": 5}),
        byte_level(post_processor={"type": "TemplateProcessing", "single": 5}),
        byte_fallback(model__vocab={"<0x00>": 0}, model__merges=[], added_tokens=[]),
    ],
)
def test_damaged_file_is_refused_with_a_sentence(tmp_path: Path, document: object) -> None:
    with pytest.raises(DamagedCheckpoint, match=r"tokenizer\.json is damaged: .*\.$") as caught:
        read(tmp_path, document)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("content", [b"", b"{", b"\xff{}", b'{"model": "\\ud800"}', b"[" * 100_000])
def test_file_that_is_no_json_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(DamagedCheckpoint):
        read_tokenizer(CheckpointFolder(tmp_path), {}, 10)


def test_file_that_is_far_too_large_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "tokenizer.json", "wb") as file:
        file.truncate(tokenizer_json.MOST_BYTES + 1)
    with pytest.raises(DamagedCheckpoint, match="too large"):
        read_tokenizer(CheckpointFolder(tmp_path), {}, 10)


def test_steps_nested_as_deep_as_json_goes_are_read(tmp_path: Path) -> None:
    inner = json.dumps(split_then_bytes(QWEN))
    for _ in range(400):
        inner = f'{{"type": "Sequence", "pretokenizers": [{inner}]}}'
    assert read(tmp_path, byte_level(pre_tokenizer=json.loads(inner))).pre == "qwen2"


def test_cancelling_ends_it(tmp_path: Path) -> None:
    write_json(tmp_path / "tokenizer.json", byte_level())
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        read_tokenizer(CheckpointFolder(tmp_path), {}, 10, cancel)


def test_no_tokenizer_at_all_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileGone, match=r"tokenizer\.model, tokenizer\.json nor tekken\.json"):
        read_tokenizer(CheckpointFolder(tmp_path), {}, 10)


# Around a text


@pytest.mark.parametrize(
    ("processor", "settings", "around"),
    [
        (None, {"add_bos_token": True}, (True, False)),
        (None, {}, (False, False)),
        (bytes_step(), {"add_bos_token": True}, (False, False)),
        (begins_with("<|end|>"), {"add_bos_token": False}, (True, False)),
        (begins_with("<|end|>", ends_with="<|end|>"), {}, (True, True)),
        (begins_with("<|nobody|>"), {}, (False, False)),
    ],
)
def test_post_processor_comes_before_tokenizer_config(
    tmp_path: Path, processor: object, settings: dict[str, Any], around: tuple[bool, bool]
) -> None:
    made = read(tmp_path, byte_level(post_processor=processor), settings={"bos_token": "<|end|>", **settings})
    assert (made.add_bos, made.add_eos) == around


def test_granite_begins_with_no_token_whatever_its_files_say(tmp_path: Path) -> None:
    settings = {"bos_token": "<|end|>", "add_bos_token": True}
    assert read(tmp_path, byte_level(post_processor=None), 49152, settings).add_bos is False


# SentencePiece's BPE


def test_scores_fall_with_the_order_of_merges(tmp_path: Path) -> None:
    made = read(tmp_path, byte_fallback(), 265)
    assert made.model == "llama"
    scores = {piece.text: piece.score for piece in made.pieces}
    assert (scores["▁a"], scores["▁ab"], scores["ab"]) == (0, -1, -2)
    assert max(scores[text] for text in ("▁", "a", "b")) < 0
    assert made.pieces[3] == Piece("<0x00>", 0.0, PieceType.BYTE)
    assert (made.add_bos, made.add_space_prefix) == (True, False)


@pytest.mark.parametrize(
    ("steps", "adds"),
    [
        (
            {
                "pre_tokenizer": {
                    "type": "Metaspace",
                    "replacement": "▁",
                    "prepend_scheme": "never",
                    "split": False,
                }
            },
            False,
        ),
        (
            {
                "pre_tokenizer": {
                    "type": "Metaspace",
                    "replacement": "▁",
                    "prepend_scheme": "first",
                    "split": False,
                }
            },
            True,
        ),
        (
            {
                "pre_tokenizer": {
                    "type": "Metaspace",
                    "replacement": "▁",
                    "add_prefix_space": True,
                    "split": False,
                }
            },
            True,
        ),
    ],
)
def test_space_before_text_as_metaspace_has_it(tmp_path: Path, steps: dict[str, Any], adds: bool) -> None:
    assert read(tmp_path, byte_fallback(**steps), 265).add_space_prefix is adds


def test_tokenizer_config_decides_about_the_space(tmp_path: Path) -> None:
    assert read(tmp_path, byte_fallback(), 265, {"add_prefix_space": True}).add_space_prefix is True


@pytest.mark.parametrize("name", ["tokenizer.model.v1", "mistral_instruct_tokenizer_240323.model.v3"])
def test_scores_of_a_real_model_come_back_from_its_merges(tmp_path: Path, name: str) -> None:
    """Mistral's, as Transformers' `generate_merges` writes it to tokenizer.json: all ways of making each token."""
    path = SHARED_DATA / "mistral_tokenizers" / "src" / "mistral_common" / "data" / name
    if not path.exists():
        pytest.skip("no tokenizer of Mistral here")
    pieces = read_sentencepiece(name, path.read_bytes(), 40_000, CancelToken()).pieces
    scores = {piece.text: piece.score for piece in pieces if piece.type == PieceType.NORMAL}
    merges = [
        (text[:at], text[at:])
        for text in scores
        for at in range(1, len(text))
        if text[:at] in scores and text[at:] in scores
    ]
    merges.sort(key=lambda pair: (scores["".join(pair)], len(pair[0]), len(pair[1])), reverse=True)
    specials = [
        {"id": number, "content": piece.text, "special": True}
        for number, piece in enumerate(pieces)
        if piece.type in (PieceType.UNKNOWN, PieceType.CONTROL)
    ]
    vocabulary = {piece.text: number for number, piece in enumerate(pieces)}
    document = byte_fallback(added_tokens=specials, model__vocab=vocabulary, model__merges=merges)
    made = read(tmp_path, document, len(pieces))
    merged = {"".join(pair) for pair in merges}
    by_text = {piece.text: piece.score for piece in made.pieces}
    # Those that SentencePiece numbers come one after the other; the runs of spaces, which all have -1e9, last.
    numbered = sorted((text for text in merged if text.strip("▁")), key=lambda text: -scores[text])
    assert [by_text[text] for text in numbered] == [-float(rank) for rank in range(len(numbered))]
    assert {by_text[text] for text in merged if not text.strip("▁")} == {-float(len(numbered))}


# Anything


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "id", "a"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), make=st.sampled_from([byte_level, byte_fallback]), anything=ANYTHING)
def test_whatever_stands_anywhere_is_a_tokenizer_or_one_of_two_faults(
    tmp_path: Path, data: st.DataObject, make: Any, anything: Any
) -> None:
    files: dict[str, Any] = {
        "tokenizer": make(),
        "config": {"bos_token": "ab", "added_tokens_decoder": {"7": {"content": "<x>"}}},
    }
    inside: Any = files
    while True:
        key = data.draw(st.sampled_from(list(inside) if isinstance(inside, dict) else range(len(inside))))
        if not isinstance(inside[key], (dict, list)) or not inside[key] or data.draw(st.booleans()):
            break
        inside = inside[key]
    inside[key] = anything
    with suppress(DamagedCheckpoint, UnsupportedCheckpoint):
        made = read(tmp_path, files["tokenizer"], 270, files["config"])
        assert len({piece.text for piece in made.pieces}) == 270
        assert all(number < 270 for number in made.special_ids.values())
