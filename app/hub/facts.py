"""What the header of a model on the Hub says, without its weights."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app.core.errors import EnvironmentFault
from app.core.jobs import CancelToken
from app.gguf import ModelFacts, read_header, write_ghost
from app.gguf.facts import facts_from_sources
from app.gguf.source import FileHead
from app.hub.client import Hub
from app.hub.head import read_head
from app.hub.heads import KeptHeads
from app.hub.repository import HubRepository
from app.hub.variants import HubFile, Variant, require_whole

_AT_ONCE = 4


def read_remote_facts(
    hub: Hub, repository: HubRepository, variant: Variant, cache: Path, cancel: CancelToken | None = None
) -> ModelFacts:
    """The facts of `variant`, whose `path` is `<repository>/<path in it>`.

    No request where the headers of all parts are in `cache`. Raises what `Hub` and `read_header` raise, NotOnHub where
    parts are missing, and WrongChoice for a file that was cut into pieces.
    """
    heads = _heads(hub, repository, variant, cache, cancel or CancelToken())
    files = tuple(Path(repository.id, file.path) for file in variant.files)
    return facts_from_sources(files, heads)


def write_remote_ghost(
    hub: Hub,
    repository: HubRepository,
    variant: Variant,
    cache: Path,
    folder: Path,
    cancel: CancelToken | None = None,
) -> Path:
    """Ghosts of all parts in `folder`, for the dry run; returns the first part's. Raises as `read_remote_facts` and
    `write_ghost` do."""
    heads = _heads(hub, repository, variant, cache, cancel or CancelToken())
    for head in heads:
        write_ghost(folder / head.name, head.content, head.size)
    return folder / heads[0].name


def _heads(
    hub: Hub, repository: HubRepository, variant: Variant, cache: Path, cancel: CancelToken
) -> list[FileHead]:
    require_whole(variant, repository.id)
    kept = KeptHeads(cache)
    with ThreadPoolExecutor(min(_AT_ONCE, len(variant.files))) as pool:
        return list(pool.map(lambda file: _head(hub, repository, file, kept, cancel), variant.files))


def _head(
    hub: Hub, repository: HubRepository, file: HubFile, kept: KeptHeads, cancel: CancelToken
) -> FileHead:
    known = kept.find(file)
    if known is not None and _is_whole(known):
        return known
    remote, data_offset = read_head(
        hub,
        lambda: hub.locate(repository.id, file.path, cancel, repository.commit),
        lambda source: read_header(source).data_offset,
        cancel,
    )
    head = FileHead(file.name, bytes(remote.content[:data_offset]), remote.size)
    if (remote.file.etag, remote.size) == (file.digest, file.size):  # else it has changed since it was listed
        kept.keep(file, head.content)
    return head


def _is_whole(head: FileHead) -> bool:
    try:
        read_header(head)
    except EnvironmentFault:
        return False
    return True
