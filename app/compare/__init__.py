"""Two to four models on one prompt, side by side.

May import everything below it down to `app.core`. Main entry: `Comparison`.
"""

from app.compare.comparison import (
    MAXIMUM_PANES,
    Comparison,
    PaneAnswer,
    PaneDelta,
    PaneFinished,
    PaneLoading,
    plan_threads,
)
from app.compare.difference import first_difference

__all__ = [
    "MAXIMUM_PANES",
    "Comparison",
    "PaneAnswer",
    "PaneDelta",
    "PaneFinished",
    "PaneLoading",
    "first_difference",
    "plan_threads",
]
