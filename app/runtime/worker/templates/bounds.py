"""Refusals of single operations that make much out of little, or take long, before they start."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sized
from typing import Any

from app.runtime.worker.templates.budget import BITS, Budget, OverBudget

_LONG_NUMBER = re.compile(r"\d{7,}")
_MOST_COMPARED = 100_000_000
"""Characters that a search with two nested loops may compare."""


def require(small_enough: bool) -> None:
    if not small_enough:
        raise OverBudget("it makes a text or a number far too long")


def require_short(value: Sized | Iterable[str], most: int) -> None:
    """For several texts: each of them."""
    if isinstance(value, tuple):
        require(all(len(part) <= most for part in value))
    else:
        require(len(value) <= most)  # type: ignore[arg-type]


def require_small_counts(values: Iterable[Any], most: int) -> None:
    for value in values:
        require(not isinstance(value, int) or abs(value) <= most)


def require_product(many: Any, count: Any, budget: Budget) -> None:
    """Of a text or list and a number, or of two numbers."""
    if not isinstance(count, int):
        return
    if isinstance(many, (str, bytes, list, tuple)):
        budget.require(budget.weigh(many) * count)
    elif isinstance(many, int):
        require(many.bit_length() + count.bit_length() <= BITS)


def require_power(base: Any, exponent: Any) -> None:
    if isinstance(base, int) and isinstance(exponent, int):
        require(base.bit_length() * exponent <= BITS)


def require_widths(pattern: str, values: Any, budget: Budget) -> None:
    """`pattern % values` has no wide fields, and not many that repeat something long."""
    require(_LONG_NUMBER.search(pattern) is None)
    if "*" in pattern:
        require_small_counts(values if isinstance(values, tuple) else (values,), budget.most)
    budget.require(pattern.count("%") * budget.weigh(values))


def require_format(specification: str) -> None:
    require(_LONG_NUMBER.search(specification) is None)


def require_replaced(text: str, budget: Budget, *args: Any, **kwargs: Any) -> None:
    if len(args) + len(kwargs) >= 2:
        old, new = (str(part) for part in (*args, *kwargs.values())[:2])
        budget.require(len(text) + text.count(old) * len(new))


def require_search(text: str, sought: Any) -> None:
    """For what may look at all of `sought` for each character of `text`."""
    if isinstance(sought, str):
        require(len(text) * len(sought) <= _MOST_COMPARED)
