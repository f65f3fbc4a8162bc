"""Jinja2's immutable sandbox with a bound on what a template may build.

The sandbox keeps a template away from Python's internals, not from memory: `'a' * 3000000000` is
harmless to it. Here operators, filters and methods that make much out of little are refused before
they start, and on POSIX the address space is limited meanwhile, for what nobody thought of.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil
from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError
from jinja2.ext import loopcontrols
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedFormatter

MOST_CHARACTERS = 10_000_000
"""Of a text, and of what is rendered; also the most bits of a number."""
MOST_ITEMS = 1_000_000
"""Of a list, and of what a width or a count may be."""
MEMORY_MARGIN_BYTES = 1 << 30

_LONG_NUMBER = re.compile(r"\d{7,}")
_COUNTING_TYPES = (str, bytes, int, list, tuple)


class _Generator(CodeGenerator):
    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:
        # `~` is no operator Jinja2 lets be intercepted, and doubles a text as well as any.
        self.write("environment.joined((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")


class BoundedSandbox(ImmutableSandboxedEnvironment):
    """Raises SecurityError for what would grow beyond the limits of this module."""

    code_generator_class = _Generator
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
        self.globals.pop("lipsum")  # paragraphs of nonsense, as many as are asked for
        for name in ("format", "replace", "join"):
            self.filters[name] = _bounded_texts(name, self.filters[name])
        for name, function in self.filters.items():
            if name not in ("default", "d"):  # they hand their number on and make nothing of it
                self.filters[name] = _bounded_counts(function)

    def concat(self, parts: Iterable[str], /) -> str:
        return bounded_join(parts)

    def joined(self, parts: Iterable[Any]) -> str:
        return bounded_join(map(str, parts))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "+":
            if isinstance(left, (str, list, tuple)) and isinstance(right, (str, list, tuple)):
                _require(len(left) + len(right) <= _most(left))
        elif operator == "*":
            _require_product(left, right)
            _require_product(right, left)
        elif operator == "**":
            if isinstance(left, int) and isinstance(right, int):
                _require(left.bit_length() * right <= MOST_ITEMS)
        elif isinstance(left, (str, bytes)):
            _require_small_widths(left if isinstance(left, str) else left.decode("latin-1"), right)
        return super().call_binop(context, operator, left, right)

    # Their parameters are named so that no keyword of a template can be taken for them, as in Jinja2.
    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        owner = getattr(__obj, "__self__", None)
        name = getattr(__obj, "__name__", "")
        if isinstance(owner, _COUNTING_TYPES) and name not in ("format", "format_map"):
            _require_small_counts((*args, *kwargs.values()))
            if isinstance(owner, str) and name in ("replace", "join"):
                _require_text(name, owner, *args, **kwargs)
            if isinstance(owner, str) and name == "translate":
                _require(len(owner) * _longest(args) <= MOST_CHARACTERS)
        return super().call(__context, __obj, *args, **kwargs)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        if super().wrap_str_format(value) is None:
            return None
        text: str = value.__self__
        formatter = _BoundedFormatter(self)

        def format_(*args: Any, **kwargs: Any) -> str:
            return formatter.vformat(text, args, kwargs)

        def format_map(mapping: Any) -> str:
            return formatter.vformat(text, (), mapping)

        return functools.update_wrapper(format_map if value.__name__ == "format_map" else format_, value)


class _BoundedFormatter(SandboxedFormatter):
    def format_field(self, value: Any, format_spec: str) -> Any:
        _require(_LONG_NUMBER.search(format_spec) is None)
        return super().format_field(value, format_spec)


def bounded_join(parts: Iterable[str]) -> str:
    """`"".join`, refused as soon as it is clear that the text grows too long."""
    kept, length = [], 0
    for part in parts:
        length += len(part)
        _require(length <= MOST_CHARACTERS)
        kept.append(part)
    return "".join(kept)


@contextmanager
def limited_memory() -> Iterator[None]:
    """Lets this process grow by `MEMORY_MARGIN_BYTES` and no further; has no effect on Windows."""
    try:
        import resource
    except ImportError:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = psutil.Process().memory_info().vms + MEMORY_MARGIN_BYTES
    if any(known not in (resource.RLIM_INFINITY, -1) and known <= limit for known in (soft, hard)):
        yield
        return
    with suppress(ValueError, OSError):  # a system that knows the limit and does not let it be set
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _bounded_counts(function: Callable[..., Any]) -> Callable[..., Any]:
    # The value itself may be any number; what follows it are widths and counts.
    skipped = 2 if hasattr(function, "jinja_pass_arg") else 1

    @functools.wraps(function)
    def bounded(*args: Any, **kwargs: Any) -> Any:
        _require_small_counts((*args[skipped:], *kwargs.values()))
        return function(*args, **kwargs)

    return bounded


def _bounded_texts(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    skipped = 1 if hasattr(function, "jinja_pass_arg") else 0

    @functools.wraps(function)
    def bounded(*args: Any, **kwargs: Any) -> Any:
        value, *rest = args[skipped:]
        if name == "format":
            _require_small_widths(str(value), tuple(rest) or kwargs)
        elif name == "replace":
            _require_text("replace", str(value), *rest, **kwargs)
        else:  # join: a number of values and what stands between them
            attribute = kwargs.get("attribute", rest[1] if len(rest) > 1 else None)
            if attribute is None:
                value = list(value)
                separator = kwargs.get("d", rest[0] if rest else "")
                _require_text("join", str(separator), value)
                args = (*args[:skipped], value, *rest)
        return function(*args, **kwargs)

    return bounded


def _require_text(method: str, text: str, *args: Any, **kwargs: Any) -> None:
    """What `text.replace(...)` or `text.join(...)` would make is short enough."""
    if method == "join" and args and isinstance(args[0], (list, tuple, str)):
        parts = args[0]
        length = len(text) * len(parts)
        _require(length <= MOST_CHARACTERS)
        for part in parts:
            length += len(part) if isinstance(part, str) else 0
            _require(length <= MOST_CHARACTERS)
    elif method == "replace" and len(args) + len(kwargs) >= 2:
        old, new = (str(part) for part in (*args, *kwargs.values())[:2])
        _require(len(text) + text.count(old) * len(new) <= MOST_CHARACTERS)


def _require_product(many: Any, count: Any) -> None:
    if not isinstance(count, int):
        return
    if isinstance(many, (str, bytes, list, tuple)):
        _require(len(many) * count <= _most(many))
    elif isinstance(many, int):
        _require(many.bit_length() + count.bit_length() <= MOST_ITEMS)


def _require_small_widths(pattern: str, values: Any) -> None:
    _require(_LONG_NUMBER.search(pattern) is None)
    if "*" in pattern:
        _require_small_counts(values if isinstance(values, tuple) else (values,))


def _require_small_counts(values: Iterable[Any]) -> None:
    for value in values:
        _require(not isinstance(value, int) or abs(value) <= MOST_ITEMS)


def _longest(tables: Iterable[Any]) -> int:
    values = (value for table in tables if isinstance(table, dict) for value in table.values())
    return max((len(value) for value in values if isinstance(value, str)), default=1)


def _most(value: Any) -> int:
    return MOST_CHARACTERS if isinstance(value, (str, bytes)) else MOST_ITEMS


def _require(small_enough: bool) -> None:
    if not small_enough:
        raise SecurityError("it makes a text or a number far too long")
