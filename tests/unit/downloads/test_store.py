"""The queue in the database: what its reads make of a database that is damaged while it is open."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.errors import DataFolderFault
from app.downloads import DownloadStore, WantedFile


@pytest.fixture
def damaged(tmp_path: Path) -> DownloadStore:
    """With a download in it, and then no page right but the first, which holds the names of tables."""
    database = tmp_path / "nibble.db"
    with DownloadStore(database) as store:
        store.add("ada/M-GGUF", "main", "M", tmp_path, [WantedFile("m.gguf", 1, "0" * 64)])
    store = DownloadStore(database)
    content = bytearray(database.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    database.write_bytes(content)
    return store


def test_damaged_queue_is_a_fault_that_names_the_file_and_not_a_bug(damaged: DownloadStore) -> None:
    with damaged:
        for read in (damaged.all, lambda: damaged.find(1), lambda: damaged.state(1)):
            with pytest.raises(DataFolderFault, match=r"nibble\.db"):
                read()
