"""Two to five models on one prompt, side by side.

May import everything below it down to `app.core`. Main entries: `plan_comparison` before anything is
loaded, `Comparison` to ask; `pairing` says which models of a library belong together.
"""

from app.compare.answers import (
    MemoryPlanned,
    PaneAnswer,
    PaneDelta,
    PaneFinished,
    PaneLoading,
    PanePrompt,
    PaneReading,
    Passage,
)
from app.compare.comparison import MAXIMUM_PANES, Comparison
from app.compare.difference import first_difference
from app.compare.divergence import DivergenceFigures, divergence_figures
from app.compare.plan import ComparisonPlan, plan_comparison, plan_threads

__all__ = [
    "MAXIMUM_PANES",
    "Comparison",
    "ComparisonPlan",
    "DivergenceFigures",
    "MemoryPlanned",
    "PaneAnswer",
    "PaneDelta",
    "PaneFinished",
    "PaneLoading",
    "PanePrompt",
    "PaneReading",
    "Passage",
    "divergence_figures",
    "first_difference",
    "plan_comparison",
    "plan_threads",
]
