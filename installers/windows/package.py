"""The installer and the portable archive of the frozen program for Windows."""

from __future__ import annotations

import os
import shutil
import time
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from installers.commands import run
from installers.faults import BuildFault
from installers.icons import write_icons
from installers.release import ROOT, Release
from installers.windows import signing
from installers.windows.pictures import write_pictures
from installers.windows.runtime_libraries import bring_runtime_libraries
from installers.windows.version_info import version_numbers, version_resource

SCRIPT = Path(__file__).parent / "setup.iss"
MANIFEST = Path(__file__).parent / "nibble.manifest"
EXECUTABLES = (".exe", ".com")
"""The window, and the same program for a console."""


def require_tools(release: Release) -> None:
    """Raises BuildFault."""
    signing.require_tool()
    if release.target == "windows-installer":
        compiler()


def executable_options(release: Release) -> dict[str, Any]:
    """For PyInstaller, inside which it is called: what the executables carry."""
    from PyInstaller.config import CONF

    folder = Path(CONF["workpath"])
    write_icons(folder)
    version = folder / "version.txt"
    version.write_text(version_resource(release, f"{release.command}.exe"), encoding="utf-8")
    return {"icon": str(folder / "nibble.ico"), "version": str(version), "manifest": str(MANIFEST)}


def package(program: Path, out: Path, release: Release) -> list[Path]:
    """What the release's target says: an installer or an archive. The folder `program` is completed and signed in its
    place. Raises BuildFault."""
    bring_runtime_libraries(program)
    signing.sign(sorted(path for path in program.iterdir() if path.suffix in EXECUTABLES))
    if not signing.is_wanted():
        print("Not signed: NIBBLE_WINDOWS_SIGN is not set. Windows warns of what is not signed.")
    if release.target == "windows-portable":
        return [_archive(program, out, release)]
    with TemporaryDirectory() as folder:
        write_icons(Path(folder))
        write_pictures(Path(folder))
        run([compiler(), *compiler_options(program, Path(folder), out, release), SCRIPT])
    return [out / f"{_installer_stem(release)}.exe"]


def compiler() -> Path:
    """Inno Setup's, on the PATH or where its installer puts it. Raises BuildFault."""
    found = shutil.which("ISCC")
    if found:
        return Path(found)
    places = [Path(os.environ[name]) for name in ("ProgramFiles(x86)", "ProgramFiles") if name in os.environ]
    if "LOCALAPPDATA" in os.environ:
        places.append(Path(os.environ["LOCALAPPDATA"]) / "Programs")
    for place in places:
        if (place / "Inno Setup 6" / "ISCC.exe").is_file():
            return place / "Inno Setup 6" / "ISCC.exe"
    raise BuildFault("Inno Setup 6 is needed for the installer and not installed.")


def compiler_options(program: Path, icons: Path, out: Path, release: Release) -> list[str]:
    """The definitions that `setup.iss` names."""
    definitions = {
        "Version": release.version,
        "VersionNumbers": ".".join(map(str, version_numbers(release.version))),
        "Name": release.name,
        "Command": release.command,
        "Publisher": release.publisher,
        "Homepage": release.homepage.rstrip("/"),
        "Description": release.description,
        "Program": str(program.resolve()),
        "Icons": str(icons.resolve()),
        "Licence": str(ROOT / "LICENSE"),
        "Out": str(out.resolve()),
        "Stem": _installer_stem(release),
    }
    return ["/Qp", *(f"/D{name}={value}" for name, value in definitions.items()), *signing.inno_options()]


def _installer_stem(release: Release) -> str:
    return f"{release.file_stem}-setup"


def _archive(program: Path, out: Path, release: Release) -> Path:
    """All of it in one folder; in order and with the release's time, so that the same program gives the same file."""
    path = out / f"{release.file_stem}-portable.zip"
    moment = time.gmtime(release.made_at)[:6]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in sorted(file for file in program.rglob("*") if file.is_file()):
            name = f"{release.name}-{release.version}/{file.relative_to(program).as_posix()}"
            entry = zipfile.ZipInfo(name, moment)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes())
    return path
