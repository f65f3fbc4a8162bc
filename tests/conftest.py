"""What every test gets: a data folder of its own, no window on the screen, and Qt's warnings as failures."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from tests.helpers.small_disk import mounted

# The same examples each time, whatever the machine is busy with: a run says something of the change and not of luck.
# `HYPOTHESIS_PROFILE=search` looks for others, by hand.
settings.register_profile("suite", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

# Two workers that spin while they wait take each other's cores: tests with both took twice as long.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

if sys.dont_write_bytecode:
    # Where Python may leave nothing beside its sources, each of the suite's hundreds of processes compiled all that it
    # imports, and pytest rewrote every test: what is compiled is kept where nobody looks for sources.
    compiled = Path(__file__).parents[1] / ".pytest_cache" / "bytecode"
    sys.dont_write_bytecode, sys.pycache_prefix = False, str(compiled)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(compiled)

if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
    # The offscreen screen is 800x800 unless told otherwise, too small for the window.
    screens = Path(__file__).with_name("helpers") / "screen.json"
    os.environ.setdefault("QT_QPA_PLATFORM", f"offscreen:configfile={screens}")

OFFSCREEN_CANNOT = r"This plugin does not support"
"""What the offscreen platform says about things only a real screen has; the one message that is no failure."""

_PLACES = (
    *("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "APPDATA", "LOCALAPPDATA"),
    *("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "LLAMA_CACHE", "JAN_DATA_FOLDER"),
)
"""What tells where the models of other programs are."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.qt_log_ignore(OFFSCREEN_CANNOT))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nibble's data folder, empty and thrown away after the test; and a person without other programs' models."""
    person = tmp_path / "person"
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(person))
    for name in _PLACES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OLLAMA_MODELS", str(person / "ollama"))  # or it would be looked for in /usr/share
    folder = tmp_path / "home"
    monkeypatch.setenv("NIBBLE_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def kept_sizes(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """What a Nibble that was started before has left of the catalogue's sizes: it takes ten seconds, and so is worked
    out once for all processes."""
    # Here, since most tests need nothing of this.
    from app.recommend.catalogue import read_catalogue
    from app.recommend.kept_sizes import SIZES_FILE
    from app.recommend.staircase import keep_staircases, staircases_of
    from app.ui.fit_words import CONTEXTS

    ours = tmp_path_factory.getbasetemp()
    kept = (ours if worker_id == "master" else ours.parent) / SIZES_FILE
    with FileLock(f"{kept}.lock"):
        if not kept.exists():
            staircases = staircases_of(read_catalogue())
            for staircase in staircases:
                for context in CONTEXTS:
                    staircase.prepare(staircase.settings(context))
            keep_staircases(staircases, kept)
    return kept


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    with mounted(tmp_path / "disk", megabytes=4) as disk:
        yield disk
