"""Builds what people install: `python installers/build.py --target linux-deb --packs PACKS --out OUT`.

Freezes the program once (`freezing`) and hands it to the folder of the target's system. Such a folder is a package with
a module `package`, and in it a function `package(program, out, release) -> list[Path]`, which makes what
`release.target` says of the frozen program (on macOS the .app) and returns the files it made; and, where tools are
needed, a function `require_tools(release)`, which raises BuildFault before anything long begins.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":
    # Run as a file: what is imported are the checkout's packages, not this folder's modules.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from installers.faults import BuildFault
from installers.release import TARGETS, Release, read_release, this_system


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0, or 1 with one sentence on stderr; 2 for wrong usage."""
    wanted = _parser().parse_args(arguments)
    try:
        for path in build(wanted.target, wanted.packs, wanted.out, native_runtime=wanted.native_runtime):
            print(path)
    except BuildFault as fault:
        print(f"build: {fault}", file=sys.stderr)
        return 1
    return 0


def build(
    targets: Sequence[str], packs: Path | None, out: Path, *, native_runtime: bool = False
) -> list[Path]:
    """The files made for `targets` of this system, in `out`. `packs`: a folder of runtime packs, of which `cpu` becomes
    the program's own runtime. `native_runtime`: without such a pack, the runtime that was compiled for this machine's
    processor goes along; for trials. Raises BuildFault."""
    releases = [read_release(target) for target in dict.fromkeys(targets)]
    for release in releases:
        _require_possible(release)
    from installers.freezing import freeze

    out.mkdir(parents=True, exist_ok=True)
    program = freeze(releases[0], packs, out, native_runtime=native_runtime)
    made = []
    for release in releases:
        made += packager(release).package(program, out, release)
    return made


def _require_possible(release: Release) -> None:
    if release.system != this_system():
        raise BuildFault(f"{release.target} is built on {release.system}, and this is {this_system()}.")
    require_tools = getattr(packager(release), "require_tools", None)
    if require_tools is not None:
        require_tools(release)


def packager(release: Release):  # type: ignore[no-untyped-def]  # a module, and which one only the target says
    return importlib.import_module(f"installers.{release.system}.package")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="build.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--target", required=True, nargs="+", choices=TARGETS, help="what to make")
    parser.add_argument("--packs", type=Path, help="folder of runtime packs (cpu, and others that go along)")
    parser.add_argument("--out", type=Path, default=Path("dist"), help="where files go (default: dist)")
    parser.add_argument(
        "--native-runtime",
        action="store_true",
        help="without a pack cpu: take the runtime compiled for this processor; not for other people's",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
