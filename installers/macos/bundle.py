"""The bundle as PyInstaller leaves it, completed: what it says of itself, its icons, and whether all of it runs."""

from __future__ import annotations

import os
import plistlib
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from installers.faults import BuildFault
from installers.icons import write_icons
from installers.macos.info import information
from installers.macos.machine_code import MachineCode, machine_code_in
from installers.release import Release

OLDEST_SYSTEM = (15, 0)
"""PySide6 6.11's wheel is called one for macOS 13, and Qt in it is; but the bindings themselves say 15.0. Of what else
goes along, the functions of Accelerate that llama.cpp calls need most: 13.3."""

_CODE_PLACES = ("MacOS", "Frameworks")
"""Inside Contents. What lies there has to be machine code, a bundle, or a link: `codesign` refuses anything else."""

_PACKS = {"MacOS/packs": "packs", "Frameworks/llama_cpp/lib": "llama_cpp_lib"}
"""Where the program looks for llama.cpp, folders of libraries with a manifest and licences, and what they are called in
Resources; names of their own, since PyInstaller links folders there to those in Frameworks."""


def complete(app: Path, release: Release) -> None:
    """Writes Info.plist and the icons into the bundle. Raises BuildFault where it lacks its executable, where a
    library is for another processor or needs a newer system than Nibble is said to run on, and where data lie among
    code."""
    contents = app / "Contents"
    if not (contents / "MacOS" / release.command).is_file():
        raise BuildFault(f"The bundle {app.name} has no executable {release.command}.")
    for place, name in _PACKS.items():
        _move_to_resources(contents / place, contents / "Resources" / name)
    _mend_links(app)
    code = machine_code_in(app)
    _require_machine(app, code, release.machine)
    _require_system(app, code)
    _require_code_in_its_places(app, code)
    with TemporaryDirectory() as folder:
        write_icons(Path(folder))
        for name in ("nibble.icns", "gguf.icns"):
            shutil.copyfile(Path(folder) / name, contents / "Resources" / name)
    info = contents / "Info.plist"
    _remove_other_icon(contents / "Resources", info)
    info.write_bytes(plistlib.dumps(information(release, OLDEST_SYSTEM)))
    (contents / "PkgInfo").write_bytes(b"APPL????")


def _move_to_resources(folder: Path, new: Path) -> None:
    """As a whole, so that the files of a pack stay beside each other and are no links; what is left is a link to it."""
    if folder.is_dir() and not folder.is_symlink():
        folder.rename(new)
        folder.symlink_to(os.path.relpath(new, folder.parent), target_is_directory=True)


def _mend_links(app: Path) -> None:
    """Those to what was left out go: a signature that has them is not valid. Raises BuildFault for those that lead out
    of the bundle."""
    for path in [path for path in app.rglob("*") if path.is_symlink()]:
        if not path.resolve().is_relative_to(app.resolve()):
            raise BuildFault(f"A link leads out of the bundle: {_named(app, [path])}.")
        if not path.exists():
            path.unlink()


def _require_code_in_its_places(app: Path, code: list[MachineCode]) -> None:
    known = {file.path for file in code}
    others = [
        path
        for place in _CODE_PLACES
        for path in sorted((app / "Contents" / place).rglob("*"))
        if path.is_file() and not path.is_symlink() and path not in known and not _is_in_bundle(path, app)
    ]
    if others:
        raise BuildFault(f"Data among code, which cannot be signed: {_named(app, others)}.")


def _is_in_bundle(path: Path, app: Path) -> bool:
    return any(parent.suffix == ".framework" for parent in path.relative_to(app).parents)


def _require_machine(app: Path, code: list[MachineCode], machine: str) -> None:
    others = [file.path for file in code if machine not in file.machines]
    if others:
        raise BuildFault(f"Not for {machine}: {_named(app, others)}.")


def _require_system(app: Path, code: list[MachineCode]) -> None:
    newer = [file.path for file in code if file.minimum_system > OLDEST_SYSTEM]
    if newer:
        oldest = ".".join(map(str, OLDEST_SYSTEM))
        raise BuildFault(
            f"Needs a newer macOS than {oldest}: {_named(app, newer)}. Set MACOSX_DEPLOYMENT_TARGET={oldest} where the "
            "environment is set up."
        )


def _named(app: Path, paths: list[Path]) -> str:
    names = [str(path.relative_to(app)) for path in paths]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _remove_other_icon(resources: Path, info: Path) -> None:
    """The one that PyInstaller gave it."""
    try:
        name = plistlib.loads(info.read_bytes()).get("CFBundleIconFile", "")
    except OSError:
        return
    if name and name not in ("nibble.icns", "gguf.icns"):
        (resources / Path(name).name).unlink(missing_ok=True)
