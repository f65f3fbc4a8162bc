"""The data folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.errors import EnvironmentFault
from app.storage import data_folder


def test_data_folder_is_where_the_environment_says_and_made_only_on_demand(home: Path) -> None:
    folder = data_folder()
    assert (folder.root, folder.database, folder.models) == (home, home / "nibble.db", home / "models")
    assert not home.exists()
    folder.create()
    assert (home / "models").is_dir()
    folder.create()  # a second time does no harm


def test_data_folder_without_override_is_the_persons(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NIBBLE_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert "nibble" in data_folder().root.parts


def test_create_where_a_file_is_in_the_way_raises_fault(home: Path) -> None:
    home.write_bytes(b"")
    with pytest.raises(EnvironmentFault) as caught:
        data_folder().create()
    assert str(home) in caught.value.message
