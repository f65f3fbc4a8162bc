"""llama.cpp's source: the part of llama-cpp-python's source archive that a pack is made of.

An archive is hostile until its digest is known to be right, and after that it is still unpacked with care: nothing
outside its folder, no links, none of the repository that comes along (whose settings git would obey).
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zlib
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from kernels.native.fault import Fault

PACKAGE = "llama-cpp-python"
DIGESTS = Path(__file__).parent / "sources.toml"
MOST_BYTES = 2 << 30
"""Unpacked; that of 0.3.36 has 0.2 GB."""

MOST_FILES = 50_000
WANTED = "vendor/llama.cpp/"
_PIECE = 1 << 20


@dataclass(frozen=True)
class Source:
    """`archive`: its name. `folder`: of llama.cpp itself."""

    archive: str
    sha256: str
    folder: Path


def bindings_version() -> str:
    """Of the llama-cpp-python that is installed. Raises Fault where there is none."""
    try:
        return version(PACKAGE)
    except ModuleNotFoundError:
        raise Fault(f"{PACKAGE} is not installed here, so nobody knows which version to build.") from None


def provide_source(work: Path, given: Path | None = None) -> Source:
    """Fetched and unpacked in `work`, where it stays for the next build. Raises Fault."""
    wanted = bindings_version()
    expected = known_digest(wanted)
    archive = given if given is not None else _fetched(wanted, expected, work)
    sha256 = digest_of(archive)
    if sha256 != expected:
        raise Fault(
            f"{archive.name} is not the source archive of {PACKAGE} {wanted} that {DIGESTS.name} names."
        )
    folder = work / f"{PACKAGE}-{wanted}"
    if not folder.exists():
        partial = work / f"{folder.name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        unpack(archive, partial, f"{PACKAGE.replace('-', '_')}-{wanted}")
        partial.rename(folder)
    return Source(archive.name, sha256, folder / "vendor" / "llama.cpp")


def known_digest(wanted: str) -> str:
    """The SHA-256 of that version's source archive. Raises Fault where nobody has noted it."""
    digest = tomllib.loads(DIGESTS.read_text("utf-8")).get(wanted)
    if not isinstance(digest, str):
        raise Fault(
            f"The digest of {PACKAGE} {wanted}'s source archive is not known: add it to {DIGESTS.name}."
        )
    return digest


def digest_of(file: Path) -> str:
    """Raises Fault where it cannot be read."""
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise Fault(f"{file} cannot be read: {error.strerror or error}.") from None


def _fetched(wanted: str, expected: str, work: Path) -> Path:
    archive = work / f"{PACKAGE.replace('-', '_')}-{wanted}.tar.gz"
    if archive.exists() and digest_of(archive) == expected:
        return archive
    pip = _pip()
    work.mkdir(parents=True, exist_ok=True)
    # pip runs code of an archive to learn what it needs: with the digest, of no other than this one.
    asked = work / "source.txt"
    asked.write_text(f"{PACKAGE}=={wanted} --hash=sha256:{expected}\n")
    command = [*pip, "download", "--quiet", "--no-deps", "--no-binary", PACKAGE]
    done = subprocess.run([*command, "--dest", str(work), "--requirement", str(asked)], check=False)
    asked.unlink()
    if done.returncode or not archive.exists():
        raise Fault(f"pip could not fetch {archive.name}; its own words are above.")
    return archive


def _pip() -> list[str]:
    """This Python's, or where it has none, as in an environment that uv made, any other. Raises Fault."""
    if find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    if program := shutil.which("pip3") or shutil.which("pip"):
        return [program]
    raise Fault("pip, which fetches the source archive, is missing: install it, or give one with --source.")


def unpack(archive: Path, into: Path, root: str) -> None:
    """What is WANTED of the archive, all of whose files are in a folder `root`. Raises Fault."""
    try:
        with tarfile.open(archive, "r:gz") as tar:
            _unpack(tar, into, root)
    except (tarfile.TarError, EOFError, OSError, ValueError, zlib.error) as error:
        raise Fault(f"{archive.name} cannot be unpacked: {error}.") from None
    if not (into / "vendor" / "llama.cpp" / "CMakeLists.txt").is_file():
        raise Fault(f"{archive.name} has no llama.cpp in it.")


def _unpack(tar: tarfile.TarFile, into: Path, root: str) -> None:
    count = total = 0
    for member in tar:
        count, total = count + 1, total + member.size
        if total > MOST_BYTES or count > MOST_FILES:
            raise Fault("The source archive is far larger than llama.cpp is.")
        name = _inside(member.name, root)
        if member.isdir() or not name.startswith(WANTED) or ".git" in name.split("/"):
            continue
        if not member.isfile():
            raise Fault(f"The source archive has a link or a device in it: {member.name!r}.")
        target = into.joinpath(*name.split("/"))
        target.parent.mkdir(parents=True, exist_ok=True)
        content = tar.extractfile(member)
        assert content is not None
        with content, target.open("xb") as file:
            shutil.copyfileobj(content, file, _PIECE)


def _inside(name: str, root: str) -> str:
    """The name below `root`. Raises Fault for one that would be elsewhere."""
    path = PurePosixPath(name)
    parts = path.parts
    if (
        path.is_absolute()
        or ".." in parts
        or "\\" in name
        or ":" in name
        or "\0" in name
        or parts[:1] != (root,)
    ):
        raise Fault(f"The source archive has a file outside its folder: {name!r}.")
    return "/".join(parts[1:])
