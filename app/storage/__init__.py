"""What Nibble keeps on disk: paths, settings and the SQLite database with its migrations.

May import `app.core` only. Main entries: `data_folder()`, `load_settings`, `open_database`.
"""

from app.storage.database import open_database, reading, transaction
from app.storage.paths import DataFolder, data_folder
from app.storage.settings import Settings, load_settings, save_settings

__all__ = [
    "DataFolder",
    "Settings",
    "data_folder",
    "load_settings",
    "open_database",
    "reading",
    "save_settings",
    "transaction",
]
