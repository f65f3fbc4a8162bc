"""Does the Debian package work on a computer without Python, compiler and Qt? By hand and in the release workflow, as
root on Debian or Ubuntu, with debootstrap, Xvfb and xdotool:

    python installers/bare_debian.py nibble_0.1.0_amd64.deb --archive nibble-0.1.0-linux-x86_64.tar.xz --out PICTURES

Makes a bare root, installs the package there with apt, and uses it as a person would who is no administrator: opens the
window by its desktop entry, compares two quantizations of the built-in model, chats with it, opens a model's file, runs
commands. What came of it is read from that person's database. Then the package is purged, and what is left of it on the
file system is listed. With an archive, that is unpacked and tried, too, where only a desktop's libraries are.
`--base` names a root that debootstrap has made before. Pictures of the window go to `--out`, for somebody to look at.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

if (
    __name__ == "__main__"
):  # run as a file: what is imported are the checkout's packages, not this folder's modules
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from installers.bare.person import Person
from installers.bare.root import BareRoot, bare_root
from installers.bare.screen import Screen, screen
from installers.commands import require
from installers.faults import BuildFault

OF_A_DESKTOP = (
    "desktop-file-utils", "hicolor-icon-theme", "libglib2.0-bin", "shared-mime-info", "xz-utils",
)  # fmt: skip
"""What every desktop has to show an entry, to know types of files by, and to unpack archives; here before the package
comes."""

LIBRARIES_OF_A_DESKTOP = (
    "libbrotli1", "libdbus-1-3", "libegl1", "libfontconfig1", "libfreetype6", "libgl1", "libglib2.0-0",
    "libgssapi-krb5-2", "libx11-6", "libx11-xcb1", "libxcb-randr0", "libxcb-render0", "libxcb-shape0", "libxcb-shm0",
    "libxcb-sync1", "libxcb-xfixes0", "libzstd1", "libstdc++6", "libuuid1",
)  # fmt: skip
"""What the portable archive counts on; without those for windows that Qt alone needs."""

NOT_HERE = ("python3*", "gcc*", "g++*", "cc", "cmake", "libQt*", "libpython*", "qmake*")
QUESTION = "What is Q4_K_M?"


def main(arguments: Sequence[str] | None = None) -> int:
    wanted = _parser().parse_args(arguments)
    wanted.out.mkdir(parents=True, exist_ok=True)
    try:
        require("debootstrap", "Xvfb", "xdotool")
        with screen(wanted.out) as display, bare_root(wanted.base, wanted.suite) as root:
            try_package(root, display, wanted.package.resolve())
            if wanted.archive is not None:
                try_archive(root, display, wanted.archive.resolve())
    except BuildFault as fault:
        print(f"bare_debian: {fault}", file=sys.stderr)
        return 1
    return 0


def try_package(root: BareRoot, display: Screen, package: Path) -> None:
    root.install(*OF_A_DESKTOP)
    _require_bare(root, "before")
    person = Person.added(root, display)
    before = root.everything()
    installed = root.install(root.take_in(package))
    print(f"Installed with it: {' '.join(installed)}.")
    _require_bare(root, "afterwards")
    person.look_at_types()
    person.open_by_entry()
    person.compare_the_guide()
    person.chat(QUESTION)
    person.open_file_in_running_window()
    person.close_window()
    person.run_commands()
    root.purge("nibble")
    _tell_left(root.everything() - before, person)


def try_archive(root: BareRoot, display: Screen, archive: Path) -> None:
    root.install(*LIBRARIES_OF_A_DESKTOP)
    _require_bare(root, "beside the archive")
    Person.added(root, display, "carrier").run_portable(archive)


def _require_bare(root: BareRoot, when: str) -> None:
    own = root.path / "usr" / "lib" / "nibble"
    found = [
        path
        for folder in ("usr/bin", "usr/sbin", "usr/lib", "usr/local", "opt")
        for pattern in NOT_HERE
        for path in (root.path / folder).rglob(pattern)
        if not path.is_relative_to(own) and not path.is_dir()
    ]
    if found:
        raise BuildFault(f"The root is not bare {when}: {', '.join(map(str, found[:5]))}.")
    print(f"No Python, compiler or Qt on the computer {when}: none of {', '.join(NOT_HERE)}.")


def _tell_left(left: set[str], person: Person) -> None:
    own = f"/home/{person.name}/"
    mine = sorted(path for path in left if path.startswith(own))
    others = sorted(left - set(mine))
    print(f"Left after the purge in the person's own folder: {len(mine)} files and folders.")
    print(f"Left after the purge elsewhere: {len(others)}.")
    for path in others:
        print(f"    {path}")
    if any("nibble" in path.lower() or "gguf" in path.lower() for path in others):
        raise BuildFault("The package leaves something of its own.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bare_debian.py", description="Try the Debian package on a bare system."
    )
    parser.add_argument("package", type=Path, help="the .deb")
    parser.add_argument("--archive", type=Path, help="the portable archive")
    parser.add_argument("--out", type=Path, default=Path("bare-debian"), help="where pictures go")
    parser.add_argument("--base", type=Path, help="a root made by debootstrap --variant=minbase; is copied")
    parser.add_argument(
        "--suite", default="bookworm", help="of Debian, where there is no base (default: bookworm)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
