"""The whole probe, with sources that hang, fail or lie."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from app.hardware import Accelerator, Memory, probe
from app.hardware.plausible import plausible
from app.hardware.questions import NoAnswer, Question

GIB = 1024**3
CARD = Accelerator("NVIDIA GeForce RTX 4060", "CUDA", 8 * GIB, 7 * GIB)
Findings = tuple[tuple[Accelerator, ...], tuple[str, ...]]


@pytest.fixture
def hang() -> Iterator[Callable[[Memory], Findings]]:
    """A source that answers when the test is over."""
    over = threading.Event()

    def ask(memory: Memory) -> Findings:
        over.wait(60)
        return (), ()

    yield ask
    over.set()


def test_this_computer_is_described() -> None:
    machine = probe()
    assert machine.cpu.logical_cores >= 1
    assert machine.memory.total_bytes > 0


def test_sources_that_hang_cost_a_note_each_and_no_more_than_two_seconds(
    hang: Callable[[Memory], Findings],
) -> None:
    begun = time.monotonic()
    machine = probe({"One driver": hang, "Another driver": hang, "The driver": lambda memory: ((CARD,), ())})
    assert time.monotonic() - begun < 2
    assert machine.accelerators == (CARD,)
    assert machine.notes == ("One driver does not answer.", "Another driver does not answer.")


def test_source_that_still_hangs_is_not_asked_again(hang: Callable[[Memory], Findings]) -> None:
    probe({"The stuck driver": hang})
    time.sleep(0.6)
    asked: list[str] = []

    def count(memory: Memory) -> Findings:
        asked.append("again")
        return (), ()

    begun = time.monotonic()
    machine = probe({"The stuck driver": count})
    assert machine.notes == ("The stuck driver does not answer.",)
    assert asked == []
    assert time.monotonic() - begun < 1


def test_source_that_fails_costs_a_note() -> None:
    def fail(memory: Memory) -> Findings:
        raise OSError("no permission.")

    machine = probe({"The driver": fail})
    assert machine.notes == ("The driver cannot be asked: no permission.",)


def test_device_that_two_sources_tell_of_is_there_once() -> None:
    again = Accelerator("NVIDIA GeForce RTX 4060", "CUDA", 8 * GIB, 7 * GIB, free_is_assumed=True)
    radeon = Accelerator("AMD Radeon 780M Graphics", "Vulkan", 16 * GIB, 8 * GIB, integrated=True)
    machine = probe(
        {"First": lambda memory: ((CARD, CARD), ()), "Second": lambda memory: ((again, radeon), ("A note.",))}
    )
    assert machine.accelerators == (CARD, CARD, radeon)
    assert machine.notes == ("A note.",)


@pytest.mark.parametrize(("total", "free"), [(0, 0), (-1, 0), (1 << 60, 5), (0, 8 * GIB)])
def test_device_with_a_memory_that_cannot_be_is_left_out_with_a_note(total: int, free: int) -> None:
    found, notes = plausible([Accelerator("Card", "CUDA", total, free), CARD])
    assert found == (CARD,)
    assert len(notes) == 1
    assert "Card" in notes[0]


@pytest.mark.parametrize(("free", "taken"), [(9 * GIB, 8 * GIB), (-1, 0)])
def test_more_free_than_there_is_is_put_right_and_said(free: int, taken: int) -> None:
    (found,), notes = plausible([Accelerator("Card", "CUDA", 8 * GIB, free)])
    assert found.free_bytes == taken
    assert len(notes) == 1
    assert "Card" in notes[0]


def test_question_gives_its_answer_or_says_why_not() -> None:
    assert Question("Somebody", lambda: 42).answer(5) == 42

    def fail() -> int:
        raise KeyError

    with pytest.raises(NoAnswer, match=r"^Somebody cannot be asked: KeyError\.$"):
        Question("Somebody", fail).answer(5)
