"""How divergences are said and coloured."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QColor

from app.compare.token_words import strength
from app.runtime.protocol import TokenDivergence
from app.ui import theme


def ground(kl_divergence: float) -> QColor | None:
    """What a token stands on; None where nothing is to be seen. Text stays readable on all of it."""
    share = strength(kl_divergence)
    if not share:
        return None
    tokens = theme.current()
    return theme.blend(tokens.colour("warning"), tokens.colour("surface"), 0.08 + 0.30 * share)


def bar_colour(token: TokenDivergence) -> QColor:
    return theme.current().colour("control" if token.same_top else "danger")


def place(rank: int) -> str:
    """`rank` counts from 0."""
    if rank == 0:
        return QCoreApplication.translate("Divergence", "the likeliest")
    return QCoreApplication.translate("Divergence", "number {n}").format(n=f"{rank + 1:,}")
