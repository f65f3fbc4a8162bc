"""What a chat template lets a person choose about thinking, as far as its text shows. Nothing in it is run."""

from __future__ import annotations

import re

import msgspec

_MOST_CHARACTERS = 200_000
"""As the runtime renders; what is longer is none."""
_SWITCH = re.compile(
    r"\benable_thinking\b|\b(?:el)?if (?:not )?thinking\b|\bthinking is (?:not )?(?:defined|undefined)\b"
)
_EFFORTS = ("none", "no_think", "minimal", "low", "medium", "high", "max")
_EFFORT = re.compile(rf"""['"]({"|".join(_EFFORTS)})['"]""")
_USUAL_EFFORTS = {"low", "medium", "high"}


class ThinkingControls(msgspec.Struct, frozen=True, omit_defaults=True):
    """`switch`: it can be told to think or not. `efforts` it knows, the least first."""

    switch: bool = False
    efforts: tuple[str, ...] = ()


def thinking_controls(template: str | None) -> ThinkingControls | None:
    """None where there is nothing to choose."""
    text = (template or "")[:_MOST_CHARACTERS]
    switch = _SWITCH.search(text) is not None
    efforts: tuple[str, ...] = ()
    if re.search(r"\breasoning_effort\b", text):
        named = set(_EFFORT.findall(text))
        if len(named) < 2:  # only the one it takes by itself
            named |= _USUAL_EFFORTS
        efforts = tuple(effort for effort in _EFFORTS if effort in named)
    return ThinkingControls(switch, efforts) if switch or efforts else None
