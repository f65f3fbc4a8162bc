"""What becomes of the weights of a source when a type is made of it."""

from __future__ import annotations

from typing import Literal

from app.convert.checkpoint.prospect import Prospect

Rounding = Literal["exact", "kept", "trained", "once", "twice"]
"""`exact`: every weight is what it was. `kept`: integers of a quantized checkpoint, in blocks of a GGUF as they were.
`trained`: once, to the type that it was trained for. `once`: from the precision the author published. `twice`: what had
been quantized before was quantized again."""


def rounding_of_plain(type_name: str, form: str, trained_for: str | None) -> Rounding:
    """Of weights in full precision of the type `form`."""
    if type_name in (form, "F32"):
        return "exact"
    return "trained" if type_name == trained_for else "once"


def rounding_of_quantized(type_name: str, prospect: Prospect) -> Rounding:
    """Of a checkpoint that is quantized already."""
    if type_name == "F32":
        return "exact"
    return "kept" if type_name == prospect.kept else "twice"
