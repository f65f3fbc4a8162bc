"""The KV cache of a conversation in a file, so that a later process need not evaluate it again.

llama.cpp's own file of one sequence, with what only we know after it: how the conversation is spelled, and
for which model and settings the file is. A sum over all guards what llama.cpp would take on trust: it
ends the process on some files that are damaged.
"""

from __future__ import annotations

import ctypes
import os
import struct
import time
import zlib
from importlib.metadata import version
from pathlib import Path

import llama_cpp
import msgspec

from app.core.errors import DiskFull, from_os_error
from app.runtime.protocol import CacheRestored, CacheSaved, RestoreCache, SaveCache
from app.runtime.worker.loading import LlamaModel
from app.runtime.worker.slots import Slot
from app.runtime.worker.spelling import Spelling
from app.storage.atomic import finished_file

_END = struct.Struct("<II8s")
_MAGIC = b"nibblekv"
_CHUNK_BYTES = 1 << 20


class _Note(msgspec.Struct, frozen=True):
    """What follows llama.cpp's part. `runtime`: the version that wrote it."""

    runtime: str
    stamp: str
    text: str
    tokens: tuple[int, ...]
    marks: tuple[tuple[int, int], ...]


def save_cache(model: LlamaModel, request: SaveCache) -> CacheSaved:
    """Raises DiskFull, or another fault of the file's folder."""
    slot = _slot_of(model, request.conversation)
    if slot is None:
        return CacheSaved(tokens=0)
    if llama_cpp.llama_state_seq_get_size(model.context, slot.sequence) > request.most_bytes:
        return CacheSaved(tokens=0)
    target = Path(os.fsdecode(request.path))
    with finished_file(target, flush=False) as partial:
        tokens = (llama_cpp.llama_token * len(slot.cached))(*slot.cached)
        written = llama_cpp.llama_state_seq_save_file(
            model.context, os.fsencode(partial), slot.sequence, tokens, len(tokens)
        )
        if not written:
            raise DiskFull(
                "The cache of this conversation could not be written.", "Free some space on the disk."
            )
        spelling = slot.spelling
        note = _Note(
            version("llama-cpp-python"), request.stamp, spelling.text, spelling.tokens, spelling.marks
        )
        try:
            _seal(partial, msgspec.msgpack.encode(note))
        except OSError as error:
            raise from_os_error(error, target, writing=True) from error
    return CacheSaved(tokens=len(slot.cached))


def restore_cache(model: LlamaModel, request: RestoreCache) -> CacheRestored:
    """Into the slot that has rested longest; a conversation that still has one stays where it is."""
    if (slot := _slot_of(model, request.conversation)) is not None:
        return CacheRestored(tokens=len(slot.cached))
    note = _open(Path(os.fsdecode(request.path)))
    if note is None or (note.runtime, note.stamp) != (version("llama-cpp-python"), request.stamp):
        return CacheRestored(tokens=0)
    slot = min(model.slots, key=lambda each: each.used_at)
    slot.forget_beyond(0)
    tokens = (llama_cpp.llama_token * model.context_length)()
    count = ctypes.c_size_t(0)
    read = llama_cpp.llama_state_seq_load_file(
        model.context, request.path, slot.sequence, tokens, len(tokens), ctypes.byref(count)
    )
    if not read:  # for another size of context, say
        slot.forget_beyond(0)
        return CacheRestored(tokens=0)
    slot.cached = list(tokens[: count.value])
    slot.spelling = Spelling(note.text, note.tokens, note.marks)
    slot.conversation, slot.used_at = request.conversation, time.perf_counter()
    return CacheRestored(tokens=count.value)


def _slot_of(model: LlamaModel, conversation: str) -> Slot | None:
    found = (slot for slot in model.slots if slot.conversation == conversation and slot.cached)
    return next(found, None)


def _seal(path: Path, note: bytes) -> None:
    """Writes `note` and the sum over everything at the end of the file."""
    with path.open("r+b") as file:
        checksum = zlib.crc32(note, _checksum(file.fileno(), path.stat().st_size))
        file.seek(0, os.SEEK_END)
        file.write(note + _END.pack(len(note), checksum, _MAGIC))


def _open(path: Path) -> _Note | None:
    """None for a file that is not there, not whole or of another kind."""
    try:
        with path.open("rb") as file:
            size = path.stat().st_size - _END.size
            file.seek(max(size, 0))
            length, checksum, magic = _END.unpack(file.read())
            if magic != _MAGIC or length > size or _checksum(file.fileno(), size) != checksum:
                return None
            file.seek(size - length)
            return msgspec.msgpack.decode(file.read(length), type=_Note)
    except (OSError, struct.error, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _checksum(descriptor: int, size: int) -> int:
    """CRC-32 of the first `size` bytes."""
    checksum = 0
    with open(descriptor, "rb", buffering=0, closefd=False) as file:
        file.seek(0)
        while size > 0 and (chunk := file.read(min(size, _CHUNK_BYTES))):
            checksum = zlib.crc32(chunk, checksum)
            size -= len(chunk)
    return checksum
