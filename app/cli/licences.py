"""`nibble licences`: what is in the program, and under which licences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from app.about import Component, all_notices, components, notices_of, problems_of
from app.cli.running import EXIT_CANNOT, JsonOption, engine_command, print_json, run_job
from app.cli.terminal import printable
from app.core.errors import WrongChoice


@engine_command
def licences(
    name: Annotated[str, typer.Argument(help="Of one part only, with its texts.", show_default=False)] = "",
    texts: Annotated[
        bool, typer.Option("--texts", help="The texts of all, to lay beside the program.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Look whether all of it may be given to others; exit 1 if not.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Tell the licences of all that is in Nibble.

    From source these are Nibble's requirements as they are installed, in the frozen program what was taken along.
    """
    listed = _chosen(run_job("Read licences", lambda control: components()), name)
    problems = run_job("Check licences", lambda control: problems_of(listed)) if check else []
    if as_json:
        document: dict[str, Any] = {
            "components": [_document(each, texts=texts or bool(name)) for each in listed]
        }
        print_json({**document, "problems": problems} if check else document)
    elif check:
        print(
            printable("\n".join(problems) or f"All {len(listed)} parts may be given to others.", lines=True)
        )
    elif texts:
        print(printable(all_notices(listed), lines=True))
    elif name:
        print(printable("\n".join(map(notices_of, listed)), lines=True))
    else:
        _print_table(listed)
    if problems:
        raise typer.Exit(EXIT_CANNOT)


def _chosen(listed: Sequence[Component], name: str) -> list[Component]:
    """Whose name it is, or else begins with it."""
    wanted = name.casefold()
    exact = [each for each in listed if each.name.casefold() == wanted]
    found = exact or [each for each in listed if each.name.casefold().startswith(wanted)]
    if not found:
        raise WrongChoice(f"Nothing in Nibble is called {name}.", "nibble licences lists all there is.")
    return found


def _document(component: Component, *, texts: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": component.name,
        "kind": component.kind.value,
        "version": component.version or None,
        "licence": component.licence or None,
        "copyright": component.copyright or None,
        "homepage": component.homepage or None,
        "inside": [
            {"name": each.name, "version": each.version or None, "licence": each.licence or None}
            for each in component.inside
        ],
    }
    return {**told, "notice": component.notice or None, "texts": _texts(component)} if texts else told


def _texts(component: Component) -> list[dict[str, str]]:
    return [{"title": each.title, "text": each.text} for each in component.texts]


def _print_table(listed: Sequence[Component]) -> None:
    rows = [("Part", "Version", "Licence")]
    rows += [(each.name, each.version or "–", each.licence or "see its text") for each in listed]
    name_width, version_width = (max(len(row[column]) for row in rows) for column in (0, 1))
    for name, version, licence in rows:
        print(printable(f"{name:{name_width}}  {version:{version_width}}  {licence}", lines=False))
