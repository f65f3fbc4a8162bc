"""What this computer is: processor, memory and accelerators.

May import `app.core`, `app.storage`, `app.runtime` and `resources`. Main entries: `probe()` for the whole description,
without a worker and within two seconds; `probe_usable` for what the runtime can use of it, from which plans start;
`LiveMachine` and `read_memory()` for the few numbers that change, cheap enough to read every second; `ThisMachine` for
engines that are about to load;
`measure_bandwidth` on request.
Each source has a reader of its own whose parsing is a pure function; a source that fails or hangs costs a note in
`Machine.notes`, never the probe. `read_profile` and `profile_of` for the description of another computer in a file.
"""

from app.hardware.here import ThisMachine
from app.hardware.live import LiveMachine
from app.hardware.machine import Accelerator, Cpu, Machine, Memory
from app.hardware.memory import read_memory
from app.hardware.memory_speed import keep_bandwidth, measure_bandwidth, with_measured_bandwidth
from app.hardware.probe import probe
from app.hardware.profile import profile_of, read_profile
from app.hardware.runtime_devices import ask_runtime, with_runtime_devices
from app.hardware.usable import probe_usable, usable

__all__ = [
    "Accelerator",
    "Cpu",
    "LiveMachine",
    "Machine",
    "Memory",
    "ThisMachine",
    "ask_runtime",
    "keep_bandwidth",
    "measure_bandwidth",
    "probe",
    "probe_usable",
    "profile_of",
    "read_memory",
    "read_profile",
    "usable",
    "with_measured_bandwidth",
    "with_runtime_devices",
]
