"""A local Hub for each test, someone who downloads from it, and little patience."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from app.downloads import partial_file, patience
from tests.helpers.downloader import Downloader
from tests.helpers.hub_server import HubServer


@pytest.fixture(autouse=True)
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of hundredths of a second, where a person's network gets a minute."""
    monkeypatch.setattr(patience, "FIRST_WAIT_S", 0.005)
    monkeypatch.setattr(patience, "LONGEST_WAIT_S", 0.02)
    monkeypatch.setattr(patience, "IN_ALL_S", 0.5)
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 1)


@pytest.fixture
def small_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests of 128 KiB, so that small files take several."""
    monkeypatch.setattr(partial_file, "_RUN_BYTES", 1 << 17)


@pytest.fixture
def server() -> Iterator[HubServer]:
    with HubServer() as server:
        yield server


@pytest.fixture
def person(server: HubServer, home: Path) -> Downloader:
    return Downloader(server, home)
