"""What models take in memory, remembered between starts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from app.gguf import ModelFacts, read_facts
from app.library.needs import NEEDS_FILE, KnownNeeds
from app.recommend.need import need_of
from app.runtime.protocol import LoadSettings
from app.storage import DataFolder, data_folder
from tests.helpers.tiny_gguf import write_tiny_model


@pytest.fixture
def data() -> DataFolder:
    return data_folder().create()


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files whose headers were really read."""
    paths: list[Path] = []

    def counted(path: Path) -> ModelFacts:
        paths.append(path)
        return read_facts(path)

    monkeypatch.setattr(sys.modules["app.library.needs"], "read_facts", counted)
    return paths


def test_need_is_that_of_the_context_and_no_more_than_the_model_takes(
    data: DataFolder, tmp_path: Path
) -> None:
    short = write_tiny_model(tmp_path / "short.gguf", context=512)
    long = write_tiny_model(tmp_path / "long.gguf", context=32768)
    needs = KnownNeeds(data, 8192)
    assert needs.of(short)[0] == need_of(read_facts(short), LoadSettings(context_length=512))
    assert needs.of(long)[0] == need_of(read_facts(long), LoadSettings(context_length=8192))


def test_what_is_known_is_not_read_again_after_a_restart(
    data: DataFolder, tmp_path: Path, read: list[Path]
) -> None:
    path = write_tiny_model(tmp_path / "a.gguf")
    first = KnownNeeds(data, 8192)
    told = first.of(path)
    first.keep()
    assert told[1] is True
    again = KnownNeeds(data, 8192)
    assert again.of(path) == (told[0], False)
    assert read == [path]
    assert KnownNeeds(data, 4096).of(path)[1] is True


def test_file_that_is_another_one_now_is_read_again(
    data: DataFolder, tmp_path: Path, read: list[Path]
) -> None:
    path = write_tiny_model(tmp_path / "a.gguf", layers=1)
    needs = KnownNeeds(data, 8192)
    before, _ = needs.of(path)
    write_tiny_model(path, layers=3)
    after, is_new = needs.of(path)
    assert before is not None
    assert after is not None
    assert (before.layers, after.layers, is_new) == (1, 3, True)


@pytest.mark.parametrize("content", [b"", b"\x93\x01\x02", b"not msgpack at all" * 9])
def test_damaged_file_of_what_was_known_is_no_hindrance(
    data: DataFolder, tmp_path: Path, content: bytes
) -> None:
    (data.cache / NEEDS_FILE).write_bytes(content)
    path = write_tiny_model(tmp_path / "a.gguf")
    needs = KnownNeeds(data, 8192)
    assert needs.of(path)[1] is True
    needs.keep()
    assert KnownNeeds(data, 8192).of(path)[1] is False


def test_of_a_file_that_is_gone_or_no_model_nothing_is_known(data: DataFolder, tmp_path: Path) -> None:
    (tmp_path / "page.gguf").write_bytes(b"<html>" * 100)
    needs = KnownNeeds(data, 8192)
    assert needs.of(tmp_path / "page.gguf") == (None, False)
    assert needs.of(tmp_path / "gone.gguf") == (None, False)
