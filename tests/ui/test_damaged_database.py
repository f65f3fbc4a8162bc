"""A damaged database, as somebody in the window meets it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer

from app.chat import ConversationStore
from app.core.errors import Cancelled
from app.core.jobs import JobControl
from app.runtime import Sampling
from app.storage import DataFolder
from app.ui import recovery, recovery_window
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


def test_window_of_a_recovery_says_how_far_it_is_and_lets_it_be_put_off(
    qtbot, folder: DataFolder, damage: Callable[[bytes], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(b"SQLite format 3")
    before = folder.database.read_bytes()
    window = recovery_window.RecoveryWindow(folder.database)
    qtbot.addWidget(window)
    seen: list[tuple[str, int]] = []

    def recover_slowly(database: Path, control: JobControl) -> None:
        for _ in range(1000):
            control.cancel.raise_if_cancelled()
            control.progress("Looking through", 30, 120, "pages")
            time.sleep(0.005)

    monkeypatch.setattr(recovery_window, "recover_conversations", recover_slowly)

    def stop() -> None:
        assert window.isVisible()
        seen.append((window.stage.text(), round(100 * window.bar.value() / window.bar.maximum())))
        window.stop.click()

    QTimer.singleShot(recovery_window.PATIENCE_MS + 200, window, stop)
    with pytest.raises(Cancelled):
        window.recover()
    assert seen == [("Looking through", 25)]
    assert folder.database.read_bytes() == before


def test_look_at_a_sound_database_says_nothing(
    qtbot, open_nibble: Callable[[], MainWindow], folder: DataFolder
) -> None:
    ConversationStore(folder.database).close()
    window = open_nibble()
    recovery.look(window, window.notices, folder.database)
    settle(qtbot)
    assert window.notices.bars() == []
