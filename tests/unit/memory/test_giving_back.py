"""Memory that was given up: waited for a little, and missed aloud."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from app.hardware import Accelerator, Cpu, Machine, Memory
from app.memory.giving_back import wait_until_returned
from app.memory.held import Held

GB = 1_000_000_000
CARD = Accelerator("RTX 4060", "CUDA", 8 * GB, 1 * GB, bandwidth_bytes_per_s=1)
BEFORE = Machine(Cpu("any", 4, 4), Memory(32 * GB, 10 * GB), (CARD,))
GONE = Held("Chat's model", ("Qwen",), 2 * GB, 0, (6 * GB,))


def with_free(memory: int, card: int) -> Machine:
    return replace(BEFORE, memory=Memory(32 * GB, memory), accelerators=(replace(CARD, free_bytes=card),))


def readings(*machines: Machine) -> Callable[[], Machine]:
    """The last one again and again."""

    def each() -> Iterator[Machine]:
        yield from machines
        while True:
            yield machines[-1]

    found = each()
    return lambda: next(found)


def test_memory_that_comes_back_a_little_later_is_waited_for() -> None:
    slept: list[float] = []
    late = readings(BEFORE, with_free(12 * GB, 1 * GB), with_free(12 * GB, 7 * GB))
    assert wait_until_returned([GONE], BEFORE, late, slept.append) == ()
    assert len(slept) == 2


def test_memory_of_a_card_that_another_program_took_is_missed() -> None:
    slept: list[float] = []
    (missed,) = wait_until_returned([GONE], BEFORE, readings(with_free(12 * GB, 3 * GB)), slept.append)
    assert sum(slept) == pytest.approx(3.0)
    assert (missed.device, missed.given_bytes, missed.missing_bytes) == ("RTX 4060", 6 * GB, 4 * GB)
    assert missed.sentence == (
        "Chat's model was unloaded, but of its 6.00 GB on RTX 4060, 4.00 GB are not free again: "
        "another program has taken them."
    )


def test_some_hundred_megabytes_that_others_move_are_not_missed() -> None:
    assert (
        wait_until_returned([GONE], BEFORE, readings(with_free(11_700_000_000, 6_800_000_000)), print) == ()
    )


def test_pages_of_a_mapped_file_count_as_available_all_the_time_and_are_not_waited_for() -> None:
    mapped = Held("Chat's model", ("Qwen",), 2 * GB, 2 * GB, (0,))
    assert wait_until_returned([mapped], BEFORE, readings(BEFORE), print) == ()
