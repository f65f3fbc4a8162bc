"""`python -m kernels.native build` and `… check`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from kernels.native.archive import archive_name, write_archive
from kernels.native.building import build_pack
from kernels.native.checking import check_pack
from kernels.native.computer import this_system
from kernels.native.fault import Fault
from kernels.native.manifest import read_manifest
from kernels.native.recipes import ALL, RECIPES, Recipe, recipes_named
from kernels.native.source import provide_source
from kernels.native.tools import Tools, find_tools


def main(arguments: list[str] | None = None) -> int:
    """0: done. 1: it cannot be done, or the pack failed. 2: wrong usage."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except Fault as fault:
        print(f"kernels.native: {fault}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m kernels.native", description="Build and check runtime packs.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    build = commands.add_parser("build", help="Build packs from llama-cpp-python's source archive.")
    names = ", ".join(recipe.name for recipe in RECIPES)
    build.add_argument("--backend", required=True, help=f"Of {names}, with commas between them, or {ALL}.")
    build.add_argument("--out", required=True, type=Path, help="The folder for the packs' folders.")
    build.add_argument("--source", type=Path, help="The source archive; without, pip fetches it.")
    build.add_argument("--archive", action="store_true", help="An archive of each pack as well.")
    build.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="Compilers at once.")
    build.set_defaults(run=_build)
    check = commands.add_parser("check", help="See whether a pack is whole, works, and answers as it should.")
    check.add_argument("pack", type=Path, help="Its folder.")
    check.add_argument("--program", type=Path, help="The program to check it with; without, this checkout's.")
    check.add_argument("--json", action="store_true", help="A JSON document in place of lines.")
    check.set_defaults(run=_check)
    return parser


def _build(options: argparse.Namespace) -> int:
    out = options.out.resolve()
    work = out / "build"
    wanted = _buildable(options.backend)
    source = provide_source(work, options.source)
    for recipe, tools in wanted:
        pack = build_pack(recipe, source, tools, out, work, options.jobs)
        print(pack)
        if options.archive:
            archive = out / archive_name(pack, read_manifest(pack))
            write_archive(pack, archive)
            print(archive)
    return 0


def _buildable(words: str) -> list[tuple[Recipe, Tools]]:
    """What was asked for, with its tools; of all packs, those whose tools are there. Raises Fault."""
    found, faults = [], []
    for recipe in recipes_named(words, this_system()):
        try:
            found.append((recipe, find_tools(recipe)))
        except Fault as fault:
            if words != ALL:
                raise
            faults.append(str(fault))
    if not found:
        raise Fault(" ".join(faults))
    for sentence in faults:
        print(f"kernels.native: {sentence}", file=sys.stderr)
    return found


def _check(options: argparse.Namespace) -> int:
    report = check_pack(options.pack.resolve(), options.program)
    if options.json:
        print(json.dumps(report.document, indent=1))
    else:
        print("\n".join(report.lines))
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
