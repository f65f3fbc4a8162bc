"""Ghost files: a GGUF header with nothing behind it but a hole of the right size.

llama.cpp plans with one as with the model itself (`no_alloc`, load mode NONE: it reads the header and
reserves graphs and caches without memory). So the need of a model is known before it is downloaded, from the
start of its file, or from the catalogue alone. Takes as much disk as the header has bytes, on any file
system that knows holes; on others (exFAT) the whole size.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeAlias

from app.core.errors import from_os_error
from app.gguf.encoding import encode_header
from app.gguf.header import MetadataValue
from app.gguf.reader import read_header
from app.gguf.source import FileHead
from app.storage.atomic import finished_file

if TYPE_CHECKING:  # every command reads headers, few need the outlines of all architectures
    from app.gguf.outline import TensorShape

TypedTensor: TypeAlias = "tuple[TensorShape, str]"
"""A tensor and how its numbers are stored, e.g. "Q4_K"."""


def write_ghost(target: Path, head: bytes, file_bytes: int) -> None:
    """A ghost of the GGUF file of `file_bytes` bytes that starts with `head`, which may reach into the data.

    A part of a split model needs its own name, since llama.cpp looks for the others by it. Raises NotGguf,
    UnsupportedGgufVersion or DamagedGguf where `head` is no whole header or a file of that size cannot hold
    its tensors, and what `_write` raises.
    """
    header = read_header(FileHead(target.name, head, file_bytes))
    _write(target, head[: header.data_offset], file_bytes)


def write_ghost_of(
    target: Path, metadata: Mapping[str, MetadataValue], tensors: Iterable[TypedTensor]
) -> None:
    """A ghost of a model that has no file yet, with the keys of `metadata` as they are.

    Raises what `_write` raises, and ValueError for a value that no key can hold, a type that llama.cpp does
    not know, or rows that cannot be stored in it.
    """
    stored = ((tensor.name, tensor.shape, type_name) for tensor, type_name in tensors)
    head, data_bytes = encode_header(metadata, stored)
    _write(target, head, len(head) + data_bytes)


def _write(target: Path, head: bytes, file_bytes: int) -> None:
    """Raises DiskFull, NotAllowed, FileGone where the folder is missing, or UnreadableFile."""
    with finished_file(target) as partial:
        try:
            with partial.open("wb") as file:
                _allow_holes(file)
                file.write(head)
                file.truncate(file_bytes)
        except OSError as error:
            raise from_os_error(error, target, writing=True) from error


def _allow_holes(file: IO[bytes]) -> None:
    """Windows makes holes only in files that are marked for it; other systems everywhere they can."""
    if sys.platform == "win32":
        import ctypes
        import msvcrt

        set_sparse = 0x900C4  # FSCTL_SET_SPARSE
        handle = ctypes.c_void_p(msvcrt.get_osfhandle(file.fileno()))
        returned = ctypes.c_ulong()
        ctypes.windll.kernel32.DeviceIoControl(
            handle, set_sparse, None, 0, None, 0, ctypes.byref(returned), None
        )
