"""Search over everything people and models have written: titles, prompts, answers, reasoning and attachments, of all
branches."""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from dataclasses import dataclass
from typing import Literal

from app.chat.search_index import SLICE_BITS, SearchIndex, Slice, slice_of
from app.chat.search_snippets import Snippet, snippet_of
from app.chat.search_words import Wanted
from app.storage import reading

MOST_HITS = 50
MOST_RANKED = 1000
"""Of the messages that match, the most recent ones: to weigh all of those with a common word would take too long."""
_LATEST_WITHIN_S = 0.03

Place = Literal["title", "text", "reasoning", "attachment"]


@dataclass(frozen=True)
class Hit:
    """Where it was found: at `place`, which of several has most of the words. `message` None: in the conversation's
    title. `attachment`: what the file is called. `snippet`: some of the text on one line, cut ends marked with "…"; the
    words found stand at its `places`, from the first character to the one behind the last. `written_at`: of a title,
    when the conversation was last used."""

    conversation: int
    message: int | None
    role: str | None
    title: str
    is_archived: bool
    place: Place
    attachment: str | None
    snippet: str
    places: tuple[tuple[int, int], ...]
    written_at: float


class Search(SearchIndex):
    """Part of `ConversationStore`."""

    def search(self, words: str, limit: int = MOST_HITS) -> list[Hit]:
        """What holds each of `words`, the last one perhaps only begun. Titles come first, then messages, both with the
        best first, and the most recent of those that are as good. Case and diacritics do not count. Nothing for words
        without a letter or digit. Only what has been indexed is found (`index_progress`)."""
        wanted = Wanted(words)
        if not wanted:
            return []
        self.index_now(_LATEST_WITHIN_S)
        with reading(self._connection) as connection:
            connection.execute("BEGIN")
            try:
                titles = _hits(connection, wanted, limit, _TITLES)
                return titles + _hits(connection, wanted, limit - len(titles), _MESSAGES)
            finally:
                connection.execute("COMMIT")


_FOUND = f"""
    WITH
        latest AS (
            SELECT rowid AS id, bm25(search_index, 1.0, 0.5, 0.5) AS score FROM search_index
            WHERE search_index MATCH ?1 AND rowid {{}} 0 ORDER BY rowid DESC LIMIT ?2
        ),
        found AS (SELECT id, id >> {SLICE_BITS} AS key, min(score) AS score FROM latest GROUP BY id >> {SLICE_BITS})
"""
_TITLES = f"""
    {_FOUND.format("<")}
    SELECT found.id AS found, conversations.id AS conversation, NULL AS message, NULL AS role, title,
        archived_at, updated_at AS written_at
    FROM found JOIN conversations ON conversations.id = -key
    ORDER BY round(score, 1), updated_at DESC, found.id DESC LIMIT ?3
"""
_MESSAGES = f"""
    {_FOUND.format(">")}
    SELECT found.id AS found, conversation_id AS conversation, key AS message, role, title,
        archived_at, messages.created_at AS written_at
    FROM found JOIN messages ON messages.id = key JOIN conversations ON conversations.id = conversation_id
    ORDER BY round(score, 1), messages.created_at DESC, found.id DESC LIMIT ?3
"""


def _hits(connection: sqlite3.Connection, wanted: Wanted, limit: int, statement: str) -> list[Hit]:
    if limit <= 0:
        return []
    rows = connection.execute(statement, (wanted.query, MOST_RANKED, limit)).fetchall()
    hits: list[Hit] = []
    for row in rows:
        place, attachment, snippet = _where(slice_of(connection, row["found"]), wanted)
        hits.append(
            Hit(
                conversation=row["conversation"],
                message=row["message"],
                role=row["role"],
                title=row["title"],
                is_archived=row["archived_at"] is not None,
                place="title" if row["message"] is None else place,
                attachment=attachment,
                snippet=snippet.text,
                places=snippet.places,
                written_at=row["written_at"],
            )
        )
    return hits


def _where(one: Slice, wanted: Wanted) -> tuple[Place, str | None, Snippet]:
    texts: tuple[tuple[Place, str], ...] = (
        ("text", one.text),
        ("reasoning", one.reasoning),
        ("attachment", one.attachments),
    )
    found = [(place, snippet_of(text, wanted)) for place, text in texts if text or place == "text"]
    place, best = max(found, key=lambda each: each[1].words)  # the first of those with as many
    if place != "attachment":
        return place, None, best
    at = bisect_right([begin for begin, _ in one.names], best.start) - 1
    return place, one.names[max(at, 0)][1], best
