"""The models on this machine, also those of other programs: which there are, what each is, what can be done with them.

May import everything below it down to `app.core`. Files are read and never written; only `remove` takes some away, and
only Nibble's and the person's own. Main entries: `scan(places, database)` for all entries, `find_model` for the one a
person named, `library_places` for where to look, `sources` for how each program keeps its models.
"""

from app.library.duplicates import Duplicates, find_duplicates
from app.library.earlier import EarlierEntries
from app.library.entry import EntryState, LibraryEntry, entry_fault
from app.library.find import find_listed, find_model, means_path
from app.library.labels import rename
from app.library.places import Place, folder_places, is_built_in, library_places, owner_of
from app.library.remove import NoBin, Removal, plan_removal, remove
from app.library.scan import scan
from app.library.sizes import PlaceSize, place_sizes
from app.library.verify import FileCheck, verify

__all__ = [
    "Duplicates",
    "EarlierEntries",
    "EntryState",
    "FileCheck",
    "LibraryEntry",
    "NoBin",
    "Place",
    "PlaceSize",
    "Removal",
    "entry_fault",
    "find_duplicates",
    "find_listed",
    "find_model",
    "folder_places",
    "is_built_in",
    "library_places",
    "means_path",
    "owner_of",
    "place_sizes",
    "plan_removal",
    "remove",
    "rename",
    "scan",
    "verify",
]
