"""README and the manual: links lead somewhere, and every command line in them is one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer
from typer._click.exceptions import MissingParameter, UsageError  # typer brings its own click

from app.__main__ import _means_file
from app.cli.program import COMMANDS, _program
from app.recommend import read_catalogue

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMAND_LINE = ROOT / "docs" / "command-line.md"
PICTURES = ROOT / "docs" / "pictures"

_LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"")
_INLINE = re.compile(r"`([^`\n]+)`")
_OTHERWISE = ("--version", "--smoke-test")
"""What is no command."""
_BEGIN = re.compile(r"^(?:\S*/)?(?:uv run )?(?:\S*/)?nibble(?= |$)")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def links(page: Path) -> list[str]:
    return [first or second for first, second in _LINK.findall(page.read_text("utf-8"))]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_is_linked_is_there(page: Path) -> None:
    for link in links(page):
        if re.match(r"https?:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name_of(page)} leads to {link}"
        if anchor:
            assert anchor in anchors(target), f"{name_of(page)} leads to {link}"


def anchors(page: Path) -> list[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


def test_every_page_is_linked_from_another() -> None:
    linked = {
        (page.parent / link.partition("#")[0]).resolve()
        for page in PAGES
        for link in links(page)
        if not link.startswith("#")
    }
    assert [name_of(page) for page in PAGES[1:] if page not in linked] == []


def test_the_number_of_models_is_that_of_the_catalogue() -> None:
    count = len(read_catalogue())
    for page in PAGES:
        told = re.findall(r"(\d+) (?:open )?models|catalogue's (\d+) models", page.read_text("utf-8"))
        numbers = {int(one or other) for one, other in told}
        assert {number for number in numbers if 100 < number < 1000} <= {count, count - 3}, name_of(page)


def test_every_picture_is_shown_and_all_are_small() -> None:
    shown = {
        (page.parent / link).resolve() for page in PAGES for link in links(page) if link.endswith(".png")
    }
    pictures = list(PICTURES.iterdir())
    assert {path for path in pictures if path not in shown} == set()
    assert max(path.stat().st_size for path in pictures) < 200_000
    assert sum(path.stat().st_size for path in pictures) < 4_000_000


def examples(page: Path) -> Iterator[list[str]]:
    """The arguments of what stands in an indented block and begins with nibble."""
    for line in page.read_text("utf-8").splitlines():
        if line.startswith("    "):
            for part in re.split(r" && ", line.strip()):
                if found := _BEGIN.match(part):
                    words = shlex.split(part[found.end() :], comments=True)
                    yield words[: words.index(">")] if ">" in words else words


def mentions(page: Path) -> Iterator[list[str]]:
    """Of what stands within a sentence; what it leaves out need not be said."""
    for code in _INLINE.findall(page.read_text("utf-8")):
        found = _BEGIN.match(code)
        if found and not re.search(r"[{}…/=]", code):
            yield shlex.split(code[found.end() :])


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_example_is_a_command_with_options_that_exist(page: Path) -> None:
    for arguments in examples(page):
        parse(arguments)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_that_is_mentioned_exists(page: Path) -> None:
    for arguments in mentions(page):
        try:
            parse(arguments)
        except MissingParameter:
            continue


@pytest.mark.parametrize(
    "arguments", [["sing"], ["chat", "guide", "--loud"], ["estimate", "m.gguf", "--kv", "q5"]]
)
def test_what_is_no_command_line_is_found_out(arguments: list[str]) -> None:
    with pytest.raises(UsageError):
        parse(arguments)


def test_every_command_is_in_the_manual() -> None:
    told = {arguments[0] for arguments in examples(COMMAND_LINE) if arguments}
    assert set(COMMANDS) - told == set()


def test_every_option_that_the_manual_names_exists() -> None:
    told = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", COMMAND_LINE.read_text("utf-8")))
    existing = {"--help", *_OTHERWISE}
    for name in COMMANDS:
        existing |= set(_options_of(typer.main.get_command(_program([name])).commands[name]))  # type: ignore[attr-defined]
    assert told - existing == set()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_program_of_the_checkout_exists(page: Path) -> None:
    for module in re.findall(
        r"python3? -m ((?:tests|kernels|resources|installers|app)[\w.]*)", page.read_text("utf-8")
    ):
        assert find_spec(module) is not None, module


def test_nothing_reaches_the_network_but_what_readme_tells() -> None:
    """Search, pages, downloads and packs; the newest release; servers that a person names. The window's own socket is
    for later starts on the same computer."""
    network = (
        r"^\s*(?:from|import) (?:httpx|requests|urllib\.request|urllib3|http\.|socket|asyncio|PySide6\.QtNet)"
    )
    reaching = {
        path.relative_to(ROOT / "app").as_posix()
        for path in (ROOT / "app").rglob("*.py")
        if re.search(network, path.read_text("utf-8"), re.MULTILINE)
    }
    told = {"about/releases.py", "runtime/rpc_servers.py", "ui/first_window.py"}
    assert {path for path in reaching if not path.startswith(("downloads/", "hub/"))} == told


def parse(arguments: list[str]) -> None:
    """Raises UsageError where the command line would."""
    arguments = [each for each in arguments if each != "--help"]  # prints and ends
    if not arguments or arguments[0] in _OTHERWISE or (len(arguments) == 1 and _means_file(arguments[0])):
        return
    command = typer.main.get_command(_program(arguments))
    context = typer.Context(command, info_name="nibble")
    while hasattr(command, "commands") and arguments and not arguments[0].startswith("-"):
        _, command, arguments = command.resolve_command(context, list(arguments))
        context = typer.Context(command, info_name=command.name, parent=context)
    if hasattr(command, "commands"):
        assert set(arguments) <= set(_options_of(command)), arguments
    else:
        command.parse_args(context, list(arguments))


def _options_of(command: Any) -> Iterator[str]:
    for parameter in command.params:
        yield from (*parameter.opts, *parameter.secondary_opts)
    for each in getattr(command, "commands", {}).values():
        yield from _options_of(each)
