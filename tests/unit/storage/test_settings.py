"""Settings: what was saved comes back, and nothing a person or a newer Nibble wrote is lost."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from app.core.errors import EnvironmentFault
from app.storage.settings import Appearance, Settings, load_settings, save_settings


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "settings.toml"


def test_load_settings_without_file_gives_defaults_and_writes_nothing(path: Path) -> None:
    assert load_settings(path) == Settings()
    assert not path.exists()


def test_settings_saved_and_loaded_are_the_same(path: Path) -> None:
    settings = Settings(model_folders=("/models/größe 🦙", 'C:\\a "b"'), appearance=Appearance.DARK)
    save_settings(path, settings)
    assert load_settings(path) == settings


def test_save_settings_keeps_keys_of_a_newer_nibble(path: Path) -> None:
    path.write_text('voice = "alto"\n[server]\nport = 4711\n', encoding="utf-8")
    save_settings(path, Settings(appearance=Appearance.LIGHT))
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    assert (document["voice"], document["server"], document["appearance"]) == (
        "alto",
        {"port": 4711},
        "light",
    )


@pytest.mark.parametrize("text", ['appearance = "plaid"', "appearance = 3", "appearance = []"])
def test_load_settings_with_one_wrong_key_falls_back_for_that_key_only(path: Path, text: str) -> None:
    path.write_text(f'model_folders = ["/models"]\n{text}\n', encoding="utf-8")
    assert load_settings(path) == Settings(model_folders=("/models",))


DAMAGED = [b"appearance = ", b"\xff\xfe\x00bad", b"[[[", b'a = "\x00"']


@pytest.mark.parametrize("content", DAMAGED)
def test_load_settings_of_damaged_file_sets_it_aside_and_gives_defaults(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert load_settings(path) == Settings()
    assert not path.exists()
    assert path.with_name("settings.toml.damaged").read_bytes() == content


@pytest.mark.parametrize("content", DAMAGED)
def test_save_settings_over_damaged_file_sets_it_aside_first(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    save_settings(path, Settings(appearance=Appearance.DARK))
    assert load_settings(path).appearance is Appearance.DARK
    assert path.with_name("settings.toml.damaged").read_bytes() == content


def test_load_settings_where_a_folder_is_in_the_way_raises_fault(path: Path) -> None:
    path.mkdir()
    with pytest.raises(EnvironmentFault, match="settings"):
        load_settings(path)
