"""What this computer is: processor, memory and accelerators.

May import `app.core`, `app.storage` and `resources`. Main entries: `probe()` for the whole description, `read_memory()`
for the few numbers that change, cheap enough to call every second. Each source has a reader of its own whose
parsing is a pure function; a source that fails costs a note in `Machine.notes`, never the probe. `read_profile`
and `profile_of` for the description of another computer in a file.
"""

from app.hardware.machine import Accelerator, Cpu, Machine, Memory
from app.hardware.memory import read_memory
from app.hardware.probe import probe
from app.hardware.profile import profile_of, read_profile

__all__ = ["Accelerator", "Cpu", "Machine", "Memory", "probe", "profile_of", "read_memory", "read_profile"]
