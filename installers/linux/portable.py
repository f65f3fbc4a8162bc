"""The portable archive: the program in a folder of its own, that runs from wherever it is unpacked."""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from installers.linux.desktop import FILES, filled, write_share
from installers.linux.elf import elf_files, newest_version, read_elf
from installers.release import Release


def write_archive(program: Path, out: Path, release: Release) -> Path:
    name = release.file_stem
    archive = out / f"{name}.tar.xz"
    with TemporaryDirectory(dir=out) as work:
        folder = Path(work) / name
        shutil.copytree(program, folder, symlinks=True)
        write_share(folder / "share", release)
        glibc = newest_version(read_elf(elf_files(folder)), "GLIBC")
        text = filled("README.txt", release).replace("@GLIBC@", ".".join(map(str, glibc)))
        (folder / "README.txt").write_text(text, encoding="utf-8")
        script = folder / "desktop-entry.sh"
        shutil.copyfile(FILES / script.name, script)
        _set_modes(folder, executables=(folder / release.command, script))
        part = archive.with_name(f".{archive.name}.part")
        with tarfile.open(part, "w:xz", preset=6, format=tarfile.PAX_FORMAT) as tar:
            for path in (folder, *sorted(folder.rglob("*"))):
                tar.add(path, path.relative_to(work).as_posix(), recursive=False, filter=_plain(release))
        part.replace(archive)
    return archive


def _plain(release: Release):  # type: ignore[no-untyped-def]  # a filter as tarfile wants it
    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        """Nobody's, and as old as the release: the same checkout gives the same archive."""
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        member.mtime = release.made_at
        return member

    return plain


def _set_modes(folder: Path, executables: tuple[Path, ...]) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            os.chmod(path, 0o755 if path.is_dir() or path in executables else 0o644)
