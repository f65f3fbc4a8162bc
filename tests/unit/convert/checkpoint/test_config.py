"""Values of config.json: typed, sensible, or a fault that names the key."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from app.convert.checkpoint.config import MAX_TABLE_BYTES, Config, read_json
from app.core.errors import DamagedCheckpoint, FileGone

VALUES = json.loads(
    '{"count": 7, "number": 1e-6, "whole": 10000, "flag": true, "text": "silu", "texts": ["a"], "table": {"a": 1},'
    ' "nan": NaN, "infinity": Infinity, "minus": -1, "zero": 0, "huge": 1e999, "none": null}'
)


@pytest.fixture
def config() -> Config:
    return Config(VALUES)


def test_values_come_in_their_types(config: Config) -> None:
    assert config.count("count", 10) == 7
    assert config.number("number") == 1e-6
    assert isinstance(config.number("whole"), float)
    assert config.flag("flag", False) is True
    assert config.text("text") == "silu"
    assert config.texts("texts") == ["a"]
    assert config.table("table").count("a", 1) == 1


@pytest.mark.parametrize("key", ["missing", "none"])
def test_missing_or_null_takes_the_default_and_without_one_is_a_fault(config: Config, key: str) -> None:
    assert not config.has(key)
    assert config.count(key, 10, default=3) == 3
    assert config.number(key, default=0.5) == 0.5
    assert config.flag(key, True) is True
    assert config.texts(key) == []
    assert not config.table(key).has("a")
    with pytest.raises(DamagedCheckpoint, match=f"config.json is damaged: it does not say {key}"):
        config.count(key, 10)


@pytest.mark.parametrize("key", ["nan", "infinity", "minus", "zero", "huge", "number", "text", "flag"])
def test_what_is_no_count_is_refused_by_name(config: Config, key: str) -> None:
    with pytest.raises(DamagedCheckpoint, match=f"for {key}"):
        config.count(key, 10)


@pytest.mark.parametrize("key", ["nan", "infinity", "minus", "zero", "huge", "text", "flag", "texts"])
def test_what_is_no_positive_number_is_refused_by_name(config: Config, key: str) -> None:
    with pytest.raises(DamagedCheckpoint, match=f"for {key}"):
        config.number(key)


def test_number_beyond_any_float_is_refused() -> None:
    with pytest.raises(DamagedCheckpoint, match="for theta"):
        Config({"theta": 10**400}).number("theta")


def test_count_beyond_its_limit_is_refused(config: Config) -> None:
    with pytest.raises(DamagedCheckpoint, match="it gives 7 for count"):
        config.count("count", 6)


@pytest.mark.parametrize(
    ("method", "key"), [("flag", "zero"), ("text", "count"), ("texts", "text"), ("table", "texts")]
)
def test_values_of_another_type_are_refused(config: Config, method: str, key: str) -> None:
    arguments = (False,) if method == "flag" else ()
    with pytest.raises(DamagedCheckpoint, match=f"for {key}"):
        getattr(config, method)(key, *arguments)


def test_read_json_reads_an_object_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    for content in (b'{"a": "\\u00e9"}', b'\xef\xbb\xbf{"a": "\xc3\xa9"}'):
        path.write_bytes(content)
        assert read_json(path) == {"a": "é"}


@pytest.mark.parametrize(
    "content", [b"", b"[1]", b"{", b"\xff", b"[" * 10_000, b'{"a": "\\udc00"}', b"1" * 5000]
)
def test_read_json_of_something_else_is_damaged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(DamagedCheckpoint, match=r"config\.json is damaged") as caught:
        read_json(path)
    assert caught.value.hint


def test_read_json_of_a_giant_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(b'{"a": "b"}'.ljust(1_000_001))
    with pytest.raises(DamagedCheckpoint, match="too large"):
        read_json(path)
    assert read_json(path, MAX_TABLE_BYTES) == {"a": "b"}
    os.truncate(path, 16_000_001)
    with pytest.raises(DamagedCheckpoint, match="too large"):
        read_json(path, MAX_TABLE_BYTES)


def test_read_json_of_a_missing_file_raises_file_gone(tmp_path: Path) -> None:
    with pytest.raises(FileGone):
        read_json(tmp_path / "config.json")
