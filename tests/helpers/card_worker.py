"""The runtime's worker on a computer with a graphics card that is not there: the processor computes what is put on it.

`python -m tests.helpers.card_worker ROOM_BYTES…` serves requests as `app --runtime-worker` does. To llama.cpp a card
is a device like any other, called CUDA0: it has weights, cache and working space of its own, and refuses more than
ROOM_BYTES of them. With several numbers there are as many cards.

Source: `ggml-backend-impl.h`, as for `pretend_cards`.
"""

from __future__ import annotations

import sys
from ctypes import CFUNCTYPE, POINTER, c_bool, c_char_p, c_int, c_size_t, c_void_p
from typing import Any

from app.hardware import Accelerator, Cpu, Machine, Memory
from app.memory.overhead import backend_overhead

TITLE = "NVIDIA GeForce RTX 4060"


def worker_with_card(*room_bytes: int) -> list[str]:
    """The command of a worker whose card takes so much, or each of whose cards."""
    return [sys.executable, "-m", "tests.helpers.card_worker", *map(str, room_bytes)]


def machine_with_card(*room_bytes: int) -> Machine:
    """As drivers tell of a computer with such cards, of which CUDA itself takes a part."""
    cards = tuple(
        Accelerator(
            TITLE,
            "CUDA",
            8_585_740_288,
            room + backend_overhead("CUDA"),
            bandwidth_bytes_per_s=272_000_000_000,
        )
        for room in room_bytes
    )
    return Machine(Cpu("any", 4, 4), Memory(32_000_000_000, 24_000_000_000), cards)


def main() -> int:
    from app.runtime.worker.main import run_worker

    _register([int(room) for room in sys.argv[1:]])
    return run_worker()


def _register(rooms: list[int]) -> None:
    # Here, since it loads llama.cpp, which has no place in the process of a test.
    from tests.helpers.pretend_cards import function_of, pointers, struct_of, text_of

    devices = [_card(f"CUDA{number}", room) for number, room in enumerate(rooms)]
    name = text_of("CUDA")
    registry = struct_of(
        2,
        *pointers(
            4,
            {
                0: (CFUNCTYPE(c_void_p, c_void_p), lambda _: name),
                1: (CFUNCTYPE(c_size_t, c_void_p), lambda _: len(devices)),
                2: (CFUNCTYPE(c_void_p, c_void_p, c_size_t), lambda _, index: devices[index]),
            },
        ),
        None,
    )
    for device in devices:
        (c_void_p * 17).from_address(device)[15] = registry
    function_of("ggml_backend_register", None, c_void_p)(registry)


def _card(title: str, room_bytes: int) -> int:
    """Where its struct is."""
    from tests.helpers.pretend_cards import Properties, function_of, pointers, struct_of, text_of

    processor: int = function_of("ggml_backend_dev_by_type", c_void_p, c_int)(0)
    processor_table = (c_void_p * 15).from_address(processor)
    processor_type: int = function_of("ggml_backend_cpu_buffer_type", c_void_p)()
    allocate_there = function_of("ggml_backend_buft_alloc_buffer", c_void_p, c_void_p, c_size_t)
    start_processor = function_of("ggml_backend_cpu_init", c_void_p)
    set_threads = function_of("ggml_backend_cpu_set_n_threads", None, c_void_p, c_int)
    pointer = CFUNCTYPE(c_void_p, c_void_p)
    name = text_of(title)
    sizes: dict[int, int] = {}  # of the card's buffers, by address
    freeing = CFUNCTYPE(None, c_void_p)
    free_there: list[Any] = []

    def free(buffer: int) -> None:
        del sizes[buffer]
        free_there[0](buffer)

    [free_pointer] = pointers(1, {0: (freeing, free)})

    def allocate(kind: int, size: int) -> int | None:
        if sum(sizes.values()) + size > room_bytes:
            return None
        buffer: int = allocate_there(processor_type, size)
        words = (c_void_p * 12).from_address(buffer)
        free_there[:] = [freeing(words[0])]
        words[0], words[11] = free_pointer, kind
        sizes[buffer] = size
        return buffer

    def tell_memory(_: int, free: Any, total: Any) -> None:
        total[0] = room_bytes
        free[0] = room_bytes - sum(sizes.values())

    def tell_properties(_: int, told: Any) -> None:
        maps_files = (c_bool * 5)(False, False, False, False, True)
        told[0] = Properties(name, name, room_bytes, room_bytes, 1, None, maps_files)

    def start(device: int, _: bytes | None) -> int:
        backend: int = start_processor()
        set_threads(backend, 1)
        (c_void_p * 18).from_address(backend)[17] = device
        return backend

    kind = struct_of(
        *pointers(
            6,
            {
                0: (pointer, lambda _: name),
                1: (CFUNCTYPE(c_void_p, c_void_p, c_size_t), allocate),
                2: (CFUNCTYPE(c_size_t, c_void_p), lambda _: 64),
            },
        ),
        None,
        None,
    )
    size = POINTER(c_size_t)
    table = pointers(
        15,
        {
            0: (pointer, lambda _: name),
            1: (pointer, lambda _: name),
            2: (CFUNCTYPE(None, c_void_p, size, size), tell_memory),
            3: (CFUNCTYPE(c_int, c_void_p), lambda _: 1),
            4: (CFUNCTYPE(None, c_void_p, POINTER(Properties)), tell_properties),
            5: (CFUNCTYPE(c_void_p, c_void_p, c_char_p), start),
            6: (pointer, lambda _: kind),
            10: (CFUNCTYPE(c_bool, c_void_p, c_void_p), lambda _, other: other == kind),
        },
    )
    table[9] = processor_table[9]  # which operations there are
    device = struct_of(*table, None, None)
    struct = (c_void_p * 8).from_address(kind)
    struct[6] = device
    return device


if __name__ == "__main__":
    sys.exit(main())
