"""The guide, Nibble's built-in model: its checkpoint comes with the program, its GGUF files are made at first use.

May import everything below it down to `app.core`, and `resources`. Imports the rooms that convert only when
something is made, since the window asks for `guide_fault` while it opens. Main entries: `make_guide` for the
files, `guide_is_current` for whether they are made, `guide_fault` for whether this installation can make them.
"""

from app.guide.checkpoint import guide_fault
from app.guide.make import guide_is_current, make_guide
from app.guide.names import (
    FIRST_QUESTION,
    GUIDE_QUANTIZATIONS,
    SOURCE_QUANTIZATION,
    guide_file,
    guide_quantization,
)

__all__ = [
    "FIRST_QUESTION",
    "GUIDE_QUANTIZATIONS",
    "SOURCE_QUANTIZATION",
    "guide_fault",
    "guide_file",
    "guide_is_current",
    "guide_quantization",
    "make_guide",
]
