"""A damaged database, as somebody in the window meets it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app.chat import ConversationStore
from app.runtime import Sampling
from app.storage import DataFolder
from app.ui import recovery
from app.ui.window import MainWindow
from tests.ui.conftest import settle


@pytest.fixture
def damage(folder: DataFolder) -> Callable[[bytes], None]:
    """Overwrites the last page that has these bytes, in a database with two prompts."""
    with ConversationStore(folder.database) as store:
        for text in ("Hello " * 2000, "Good morning"):
            store.add_prompt(store.create(Path("/one.gguf"), Sampling()).id, text)

    def overwrite(words: bytes) -> None:
        content = bytearray(folder.database.read_bytes())
        start = content.rindex(words) // 4096 * 4096
        content[start : start + 4096] = b"\xff" * 4096
        folder.database.write_bytes(content)

    return overwrite


def test_window_on_a_damaged_database_tells_what_was_recovered(
    open_nibble: Callable[[], MainWindow], folder: DataFolder, damage: Callable[[bytes], None]
) -> None:
    damage(b"SQLite format 3")
    window = open_nibble()
    (bar,) = window.notices.bars()
    assert "(conversations: 2, messages: 2)" in bar.sentence
    (kept,) = folder.root.glob("nibble-damaged-*.db")
    assert str(kept) in bar.hint
    assert next(one.title for one in window.services.conversations.conversations()) == "Good morning"


def test_damage_deep_in_the_database_is_found_while_the_window_is_open_and_mended_at_the_next_start(
    qtbot, open_nibble: Callable[[], MainWindow], folder: DataFolder, damage: Callable[[bytes], None]
) -> None:
    damage(b"Hello Hello")
    window = open_nibble()
    assert window.notices.bars() == []
    recovery.look(window, window.notices, folder.database)
    settle(qtbot)
    (bar,) = window.notices.bars()
    assert "damaged" in bar.sentence
    window.leave()
    window.services.close()
    again = open_nibble()
    assert "(conversations: 2, messages: 1)" in again.notices.bars()[0].sentence


def test_look_at_a_sound_database_says_nothing(
    qtbot, open_nibble: Callable[[], MainWindow], folder: DataFolder
) -> None:
    ConversationStore(folder.database).close()
    window = open_nibble()
    recovery.look(window, window.notices, folder.database)
    settle(qtbot)
    assert window.notices.bars() == []
