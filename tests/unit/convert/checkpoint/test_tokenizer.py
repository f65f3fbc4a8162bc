"""What becomes of a checkpoint's tokenizer files, and what is refused."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.convert.checkpoint.folder import CheckpointFolder
from app.convert.checkpoint.sentencepiece import Piece, PieceType
from app.convert.checkpoint.tokenizer import Tokenizer
from app.convert.checkpoint.tokenizer_kinds import read_tokenizer
from app.core.errors import (
    Cancelled,
    DamagedCheckpoint,
    EnvironmentFault,
    FileGone,
    UnsupportedCheckpoint,
)
from app.core.jobs import CancelToken
from tests.helpers.raw_sentencepiece import (
    BYTE,
    CONTROL,
    NORMAL,
    UNIGRAM,
    UNKNOWN,
    USER_DEFINED,
    sentencepiece_model,
)
from tests.helpers.tiny_checkpoint import write_json

PIECES = [
    ("<unk>", 0.0, UNKNOWN),
    ("<s>", 0.0, CONTROL),
    ("</s>", 0.0, CONTROL),
    ("<0x0A>", 0.0, BYTE),
    ("▁a", -1.0, NORMAL),
    ("<|user|>", 0.0, CONTROL),
    ("▁▁", 0.0, USER_DEFINED),
]
CONFIG: dict[str, Any] = {"bos_token_id": 1, "eos_token_id": 2}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tokenizer.model").write_bytes(sentencepiece_model(PIECES))
    return tmp_path


def read(
    folder: Path, size: int = len(PIECES), config: dict[str, Any] | None = None, **settings: Any
) -> Tokenizer:
    if settings:
        write_json(folder / "tokenizer_config.json", settings)
    return read_tokenizer(CheckpointFolder(folder), CONFIG if config is None else config, size)


def entry(content: object, special: object = False) -> dict[str, object]:
    return {"content": content, "special": special, "lstrip": False, "rstrip": False, "normalized": False}


# Pieces


def test_pieces_keep_texts_scores_and_types(folder: Path) -> None:
    pieces = read(folder).pieces
    assert [(piece.text, piece.score, piece.type) for piece in pieces[:-1]] == PIECES[:-1]
    assert pieces[-1] == Piece("  ", 0.0, PieceType.USER_DEFINED)  # looked for in plain text


def test_vocabulary_smaller_than_the_embedding_is_filled_with_unused_tokens(folder: Path) -> None:
    pieces = read(folder, len(PIECES) + 2).pieces
    assert pieces[-2:] == (
        Piece("[PAD7]", -10_000.0, PieceType.UNUSED),
        Piece("[PAD8]", -10_000.0, PieceType.UNUSED),
    )


def test_vocabulary_larger_than_the_embedding_is_refused_with_its_size(folder: Path) -> None:
    with pytest.raises(
        UnsupportedCheckpoint, match="more tokens than the 6 that the model has embeddings for"
    ) as caught:
        read(folder, 6)
    assert caught.value.hint


def test_added_tokens_fill_and_replace_pieces(folder: Path) -> None:
    write_json(folder / "added_tokens.json", {"<old>": 7, "<tool>": 8, "<lost>": 12})
    pieces = read(
        folder,
        12,
        added_tokens_decoder={
            "0": entry("<unk>", True),
            "7": entry("<new>▁"),
            "9": entry("<|end|>"),
            "10": entry("<pad>"),
            "11": entry("<unused3>"),
            "99": entry("<beyond>", True),
        },
    ).pieces
    assert pieces[0] == Piece("<unk>", -1000.0, PieceType.CONTROL)
    assert pieces[7] == Piece("<new> ", -1000.0, PieceType.USER_DEFINED)
    assert pieces[8] == Piece("<tool>", -1000.0, PieceType.USER_DEFINED)
    assert [piece.type for piece in pieces[9:]] == [PieceType.CONTROL] * 3
    assert len(pieces) == 12


def test_added_tokens_of_tokenizer_json_count_where_tokenizer_config_lists_none(folder: Path) -> None:
    tokens = [{"id": 7, "content": "<|end|>", "special": True}, {"id": 8, "content": "<b>", "special": False}]
    write_json(folder / "tokenizer.json", {"added_tokens": tokens})
    assert [piece.text for piece in read(folder, 9).pieces[7:]] == ["<|end|>", "<b>"]
    listed = read(folder, 9, added_tokens_decoder={"7": entry("<|stop|>", True)})
    assert [piece.text for piece in listed.pieces[7:]] == ["<|stop|>", "[PAD8]"]


@pytest.mark.parametrize(
    "decoder",
    [
        [],
        "x",
        {"x": entry("a")},
        {"-1": entry("a")},
        {"²": entry("a")},
        {"1" * 5000: entry("a")},
        {"1": "a"},
        {"1": {}},
        {"1": entry(7)},
        {"1": entry("")},
    ],
)
def test_added_tokens_that_make_no_sense_are_damaged(folder: Path, decoder: object) -> None:
    if decoder == []:
        assert read(folder, added_tokens_decoder=decoder)  # as good as none
        return
    with pytest.raises(DamagedCheckpoint, match=r"tokenizer_config\.json is damaged"):
        read(folder, added_tokens_decoder=decoder)


@pytest.mark.parametrize("added", [{"a": -1}, {"a": "1"}, {"a": True}, {"a": None}, {"": 1}])
def test_file_of_added_tokens_that_makes_no_sense_is_damaged(folder: Path, added: object) -> None:
    write_json(folder / "added_tokens.json", added)
    with pytest.raises(DamagedCheckpoint, match=r"added_tokens\.json is damaged"):
        read(folder)


# Special tokens


def test_special_tokens_are_known_by_text_before_config_and_habit(folder: Path) -> None:
    special = read(
        folder,
        config={"bos_token_id": 4, "eos_token_id": 2, "pad_token_id": 3},
        bos_token="<s>",
        eos_token={"__type": "AddedToken", "content": "<|user|>"},
        pad_token=None,
    ).special_ids
    assert special == {"bos": 1, "eos": 5, "unk": 0, "pad": 3}


def test_special_tokens_come_from_config_where_the_tokenizer_names_none(folder: Path) -> None:
    config = {"bos_token_id": 4, "eos_token_id": [5, 2], "pad_token_id": -1}
    assert read(folder, config=config).special_ids == {"bos": 4, "eos": 5, "unk": 0}


@pytest.mark.parametrize("number", [True, "2", 2.0, 99, -1, [], [99], {}, None])
def test_special_token_that_cannot_be_is_looked_for_elsewhere(folder: Path, number: object) -> None:
    special = read(folder, config={"eos_token_id": number}, eos_token="<nowhere>").special_ids
    assert special == {"bos": 1, "eos": 2, "unk": 0}


def test_usual_name_of_a_special_token_counts_only_for_a_piece_that_is_no_text(tmp_path: Path) -> None:
    pieces = [("<unk>", 0.0, UNKNOWN), ("<s>", -1.0, NORMAL), ("x", -2.0, NORMAL)]
    (tmp_path / "tokenizer.model").write_bytes(sentencepiece_model(pieces))
    assert read(tmp_path, 3, config={}).special_ids == {"unk": 0}


# Settings


def test_settings_have_the_defaults_of_transformers(folder: Path) -> None:
    tokenizer = read(folder)
    assert (tokenizer.add_bos, tokenizer.add_eos, tokenizer.chat_templates) == (True, False, {})


def test_settings_are_taken_from_the_configuration(folder: Path) -> None:
    tokenizer = read(folder, add_bos_token=False, add_eos_token=True, chat_template="{{ x }}")
    assert (tokenizer.add_bos, tokenizer.add_eos) == (False, True)
    assert tokenizer.chat_templates == {"default": "{{ x }}"}


@pytest.mark.parametrize("add_dummy_prefix", [True, False])
@pytest.mark.parametrize("configured", [True, False, None])
def test_space_prefix_is_as_trained_unless_configured(
    tmp_path: Path, add_dummy_prefix: bool, configured: bool | None
) -> None:
    model = sentencepiece_model(PIECES, add_dummy_prefix=add_dummy_prefix)
    (tmp_path / "tokenizer.model").write_bytes(model)
    expected = add_dummy_prefix if configured is None else configured
    assert read(tmp_path, add_prefix_space=configured).add_space_prefix is expected


def test_template_in_its_own_file_comes_first(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text("{{ 'ä' }}", encoding="utf-8")
    assert read(folder, chat_template="{{ old }}").chat_templates == {"default": "{{ 'ä' }}"}


def test_several_templates_are_kept_by_name(folder: Path) -> None:
    listed = [{"name": "default", "template": "a"}, {"name": "tool_use", "template": "b"}]
    assert read(folder, chat_template=listed).chat_templates == {"default": "a", "tool_use": "b"}


@pytest.mark.parametrize("template", [7, {}, ["a"], [{"name": "default"}], [{"name": 7, "template": "a"}]])
def test_template_that_is_none_is_damaged(folder: Path, template: object) -> None:
    with pytest.raises(DamagedCheckpoint, match="chat_template"):
        read(folder, chat_template=template)


def test_template_that_is_no_text_is_damaged(folder: Path) -> None:
    (folder / "chat_template.jinja").write_bytes(b"\xff\xfe")
    with pytest.raises(DamagedCheckpoint, match=r"chat_template\.jinja"):
        read(folder)


def test_template_that_is_far_too_large_is_refused_and_no_other_takes_its_place(folder: Path) -> None:
    (folder / "chat_template.jinja").write_bytes(b" " * 1_000_001)
    with pytest.raises(
        DamagedCheckpoint, match=r"chat_template\.jinja is damaged: it has 1\.00 MB"
    ) as caught:
        read(folder, chat_template="{{ old }}")
    assert caught.value.hint


# Other tokenizers


def test_missing_tokenizer_raises_file_gone_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(FileGone, match=r"has neither tokenizer\.model") as caught:
        read(tmp_path)
    assert "Download" in caught.value.hint


def test_unigram_tokenizer_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(sentencepiece_model(PIECES, kind=UNIGRAM))
    with pytest.raises(UnsupportedCheckpoint, match="Unigram"):
        read(tmp_path)


def test_damaged_tokenizer_is_refused(folder: Path) -> None:
    path = folder / "tokenizer.model"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(DamagedCheckpoint, match=r"tokenizer\.model is damaged"):
        read(folder)


def test_tokenizer_that_is_far_too_large_is_refused_unread(folder: Path) -> None:
    os.truncate(folder / "tokenizer.model", (1 << 24) + 1)
    with pytest.raises(DamagedCheckpoint, match=r"tokenizer\.model is damaged: it has 16\.8 MB"):
        read(folder)


def test_tokenizer_is_not_read_on_when_cancelled(folder: Path) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        read_tokenizer(CheckpointFolder(folder), CONFIG, len(PIECES), token)


KEYS = st.sampled_from(
    ["added_tokens_decoder", "bos_token", "eos_token", "chat_template", "add_bos_token", "add_prefix_space"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["content", "special", "0", "6", "99", "name", "template"]), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(KEYS, VALUES, max_size=3), VALUES)
def test_any_json_in_the_configuration_gives_a_tokenizer_or_a_typed_fault(
    folder: Path, changes: dict[str, Any], end: object
) -> None:
    with suppress(EnvironmentFault):
        tokenizer = read(folder, config={"eos_token_id": end}, **changes)
        assert len(tokenizer.pieces) == len(PIECES)
        assert all(0 <= number < len(PIECES) for number in tokenizer.special_ids.values())
