"""Jinja2's immutable sandbox with a bound on what a template may do and build.

The sandbox keeps a template away from Python's internals, not from time and memory: loops in loops and
`'a' * 3000000000` are harmless to it. Here every step is counted and every value weighed (see
`budget`), operations that would make much out of little are refused before they start, and on POSIX
the address space is limited meanwhile, for what nobody thought of.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.lexer import Token, TokenStream
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedFormatter
from jinja2.utils import Namespace

from app.runtime.worker.templates.bounds import (
    require,
    require_format,
    require_power,
    require_product,
    require_replaced,
    require_search,
    require_small_counts,
    require_widths,
)
from app.runtime.worker.templates.budget import Budget, OverBudget
from app.runtime.worker.templates.code import CheckedCodeGenerator
from app.runtime.worker.templates.filters import bound_filters

MEMORY_MARGIN_BYTES = 1 << 30
MOST_TEMPLATE_CHARACTERS = 200_000
"""The longest template known has 20,000."""
MOST_CODE_CHARACTERS = 1_000_000
"""Of Python, into which the template is compiled: Python's compiler cannot be watched."""

_NESTED_SEARCHES = frozenset({"rfind", "rindex", "rsplit", "rpartition", "strip", "lstrip", "rstrip"})
_CODECS = frozenset({"utf-8", "utf8", "ascii", "latin-1"})
"""Some of the others take a time with the square of the text's length."""
_THIS_PROCESS = psutil.Process()  # looked up once: that takes milliseconds


class _WatchedTokens(Extension):
    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        for token in stream:
            self.environment.step()  # type: ignore[attr-defined]
            yield token


class _Generation(Extension):
    """`{% generation %}` marks what a model is trained on; Transformers knows it, and renders what is in it."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True)).set_lineno(
            line
        )


class _Namespace(Namespace):
    """Others may hold it and it may hold them, so that its text would have no bound."""

    def __repr__(self) -> str:
        raise OverBudget("it writes out a namespace")


class BoundedSandbox(ImmutableSandboxedEnvironment):
    """Raises SecurityError for what goes beyond its `budget`, to be set before each use."""

    code_generator_class = CheckedCodeGenerator
    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "**", "%"})

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _Generation, _WatchedTokens]
        )
        self.budget = Budget()
        self.globals["namespace"] = _Namespace
        bound_filters(self)

    def step(self) -> None:
        self.budget.step()

    def made(self, value: Any) -> Any:
        return self.budget.made(value)

    def written(self, value: str) -> str:
        return str(self.budget.made(value))

    def concat(self, parts: Iterable[str], /) -> str:
        return self.budget.joined(parts)

    def joined(self, parts: Iterable[Any]) -> str:
        return self.budget.joined(map(str, parts))

    def add(self, left: Any, right: Any) -> Any:
        """Raises before the sum of two texts or lists is made."""
        budget = self.budget
        budget.require(budget.weigh(left) + budget.weigh(right))
        return budget.made(left + right)

    def require_arguments(self, args: Iterable[Any], kwargs: dict[str, Any]) -> None:
        """All together: a macro finds them in one tuple."""
        budget = self.budget
        budget.require(sum(map(budget.weigh, (*args, *kwargs.values()))))

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        require(len(source) <= MOST_TEMPLATE_CHARACTERS)
        tree = super()._parse(source, name, filename)
        for constant in tree.find_all(nodes.Const):
            self.budget.weigh(constant.value)
        return tree

    def _compile(self, source: str, filename: str) -> Any:
        require(len(source) <= MOST_CODE_CHARACTERS)
        self.budget.look()
        return super()._compile(source, filename)

    def getattr(self, obj: Any, attribute: str) -> Any:
        self.budget.step()
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        self.budget.step()
        return super().getitem(obj, argument)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        budget = self.budget
        if operator == "+":
            return self.add(left, right)
        if operator == "*":
            require_product(left, right, budget)
            require_product(right, left, budget)
        elif operator == "**":
            require_power(left, right)
        elif operator == "%" and isinstance(left, (str, bytes)):
            require_widths(left if isinstance(left, str) else left.decode("latin-1"), right, budget)
        else:
            budget.weigh(left)
            budget.weigh(right)
        return budget.made(super().call_binop(context, operator, left, right))

    # Their parameters are named so that no keyword of a template can be taken for them, as in Jinja2.
    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        owner, name = getattr(__obj, "__self__", None), getattr(__obj, "__name__", "")
        if isinstance(owner, str) and name == "join":
            args = tuple(part if isinstance(part, (list, tuple)) else list(part) for part in args)
        __self.require_arguments(args, kwargs)
        if isinstance(owner, (str, bytes, int)):
            _require_method(__self.budget, owner, name, (*args, *kwargs.values()))
        return __self.budget.made(super().call(__context, __obj, *args, **kwargs))

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
    def __init__(self, environment: BoundedSandbox) -> None:
        super().__init__(environment)
        self._budget = environment.budget

    def format_field(self, value: Any, format_spec: str) -> Any:
        require_format(format_spec)
        self._budget.weigh(value)
        return self._budget.made(super().format_field(value, format_spec))

    def convert_field(self, value: Any, conversion: Any) -> Any:
        self._budget.weigh(value)
        return self._budget.made(super().convert_field(value, conversion))


@contextmanager
def limited_memory() -> Iterator[None]:
    """Lets this process grow by `MEMORY_MARGIN_BYTES` and no further; has no effect on Windows."""
    try:
        import resource
    except ImportError:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = _THIS_PROCESS.memory_info().vms + MEMORY_MARGIN_BYTES
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


def _require_method(budget: Budget, owner: str | bytes | int, name: str, values: tuple[Any, ...]) -> None:
    """A call of one of Python's own methods is short and makes something small."""
    if name in ("format", "format_map"):  # has checks of its own
        return
    require_small_counts(values, budget.most)
    if isinstance(owner, bytes):
        require(name in ("decode", "hex"))
    if name in ("encode", "decode"):
        require(all(value in _CODECS for value in values[:1]))
    if not isinstance(owner, str):
        return
    if name == "replace":
        require_replaced(owner, budget, *values)
    elif name == "join":
        budget.require(sum(budget.weigh(parts) + len(owner) * len(parts) for parts in values))
    elif name == "translate":
        tables = (table for table in values if isinstance(table, dict))
        budget.require(len(owner) * max((budget.weigh(table) for table in tables), default=1))
    elif name == "expandtabs":
        budget.require(len(owner) * max((size for size in values if isinstance(size, int)), default=8))
    elif name in _NESTED_SEARCHES:
        for value in values:
            require_search(owner, value)
