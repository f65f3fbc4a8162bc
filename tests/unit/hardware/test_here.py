"""This computer as it is, for whoever is about to load."""

from __future__ import annotations

import threading

import psutil

from app.hardware import Machine, ThisMachine


def test_it_is_the_computer_that_the_system_tells_of() -> None:
    here = ThisMachine()
    first, second = here.read(), here.read()
    here.close()
    assert first.cpu == second.cpu
    assert 0 < second.memory.available_bytes <= second.memory.total_bytes <= psutil.virtual_memory().total
    # Which of its accelerators a runtime can use is asked before they are counted on.
    assert all(each.backend for each in second.accelerators if each.usable)


def test_many_may_read_at_one_time_and_after_it_was_closed() -> None:
    here = ThisMachine()
    found: list[Machine] = []
    readers = [threading.Thread(target=lambda: found.append(here.read())) for _ in range(8)]
    for reader in readers:
        reader.start()
    here.close()
    for reader in readers:
        reader.join(20)
    assert len(found) == 8
    assert len({machine.cpu for machine in found}) == 1
    here.close()
    here.close()
