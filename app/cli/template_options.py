"""What a command tells a model's chat template: whether to think, how hard, and which tools there are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from app.core.errors import WrongChoice, from_os_error
from app.runtime import TemplateOptions

_PANEL = "Thinking and tools"

ThinkingOption = Annotated[
    bool | None,
    typer.Option(
        "--thinking/--no-thinking",
        help="Whether the model thinks before it answers, where its template lets one choose.",
        rich_help_panel=_PANEL,
    ),
]
EffortOption = Annotated[
    str,
    typer.Option(
        "--effort",
        help="How hard it thinks, in the template's words: low, medium, high.",
        rich_help_panel=_PANEL,
    ),
]
ToolsOption = Annotated[
    Path | None,
    typer.Option(
        "--tools",
        help="A JSON file with the tools it may call, a list as in OpenAI's interface. Calls are told, not made.",
        rich_help_panel=_PANEL,
    ),
]


def template_options(thinking: bool | None, effort: str, tools: Path | None) -> TemplateOptions:
    """Raises WrongChoice for a file that holds no tools, and what reading it raises."""
    offered = _read_tools(tools) if tools is not None else ()
    return TemplateOptions(tools=offered, thinking=thinking, reasoning_effort=effort)


def _read_tools(path: Path) -> tuple[dict[str, Any], ...]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise from_os_error(error, path) from error
    except (ValueError, RecursionError) as error:
        raise WrongChoice(f"{path} is not JSON in UTF-8.", "Choose another file.") from error
    tools = found if isinstance(found, list) else [found]
    if not tools or not all(map(_is_tool, tools)):
        raise WrongChoice(
            f"{path} holds no list of tools.",
            'Each is written {"type": "function", "function": {"name": ..., "parameters": {...}}}.',
        )
    return tuple(tools)


def _is_tool(value: object) -> bool:
    function = value.get("function") if isinstance(value, dict) else None
    return isinstance(function, dict) and isinstance(function.get("name"), str)
