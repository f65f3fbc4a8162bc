from dataclasses import replace

import psutil
import pytest
from PySide6.QtWidgets import QLabel, QProgressBar

from app.hardware import Accelerator, Cpu, Machine, Memory
from app.ui.computer import ComputerStrip
from tests.ui.conftest import settle

GB = 10**9
MACHINE = Machine(
    Cpu("AMD Ryzen 9 7950X", 16, 32, ("AVX2", "AVX512")),
    Memory(32 * GB, 20 * GB),
    (Accelerator("NVIDIA GeForce RTX 4060", "CUDA", 8 * GB, 7 * GB),),
    ("NVIDIA graphics card 2 does not answer: GPU is lost.",),
)


@pytest.fixture
def strip(qtbot):
    made = ComputerStrip()
    qtbot.addWidget(made)
    made.resize(900, 80)
    made.show()
    settle(qtbot)
    return made


def visible_bars(strip):
    return sum(bar.isVisibleTo(strip) for bar in strip.findChildren(QProgressBar))


def words(strip):
    return [label.text() for label in strip.findChildren(QLabel) if not label.isHidden()]


def test_it_looks_at_this_computer_when_shown(strip):
    assert strip.machine.cpu.name in words(strip)


def test_it_shows_processor_memory_cards_and_notes(qtbot, strip):
    strip.show_machine(MACHINE)
    qtbot.waitUntil(lambda: MACHINE.notes[0] in words(strip))
    shown = words(strip)
    assert "16 cores · AVX512" in shown
    assert "20.0 GB free of 32.0 GB" in shown
    assert "GeForce RTX 4060" in shown
    assert "7.00 GB free of 8.00 GB" in shown


def test_numbers_change_without_building_it_anew(qtbot, strip):
    strip.show_machine(MACHINE)
    parts = strip.findChildren(QLabel)
    strip.show_machine(replace(MACHINE, memory=Memory(32 * GB, 1 * GB)))
    assert "1.00 GB free of 32.0 GB" in words(strip)
    assert strip.findChildren(QLabel) == parts


def test_numbers_follow_the_computer_from_second_to_second(qtbot, strip):
    memory = Memory(32 * GB, 20 * GB)
    graphics = Accelerator("Apple GPU", "Metal", 1 * GB, 5, integrated=True)
    strip.show_machine(replace(MACHINE, memory=memory, accelerators=(graphics,)))
    assert "5 B free of 1.00 GB" in words(strip)
    qtbot.waitUntil(lambda: strip.machine.accelerators[0].free_bytes != 5, timeout=5000)
    assert "5 B free of 1.00 GB" not in words(strip)
    now = psutil.virtual_memory()
    assert strip.machine.memory.total_bytes <= now.total
    assert strip.machine.memory.available_bytes != memory.available_bytes
    assert strip.machine.cpu == MACHINE.cpu


def test_card_the_runtime_has_no_use_for_stays_visible(qtbot, strip):
    card = replace(MACHINE.accelerators[0], usable=False)
    strip.show_machine(replace(MACHINE, accelerators=(card,)))
    assert "GeForce RTX 4060" in words(strip)
    assert "8.00 GB, not used" in words(strip)
    qtbot.waitUntil(lambda: visible_bars(strip) == 1)
    strip.show_machine(MACHINE)
    qtbot.waitUntil(lambda: visible_bars(strip) == 2)


def test_memory_that_nobody_tells_the_use_of_is_not_made_up(strip):
    card = replace(MACHINE.accelerators[0], free_is_assumed=True)
    strip.show_machine(replace(MACHINE, accelerators=(card,)))
    assert "8.00 GB" in words(strip)
    assert not [text for text in words(strip) if "free of 8.00 GB" in text]


def test_it_rests_while_it_cannot_be_seen(qtbot, strip):
    assert strip.refreshing
    strip.hide()
    assert not strip.refreshing


def seen(strip):
    return {label.text() for label in strip.findChildren(QLabel) if label.isVisibleTo(strip)}


def test_brief_it_is_one_line_in_which_the_processor_gives_way(qtbot, strip):
    facts = {"20.0 GB free of 32.0 GB", "7.00 GB free of 8.00 GB"}
    strip.show_machine(replace(MACHINE, notes=()))
    qtbot.waitUntil(lambda: facts <= seen(strip))
    tall = strip.sizeHint().height()
    strip.set_brief(True)
    assert strip.sizeHint().height() < tall / 1.5
    assert facts <= seen(strip)
    assert MACHINE.cpu.name not in seen(strip)
    assert visible_bars(strip) == 0
    strip.set_brief(False)
    assert MACHINE.cpu.name in seen(strip)
    assert visible_bars(strip) == 2
    assert strip.sizeHint().height() == tall


def test_brief_and_without_a_card_it_tells_the_processor(qtbot, strip):
    strip.show_machine(replace(MACHINE, accelerators=(), notes=()))
    strip.set_brief(True)
    qtbot.waitUntil(lambda: {MACHINE.cpu.name, "20.0 GB free of 32.0 GB"} <= seen(strip))
