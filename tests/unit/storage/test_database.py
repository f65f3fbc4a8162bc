"""The database: fresh, migrated, refused, and all-or-nothing."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from app.core.errors import DataFolderFault, DiskFull
from app.storage import migrations
from app.storage.database import open_database, reading, transaction
from app.storage.recovery import recover_if_damaged


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "nibble.db"


INSERT = "INSERT INTO conversations (title, model_path, sampling, created_at, updated_at) VALUES (?, '', '{}', 0, 0)"


def titles(path: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT title FROM conversations ORDER BY id")]


def make_database(path: Path, *titles: str) -> None:
    with contextlib.closing(open_database(path)) as connection:
        for title in titles:
            connection.execute(INSERT, (title,))


def test_open_database_on_fresh_path_makes_it_ready(path: Path) -> None:
    make_database(path, "Hello")
    assert titles(path) == ["Hello"]


def test_open_database_again_changes_nothing(path: Path) -> None:
    make_database(path, "Hello")
    before = path.read_bytes()
    open_database(path).close()
    assert path.read_bytes() == before


def test_choice_of_where_experts_are_becomes_one_of_layers(path: Path) -> None:
    before = {
        "all": '{"experts_on_processor":true,"ubatch":64}',
        "none": '{"experts_on_processor":false}',
        "other": '{"threads":2}',
        "damaged": "{",
    }
    with contextlib.closing(open_database(path)) as connection:
        connection.execute("DELETE FROM migrations WHERE name = 'layers_whose_experts_stay'")
        for model, choices in before.items():
            connection.execute("INSERT INTO load_choices (model, choices) VALUES (?, ?)", (model, choices))
    with contextlib.closing(open_database(path)) as connection:
        found = {row["model"]: row["choices"] for row in connection.execute("SELECT * FROM load_choices")}
    assert json.loads(found["all"]) == {"ubatch": 64, "expert_layers_in_memory": -1}
    assert json.loads(found["none"]) == {"expert_layers_in_memory": 0}
    assert {key: found[key] for key in ("other", "damaged")} == {
        key: before[key] for key in ("other", "damaged")
    }


def test_open_database_turns_foreign_keys_on(path: Path) -> None:
    with contextlib.closing(open_database(path)) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute(
            "INSERT INTO messages (conversation_id, role, state, created_at) VALUES (99, 'user', 'complete', 0)"
        )


def test_open_database_of_newer_nibble_refuses_it_and_leaves_every_byte(path: Path) -> None:
    make_database(path, "Precious")
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO migrations VALUES ('telepathy')")
    before = path.read_bytes()
    with pytest.raises(DataFolderFault, match="newer Nibble") as caught:
        open_database(path)
    assert caught.value.hint
    assert path.read_bytes() == before


def test_database_of_newer_nibble_that_was_killed_keeps_its_log_too(path: Path) -> None:
    make_database(path, "Precious")
    killed = (
        "import os, sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1])\n"
        "connection.execute(\"INSERT INTO migrations VALUES ('telepathy')\")\n"
        "connection.commit()\n"
        "os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", killed, str(path)], check=True)
    log = path.with_name(f"{path.name}-wal")
    before = path.read_bytes(), log.read_bytes()
    assert before[1]
    assert recover_if_damaged(path) is None
    with pytest.raises(DataFolderFault, match="newer Nibble"):
        open_database(path)
    assert (path.read_bytes(), log.read_bytes()) == before


def test_damaged_database_of_newer_nibble_is_refused_and_left(path: Path) -> None:
    make_database(path, "Precious")
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO migrations VALUES ('telepathy')")
    content = path.read_bytes()
    damaged = content[: len(content) - 4096]
    path.write_bytes(damaged)
    with pytest.raises(DataFolderFault, match="newer Nibble"):
        recover_if_damaged(path)
    assert path.read_bytes() == damaged
    assert list(path.parent.glob("nibble-*")) == []


@pytest.mark.parametrize("known", range(1, len(migrations.MIGRATIONS)))
@pytest.mark.parametrize("schema_is_lost", [False, True])
def test_damaged_database_of_an_earlier_nibble_is_recovered_and_brought_up_to_date(
    path: Path, monkeypatch: pytest.MonkeyPatch, known: int, schema_is_lost: bool
) -> None:
    present = migrations.MIGRATIONS
    monkeypatch.setattr(migrations, "MIGRATIONS", present[:known])
    make_database(path, "Old", "Older")
    monkeypatch.setattr(migrations, "MIGRATIONS", present)
    content = path.read_bytes()
    path.write_bytes(b"\xff" * 4096 + content[4096:] if schema_is_lost else content[:-4096])
    recovery = recover_if_damaged(path)
    assert recovery is not None
    assert recovery.rows["conversations"] == 2
    assert titles(path) == ["Old", "Older"]
    with contextlib.closing(open_database(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"SQLite format 3\0" + b"\xff" * 4096])
def test_open_database_of_damaged_file_raises_fault_and_leaves_it(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(DataFolderFault, match=r"nibble\.db") as caught:
        open_database(path)
    assert caught.value.hint
    assert path.read_bytes() == content


def test_open_database_in_missing_folder_raises_fault(tmp_path: Path) -> None:
    with pytest.raises(DataFolderFault, match="cannot be used"):
        open_database(tmp_path / "none" / "nibble.db")


def test_migrations_applied_to_an_older_database_keep_what_is_in_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_database(path, "Old")

    def stars(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE conversations ADD COLUMN stars INTEGER NOT NULL DEFAULT 3")

    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, stars))
    for _ in range(2):  # the second time there is nothing to do
        with contextlib.closing(open_database(path)) as connection:
            row = connection.execute("SELECT title, stars FROM conversations").fetchone()
            assert tuple(row) == ("Old", 3)


def test_migration_that_fails_midway_leaves_the_database_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_database(path, "Old")
    sound = migrations.MIGRATIONS

    def broken(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM conversations")
        connection.execute("SELECT * FROM nowhere")

    monkeypatch.setattr(migrations, "MIGRATIONS", (*sound, broken))
    with pytest.raises(DataFolderFault):
        open_database(path)
    assert titles(path) == ["Old"]
    monkeypatch.setattr(migrations, "MIGRATIONS", sound)
    open_database(path).close()


def test_open_database_from_many_threads_at_once_works_for_all(path: Path) -> None:
    barrier = threading.Barrier(8)
    failures: list[Exception] = []

    def open_it() -> None:
        barrier.wait()
        try:
            make_database(path, "one")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert titles(path) == ["one"] * 8


def test_transaction_that_raises_undoes_all_of_it(path: Path) -> None:
    with contextlib.closing(open_database(path)) as connection:
        with pytest.raises(ValueError, match="halfway"), transaction(connection):  # noqa: PT012
            connection.execute(INSERT, ("first",))
            raise ValueError("halfway")
        with transaction(connection):
            connection.execute(INSERT, ("second",))
    assert titles(path) == ["second"]


def test_transaction_on_full_disk_raises_disk_full_and_keeps_what_was_there(path: Path) -> None:
    make_database(path, "kept")
    with contextlib.closing(open_database(path)) as connection:
        # SQLite's own limit makes it report what a full disk does: SQLITE_FULL.
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(DiskFull, match="disk is full") as caught, transaction(connection):
            connection.execute(INSERT, ("x" * 1_000_000,))
        assert str(path.parent) in str(
            caught.value
        )  # whoever wrote: a chat, a download, a look at the library
        connection.execute("PRAGMA max_page_count = 100000")
        with transaction(connection):
            connection.execute(INSERT, ("after",))
    assert titles(path) == ["kept", "after"]


def test_transaction_on_database_damaged_meanwhile_raises_fault_that_names_the_file(path: Path) -> None:
    make_database(path, *("x" * 3000 for _ in range(20)))
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        with pytest.raises(DataFolderFault, match=r"nibble\.db") as caught, transaction(connection):
            connection.execute(INSERT, ("y",))
        assert caught.value.hint
        with pytest.raises(DataFolderFault, match=r"nibble\.db"), reading(connection):
            connection.execute("SELECT * FROM conversations").fetchall()


def test_database_held_by_another_program_is_told_soon_and_not_called_damaged(path: Path) -> None:
    with contextlib.closing(open_database(path)) as connection:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            start = time.monotonic()
            with pytest.raises(DataFolderFault, match="Another program") as caught, transaction(connection):
                connection.execute(INSERT, ("x",))
            assert time.monotonic() - start < 5.0
            assert "damaged" not in str(caught.value)
            assert caught.value.hint
        with transaction(connection):
            connection.execute(INSERT, ("y",))
    assert titles(path) == ["y"]
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        other.execute(INSERT, ("z",))
        with pytest.raises(DataFolderFault, match="Another program"):
            open_database(path)


def test_transaction_with_wrong_statement_raises_the_bug_it_is(path: Path) -> None:
    with (
        contextlib.closing(open_database(path)) as connection,
        pytest.raises(sqlite3.OperationalError, match="nowhere"),
        transaction(connection),
    ):
        connection.execute("DELETE FROM nowhere")


def test_committed_transaction_is_seen_by_another_connection_at_once(path: Path) -> None:
    with contextlib.closing(open_database(path)) as connection:
        with transaction(connection):
            connection.execute(INSERT, ("now",))
        assert titles(path) == ["now"]
