"""What a person saved for chats under names of their own: presets of the sampling, and system prompts."""

from __future__ import annotations

from pathlib import Path

from app.chat.presets import OWN
from app.chat.records import decoded, encoded
from app.core.errors import WrongChoice
from app.core.text import encodable
from app.runtime.protocol import Sampling
from app.storage import open_database, reading, transaction

MOST_NAME_CHARACTERS = 60


def name_of(text: str) -> str:
    """What a person typed as a name, on one line; "" where there is nothing in it."""
    return " ".join(encodable(text).split())[:MOST_NAME_CHARACTERS].strip()


class SavedSettings:
    """One connection, for one thread. Names differ in more than upper and lower case. All methods raise what the
    database raises; `rename_…` raises WrongChoice where the new name is taken."""

    def __init__(self, database: Path) -> None:
        self._connection = open_database(database)

    def close(self) -> None:
        self._connection.close()

    # Presets

    def presets(self) -> dict[str, Sampling]:
        """By name, in its order; without those that this version cannot read."""
        with reading(self._connection) as connection:
            rows = connection.execute("SELECT name, sampling FROM sampling_presets ORDER BY name").fetchall()
        found = {row["name"]: decoded(row["sampling"], Sampling) for row in rows}
        return {name: sampling for name, sampling in found.items() if sampling is not None}

    def save_preset(self, name: str, sampling: Sampling) -> None:
        """Over one of that name."""
        with transaction(self._connection) as connection:
            connection.execute("DELETE FROM sampling_presets WHERE name = ?", (name,))
            connection.execute(
                "INSERT INTO sampling_presets (name, sampling) VALUES (?, ?)", (name, encoded(sampling))
            )

    def rename_preset(self, name: str, new: str) -> None:
        """Also for the conversations that have it."""
        self._rename("sampling_presets", name, new)
        with transaction(self._connection) as connection:
            connection.execute(
                "UPDATE presets_of_conversations SET preset = ? WHERE preset = ?", (OWN + new, OWN + name)
            )

    def delete_preset(self, name: str) -> None:
        with transaction(self._connection) as connection:
            connection.execute("DELETE FROM sampling_presets WHERE name = ?", (name,))

    def preset_of(self, conversation_id: int) -> str | None:
        """The key of the preset that was chosen for it; None for one that is older than presets."""
        with reading(self._connection) as connection:
            row = connection.execute(
                "SELECT preset FROM presets_of_conversations WHERE conversation_id = ?", (conversation_id,)
            ).fetchone()
        return row["preset"] if row else None

    def choose_preset(self, conversation_id: int, key: str) -> None:
        with transaction(self._connection) as connection:
            connection.execute(
                "INSERT OR REPLACE INTO presets_of_conversations (conversation_id, preset) VALUES (?, ?)",
                (conversation_id, key),
            )

    # System prompts

    def system_prompts(self) -> dict[str, str]:
        """By name, in its order."""
        with reading(self._connection) as connection:
            rows = connection.execute("SELECT name, text FROM system_prompts ORDER BY name").fetchall()
        return {row["name"]: row["text"] for row in rows}

    def save_system_prompt(self, name: str, text: str) -> None:
        """Over one of that name."""
        with transaction(self._connection) as connection:
            connection.execute("DELETE FROM system_prompts WHERE name = ?", (name,))
            connection.execute(
                "INSERT INTO system_prompts (name, text) VALUES (?, ?)", (name, encodable(text))
            )

    def rename_system_prompt(self, name: str, new: str) -> None:
        self._rename("system_prompts", name, new)

    def delete_system_prompt(self, name: str) -> None:
        with transaction(self._connection) as connection:
            connection.execute("DELETE FROM system_prompts WHERE name = ?", (name,))

    def _rename(self, table: str, name: str, new: str) -> None:
        with transaction(self._connection) as connection:
            taken = connection.execute(f"SELECT name FROM {table} WHERE name = ?", (new,)).fetchone()
            if taken is not None and taken["name"] != name:
                raise WrongChoice(f"There is already one of the name {new}.", "Choose another name.")
            connection.execute(f"UPDATE {table} SET name = ? WHERE name = ?", (new, name))
