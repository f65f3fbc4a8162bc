"""The models on this machine: which files there are, what each is, and finding one by name.

May import `app.gguf`, `app.core` and `app.storage`; reads folders, never writes them. Main
entries: `scan(folders)` for all entries, `find_model(reference, folders)` for the one a person named.
"""

from app.library.entry import LibraryEntry, entry_fault
from app.library.find import find_model, means_path
from app.library.folders import is_built_in, library_folders
from app.library.scan import scan

__all__ = [
    "LibraryEntry",
    "entry_fault",
    "find_model",
    "is_built_in",
    "library_folders",
    "means_path",
    "scan",
]
