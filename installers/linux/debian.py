"""The Debian package. Triggers of other packages (desktop entries, types, icons) do all that is to be done when it is
installed and removed, so it has no scripts of its own."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from installers.commands import run
from installers.faults import BuildFault
from installers.linux.desktop import filled, write_share
from installers.linux.elf import elf_files
from installers.linux.libraries import BROUGHT_ALONG, OF_DISTRIBUTIONS, owner
from installers.release import Release

ARCHITECTURES = {"x86_64": "amd64", "arm64": "arm64"}
MAINTAINER = "The Nibble developers <nibble-app@users.noreply.github.com>"

RECOMMENDED = ("ca-certificates", "libenchant-2-2", "libwayland-client0", "libwayland-cursor0", "xdg-utils")
"""For downloads, for spell-check, for desktops without X11, and for links."""
OF_PACKS = {"vulkan": "libvulkan1"}
"""What is recommended where such a pack goes along."""
SUGGESTED = ("hunspell-en-us", "libgtk-3-0")
"""A dictionary, and for GNOME's own dialogs."""
_OPTIONAL = (
    "platformthemes/libqgtk3.so",
    "libQt6WaylandClient.so.6",
    "wayland-*/*.so",
    "platforms/libqwayland.so",
    "packs/*/*",
)
"""What works where the libraries it needs are there, and is left alone where they are not."""


def write_package(program: Path, out: Path, release: Release) -> Path:
    """Raises BuildFault."""
    package = out / f"{release.command}_{release.version}_{ARCHITECTURES[release.machine]}.deb"
    with TemporaryDirectory(dir=out) as work:
        tree = Path(work) / "tree"
        _lay_out(tree, program, release)
        _set_modes(tree, tree / "usr" / "lib" / release.command / release.command)
        control = tree / "DEBIAN"
        control.mkdir(mode=0o755)
        (control / "control").write_text(_control(tree, Path(work), release), encoding="utf-8")
        (control / "md5sums").write_text("".join(_sums(tree)), encoding="utf-8")
        for file in control.iterdir():
            file.chmod(0o644)
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(release.made_at)}
        run(["dpkg-deb", "--root-owner-group", "-Zxz", "--build", tree, package], environment)
    return package


def _lay_out(tree: Path, program: Path, release: Release) -> None:
    usr = tree / "usr"
    home = usr / "lib" / release.command
    shutil.copytree(program, home, symlinks=True)
    _leave_to_distribution(home / "_internal")
    (usr / "bin").mkdir()
    (usr / "bin" / release.command).symlink_to(Path("..", "lib", release.command, release.command))
    write_share(usr / "share", release)
    documents = usr / "share" / "doc" / release.command
    documents.mkdir(parents=True)
    (documents / "copyright").write_text(filled("copyright", release), encoding="utf-8")
    _compress(documents / "changelog.gz", _changelog(release), release)
    overrides = usr / "share" / "lintian" / "overrides"
    overrides.mkdir(parents=True)
    (overrides / release.command).write_text(filled("lintian-overrides", release), encoding="utf-8")
    manual = usr / "share" / "man" / "man1"
    manual.mkdir(parents=True)
    _compress(manual / f"{release.command}.1.gz", filled("nibble.1", release), release)


def _leave_to_distribution(internal: Path) -> None:
    """Which keeps them safe; their licences go with them."""
    for name in OF_DISTRIBUTIONS:
        (internal / name).unlink(missing_ok=True)
    kept = {owner(name)[0] for name in BROUGHT_ALONG if (internal / name).exists()}
    for licence in (internal / "resources" / "licences" / "system").glob("*"):
        if licence.name not in kept:
            shutil.rmtree(licence)


def _control(tree: Path, work: Path, release: Release) -> str:
    packs = {path.name for path in (tree / "usr" / "lib" / release.command / "packs").glob("*")}
    recommended = [*RECOMMENDED, *(package for pack, package in OF_PACKS.items() if pack in packs)]
    size_kib = (
        sum(path.stat().st_size for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
        // 1024
    )
    fields = {
        "Package": release.command,
        "Version": release.version,
        "Architecture": ARCHITECTURES[release.machine],
        "Maintainer": MAINTAINER,
        "Installed-Size": str(size_kib),
        "Depends": _needed(tree, work),
        "Recommends": ", ".join(recommended),
        "Suggests": ", ".join(SUGGESTED),
        "Section": "science",
        "Priority": "optional",
        "Homepage": release.homepage,
        "Description": f"{_synopsis(release)}\n{_DESCRIPTION}",
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items())


_DESCRIPTION = """\
 Nibble says which quantization of which model fits this computer and why,
 downloads it or makes it here, chats with it, and puts two quantizations of
 one model side by side, so that you see what the saved bits cost.
 .
 Nothing leaves the machine: the network is used only for what you search and
 download. A small model comes along. Everything the window does is also a
 command."""


def _synopsis(release: Release) -> str:
    """The project's sentence as a phrase of at most 80 characters, as Debian wants it."""
    sentence = release.description.rstrip(".").partition(",")[0]
    return sentence[0].lower() + sentence[1:]


def _needed(tree: Path, work: Path) -> str:
    """The packages that its libraries are from, by dpkg-shlibdeps, which knows the versions they need at least."""
    (work / "debian").mkdir()
    (work / "debian" / "control").write_text(
        "Source: nibble\n\nPackage: nibble\nArchitecture: any\n", encoding="utf-8"
    )
    files = elf_files(tree)
    command: list[str | Path] = [
        "dpkg-shlibdeps", "-O", "--ignore-missing-info", "--warnings=0", f"-S{tree}",
        *(f"-l{folder}" for folder in sorted({path.parent for path in files})),
        *(path for path in files if not any(path.relative_to(tree).match(pattern) for pattern in _OPTIONAL)),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    said = re.search(r"^shlibs:Depends=(.+)$", done.stdout, re.MULTILINE)
    if done.returncode or said is None:
        raise BuildFault(f"dpkg-shlibdeps cannot tell what is needed:\n{done.stderr.strip()}")
    return said[1]


def _changelog(release: Release) -> str:
    date = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(release.made_at))
    entry = f"  * Version {release.version}: {release.homepage}/releases\n"
    return f"{release.command} ({release.version}) unstable; urgency=medium\n\n{entry}\n -- {MAINTAINER}  {date}\n"


def _compress(path: Path, text: str, release: Release) -> None:
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=release.made_at))


def _sums(tree: Path) -> Iterable[str]:
    for path in sorted((tree / "usr").rglob("*")):
        if path.is_file() and not path.is_symlink():
            digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
            yield f"{digest}  {path.relative_to(tree).as_posix()}\n"


def _set_modes(tree: Path, executable: Path) -> None:
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path == executable else 0o644)
