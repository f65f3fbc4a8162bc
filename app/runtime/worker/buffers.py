"""What llama.cpp's log says about the buffers it allocates, or in a dry run would."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping

from app.runtime.protocol import BufferSize, MemoryBuffers

_MIB = 1 << 20
_REPACKED = ("CPU_REPACK", "AMX")

# Each from the start of a message, after the name of the function that wrote it: what a model says of
# itself is in the log, too, but never there.
_FUNCTION = r"[\w:]+:\s+"
_BUFFER = re.compile(
    _FUNCTION + r"(\S+)\s+(model|KV|RS|DSV4 \S+ state|output|compute) buffer size =\s*(\d+\.\d+) MiB"
)
_KV_CACHE = re.compile(_FUNCTION + r"size =\s*(\d+\.\d+) MiB \(\s*\d+ cells,.*\bK \(")
_RESERVE = re.compile(_FUNCTION + r"reserving \.\.\.")
_LAYER = re.compile(_FUNCTION + r"layer\s+\d+ assigned to device (\S+), is_swa")
_FLASH_ATTENTION = re.compile(_FUNCTION + r"(?:flash_attn\s+= |Flash Attention )(\w+)")


class BufferLog:
    """Reads the log of one load or dry run, a message at a time, as llama.cpp writes it.

    In a dry run, buffers of weights and caches are told as empty; of a cache all the same what it takes
    in all, so its share is known where one buffer holds all of it.
    """

    def __init__(self, *, dry_run: bool = False) -> None:
        self._dry_run = dry_run
        self._weights: dict[str, int] = defaultdict(int)
        self._kv_cache: dict[str, int | None] = {}
        self._kv_cache_bytes = 0
        self._kv_part: dict[str, int] = defaultdict(int)
        self._recurrent: dict[str, int] = defaultdict(int)
        self._output: dict[str, int] = defaultdict(int)
        self._compute: dict[str, int] = defaultdict(int)
        self._layer_devices: list[str] = []
        self._flash_attention = False

    def read(self, message: str) -> None:
        if match := _BUFFER.match(message):
            self._of_kind(match[2])[match[1]] += _bytes(match[3])
        elif match := _KV_CACHE.match(message):
            self._end_kv_part(_bytes(match[1]))
        elif match := _LAYER.match(message):
            self._layer_devices.append(match[1])
        elif match := _FLASH_ATTENTION.match(message):
            # First what was asked for, then, where that was "auto", what came of it.
            self._flash_attention = match[1] == "enabled"
        elif _RESERVE.match(message):
            self._compute.clear()  # a context that reserves again gives up what it had

    @property
    def repacked_bytes(self) -> int:
        """Weights that were copied into another layout. The pages of the file they were copied from stay
        mapped, but nothing reads them again and the system may take them at any time."""
        return sum(size for buffer, size in self._weights.items() if buffer in _REPACKED)

    def buffers(self) -> MemoryBuffers:
        return MemoryBuffers(
            weights=_sizes(dict.fromkeys(self._weights) if self._dry_run else self._weights),
            kv_cache=_sizes(self._kv_cache),
            kv_cache_bytes=self._kv_cache_bytes,
            recurrent_state=_sizes(self._recurrent),
            output=_sizes(self._output),
            compute=_sizes(self._compute),
            layer_devices=tuple(self._layer_devices),
            flash_attention=self._flash_attention,
        )

    def _of_kind(self, kind: str) -> dict[str, int]:
        match kind:
            case "model":
                return self._weights
            case "KV":
                return self._kv_part
            case "output":
                return self._output
            case "compute":
                return self._compute
            case _:
                return self._recurrent

    def _end_kv_part(self, total: int) -> None:
        """The buffers of one cache have been told, and now what they hold together, in bytes."""
        for buffer, size in self._kv_part.items():
            part = size if not self._dry_run else total if len(self._kv_part) == 1 else None
            known = self._kv_cache.get(buffer, 0)
            self._kv_cache[buffer] = None if known is None or part is None else known + part
        self._kv_part.clear()
        self._kv_cache_bytes += total


def _bytes(mib: str) -> int:
    return round(float(mib) * _MIB)


def _sizes(sizes: Mapping[str, int | None]) -> tuple[BufferSize, ...]:
    return tuple(BufferSize(buffer, size) for buffer, size in sizes.items())
