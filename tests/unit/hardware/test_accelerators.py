"""Graphics cards through a stand-in for NVML, and the GPU of a Mac."""

import pytest

from app.hardware.apple import describe_apple_gpu, read_apple_gpu
from app.hardware.machine import Accelerator, Memory
from app.hardware.nvidia import read_nvidia
from app.hardware.probe import probe

GIB = 1024**3


class FakeNvml:
    """As much of pynvml as the reader uses; a card is (name, total, free) or an error to raise."""

    NVML_ERROR_LIBRARY_NOT_FOUND = 12

    class NVMLError(Exception):
        def __init__(self, value, text):
            super().__init__(text)
            self.value = value

    class Memory:
        def __init__(self, total, free):
            self.total, self.free = total, free

    def __init__(self, cards=(), init_error=None):
        self.cards, self.init_error, self.running = cards, init_error, False

    def nvmlInit(self):
        if self.init_error:
            raise self.init_error
        self.running = True

    def nvmlShutdown(self):
        self.running = False

    def nvmlDeviceGetCount(self):
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index):
        if isinstance(self.cards[index], Exception):
            raise self.cards[index]
        return self.cards[index]

    def nvmlDeviceGetName(self, card):
        return card[0]

    def nvmlDeviceGetMemoryInfo(self, card):
        return self.Memory(card[1], card[2])


def test_cards_are_listed_with_their_memory():
    nvml = FakeNvml([("NVIDIA GeForce RTX 4060", 8 * GIB, 7 * GIB), (b"Some card", 24 * GIB, 24 * GIB)])
    cards, notes = read_nvidia(nvml)
    assert cards == (
        Accelerator(
            "NVIDIA GeForce RTX 4060", "CUDA", 8 * GIB, 7 * GIB, bandwidth_bytes_per_s=272_000_000_000
        ),
        Accelerator("Some card", "CUDA", 24 * GIB, 24 * GIB),
    )
    assert notes == ()
    assert not nvml.running


def test_a_computer_without_the_driver_has_no_card_and_no_note():
    error = FakeNvml.NVMLError(FakeNvml.NVML_ERROR_LIBRARY_NOT_FOUND, "NVML Shared Library Not Found")
    assert read_nvidia(FakeNvml(init_error=error)) == ((), ())


def test_a_driver_that_does_not_run_leaves_a_note():
    cards, notes = read_nvidia(FakeNvml(init_error=FakeNvml.NVMLError(9, "Driver Not Loaded")))
    assert cards == ()
    assert notes == ("The NVIDIA driver cannot be asked about graphics cards: Driver Not Loaded.",)


def test_one_lost_card_leaves_the_others_and_a_note():
    lost = FakeNvml.NVMLError(15, "GPU is lost")
    cards, notes = read_nvidia(FakeNvml([lost, ("RTX 3090", 24 * GIB, 20 * GIB)]))
    assert [card.name for card in cards] == ["RTX 3090"]
    assert notes == ("NVIDIA graphics card 1 does not answer: GPU is lost.",)


@pytest.mark.parametrize(
    ("total_gib", "sysctl", "limit_bytes"),
    [
        (24, "0\n", 16 * GIB),
        (64, "0\n", 48 * GIB),
        (64, "", 48 * GIB),
        (64, "57344\n", 56 * GIB),
        (16, "999999999\n", 16 * GIB),
    ],
)
def test_apple_gpu_may_use_its_share_of_memory(total_gib, sysctl, limit_bytes):
    memory = Memory(total_gib * GIB, 10 * GIB, unified=True)
    gpu = describe_apple_gpu(memory, sysctl, "Apple M2")
    assert gpu == Accelerator("Apple GPU", "Metal", limit_bytes, 10 * GIB, True, 100_000_000_000)


def test_a_computer_without_unified_memory_has_no_apple_gpu():
    assert read_apple_gpu(Memory(8 * GIB, 4 * GIB, unified=False), "AMD Ryzen") == ()


def test_probe_describes_this_computer():
    machine = probe()
    assert machine.cpu.logical_cores >= 1
    assert machine.memory.total_bytes > 0
