"""How fast this computer reads main memory: measured on request, kept in a file for this machine."""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec

from app.hardware.machine import Machine
from app.storage.atomic import write_atomically

_FILE = "memory-bandwidth.json"
MEASURE_S = 0.2
_ROUNDS = 4
"""The best of some short rounds: what other programs take is not the memory's fault (as STREAM does it)."""
_CHUNK_BYTES = 8 << 20
_BYTES_PER_THREAD = 32 << 20
_LEAST_BYTES = 512 << 20
"""Several times what processors have for caches, per core and altogether."""
_MOST_BANDWIDTH = 10**13

Pass = Callable[[int, int], int]
"""Goes once over so many bytes at an address; returns how many went between memory and processor."""


def measure_bandwidth(machine: Machine) -> int:
    """Bytes per second that all cores together read from main memory.

    Takes a quarter of a second and up to an eighth of the memory that is free, and every core: never on the GUI's
    thread, and only when somebody asks.
    """
    read = _copy if sys.platform == "win32" else _search()
    threads = machine.cpu.physical_cores
    size = min(max(_LEAST_BYTES, threads * _BYTES_PER_THREAD), machine.memory.available_bytes // 8)
    return _best_round(read, threads, max(size // threads, _CHUNK_BYTES))


def with_measured_bandwidth(machine: Machine, cache: Path) -> Machine:
    """`machine` with what was measured on it before, in place of what is told by a table; as it is without."""
    try:
        kept = msgspec.json.decode((cache / _FILE).read_bytes(), type=_Kept)
    except (OSError, msgspec.DecodeError, RecursionError):
        return machine
    if kept.machine != _identity(machine) or not 0 < kept.bytes_per_s < _MOST_BANDWIDTH:
        return machine
    return replace(machine, memory=replace(machine.memory, bandwidth_bytes_per_s=kept.bytes_per_s))


def keep_bandwidth(bytes_per_s: int, machine: Machine, cache: Path) -> None:
    """Raises the fault behind a file that cannot be written."""
    kept = _Kept(_identity(machine), bytes_per_s)
    write_atomically(cache / _FILE, msgspec.json.format(msgspec.json.encode(kept)) + b"\n")


class _Identity(msgspec.Struct, frozen=True):
    """Memory in whole GiB: how much of it a kernel keeps for itself changes with its version."""

    cpu: str
    logical_cores: int
    memory_gib: int


class _Kept(msgspec.Struct, frozen=True):
    machine: _Identity
    bytes_per_s: int


def _identity(machine: Machine) -> _Identity:
    return _Identity(machine.cpu.name, machine.cpu.logical_cores, round(machine.memory.total_bytes / 2**30))


def _search() -> Pass:
    """C's memchr for a byte that is not there reads and does nothing else, as generating does with weights."""
    memchr = ctypes.CDLL(None).memchr
    memchr.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t)
    memchr.restype = ctypes.c_void_p

    def search(address: int, size: int) -> int:
        memchr(address, 0, size)
        return size

    return search


def _copy(address: int, size: int) -> int:
    """Where memchr is slow: one half over the other, each byte read and written."""
    ctypes.memmove(address, address + size // 2, size // 2)
    return size // 2 * 2


def _best_round(read: Pass, threads: int, bytes_each: int) -> int:
    start = threading.Barrier(threads)
    moved = [[0] * threads for _ in range(_ROUNDS)]
    took = [[0.0] * threads for _ in range(_ROUNDS)]

    def work(index: int) -> None:
        buffer = ctypes.create_string_buffer(bytes_each)
        base = ctypes.addressof(buffer)
        # Pages that were never written are all one page of zeros, which the cache holds.
        ctypes.memset(base, 1, bytes_each)
        chunk = min(_CHUNK_BYTES, bytes_each)
        offset = 0
        for round_moved, round_took in zip(moved, took, strict=True):
            start.wait()
            begun = time.perf_counter()
            while (elapsed := time.perf_counter() - begun) < MEASURE_S / _ROUNDS:
                round_moved[index] += read(base + offset, chunk)
                offset = offset + chunk if offset + 2 * chunk <= bytes_each else 0
            round_took[index] = elapsed

    workers = [threading.Thread(target=work, args=(index,), daemon=True) for index in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    rounds = zip(moved, took, strict=True)
    return max(int(sum(m / t for m, t in zip(*each, strict=True))) for each in rounds)
