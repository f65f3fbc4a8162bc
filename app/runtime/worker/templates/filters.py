"""Jinja2's filters and tests with bounds on what one call may take and make."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from jinja2 import pass_environment
from jinja2.filters import make_attrgetter

from app.runtime.worker.templates.bounds import (
    require_replaced,
    require_search,
    require_short,
    require_small_counts,
    require_widths,
)

if TYPE_CHECKING:
    from app.runtime.worker.templates.sandbox import BoundedSandbox

_NEEDLESS = ("lipsum", "pprint", "random", "urlize", "wordwrap", "xmlattr")
"""No chat template has a use for them, and most take long with long texts."""
_SLOW_ON_TEXT = frozenset({"title", "wordcount", "striptags", "urlencode", "forceescape"})
_SLOW_ON_ITEMS = frozenset({"sort", "dictsort", "unique", "groupby", "min", "max"})
_MOST_SLOW_CHARACTERS = 50_000
_MOST_SLOW_ITEMS = 10_000


def bound_filters(environment: BoundedSandbox) -> None:
    """Replaces the environment's filters, tests and globals by ones that keep to its budget."""
    for name in _NEEDLESS:
        environment.filters.pop(name, None)
        environment.globals.pop(name, None)
    environment.filters["sum"] = _sum
    environment.filters["tojson"] = functools.partial(_to_json, environment)
    for name, function in environment.filters.items():
        environment.filters[name] = _bounded_filter(environment, name, function)
    tests: dict[str, Any] = environment.tests
    for name, function in tests.items():
        tests[name] = _stepping(environment, function)


def _bounded_filter(
    environment: BoundedSandbox, name: str, function: Callable[..., Any]
) -> Callable[..., Any]:
    skipped = 1 if hasattr(function, "jinja_pass_arg") else 0

    @functools.wraps(function)
    def bounded(*args: Any, **kwargs: Any) -> Any:
        environment.require_arguments(args[skipped:], kwargs)
        value, *rest = args[skipped:]
        value = _require_input(environment, name, value, rest, kwargs)
        return environment.made(function(*args[:skipped], value, *rest, **kwargs))

    return bounded


def _require_input(
    environment: BoundedSandbox, name: str, value: Any, rest: list[Any], kwargs: dict[str, Any]
) -> Any:
    """The value, as a list where it had to be counted."""
    budget = environment.budget
    if name not in ("default", "d"):  # they hand their number on and make nothing of it
        require_small_counts((*rest, *kwargs.values()), 100 if name == "round" else budget.most)
    if name in _SLOW_ON_TEXT:
        require_short(value if isinstance(value, str) else "", _MOST_SLOW_CHARACTERS)
    elif name in _SLOW_ON_ITEMS:
        items = list(value)
        require_short(items, _MOST_SLOW_ITEMS)
        budget.weigh(items)
        return value if isinstance(value, Mapping) else items
    elif name == "format":
        require_widths(str(value), tuple(rest) or kwargs, budget)
    elif name == "replace":
        require_replaced(str(value), budget, *rest, **kwargs)
    elif name == "trim":
        require_search(str(value), rest[0] if rest else kwargs.get("chars"))
    elif name == "indent":
        width = rest[0] if rest else kwargs.get("width", 4)
        lines = str(value).count("\n") + 1
        budget.require(lines * (width if isinstance(width, int) else len(str(width))))
    elif name == "join":
        attribute = kwargs.get("attribute", rest[1] if len(rest) > 1 else None)
        if attribute is None:
            items = list(value)
            separator = rest[0] if rest else kwargs.get("d", "")
            budget.require(budget.weigh(items) + len(items) * len(str(separator)))
            return items
    return value


def _stepping(environment: BoundedSandbox, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def stepping(*args: Any, **kwargs: Any) -> Any:
        environment.step()
        return function(*args, **kwargs)

    return stepping


@pass_environment
def _sum(
    environment: BoundedSandbox, values: Iterable[Any], attribute: str | int | None = None, start: Any = 0
) -> Any:
    """Not Python's own, in which many long lists take a time with the square of their number."""
    if attribute is not None:
        values = map(make_attrgetter(environment, attribute), values)
    for value in values:
        start = environment.add(start, value)
    return start


def _to_json(
    environment: BoundedSandbox,
    value: Any,
    ensure_ascii: bool = False,
    indent: int | str | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """As Transformers has it: without Jinja2's escapes for HTML, and with these of json's options."""
    if isinstance(indent, int) and indent > 100:
        raise ValueError(f"an indent of {indent}")
    require_short((indent if isinstance(indent, str) else "", *(separators or ())), 100)
    encoder = json.JSONEncoder(
        ensure_ascii=bool(ensure_ascii), indent=indent, separators=separators, sort_keys=bool(sort_keys)
    )
    return environment.budget.joined(_watched(environment, encoder.iterencode(value)))


def _watched(environment: BoundedSandbox, parts: Iterable[str]) -> Iterable[str]:
    for part in parts:
        environment.step()
        yield part
