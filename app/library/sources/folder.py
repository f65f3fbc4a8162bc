"""Any folder: Nibble's own, those a person added, and what KoboldCpp and others are pointed at."""

from __future__ import annotations

import os
from collections.abc import Iterator

from app.library.sources.found import FoundModel
from app.library.sources.walk import Walk, model_name


def find(folder: str, walk: Walk) -> Iterator[FoundModel]:
    """A file among the folders of a person counts too."""
    if os.path.isfile(folder):
        yield FoundModel(folder, model_name(os.path.basename(folder)))
    else:
        yield from walk.models(folder)
