"""The process that sets formulas: LaTeX in, SVG out, a line of JSON each.

A process of its own because what sets a formula is Python code whose time may double with every level of what is
nested: it ends itself when one takes too long, and takes nothing with it. No Qt here, and no files.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
from typing import Any

ARGUMENT = "--formulas"
LONGEST_S = 2.0
"""Of processor time for one formula."""
LONGEST_SVG = 400_000
_BOX = re.compile(r'viewBox="([^"]*)"')
"""Left, top (the line of the text is at 0), width and height."""


class _Watch:
    """Ends the process when the formula at hand takes too long."""

    def __init__(self) -> None:
        self._until: float | None = None
        threading.Thread(target=self._look, daemon=True).start()

    def begin(self) -> None:
        self._until = time.process_time() + LONGEST_S

    def end(self) -> None:
        self._until = None

    def _look(self) -> None:
        while True:
            time.sleep(0.1)
            until = self._until
            if until is not None and time.process_time() > until:
                os._exit(3)


def run() -> int:
    """Answers until its input ends."""
    import ziamath

    ziamath.config.svg2 = False  # plain paths: Qt knows no symbols
    watch = _Watch()
    for line in sys.stdin:
        asked = json.loads(line)
        watch.begin()
        try:
            answer = _set(ziamath, asked)
        except Exception:  # whatever others' code makes of a mistake in a formula
            answer = {}
        watch.end()
        print(json.dumps({"number": asked["number"], **answer}), flush=True)
    return 0


def _set(ziamath: Any, asked: dict[str, Any]) -> dict[str, Any]:
    formula = ziamath.Latex(
        asked["latex"], size=asked["px"], color=asked["colour"], inline=not asked["displayed"]
    )
    svg = formula.svg()
    box = _BOX.search(svg)
    if box is None or len(svg) > LONGEST_SVG:
        return {}
    _, top, width, height = map(float, box[1].split())
    return {"svg": svg, "width": width, "height": height, "descent": max(top + height, 0.0)}
