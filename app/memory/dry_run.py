"""What the runtime itself says a model would take: asked once, then remembered."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from app.core.errors import EnvironmentFault, LoadFailed, WorkerDied
from app.core.jobs import CancelToken
from app.gguf import read_facts, read_header
from app.gguf.source import LocalFile
from app.runtime.protocol import DryRun, DryRunDone, DryRunResult, LoadSettings
from app.runtime.starting import runtime_fingerprint, start_worker
from app.storage import DataFolder
from app.storage.atomic import write_atomically

_PIECE_BYTES = 1 << 20


def dry_run(
    path: Path, settings: LoadSettings, data: DataFolder, cancel: CancelToken | None = None
) -> DryRunResult:
    """What llama.cpp would allocate for the model at `path`, which may be a ghost; of a split model, any part.

    Takes as long as reading the vocabulary does, half a second, whatever the size of the model: run it in a
    Job. A second time it is read from the cache, unless header, settings or runtime are others; a new
    graphics card under an unchanged runtime goes unnoticed.

    Raises what `read_facts` raises, UnknownArchitecture, LoadFailed, WrongChoice, or Cancelled.
    """
    cancel = cancel or CancelToken()
    files = read_facts(path).files
    memory = data.cache / "dry_runs" / f"{_key(files, settings)}.json"
    if known := _remembered(memory):
        cancel.raise_if_cancelled()
        return known
    result = _ask(files[0], settings, cancel)
    if _depends_on_this_header_alone(result):
        _remember(memory, result)
    return result


def _ask(path: Path, settings: LoadSettings, cancel: CancelToken) -> DryRunResult:
    with start_worker() as worker:
        try:
            reply = worker.call_for(DryRun(path=os.fsencode(path), settings=settings), cancel)
        except WorkerDied as death:
            raise LoadFailed(
                f"llama.cpp ends when it is asked what {path.name} would take: it cannot run this model.",
                "The file may be damaged: download or convert it again, or choose another one.",
                death.log,
            ) from death
    assert isinstance(reply, DryRunDone)
    return reply.result


def _key(files: Iterable[Path], settings: LoadSettings) -> str:
    """Of all that decides about the result: the headers, in full, the settings and the runtime."""
    digest = hashlib.sha256(runtime_fingerprint().encode())
    digest.update(msgspec.json.encode(msgspec.structs.replace(settings, threads=0)))
    for file in files:
        with LocalFile(file) as source:
            size = read_header(source).data_offset
            digest.update(f"\n{size}\n".encode())
            for offset in range(0, size, _PIECE_BYTES):
                digest.update(source.read_at(offset, min(_PIECE_BYTES, size - offset)))
    return digest.hexdigest()


def _depends_on_this_header_alone(result: DryRunResult) -> bool:
    """Several accelerators share the layers in proportion to what is free on each at that moment."""
    return len(set(result.buffers.layer_devices) - {"CPU"}) <= 1


def _remembered(memory: Path) -> DryRunResult | None:
    """Nothing where there is none, or none that can be read."""
    try:
        return msgspec.json.decode(memory.read_bytes(), type=DryRunResult)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _remember(memory: Path, result: DryRunResult) -> None:
    with suppress(OSError, EnvironmentFault):  # no room, or no right: then it is asked again next time
        memory.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(memory, msgspec.json.encode(result))
