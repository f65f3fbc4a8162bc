"""Where a repository's file goes; its path there is a stranger's choice."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from app.core.errors import WrongChoice

_MOST_BYTES = 200
"""In one part of a path; file systems allow 255, and the unfinished file needs some for itself."""
_UNWANTED = re.compile(r'[<>:"\\|?*\x00-\x1f\x7f\ud800-\udfff]')
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[\d¹²³])(\..*)?", re.IGNORECASE)
"""Windows opens devices by these names, in whatever folder."""


def target_of(folder: Path, path: str) -> Path:
    """`path` below `folder`. Raises WrongChoice for a path that would leave it, or that some system cannot have."""
    parts = PurePosixPath(path).parts
    if not parts or any(_is_unwanted(part) for part in parts):
        raise WrongChoice(
            f"This repository has a file with a name that is not safe to use: {path[:80]!r}.",
            "Choose another file or another repository.",
        )
    return folder.joinpath(*parts)


def _is_unwanted(part: str) -> bool:
    return (
        part in ("/", "//")
        or part != part.strip(" .")
        or len(part.encode(errors="replace")) > _MOST_BYTES
        or bool(_UNWANTED.search(part) or _RESERVED.fullmatch(part))
    )
