"""The system's dictionaries, by Enchant. Not for the GUI thread: Enchant is looked for, and dictionaries are read."""

from __future__ import annotations

from pathlib import Path

from app.core.errors import from_os_error
from app.storage.atomic import write_atomically

LONGEST = 60
"""Characters of a word that is looked up: what is longer is no word, and takes long."""
MOST_SUGGESTIONS = 6


def offered() -> tuple[str, ...]:
    """The languages that can be checked, as `en_GB`; none where there is no Enchant or it has no dictionaries."""
    try:
        import enchant
    except (ImportError, OSError, AssertionError):  # not there, or not one that can be loaded
        return ()
    return tuple(sorted(set(enchant.Broker().list_languages())))


class Dictionary:
    """Of one language that is `offered`, with the person's `own` words, a file of one a line."""

    def __init__(self, language: str, own: Path) -> None:
        """Raises EnvironmentFault where the own words cannot be read."""
        import enchant

        self._words = enchant.Broker().request_dict(language)
        self._own_file = own
        try:
            text = own.read_text(encoding="utf-8", errors="replace") if own.exists() else ""
        except OSError as error:
            raise from_os_error(error, own) from error
        self._own = set(text.split())

    def knows(self, word: str) -> bool:
        if len(word) > LONGEST or word in self._own or _plain(word) in self._own:
            return True
        return bool(self._words.check(_plain(word)))

    def suggest(self, word: str) -> list[str]:
        """The likeliest first."""
        return list(self._words.suggest(_plain(word)))[:MOST_SUGGESTIONS]

    def add(self, word: str) -> None:
        """From now on it is the person's own. Raises EnvironmentFault where that cannot be kept."""
        own = self._own | {_plain(word)}
        try:
            write_atomically(self._own_file, "".join(f"{each}\n" for each in sorted(own)).encode())
        except OSError as error:
            raise from_os_error(error, self._own_file, writing=True) from error
        self._own = own


def _plain(word: str) -> str:
    """With the apostrophe that dictionaries have."""
    return word.replace("’", "'")
