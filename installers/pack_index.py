"""The list of runtime packs that a release offers: `python -m installers.pack_index ARCHIVE… --address URL`.

Written before the program is frozen, over `resources/packs.toml`, whose comment says what each entry holds: the digests
then travel inside the program, which unpacks nothing else. `URL` is the folder from which the archives will be had.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import tomli_w

from installers.faults import BuildFault

MANIFEST = "pack.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0, or 1 with one sentence on stderr; 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="pack_index", description=__doc__.partition("\n")[0])
    parser.add_argument("archives", nargs="+", type=Path, metavar="ARCHIVE")
    parser.add_argument("--address", required=True, help="where the archives' folder will be")
    wanted = parser.parse_args(arguments)
    try:
        sys.stdout.write(index(wanted.archives, wanted.address))
    except BuildFault as fault:
        print(f"pack_index: {fault}", file=sys.stderr)
        return 1
    return 0


def index(archives: Iterable[Path], address: str) -> str:
    """TOML with an entry for each, in the order of their names. Raises BuildFault."""
    entries = [_entry(archive, address) for archive in sorted(archives, key=lambda path: path.name)]
    kinds = [(entry["name"], entry["system"], entry["machine"]) for entry in entries]
    twice = {kind for kind in kinds if kinds.count(kind) > 1}
    if twice:
        raise BuildFault(f"There are two archives of {' '.join(sorted(twice)[0])}.")
    return f"# Written by installers/pack_index.py.\n\n{tomli_w.dumps({'pack': entries})}"


def _entry(archive: Path, address: str) -> dict[str, Any]:
    try:
        folder, manifest = _read(archive)
        with archive.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {
            "name": folder,
            "title": manifest["name"],
            "backend": manifest["backend"],
            "system": manifest["system"],
            "machine": manifest["machine"],
            "version": manifest["version"],
            "address": f"{address.rstrip('/')}/{archive.name}",
            "bytes": archive.stat().st_size,
            "unpacked_bytes": sum(each["bytes"] for each in manifest["files"]),
            "sha256": digest,
        }
    except OSError as error:
        raise BuildFault(f"{archive.name} cannot be read: {error.strerror or error}.") from error
    except (tarfile.TarError, EOFError) as error:
        raise BuildFault(f"{archive.name} is no archive of a pack: {error}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise BuildFault(f"The {MANIFEST} in {archive.name} does not say what it is ({error!r}).") from error


def _read(archive: Path) -> tuple[str, dict[str, Any]]:
    """The name of the pack's folder, and its manifest, once its files are known to be those that it lists."""
    found: dict[str, tuple[int, str]] = {}
    manifest, folder = None, ""
    with tarfile.open(archive) as tar:
        for member in tar:
            content = tar.extractfile(member)
            if content is None:
                continue
            top, _, path = member.name.partition("/")
            if path == MANIFEST:
                folder, manifest = top, json.loads(content.read())
            else:
                digest = hashlib.file_digest(content, "sha256")  # type: ignore[arg-type]  # it has what is needed
                found[path] = (member.size, digest.hexdigest())
    if not isinstance(manifest, dict):
        raise BuildFault(f"{archive.name} has no {MANIFEST}.")
    if found != {each["path"]: (each["bytes"], each["sha256"]) for each in manifest["files"]}:
        raise BuildFault(f"The files in {archive.name} are not those that its {MANIFEST} lists.")
    return folder, manifest


if __name__ == "__main__":
    sys.exit(main())
