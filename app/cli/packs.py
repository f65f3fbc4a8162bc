"""`nibble packs`: the builds of llama.cpp that are here and that can be had, and which of them is used."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.aligned import aligned
from app.cli.numbers import LimitOption, bytes_per_s
from app.cli.pack_words import (
    choose,
    document_of,
    line_of,
    no_pack,
    offer_document,
    offer_line,
    packs_named,
    plain,
)
from app.cli.running import JsonOption, engine_command, print_json, run_job
from app.cli.terminal import printable
from app.core.errors import WrongChoice
from app.core.jobs import JobControl
from app.downloads import SpeedLimit
from app.hardware import probe
from app.hardware.pack_offers import offers_for, read_here
from app.hardware.pack_reports import PackReport, report_packs
from app.runtime.packs import PackState, runtime_packs
from app.runtime.packs.computer import this_machine, this_system
from app.runtime.packs.getting import get_pack
from app.runtime.packs.offered import OfferedPack, offered_packs
from app.runtime.packs.place import pack_place
from app.storage import data_folder

packs = typer.Typer(
    help="List, get, remove and choose runtime packs: llama.cpp built for one kind of hardware each.",
    invoke_without_command=True,
)

NameArgument = Annotated[str, typer.Argument(help="As in the list: cuda-13, vulkan, …")]


@packs.callback()
@engine_command
def list_packs(context: typer.Context, as_json: JsonOption = False) -> None:
    """List, get, remove and choose runtime packs: llama.cpp built for one kind of hardware each."""
    if context.invoked_subcommand is not None:
        return
    place = pack_place()
    place.clear()
    found = runtime_packs()
    reports = list(report_packs(found))
    offers = offers_for(read_here(probe()), offered_packs(), found, place)
    if as_json:
        print_json(
            {
                "packs": [document_of(report) for report in reports],
                "offers": [offer_document(offer) for offer in offers],
            }
        )
        return
    to_get = [offer_line(offer) for offer in offers] or [
        "none: this Nibble was built without a list of packs"
    ]
    parts = [("Here", [line_of(report) for report in reports]), ("To get", to_get)]
    print(printable(aligned(parts), lines=True))


@packs.command("get")
@engine_command
def get(
    name: NameArgument,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """Download a pack, check and try it; Ctrl+C pauses it, and the same command goes on."""
    data = data_folder().create()
    offered = _offered(name)
    known = next((each for each in runtime_packs().states() if _is(each, offered)), None)
    speed = SpeedLimit(bytes_per_s(limit, data))

    def work(control: JobControl) -> PackState:
        if known is not None:
            return known
        return get_pack(offered, runtime_packs(), pack_place(), control, speed)

    state = run_job(f"packs get {name}", work)
    used = runtime_packs().chosen() == state.pack
    report = PackReport(state, used, ())
    if as_json:
        print_json(document_of(report))
    else:
        print(printable(_outcome(report), lines=False))


@packs.command("remove")
@engine_command
def remove(name: NameArgument, as_json: JsonOption = False) -> None:
    """Delete a pack. It can be got again."""
    place = pack_place()
    found = packs_named(name, [state.pack for state in runtime_packs().states()])
    if not found:
        raise no_pack(
            name, [state.pack.name for state in runtime_packs().states() if place.holds(state.pack)]
        )
    own = [pack for pack in found if place.holds(pack)] or found
    if len(own) > 1:
        folders = ", ".join(pack.folder.name for pack in own if pack.folder is not None)
        raise WrongChoice(f"There are {len(own)} runtime packs {name}.", f"Name its folder: {folders}.")
    with place.changing():
        place.remove(own[0])
    if as_json:
        print_json({"name": own[0].name, "folder": str(own[0].folder)})
    else:
        print(printable(f"{own[0].name} was deleted: {own[0].folder}", lines=False))


@packs.command("use")
@engine_command
def use(
    name: Annotated[str, typer.Argument(help="A pack that is here, or 'automatic' for the fastest.")],
) -> None:
    """Use this pack from now on, where it works."""
    choose(runtime_packs(), name)
    print(printable(f"In use: {runtime_packs().chosen().name}.", lines=False))


@packs.command("retry")
@engine_command
def retry() -> None:
    """Try packs again that were set aside."""
    found = runtime_packs()
    for state in found.states():
        if state.fault:
            found.try_now(state.pack)
    for line in map(line_of, report_packs(found)):
        print(printable(line, lines=False))


def _offered(name: str) -> OfferedPack:
    """Raises WrongChoice."""
    for_here = [
        pack for pack in offered_packs() if (pack.system, pack.machine) == (this_system(), this_machine())
    ]
    found = next((pack for pack in for_here if plain(name) in (pack.name, plain(pack.title))), None)
    if found is None:
        raise no_pack(name, [pack.name for pack in for_here])
    return found


def _is(state: PackState, offered: OfferedPack) -> bool:
    """Whether it need not be got: it is here, and nothing is known against it."""
    return not state.fault and (state.pack.name, state.pack.version) == (offered.title, offered.version)


def _outcome(report: PackReport) -> str:
    state = report.state
    if state.fault:
        return f"{state.pack.name} is here, but set aside. {state.fault}"
    if report.is_used:
        return f"{state.pack.name} is here, works and is in use from now on."
    name = plain(state.pack.name)
    return f"{state.pack.name} is here; another pack is in use. To use this one: nibble packs use {name}"
