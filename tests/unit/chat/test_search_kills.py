"""The search's index, whose maker is killed again and again at moments that nobody chose."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from app.chat import ConversationStore, MessageState
from app.runtime import Sampling

MESSAGES, KILLS = 240, 6
WORDS = 500
"""Of filler in each message, so that the kills fall amid the work."""
INDEX = """
import sys, time
from pathlib import Path
from app.chat import ConversationStore

with ConversationStore(Path(sys.argv[1])) as store:
    print("begun", flush=True)
    while store.index_some(within_s=0.008):
        time.sleep(0.002)
print("whole", flush=True)
"""


def test_index_goes_on_after_kills_with_nothing_missing_and_nothing_twice(tmp_path: Path) -> None:
    database = tmp_path / "nibble.db"
    _write_conversations(database)
    chance, left = random.Random(31), []
    for _ in range(KILLS):
        left.append(_kill_amid_indexing(database, after_s=chance.uniform(0.0, 0.06)))
    assert sorted(left, reverse=True) == left  # what was done stays done
    # And kills fell amid the work: on a quick machine the last ones may find all of it done.
    assert any(0 < each < MESSAGES + 1 for each in left)
    with ConversationStore(database) as store:
        while store.index_some(within_s=1):
            pass
        assert store.index_progress().is_whole
        for number in range(MESSAGES):
            (hit,) = store.search(f"unique{number:03}")
            assert f"unique{number:03}" in hit.snippet
    with sqlite3.connect(database) as connection:
        # FTS5's own check of the index against its content, and a row for each message and the title.
        connection.execute("INSERT INTO search_index (search_index) VALUES ('integrity-check')")
        assert connection.execute("SELECT count(*) FROM search_index_docsize").fetchone()[0] == MESSAGES + 1
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def _write_conversations(database: Path) -> None:
    chance = random.Random(30)
    letters = "abcdefghijklmnopqrst"
    with ConversationStore(database) as store:
        identity = store.create(Path("/models/bard.gguf"), Sampling()).id
        store.rename(identity, "Untold")
        for number in range(0, MESSAGES, 2):
            store.add_prompt(identity, f"unique{number:03}")
            filler = " ".join("".join(chance.choices(letters, k=6)) for _ in range(WORDS))
            writer = store.begin_answer(identity, "Bard", None)
            writer.append(f"{filler} unique{number + 1:03}")
            writer.finish(MessageState.COMPLETE)


def _kill_amid_indexing(database: Path, after_s: float) -> int:
    """How many messages and titles are left to be indexed after it."""
    process = subprocess.Popen([sys.executable, "-c", INDEX, str(database)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process, process.stdout as told:
        assert told.readline() == b"begun\n"
        time.sleep(after_s)
        process.kill()
    with ConversationStore(database) as store:
        progress = store.index_progress()
        return progress.total - progress.done
