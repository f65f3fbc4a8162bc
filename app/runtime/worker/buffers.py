"""What llama.cpp's log says about the buffers it allocates."""

from __future__ import annotations

import re

_REPACKED = re.compile(r"\b(?:CPU_REPACK|AMX) model buffer size =\s*([\d.]+) MiB")


class BufferLog:
    """Reads log text as it comes; sizes in bytes.

    `repacked_bytes`: weights that were copied into another layout. The pages of the file they were
    copied from stay mapped, but nothing reads them again and the system may take them at any time.
    """

    def __init__(self) -> None:
        self.repacked_bytes = 0

    def read(self, text: str) -> None:
        for size in _REPACKED.findall(text):
            self.repacked_bytes += round(float(size) * 1024 * 1024)
