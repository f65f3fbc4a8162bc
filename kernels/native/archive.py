"""A pack as an archive that is the same to the byte whenever and by whomever it is made of the same files."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path

from kernels.native.manifest import NAME, Manifest

_TIME = 315532800
"""The first of January 1980, in seconds since 1970: the earliest that every format of archives knows."""


def archive_name(pack: Path, manifest: Manifest) -> str:
    parts = ("nibble-pack", pack.name, manifest.version, manifest.system, manifest.machine)
    return "-".join(parts) + ".tar.gz"


def write_archive(pack: Path, target: Path) -> None:
    """All its files, in a folder with the pack's name; the manifest first, so that who unpacks it knows from the start
    what may be in it."""
    partial = target.with_name(f"{target.name}.partial")
    with (
        partial.open("wb") as file,
        gzip.GzipFile("", "wb", compresslevel=9, fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for each in (pack, *sorted(pack.rglob("*"), key=lambda path: (path != pack / NAME, path))):
            entry = tarfile.TarInfo("/".join((pack.name, *each.relative_to(pack).parts)))
            entry.mtime = _TIME
            if each.is_dir():
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(entry)
            else:
                entry.size, entry.mode = each.stat().st_size, 0o644
                with each.open("rb") as content:
                    tar.addfile(entry, content)
    partial.replace(target)
