"""What `nibble convert` says of a checkpoint before it makes anything of it."""

from __future__ import annotations

import sys
from pathlib import Path

from app.cli.terminal import printable
from app.convert import SOURCE_TYPES
from app.convert.checkpoint.prospect import prospect_of_folder


def print_notes(folder: Path, types: list[str]) -> None:
    """On stderr. Raises what `prospect_of_folder` raises."""
    prospect = prospect_of_folder(folder)
    name, wanted = printable(folder.name, lines=False), prospect.trained_for
    if wanted is not None and not {wanted, *SOURCE_TYPES}.issuperset(types):
        print(
            f"{name} was trained to be quantized to {wanted}, which costs it less than other types of that size.",
            file=sys.stderr,
        )
    if prospect.leaves_out:
        print(f"Made of {name} is its text part, without {prospect.leaves_out}.", file=sys.stderr)
