"""Where Nibble keeps things; the only module that decides on paths."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from app.core.errors import from_os_error


@dataclass(frozen=True)
class DataFolder:
    """Nibble's one data folder. Nothing is created before `create()`."""

    root: Path

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def guide(self) -> Path:
        """The files of the built-in model, which can be made again at any time."""
        return self.root / "guide"

    @property
    def packs(self) -> Path:
        """Runtime packs that were added, a folder each."""
        return self.root / "packs"

    @property
    def database(self) -> Path:
        return self.root / "nibble.db"

    @property
    def settings(self) -> Path:
        return self.root / "settings.toml"

    @property
    def hubs_in_keyring(self) -> Path:
        """The hosts whose access token is in the system's keyring, one a line."""
        return self.root / "hubs-in-keyring.txt"

    @property
    def own_words(self) -> Path:
        """What the person has added to the dictionary, one a line."""
        return self.root / "own-words.txt"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def conversation_caches(self) -> Path:
        """What models have computed of conversations; made when first needed."""
        return self.cache / "conversations"

    def create(self) -> DataFolder:
        """Makes the folders; raises an EnvironmentFault where that is denied."""
        for folder in (self.models, self.guide, self.logs, self.cache):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise from_os_error(error, folder, writing=True) from error
        return self


def data_folder() -> DataFolder:
    """The person's data folder; `NIBBLE_HOME` overrides the platform's place for it."""
    override = os.environ.get("NIBBLE_HOME")
    root = Path(override) if override else platformdirs.user_data_path("nibble", appauthor=False)
    return DataFolder(root)
