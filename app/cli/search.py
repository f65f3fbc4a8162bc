"""`nibble search`: models on the Hugging Face Hub."""

from __future__ import annotations

import re
from itertools import chain, islice
from typing import Annotated, Any

import typer

from app.cli.machines import MachineOption, budget_on, machine_named
from app.cli.running import JsonOption, engine_command, print_json, run_job
from app.cli.terminal import printable
from app.core.jobs import JobControl
from app.core.units import format_count
from app.hub import FoundModel, Search, open_hub, search
from app.hub.search import Sort
from app.hub.verdict import Verdicts, known_among
from app.recommend.catalogue import read_catalogue
from app.recommend.fit import Fit
from app.recommend.kept_sizes import kept_file
from app.recommend.staircase import staircases_of
from app.runtime.protocol import LoadSettings
from app.storage import data_folder

_COUNT = re.compile(r"(\d+(?:\.\d+)?)([KMBT]?)", re.IGNORECASE)
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
_LARGEST_PAGE = 100


@engine_command
def search_hub(
    words: Annotated[list[str] | None, typer.Argument(help="Words that the name has to contain.")] = None,
    author: Annotated[str, typer.Option(help="Whose models, e.g. unsloth.")] = "",
    licence: Annotated[str, typer.Option("--licence", "--license", help="E.g. apache-2.0.")] = "",
    sort: Annotated[Sort, typer.Option(help="What comes first.")] = "trending",
    at_least: Annotated[str, typer.Option(help="Fewest parameters, e.g. 7B.")] = "",
    at_most: Annotated[str, typer.Option(help="Most parameters, e.g. 14B.")] = "",
    gguf: Annotated[bool, typer.Option(help="Only repositories with GGUF files.")] = True,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many models at most.")] = 20,
    context: Annotated[int, typer.Option(min=1, max=1 << 24, help="Context length of the verdict.")] = 4096,
    machine: MachineOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search the Hugging Face Hub for models, and tell how each would run here."""
    wish = Search(
        " ".join(words or ()),
        author,
        licence,
        sort,
        _count(at_least, "--at-least"),
        _count(at_most, "--at-most"),
        gguf,
        min(limit, _LARGEST_PAGE),
    )
    budget = budget_on(machine_named(machine), machine)

    def work(control: JobControl) -> list[tuple[FoundModel, Fit | None]]:
        control.progress("Asking the Hub")
        pages = search(open_hub(), wish, control.cancel)
        models = list(islice(chain.from_iterable(pages), limit))
        # Of few models: the whole catalogue takes seconds.
        staircases = staircases_of(known_among(read_catalogue(), models), control, kept_file(data_folder()))
        verdicts = Verdicts(staircases, budget, LoadSettings(context_length=context))
        return [(model, verdicts.of_found(model)) for model in models]

    found = run_job("search", work)
    if as_json:
        print_json({"context_tokens": context, "models": [_document(*each) for each in found]})
    elif found:
        print(printable("\n".join(_line(*each) for each in found), lines=True))
    else:
        print("Nothing is called so. Try fewer words, or --no-gguf for models without GGUF files.")


def _count(text: str, option: str) -> int | None:
    if not text:
        return None
    found = _COUNT.fullmatch(text)
    if found is None:
        raise typer.BadParameter("a number such as 7B or 500M", param_hint=option)
    return int(float(found[1]) * _UNITS[found[2].upper()])


def _document(model: FoundModel, placed: Fit | None) -> dict[str, Any]:
    return {
        "model": model.id,
        "author": model.author,
        "downloads": model.downloads,
        "likes": model.likes,
        "changed": model.changed_at.isoformat() if model.changed_at else None,
        "licence": model.licence,
        "gated": model.is_gated,
        "private": model.is_private,
        "gguf": model.has_gguf,
        "parameters": model.parameters,
        "architecture": model.architecture,
        "context_length": model.context_length,
        "base_models": list(model.base_models),
        "verdict": str(placed.verdict) if placed else None,
    }


def _line(model: FoundModel, placed: Fit | None) -> str:
    parameters = format_count(model.parameters) if model.parameters else "–"
    notes = [model.licence or "no licence told", *(["gated"] if model.is_gated else [])]
    verdict = f"{placed.verdict} in Q4_K_M" if placed else "–"
    return (
        f"{model.id:<52} {parameters:>7} {format_count(model.downloads):>8} downloads  {verdict:<26}"
        f" {', '.join(notes)}"
    )
