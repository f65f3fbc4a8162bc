"""Sessions of Compare in the database: each part of one is written when it is there, answers while they are written.

Parts have no foreign key to the row that the list is made of: where that one is lost with a damaged page, it is made
anew of them (`_adopt_lost`).
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from app.chat.titles import first_words, one_line
from app.compare.session import (
    BlindTest,
    MeasuredDivergence,
    Session,
    SessionHead,
    SessionModel,
    SessionTurn,
)
from app.compare.session_parts import BLIND, DIVERGENCE, OPENING, TURN, Opening, packed, unpacked
from app.compare.session_reading import read_session
from app.core.errors import FileGone, WrongContent
from app.core.text import encodable
from app.runtime import Sampling
from app.storage import open_database, reading, transaction

MOST_BLIND_TESTS = 100
MOST_SEARCHED = 2_000
"""Characters of each prompt that a search of the list looks at."""


@dataclass(frozen=True)
class KeptBlindTest:
    """For a list of blind tests. `number`: of this one in the session. `changed_at`: seconds since 1970."""

    session: int
    number: int
    models: tuple[str, ...]
    changed_at: float
    test: BlindTest


class SessionStore:
    """One connection, for one thread. `close` it or use it as a context manager."""

    def __init__(self, database: Path) -> None:
        self._connection = open_database(database)
        self._adopt_lost()

    def __enter__(self) -> SessionStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    # Writing

    def begin(self, models: Sequence[SessionModel], sampling: Sampling) -> int:
        """A new session, which is in the list once it has a turn; its number."""
        now = time.time()
        with transaction(self._connection) as connection:
            cursor = connection.execute(
                "INSERT INTO comparisons (created_at, changed_at, title, models, prompts)"
                " VALUES (?1, ?1, '', ?2, '')",
                (now, _names(models)),
            )
            assert cursor.lastrowid is not None
            opening = Opening(models=tuple(models), sampling=sampling, created_at=now)
            self._put(connection, cursor.lastrowid, OPENING, 0, opening)
        return cursor.lastrowid

    def keep(self, session: Session) -> int:
        """One that is whole already, under a number of its own, which is returned."""
        number = self.begin(session.models, session.sampling)
        for place, turn in enumerate(session.turns):
            self.write_turn(number, place, turn)
        for divergence in session.divergences:
            self.write_divergence(number, divergence)
        for place, test in enumerate(session.blind_tests):
            self.write_blind_test(number, place, test)
        return number

    def change_opening(self, session: int, models: Sequence[SessionModel], sampling: Sampling) -> None:
        """What is known of the models by now, and the settings that count from now on."""
        with transaction(self._connection) as connection:
            row = connection.execute("SELECT created_at FROM comparisons WHERE id = ?", (session,)).fetchone()
            if row is None:  # it was deleted
                return
            opening = Opening(models=tuple(models), sampling=sampling, created_at=row["created_at"])
            self._put(connection, session, OPENING, 0, opening)
            connection.execute("UPDATE comparisons SET models = ? WHERE id = ?", (_names(models), session))

    def write_turn(self, session: int, number: int, turn: SessionTurn) -> None:
        """In the place of what was kept of the turn of that number (from 0), pieces of answers included."""
        with transaction(self._connection) as connection:
            known = connection.execute(
                "SELECT title, prompts FROM comparisons WHERE id = ?", (session,)
            ).fetchone()
            if known is None:  # it was deleted
                return
            prompts = known["prompts"].split("\n") if known["prompts"] else []
            prompts += [""] * (number + 1 - len(prompts))
            prompts[number] = _searched(turn.prompt)
            self._put(
                connection,
                session,
                TURN,
                number,
                msgspec.structs.replace(turn, prompt=encodable(turn.prompt)),
            )
            connection.execute(
                "DELETE FROM comparison_pieces WHERE comparison_id = ? AND turn = ?", (session, number)
            )
            connection.execute(
                "UPDATE comparisons SET changed_at = ?, title = ?, prompts = ? WHERE id = ?",
                (time.time(), known["title"] or _title(prompts), "\n".join(prompts), session),
            )

    def append_piece(self, session: int, turn: int, pane: int, text: str) -> None:
        """What has come of the answer that this pane is writing, since its turn was written."""
        with transaction(self._connection) as connection:
            connection.execute(
                "INSERT INTO comparison_pieces (comparison_id, turn, pane, text) VALUES (?, ?, ?, ?)",
                (session, turn, pane, encodable(text)),
            )

    def write_divergence(self, session: int, divergence: MeasuredDivergence) -> None:
        """In the place of an earlier measurement of the same."""
        of = divergence
        kind = f"{DIVERGENCE} {of.answer} {of.written_by} {of.reference} {of.other}"
        self._write(session, kind, divergence.turn, divergence)

    def write_blind_test(self, session: int, number: int, test: BlindTest) -> None:
        """In the place of what was kept of the blind test of that number (from 0)."""
        self._write(session, BLIND, number, test)

    def rename(self, session: int, title: str) -> None:
        """Nothing but white space: back to the first words of the first prompt."""
        own = one_line(encodable(title))
        with transaction(self._connection) as connection:
            row = connection.execute("SELECT prompts FROM comparisons WHERE id = ?", (session,)).fetchone()
            if row is not None:
                connection.execute(
                    "UPDATE comparisons SET title = ? WHERE id = ?",
                    (own or _title(row["prompts"].split("\n")), session),
                )

    def delete(self, session: int) -> None:
        with transaction(self._connection) as connection:
            for table in ("comparison_pieces", "comparison_parts"):
                connection.execute(f"DELETE FROM {table} WHERE comparison_id = ?", (session,))
            connection.execute("DELETE FROM comparisons WHERE id = ?", (session,))

    # Reading

    def sessions(self) -> list[SessionHead]:
        """Those with a prompt, the one used last first."""
        with reading(self._connection) as connection:
            rows = connection.execute(
                "SELECT * FROM comparisons WHERE title <> '' OR prompts <> '' ORDER BY changed_at DESC, id DESC"
            ).fetchall()
        return [
            SessionHead(
                id=row["id"],
                title=row["title"],
                models=tuple(row["models"].split("\n")),
                created_at=row["created_at"],
                changed_at=row["changed_at"],
                prompts=row["prompts"],
            )
            for row in rows
        ]

    def session(self, session: int) -> Session:
        """As far as it can be read; of what cannot, its `problem` tells.

        Raises FileGone where there is none of that number, and WrongContent where not even its models can be read.
        """
        with reading(self._connection) as connection:
            row = connection.execute("SELECT * FROM comparisons WHERE id = ?", (session,)).fetchone()
            pieces = connection.execute(
                "SELECT turn, pane, text FROM comparison_pieces WHERE comparison_id = ? ORDER BY id",
                (session,),
            ).fetchall()
        if row is None:
            raise FileGone(f"There is no comparison of number {session}.", "It may have been deleted.")
        read = read_session(session, self._parts_of(session), [tuple(piece) for piece in pieces])
        return msgspec.structs.replace(read, title=row["title"], changed_at=row["changed_at"])

    def blind_tests(self) -> list[KeptBlindTest]:
        """Those that can be read, the one that was used last first."""
        with reading(self._connection) as connection:
            rows = connection.execute(
                "SELECT comparison_id, number, content, models, changed_at FROM comparison_parts JOIN comparisons"
                " ON comparisons.id = comparison_id WHERE kind = ? ORDER BY changed_at DESC, number DESC LIMIT ?",
                (BLIND, MOST_BLIND_TESTS),
            ).fetchall()
        found = []
        for row in rows:
            with suppress(ValueError):
                test = unpacked(row["content"], BlindTest)
                models = tuple(row["models"].split("\n"))
                found.append(
                    KeptBlindTest(row["comparison_id"], row["number"], models, row["changed_at"], test)
                )
        return found

    # Parts

    def _write(self, session: int, kind: str, number: int, part: msgspec.Struct) -> None:
        with transaction(self._connection) as connection:
            if connection.execute(
                "UPDATE comparisons SET changed_at = ? WHERE id = ?", (time.time(), session)
            ).rowcount:
                self._put(connection, session, kind, number, part)

    def _put(
        self, connection: sqlite3.Connection, session: int, kind: str, number: int, part: msgspec.Struct
    ) -> None:
        connection.execute(
            "INSERT OR REPLACE INTO comparison_parts (comparison_id, kind, number, content) VALUES (?, ?, ?, ?)",
            (session, kind, number, packed(part)),
        )

    def _parts_of(self, session: int) -> list[tuple[str, int, bytes]]:
        with reading(self._connection) as connection:
            rows = connection.execute(
                "SELECT kind, number, content FROM comparison_parts WHERE comparison_id = ? ORDER BY kind, number",
                (session,),
            ).fetchall()
        return [tuple(row) for row in rows]

    def _adopt_lost(self) -> None:
        """After their database was damaged, sessions may lack the row that the list shows."""
        lost = "comparison_id NOT IN (SELECT id FROM comparisons)"
        with reading(self._connection) as connection:
            found = connection.execute(
                f"SELECT DISTINCT comparison_id AS id FROM comparison_parts WHERE {lost}"
            ).fetchall()
        for row in found:
            session, parts = row["id"], self._parts_of(row["id"])
            with suppress(WrongContent), transaction(self._connection) as connection:
                read = read_session(session, parts, [])
                prompts = [_searched(turn.prompt) for turn in read.turns]
                connection.execute(
                    "INSERT OR IGNORE INTO comparisons (id, created_at, changed_at, title, models, prompts)"
                    " VALUES (?1, ?2, ?2, ?3, ?4, ?5)",
                    (session, read.created_at, _title(prompts), _names(read.models), "\n".join(prompts)),
                )


def _names(models: Sequence[SessionModel]) -> str:
    return "\n".join(encodable(one_line(model.title)) for model in models)


def _searched(prompt: str) -> str:
    return encodable(one_line(prompt[:MOST_SEARCHED]))


def _title(prompts: Sequence[str]) -> str:
    return next((words for prompt in prompts if (words := first_words(prompt))), "")
