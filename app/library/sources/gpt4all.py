"""GPT4All: all models in one folder; a download that is under way begins with `incomplete-`.

Source: gpt4all-chat/src/mysettings.cpp and the documentation of its settings.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from app.core.errors import FileGone
from app.library.sources.found import FoundModel
from app.library.sources.small_files import read_text
from app.library.sources.system import System
from app.library.sources.walk import Walk, found_fault, model_name

DEFAULTS = ("{local_data}/nomic.ai/GPT4All", "{home}/.cache/gpt4all")
"""The window's, and that of its Python package."""
SETTINGS = "{config}/nomic.ai/GPT4All.ini"
UNFINISHED = "incomplete-"

_CHOSEN = re.compile(r"^modelPath=(.*)$", re.MULTILINE)


def places(system: System) -> list[str]:
    chosen = _CHOSEN.search(read_text(system.place(SETTINGS)))
    # Qt writes backslashes doubled, and quotes around what has a comma.
    path = chosen[1].strip().strip('"').replace("\\\\", "\\") if chosen else ""
    folders = [path] if os.path.isabs(path) and "\0" not in path else []
    return list(dict.fromkeys([*folders, *(system.place(default) for default in DEFAULTS)]))


def find(folder: str, walk: Walk) -> Iterator[FoundModel]:
    for found in walk.models(folder):
        file = os.path.basename(found.path)
        if found.fault is None and file.startswith(UNFINISHED):
            name = model_name(file.removeprefix(UNFINISHED))
            fault = FileGone(f"GPT4All has not finished downloading {name}.", "Let GPT4All finish it.")
            yield found_fault(found.path, name, fault)
        else:
            yield found
