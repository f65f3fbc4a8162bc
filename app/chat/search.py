"""Search over everything people and models have written: titles, prompts and answers, of all branches."""

from __future__ import annotations

import secrets
import sqlite3
from dataclasses import dataclass

from app.core.text import encodable
from app.storage import reading

MOST_HITS = 50
MOST_RANKED = 2000
"""Of the messages that match, the most recent ones: to weigh all of those with a common word would take too long."""
_MOST_CHARACTERS = 400
_MOST_WORDS = 16
_SNIPPET_TOKENS = 24
_SNIPPET_CHARACTERS = 400


@dataclass(frozen=True)
class Hit:
    """Where it was found. `message` None: in the conversation's title. `snippet`: some of the text on one line, cut
    ends marked with "…"; the words found stand at its `places`, from the first character to the one behind the last.
    `written_at`: of a title, when the conversation was last used."""

    conversation: int
    message: int | None
    role: str | None
    title: str
    is_archived: bool
    snippet: str
    places: tuple[tuple[int, int], ...]
    written_at: float


class Search:
    """Part of `ConversationStore`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def search(self, words: str, limit: int = MOST_HITS) -> list[Hit]:
        """What holds each of `words`, the last one perhaps only begun. Titles come first, then messages, both with the
        best first, and the most recent of those that are as good. Case and diacritics do not count. Nothing for words
        without a letter or digit."""
        query = _query(words)
        if not query:
            return []
        with reading(self._connection) as connection:
            connection.execute("BEGIN")
            try:
                titles = _hits(connection, query, limit, "words_of_titles", _TITLES)
                return titles + _hits(connection, query, limit - len(titles), "words_of_messages", _MESSAGES)
            finally:
                connection.execute("COMMIT")


_RANKED = """
    WITH found AS (
        SELECT rowid AS id, bm25({index}) AS score FROM {index}
        WHERE {index} MATCH ?1 ORDER BY rowid DESC LIMIT ?2
    )
"""
_TITLES = """
    SELECT found.id AS found, conversations.id AS conversation, NULL AS message, NULL AS role, title,
        archived_at, updated_at AS written_at
    FROM found JOIN conversations ON conversations.id = found.id
    ORDER BY round(score, 1), updated_at DESC, found.id DESC LIMIT ?3
"""
_MESSAGES = """
    SELECT found.id AS found, conversation_id AS conversation, found.id AS message, role, title,
        archived_at, messages.created_at AS written_at
    FROM found JOIN messages ON messages.id = found.id JOIN conversations ON conversations.id = conversation_id
    ORDER BY round(score, 1), messages.created_at DESC, found.id DESC LIMIT ?3
"""


def _hits(connection: sqlite3.Connection, query: str, limit: int, index: str, statement: str) -> list[Hit]:
    if limit <= 0:
        return []
    rows = connection.execute(_RANKED.format(index=index) + statement, (query, MOST_RANKED, limit)).fetchall()
    # Nobody who writes a text can know it, so none of the marks are in one.
    mark = secrets.token_hex(8)
    hits: list[Hit] = []
    for row in rows:
        snippet = connection.execute(
            f"SELECT snippet({index}, 0, ?1, ?2, '…', ?3) FROM {index} WHERE {index} MATCH ?4 AND rowid = ?5",
            (f"\x02{mark}", f"\x03{mark}", _SNIPPET_TOKENS, query, row["found"]),
        ).fetchone()[0]
        text, places = _places(snippet, f"\x02{mark}", f"\x03{mark}")
        hits.append(
            Hit(
                conversation=row["conversation"],
                message=row["message"],
                role=row["role"],
                title=row["title"],
                is_archived=row["archived_at"] is not None,
                snippet=text,
                places=places,
                written_at=row["written_at"],
            )
        )
    return hits


def _query(words: str) -> str:
    """In FTS5's language, each word quoted, so that nothing in it means anything. A word such as "don't" is several
    to FTS5, which have to stand together."""
    chunks = encodable(words[:_MOST_CHARACTERS]).replace("\0", " ").replace('"', " ").split()
    found = [f'"{chunk}"' for chunk in chunks if any(map(str.isalnum, chunk))][:_MOST_WORDS]
    return " ".join(found) + "*" if found else ""


def _places(marked: str, start: str, end: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The text without marks, and where they stood."""
    text = ""
    places: list[tuple[int, int]] = []
    before, *parts = marked.split(start)
    text = _flat(before)
    if len(text) > _SNIPPET_CHARACTERS // 2:  # a word without end
        text = "…" + text[-_SNIPPET_CHARACTERS // 2 :]
    for part in parts:
        word, _, behind = part.partition(end)
        begin = len(text)
        text += _flat(word)
        if begin >= _SNIPPET_CHARACTERS:
            break
        places.append((begin, min(len(text), _SNIPPET_CHARACTERS)))
        text += _flat(behind)
    if len(text) > _SNIPPET_CHARACTERS:
        text = text[:_SNIPPET_CHARACTERS] + "…"
    return text, tuple(places)


def _flat(text: str) -> str:
    """On one line; as long as it was."""
    return "".join(" " if character.isspace() else character for character in text)
