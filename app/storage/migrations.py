"""How the database came to its present shape.

Each migration is a named function, recorded by name once applied; a new one is appended, an old
one never changed. A database that holds a name unknown here is from a newer Nibble and is refused
untouched.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable

from app.core.errors import DataFolderFault


def conversations_and_messages(connection: sqlite3.Connection) -> None:
    # A message that is being written has state 'streaming', its writer's process in `writer`, and
    # its text in `message_pieces`, one row per batch: appending a row costs the same however long
    # the answer is. When it ends, the pieces are joined into `messages.text`.
    connection.execute(
        """
        CREATE TABLE conversations (
            id INTEGER PRIMARY KEY,
            title TEXT NOT NULL,
            model_path TEXT NOT NULL,
            system_prompt TEXT NOT NULL DEFAULT '',
            sampling TEXT NOT NULL,
            created_at REAL NOT NULL,
            updated_at REAL NOT NULL
        ) STRICT
        """
    )
    connection.execute(
        """
        CREATE TABLE messages (
            id INTEGER PRIMARY KEY,
            conversation_id INTEGER NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
            role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
            text TEXT NOT NULL DEFAULT '',
            state TEXT NOT NULL CHECK (state IN ('streaming', 'complete', 'stopped', 'cut_off')),
            writer TEXT,
            model_name TEXT,
            quantization TEXT,
            statistics TEXT,
            created_at REAL NOT NULL
        ) STRICT
        """
    )
    connection.execute("CREATE INDEX messages_by_conversation ON messages (conversation_id, id)")
    connection.execute(
        """
        CREATE TABLE message_pieces (
            message_id INTEGER NOT NULL REFERENCES messages(id) ON DELETE CASCADE,
            position INTEGER NOT NULL,
            text TEXT NOT NULL,
            PRIMARY KEY (message_id, position)
        ) STRICT, WITHOUT ROWID
        """
    )


def loads_of_models(connection: sqlite3.Connection) -> None:
    # What a load was predicted to take, with its process, and what it took.
    connection.execute(
        """
        CREATE TABLE loads (
            id INTEGER PRIMARY KEY,
            loaded_at REAL NOT NULL,
            model TEXT NOT NULL,
            quantization TEXT,
            context_length INTEGER NOT NULL,
            predicted_bytes INTEGER NOT NULL,
            predicted_kv_bytes INTEGER NOT NULL,
            predicted_compute_bytes INTEGER NOT NULL,
            real_bytes INTEGER NOT NULL,
            real_kv_bytes INTEGER NOT NULL,
            real_compute_bytes INTEGER NOT NULL,
            real_worker_bytes INTEGER NOT NULL
        ) STRICT
        """
    )


def queue_of_downloads(connection: sqlite3.Connection) -> None:
    # A runner is a process; its rows are free again once it is dead.
    connection.execute(
        """
        CREATE TABLE downloads (
            id INTEGER PRIMARY KEY,
            repository TEXT NOT NULL,
            revision TEXT NOT NULL,
            title TEXT NOT NULL,
            folder TEXT NOT NULL,
            state TEXT NOT NULL,
            fault TEXT NOT NULL DEFAULT '',
            hint TEXT NOT NULL DEFAULT '',
            runner TEXT,
            position INTEGER NOT NULL,
            created_at REAL NOT NULL
        ) STRICT
        """
    )
    connection.execute(
        """
        CREATE TABLE download_files (
            id INTEGER PRIMARY KEY,
            download INTEGER NOT NULL REFERENCES downloads (id) ON DELETE CASCADE,
            path TEXT NOT NULL,
            size INTEGER NOT NULL,
            digest TEXT NOT NULL,
            received_bytes INTEGER NOT NULL DEFAULT 0,
            is_done INTEGER NOT NULL DEFAULT 0,
            UNIQUE (download, path)
        ) STRICT
        """
    )


def runs_of_models(connection: sqlite3.Connection) -> None:
    # What was read for each token of an answer, on average, and how fast the tokens came.
    connection.execute(
        """
        CREATE TABLE runs (
            id INTEGER PRIMARY KEY,
            ran_at REAL NOT NULL,
            model TEXT NOT NULL,
            quantization TEXT,
            context_length INTEGER NOT NULL,
            prompt_tokens INTEGER NOT NULL,
            tokens INTEGER NOT NULL,
            tokens_per_s REAL NOT NULL,
            weights_bytes INTEGER NOT NULL,
            read_bytes INTEGER NOT NULL,
            layers INTEGER NOT NULL,
            gpu_layers INTEGER NOT NULL,
            accelerator_bytes REAL NOT NULL,
            processor_bytes REAL NOT NULL,
            accelerator_layers REAL NOT NULL,
            expert_layers REAL NOT NULL
        ) STRICT
        """
    )


def files_of_the_library(connection: sqlite3.Connection) -> None:
    # Paths are bytes: file names need not be text. A stamp tells that files are still those that were read.
    connection.execute(
        """
        CREATE TABLE library_models (
            path BLOB NOT NULL PRIMARY KEY,
            name TEXT NOT NULL,
            place BLOB NOT NULL,
            stamp BLOB NOT NULL,
            content BLOB NOT NULL,
            label TEXT NOT NULL DEFAULT '',
            gone_at REAL
        ) STRICT
        """
    )
    connection.execute(
        """
        CREATE TABLE file_digests (
            path BLOB NOT NULL PRIMARY KEY,
            sha256 TEXT NOT NULL,
            stamp BLOB NOT NULL,
            checked_at REAL NOT NULL
        ) STRICT
        """
    )
    connection.execute("ALTER TABLE loads ADD COLUMN path BLOB")


def reasoning_of_answers(connection: sqlite3.Connection) -> None:
    # What a model thought before its answer, and for how many seconds; what its template is told, as JSON.
    connection.execute("ALTER TABLE message_pieces ADD COLUMN kind TEXT NOT NULL DEFAULT 'answer'")
    connection.execute("ALTER TABLE messages ADD COLUMN reasoning TEXT NOT NULL DEFAULT ''")
    connection.execute("ALTER TABLE messages ADD COLUMN reasoning_s REAL")
    connection.execute("ALTER TABLE conversations ADD COLUMN template_options TEXT NOT NULL DEFAULT '{}'")


def packs_of_the_runtime(connection: sqlite3.Connection) -> None:
    # What came of starting a pack, as long as its stamp (its files, drivers, this Nibble's bindings) is the same.
    connection.execute(
        """
        CREATE TABLE runtime_packs (
            folder BLOB NOT NULL PRIMARY KEY,
            stamp TEXT NOT NULL,
            fault TEXT NOT NULL,
            tried_at REAL NOT NULL
        ) STRICT
        """
    )


def choices_for_loading(connection: sqlite3.Connection) -> None:
    # By what is in the file (`app.gguf.content_key`), so that a model keeps them wherever it goes.
    connection.execute(
        """
        CREATE TABLE load_choices (
            model TEXT NOT NULL PRIMARY KEY,
            choices TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
        """
    )


def full_contexts_of_conversations(connection: sqlite3.Connection) -> None:
    # What happens where a conversation outgrows the context: 'stop' or 'drop_oldest'.
    connection.execute("ALTER TABLE conversations ADD COLUMN when_full TEXT NOT NULL DEFAULT 'stop'")


def branches_of_conversations(connection: sqlite3.Connection) -> None:
    # Messages are a tree: of those with the same parent, the one with the greatest `shown` was shown last.
    # `written_with`, as JSON: what a model had been given beside the messages. `is_edited`: a person put other words
    # into its mouth. AUTOINCREMENT: what else is kept of a deleted conversation is never taken for a new one's.
    connection.execute(
        """
        CREATE TABLE new_conversations (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            title TEXT NOT NULL,
            title_is_own INTEGER NOT NULL DEFAULT 0,
            model_path TEXT NOT NULL,
            system_prompt TEXT NOT NULL DEFAULT '',
            sampling TEXT NOT NULL,
            template_options TEXT NOT NULL DEFAULT '{}',
            when_full TEXT NOT NULL DEFAULT 'stop',
            is_pinned INTEGER NOT NULL DEFAULT 0,
            archived_at REAL,
            created_at REAL NOT NULL,
            updated_at REAL NOT NULL
        ) STRICT
        """
    )
    kept = (
        "id, title, model_path, system_prompt, sampling, template_options, when_full, created_at, updated_at"
    )
    connection.execute(f"INSERT INTO new_conversations ({kept}) SELECT {kept} FROM conversations")
    connection.execute("DROP TABLE conversations")
    connection.execute("ALTER TABLE new_conversations RENAME TO conversations")
    connection.execute("ALTER TABLE messages ADD COLUMN parent_id INTEGER REFERENCES messages (id)")
    connection.execute("ALTER TABLE messages ADD COLUMN shown INTEGER NOT NULL DEFAULT 0")
    connection.execute("ALTER TABLE messages ADD COLUMN is_edited INTEGER NOT NULL DEFAULT 0")
    connection.execute("ALTER TABLE messages ADD COLUMN written_with TEXT")
    connection.execute(
        """
        UPDATE messages SET parent_id = (
            SELECT max(earlier.id) FROM messages AS earlier
            WHERE earlier.conversation_id = messages.conversation_id AND earlier.id < messages.id
        )
        """
    )
    connection.execute("DROP INDEX messages_by_conversation")
    connection.execute(
        "CREATE INDEX messages_of_conversations ON messages (conversation_id, parent_id, shown)"
    )
    connection.execute("CREATE INDEX messages_by_parent ON messages (parent_id)")


def words_of_conversations(connection: sqlite3.Connection) -> None:
    # For searching: FTS5's index of words, beside the tables, which keep the texts. Triggers make it follow them.
    # It was filled here, before `index_for_search` came, which takes another one into use.
    for index, table, column in (
        ("words_of_messages", "messages", "text"),
        ("words_of_titles", "conversations", "title"),
    ):
        forget = f"INSERT INTO {index} ({index}, rowid, {column}) VALUES ('delete', old.id, old.{column});"
        note = f"INSERT INTO {index} (rowid, {column}) VALUES (new.id, new.{column});"
        connection.execute(
            f"CREATE VIRTUAL TABLE {index} USING fts5 ({column}, content='{table}', content_rowid='id',"
            " tokenize='unicode61 remove_diacritics 2', prefix='1 2 3')"
        )
        connection.execute(f"CREATE TRIGGER {index}_come AFTER INSERT ON {table} BEGIN {note} END")
        connection.execute(f"CREATE TRIGGER {index}_go AFTER DELETE ON {table} BEGIN {forget} END")
        connection.execute(
            f"CREATE TRIGGER {index}_change AFTER UPDATE OF {column} ON {table}"
            f" WHEN new.{column} IS NOT old.{column} BEGIN {forget} {note} END"
        )


def presets_and_system_prompts(connection: sqlite3.Connection) -> None:
    # What a person saved under names; `preset` is a key of `app.chat.presets`.
    for table, column in (("sampling_presets", "sampling"), ("system_prompts", "text")):
        connection.execute(
            f"""
            CREATE TABLE {table} (
                name TEXT NOT NULL PRIMARY KEY COLLATE NOCASE,
                {column} TEXT NOT NULL
            ) STRICT, WITHOUT ROWID
            """
        )
    connection.execute(
        """
        CREATE TABLE presets_of_conversations (
            conversation_id INTEGER NOT NULL PRIMARY KEY REFERENCES conversations (id) ON DELETE CASCADE,
            preset TEXT NOT NULL
        ) STRICT
        """
    )


def attachments_of_messages(connection: sqlite3.Connection) -> None:
    # The text of a file as the model gets it. `tokens`: as counted when it was sent; `remark`: what is missing of it.
    connection.execute(
        """
        CREATE TABLE attachments (
            message_id INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
            position INTEGER NOT NULL,
            name TEXT NOT NULL,
            media_type TEXT NOT NULL,
            size_bytes INTEGER NOT NULL,
            tokens INTEGER,
            remark TEXT NOT NULL,
            text TEXT NOT NULL,
            PRIMARY KEY (message_id, position)
        ) STRICT
        """
    )


def checksums_of_messages(connection: sqlite3.Connection) -> None:
    # Of what is read (`app.chat.checksums`); NULL for messages of before.
    connection.execute("ALTER TABLE messages ADD COLUMN checksum INTEGER")


def drafts_of_conversations(connection: sqlite3.Connection) -> None:
    # NULL: of a conversation that has not begun.
    connection.execute(
        """
        CREATE TABLE drafts (
            id INTEGER PRIMARY KEY,
            conversation_id INTEGER UNIQUE REFERENCES conversations (id) ON DELETE CASCADE,
            text TEXT NOT NULL
        ) STRICT
        """
    )


def layers_whose_experts_stay(connection: sqlite3.Connection) -> None:
    """All or none of them were the choice before; -1 is all."""
    connection.execute(
        """
        UPDATE load_choices SET choices = json_remove(
            json_set(
                choices, '$.expert_layers_in_memory', iif(json_extract(choices, '$.experts_on_processor'), -1, 0)
            ),
            '$.experts_on_processor'
        )
        WHERE iif(json_valid(choices), json_extract(choices, '$.experts_on_processor'), NULL) IS NOT NULL
        """
    )


def logs_and_choice_of_packs(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE runtime_packs ADD COLUMN log TEXT NOT NULL DEFAULT ''")
    # The one that a person chose, at most one row; an empty folder is the plain build.
    connection.execute("CREATE TABLE chosen_pack (folder BLOB NOT NULL) STRICT")


def tool_calls_of_answers(connection: sqlite3.Connection) -> None:
    # As JSON; empty for answers without any.
    connection.execute("ALTER TABLE messages ADD COLUMN tool_calls TEXT NOT NULL DEFAULT ''")


def attachments_of_drafts(connection: sqlite3.Connection) -> None:
    # What goes with a message that is not sent yet; NULL: of a conversation that has not begun.
    connection.execute(
        """
        CREATE TABLE draft_attachments (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            conversation_id INTEGER REFERENCES conversations (id) ON DELETE CASCADE,
            name TEXT NOT NULL,
            media_type TEXT NOT NULL,
            size_bytes INTEGER NOT NULL,
            remark TEXT NOT NULL,
            is_pasted INTEGER NOT NULL,
            text TEXT NOT NULL
        ) STRICT
        """
    )


def index_for_search(connection: sqlite3.Connection) -> None:
    # What `app.chat.search_index` says. `key`: of a message its number, of a title that of its conversation, negative.
    # `slice`: the one that is to be read next. The index keeps what it was given, so that a row can leave it whatever
    # has become of its message.
    for index in ("words_of_messages", "words_of_titles"):
        for event in ("come", "go", "change"):
            connection.execute(f"DROP TRIGGER {index}_{event}")
        # To drop a large one takes seconds: it is erased bit by bit, with the new one made.
        filled = connection.execute(f"SELECT EXISTS (SELECT 1 FROM {index}_docsize LIMIT 1 OFFSET 1000)")
        if not filled.fetchone()[0] or index == "words_of_titles":
            connection.execute(f"DROP TABLE {index}")
    connection.execute(
        "CREATE VIRTUAL TABLE search_index USING fts5 (text, reasoning, attachments,"
        " tokenize=\"unicode61 remove_diacritics 0 categories 'L* N* Co Mn Mc'\", prefix='1 2 3')"
    )
    connection.execute(
        """
        CREATE TABLE search_queue (
            key INTEGER PRIMARY KEY,
            slice INTEGER NOT NULL DEFAULT 0
        ) STRICT
        """
    )
    for name, event, key, condition in (
        ("message_come", "INSERT ON messages", "new.id", "new.text <> '' OR new.reasoning <> ''"),
        (
            *("message_change", "UPDATE OF text, reasoning ON messages", "new.id"),
            "new.text IS NOT old.text OR new.reasoning IS NOT old.reasoning",
        ),
        ("attachment_come", "INSERT ON attachments", "new.message_id", "true"),
        ("title_come", "INSERT ON conversations", "-new.id", "new.title <> ''"),
        ("title_change", "UPDATE OF title ON conversations", "-new.id", "new.title IS NOT old.title"),
    ):
        connection.execute(
            f"CREATE TRIGGER search_{name} AFTER {event} WHEN {condition} BEGIN"
            f" INSERT OR REPLACE INTO search_queue (key) VALUES ({key}); END"
        )
    for name, table, key in (
        ("message_go", "messages", "old.id"),
        ("title_go", "conversations", "-old.id"),
    ):
        connection.execute(
            f"CREATE TRIGGER search_{name} AFTER DELETE ON {table} BEGIN"
            f" DELETE FROM search_index WHERE rowid >= {key} * 256 AND rowid < {key} * 256 + 256;"
            f" DELETE FROM search_queue WHERE key = {key}; END"
        )
    connection.execute(
        "INSERT INTO search_queue (key) SELECT id FROM messages UNION ALL SELECT -id FROM conversations"
    )


def sessions_of_compare(connection: sqlite3.Connection) -> None:
    # What `app.compare.session_store` says. `models` and `prompts`: one in each line.
    connection.execute(
        """
        CREATE TABLE comparisons (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            created_at REAL NOT NULL,
            changed_at REAL NOT NULL,
            title TEXT NOT NULL,
            models TEXT NOT NULL,
            prompts TEXT NOT NULL
        ) STRICT
        """
    )
    connection.execute(
        """
        CREATE TABLE comparison_parts (
            comparison_id INTEGER NOT NULL,
            kind TEXT NOT NULL,
            number INTEGER NOT NULL,
            content BLOB NOT NULL,
            PRIMARY KEY (comparison_id, kind, number)
        ) STRICT
        """
    )
    connection.execute(
        """
        CREATE TABLE comparison_pieces (
            id INTEGER PRIMARY KEY,
            comparison_id INTEGER NOT NULL,
            turn INTEGER NOT NULL,
            pane INTEGER NOT NULL,
            text TEXT NOT NULL
        ) STRICT
        """
    )
    connection.execute("CREATE INDEX pieces_of_comparison ON comparison_pieces (comparison_id, turn)")


def seconds_of_loads(connection: sqlite3.Connection) -> None:
    # NULL: loaded before they were measured.
    connection.execute("ALTER TABLE loads ADD COLUMN load_s REAL")


def makings_of_models(connection: sqlite3.Connection) -> None:
    # By what is in the file (`app.gguf.content_key`). JSON: of what it was made, how, and the error of each tensor.
    connection.execute(
        """
        CREATE TABLE makings (
            model TEXT NOT NULL PRIMARY KEY,
            making TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
        """
    )


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    conversations_and_messages,
    loads_of_models,
    runs_of_models,
    queue_of_downloads,
    files_of_the_library,
    reasoning_of_answers,
    packs_of_the_runtime,
    choices_for_loading,
    full_contexts_of_conversations,
    branches_of_conversations,
    words_of_conversations,
    presets_and_system_prompts,
    attachments_of_messages,
    checksums_of_messages,
    drafts_of_conversations,
    layers_whose_experts_stay,
    logs_and_choice_of_packs,
    tool_calls_of_answers,
    attachments_of_drafts,
    index_for_search,
    sessions_of_compare,
    seconds_of_loads,
    makings_of_models,
)


def migrate(connection: sqlite3.Connection) -> None:
    """Applies what is missing, all of it in one transaction."""
    if applied(connection) == names():
        return
    apply(connection, names())


def names() -> list[str]:
    return [migration.__name__ for migration in MIGRATIONS]


def refuse_unknown(found: Iterable[str]) -> None:
    """Raises DataFolderFault where a database has had migrations that this Nibble does not know."""
    if set(found) - set(names()):
        raise DataFolderFault(
            "This data folder was last used by a newer Nibble.",
            "Start the newer version, or choose another data folder.",
        )


def apply(connection: sqlite3.Connection, wanted: Collection[str]) -> None:
    """Applies those of the `wanted` that the database lacks, all of them in one transaction."""
    keys = connection.execute("PRAGMA foreign_keys").fetchone()[0]
    # A table that is made anew is dropped, which would take along what refers to it. No effect inside a transaction.
    connection.execute("PRAGMA foreign_keys = OFF")
    try:
        _apply(connection, wanted)
    finally:
        connection.execute(f"PRAGMA foreign_keys = {keys}")


def _apply(connection: sqlite3.Connection, wanted: Collection[str]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT NOT NULL PRIMARY KEY) STRICT")
        present = applied(connection)
        refuse_unknown(present)
        for migration in MIGRATIONS:
            if migration.__name__ in wanted and migration.__name__ not in present:
                migration(connection)
                connection.execute("INSERT INTO migrations (name) VALUES (?)", (migration.__name__,))
    except BaseException:
        if connection.in_transaction:  # on a full disk SQLite has rolled back already
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def applied(connection: sqlite3.Connection) -> list[str]:
    exists = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migrations'"
    ).fetchone()
    if not exists:
        return []
    return [row[0] for row in connection.execute("SELECT name FROM migrations ORDER BY rowid")]
