"""What `nibble convert --dry-run` tells."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from app.cli.running import print_json
from app.cli.terminal import printable
from app.convert import Foretold
from app.core.units import format_bytes

FALLBACKS_SHOWN = 3


def print_foretold(foretold: list[Foretold], folder: Path, *, as_json: bool) -> None:
    free = _free_bytes(folder)
    needed = sum(each.file_bytes for each in foretold)
    if as_json:
        outputs = [
            {
                "path": str(each.paths[0]),
                "quantization": each.quantization,
                "files": len(each.paths),
                "file_bytes": each.file_bytes,
                "bits_per_weight": each.bits_per_weight,
                "fallbacks": [
                    {"name": fallback.tensor, "type": fallback.type, "wanted": fallback.wanted}
                    for fallback in each.fallbacks
                ],
            }
            for each in foretold
        ]
        print_json({"outputs": outputs, "total_bytes": needed, "free_bytes": free})
        return
    for each in foretold:
        parts = f"  in {len(each.paths)} files" if len(each.paths) > 1 else ""
        path = printable(str(each.paths[0]), lines=False)
        size = f"{format_bytes(each.file_bytes)}  {each.bits_per_weight:.2f} bits per weight"
        print(f"{path}  {each.quantization}  {size}{parts}")
        for fallback in each.fallbacks[:FALLBACKS_SHOWN]:
            name = printable(fallback.tensor, lines=False)
            print(f"  {name}: {fallback.type}, since no block of {fallback.wanted} divides its rows")
        if (more := len(each.fallbacks) - FALLBACKS_SHOWN) > 0:
            print(f"  and {more} tensors more; --json has them all")
    if needed > free:
        print(
            f"That takes {format_bytes(needed)}; {printable(str(folder), lines=False)} has {format_bytes(free)} free.",
            file=sys.stderr,
        )


def _free_bytes(folder: Path) -> int:
    """Of its disk; the folder itself may not be there yet."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free
