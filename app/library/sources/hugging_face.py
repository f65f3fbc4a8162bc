"""The cache of huggingface_hub: `models--owner--name/snapshots/<commit>/<file>`, each a link into `blobs`.

Source: https://huggingface.co/docs/huggingface_hub/guides/manage-cache
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from app.library.sources.found import FoundModel
from app.library.sources.small_files import read_text
from app.library.sources.system import System
from app.library.sources.walk import Walk, unreadable

_PREFIX = "models--"


def places(system: System) -> list[str]:
    variables = system.environment
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if moved := variables.get(name):
            return [system.expanded(moved)]
    home = variables.get("HF_HOME")
    if not home:  # the same on every system
        home = os.path.join(variables.get("XDG_CACHE_HOME") or f"{system.home}/.cache", "huggingface")
    return [os.path.join(system.expanded(home), "hub")]


def find(folder: str, walk: Walk) -> Iterator[FoundModel]:
    """Of a file that is there in several revisions only the one of `main`, or else the newest."""
    try:
        repositories = [name for name in walk.listing(folder)[0] if name.startswith(_PREFIX)]
    except OSError as error:
        yield unreadable(folder, error)
        return
    for repository in repositories:
        top = os.path.join(folder, repository)
        origin = repository.removeprefix(_PREFIX).replace("--", "/")
        try:
            snapshots = _snapshots(top, walk)
        except OSError as error:
            yield unreadable(top, error)
            continue
        seen = set()
        for snapshot in snapshots:
            for found in walk.models(snapshot, origin):
                file = os.path.relpath(found.path, snapshot) if len(snapshots) > 1 else found.path
                if file not in seen:
                    seen.add(file)
                    yield found


def _snapshots(top: str, walk: Walk) -> list[str]:
    """Those of `main` first, the newest next."""
    folder = os.path.join(top, "snapshots")
    names, _ = walk.listing(folder)
    if len(names) > 1:
        main = read_text(os.path.join(top, "refs", "main")).strip()
        names.sort(
            key=lambda name: (name == main, os.stat(os.path.join(folder, name)).st_mtime), reverse=True
        )
    return [os.path.join(folder, name) for name in names]
