"""From the Hub into the queue of downloads: what is wanted of a variant or an original, and where its bytes are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from app.core.jobs import CancelToken
from app.downloads import Content, DownloadStore, Locate, Location, WantedFile, enqueue
from app.downloads.targets import target_of
from app.hub.client import Hub
from app.hub.original import OriginalCheckpoint, checkpoint_files
from app.hub.repository import HubRepository
from app.hub.variants import HubFile, Variant, require_whole

_GGUF = re.compile(r"[-_.]gguf$", re.IGNORECASE)
"""At the end of most repositories' names, where it tells nothing."""


def enqueue_variant(store: DownloadStore, repository: HubRepository, variant: Variant, models: Path) -> int:
    """All parts of it, as one download to the folder of its repository in `models`; returns the download's id.

    Raises NotOnHub where parts are missing, WrongChoice for a file cut into pieces, and what `enqueue` raises.
    """
    require_whole(variant, repository.id)
    title = f"{_GGUF.sub('', repository.id.partition('/')[2])} {variant.label}"
    return _enqueue(store, repository, title, variant.files, models)


def enqueue_original(
    store: DownloadStore, repository: HubRepository, original: OriginalCheckpoint, models: Path
) -> int:
    """The checkpoint with all that a conversion reads, as one download to the folder of its repository in `models`;
    returns the download's id. Raises what `enqueue` raises."""
    title = f"{repository.id.partition('/')[2]} checkpoint"
    return _enqueue(store, repository, title, checkpoint_files(repository, original), models)


def folder_of(repository: str, models: Path) -> Path:
    """Where files of `repository` are kept: by owner and name, as on the Hub. Raises WrongChoice for unsafe ones."""
    return target_of(models, repository)


def _enqueue(
    store: DownloadStore, repository: HubRepository, title: str, files: Sequence[HubFile], models: Path
) -> int:
    wanted = [WantedFile(file.path, file.size, file.digest) for file in files]
    return enqueue(store, repository.id, repository.commit, title, folder_of(repository.id, models), wanted)


def locate_on(hub: Hub) -> Locate:
    """For a DownloadQueue."""

    def locate(repository: str, revision: str, path: str, cancel: CancelToken) -> Location:
        found = hub.locate(repository, path, cancel, revision)
        return Location(found.url, Content(found.size, found.etag), found.headers)

    return locate
