"""Archives of runtime packs that are what they should be, and such as were made to do harm."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import Cancelled, DamagedPack
from app.core.jobs import CancelToken
from app.runtime.packs.archive import unpack
from app.runtime.packs.offered import OfferedPack
from tests.helpers.packs import archive_of, offer_of, put

FILES = {"libllama.so": b"llama" * 1000, "licences/MIT.txt": b"as is"}
WHOLE = archive_of(FILES)


def unpacked(
    tmp_path: Path, archive: bytes, offer: OfferedPack | None = None, cancel: CancelToken | None = None
) -> Path:
    """The folder it was unpacked to, in a folder of its own."""
    packed = tmp_path / "pack.tar.gz"
    packed.write_bytes(archive)
    folder = tmp_path / "inside" / "pack"
    folder.mkdir(parents=True)
    unpack(packed, offer or offer_of(archive), folder, cancel or CancelToken(), lambda done: None)
    return folder


def refused(tmp_path: Path, archive: bytes, offer: OfferedPack | None = None) -> str:
    """Why; nothing may lie outside of the folder, and no manifest in it."""
    with pytest.raises(DamagedPack) as caught:
        unpacked(tmp_path, archive, offer)
    inside = tmp_path / "inside"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inside", "pack.tar.gz"]
    assert [path.name for path in inside.iterdir()] == ["pack"]
    assert not (inside / "pack" / "pack.json").exists()
    assert not any(path.is_symlink() for path in inside.rglob("*"))
    assert caught.value.message.endswith(".")
    return caught.value.message


def test_files_come_out_as_they_went_in_with_their_manifest(tmp_path: Path) -> None:
    folder = unpacked(tmp_path, archive_of(FILES))
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    assert json.loads(found.pop("pack.json").read_text())["name"] == "CPU"
    assert {name: path.read_bytes() for name, path in found.items()} == FILES


def test_manifest_may_be_anywhere(tmp_path: Path) -> None:
    made, packed = archive_of(FILES), io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(made)) as old, tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for member in reversed(old.getmembers()):
            source = old.extractfile(member)
            assert source is not None
            put(tar, member.name, source.read())
    assert (unpacked(tmp_path, packed.getvalue()) / "pack.json").exists()


def test_folders_and_leading_dots_are_no_harm(tmp_path: Path) -> None:
    packed = io.BytesIO()
    made = archive_of(FILES)
    with tarfile.open(fileobj=io.BytesIO(made)) as old, tarfile.open(fileobj=packed, mode="w:gz") as tar:
        put(tar, "./", type=tarfile.DIRTYPE)
        put(tar, "./licences", type=tarfile.DIRTYPE)
        for member in old:
            source = old.extractfile(member)
            assert source is not None
            put(tar, f"./{member.name.removeprefix('cpu/')}", source.read())
    assert (unpacked(tmp_path, packed.getvalue()) / "licences" / "MIT.txt").read_bytes() == b"as is"


HOSTILE: dict[str, Callable[[tarfile.TarFile], object]] = {
    "parent": lambda tar: put(tar, "cpu/../../evil", b"x"),
    "parent of all": lambda tar: put(tar, "../evil", b"x"),
    "absolute": lambda tar: put(tar, "/tmp/evil", b"x"),
    "drive": lambda tar: put(tar, "cpu/c:evil", b"x"),
    "backslashes": lambda tar: put(tar, "cpu\\..\\..\\evil", b"x"),
    "symbolic link": lambda tar: put(tar, "cpu/link", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "hard link": lambda tar: put(tar, "cpu/link", type=tarfile.LNKTYPE, linkname="cpu/libllama.so"),
    "link in place of a folder": lambda tar: put(tar, "cpu/licences", type=tarfile.SYMTYPE, linkname="/tmp"),
    "character device": lambda tar: put(tar, "cpu/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
    "block device": lambda tar: put(tar, "cpu/disk", type=tarfile.BLKTYPE, devmajor=8),
    "pipe": lambda tar: put(tar, "cpu/pipe", type=tarfile.FIFOTYPE),
    "unknown type": lambda tar: put(tar, "cpu/odd", type=b"Z"),
    "sparse": lambda tar: put(tar, "cpu/holes", type=tarfile.GNUTYPE_SPARSE),
    "unlisted": lambda tar: put(tar, "cpu/more.so", b"x"),
    "beside the folder": lambda tar: put(tar, "other/libllama.so", b"x"),
    "twice": lambda tar: put(tar, "cpu/libllama.so", FILES["libllama.so"]),
    "twice with a dot": lambda tar: put(tar, "cpu/./libllama.so", FILES["libllama.so"]),
    "second manifest": lambda tar: put(tar, "cpu/pack.json", b"{}"),
    "thousands of files": lambda tar: [put(tar, f"cpu/{n}") for n in range(5000)],
    "thousands of folders": lambda tar: [put(tar, f"cpu/{n}", type=tarfile.DIRTYPE) for n in range(5000)],
    "huge name": lambda tar: put(tar, "cpu/" + "n" * 1_000_000, b"x"),
    "bomb": lambda tar: put(tar, "cpu/zeros", bytes(50_000_000)),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_whatever_else_is_in_an_archive_it_is_refused(tmp_path: Path, kind: str) -> None:
    assert "cannot be used" in refused(tmp_path, archive_of(FILES, add=HOSTILE[kind]))


def listed(path: str, content: bytes = b"x") -> Callable[[dict[str, Any]], object]:
    import hashlib

    entry = {"path": path, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    return lambda manifest: manifest["files"].append(entry)


@pytest.mark.parametrize(
    "path",
    ["../evil", "/tmp/evil", "a/../../evil", "c:evil", "con", "nul.txt", "a\\b", "", ".", "x" * 300, "a\0b"],
)
def test_unsafe_name_is_refused_also_where_the_manifest_lists_it(tmp_path: Path, path: str) -> None:
    def add(tar: tarfile.TarFile) -> None:
        put(tar, f"cpu/{path}" if not path.startswith("/") else path, b"x")

    refused(tmp_path, archive_of(FILES, change=listed(path), add=add))


@pytest.mark.parametrize(
    "path", ["LIBLLAMA.so", "libllama.so", "libllama.so/inside", "licences", "pack.json"]
)
def test_manifest_that_lists_one_place_twice_is_refused(tmp_path: Path, path: str) -> None:
    assert "twice" in refused(tmp_path, archive_of(FILES, change=listed(path)))


def test_manifest_of_thousands_is_refused(tmp_path: Path) -> None:
    def many(manifest: dict[str, Any]) -> None:
        for number in range(5000):
            listed(str(number), b"")(manifest)

    assert "is too large" in refused(tmp_path, archive_of(FILES, change=many))


def change_file(**facts: object) -> Callable[[dict[str, Any]], object]:
    return lambda manifest: manifest["files"][0].update(facts)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (change_file(sha256="0" * 64), "SHA-256 of libllama.so"),
        (change_file(bytes=4999), "has 5000 bytes and should have 4999"),
        (change_file(bytes=5001), "should have 5001"),
        (change_file(path="libother.so"), "not in its list"),
        (listed("missing.so"), "missing.so is missing"),
        (lambda manifest: manifest.update(files="none"), "damaged"),
        (lambda manifest: manifest.pop("files"), "damaged"),
        (change_file(bytes=-1), "damaged"),
    ],
)
def test_manifest_that_does_not_agree_with_the_archive_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    offer = offer_of(archive_of(FILES), unpacked_bytes=1_000_000)
    assert reason in refused(tmp_path, archive_of(FILES, change=change), offer)


@pytest.mark.parametrize("fact", ["title", "backend", "system", "machine", "version"])
def test_pack_that_is_another_than_was_announced_is_refused(tmp_path: Path, fact: str) -> None:
    archive = archive_of(FILES)
    assert "and should be 'another'" in refused(tmp_path, archive, offer_of(archive, **{fact: "another"}))


def test_pack_larger_than_was_announced_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    archive = archive_of(FILES)
    assert "larger than was announced" in refused(tmp_path, archive, offer_of(archive, unpacked_bytes=5004))
    assert not list((tmp_path / "inside" / "pack").iterdir())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no archive",
        gzip.compress(b""),
        gzip.compress(b"no tar" * 1000),
        gzip.compress(bytes(10_000_000)),
        archive_of(FILES)[:200],
        archive_of(FILES)[:-200],
    ],
    ids=["empty", "text", "gzip of nothing", "gzip of text", "zeros", "cut early", "cut late"],
)
def test_file_that_is_no_whole_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    refused(tmp_path, content, offer_of(archive_of(FILES)))


def test_deep_recursion_of_headers_is_refused(tmp_path: Path) -> None:
    """Each extended header is read inside the one before it."""
    header = tarfile.TarInfo("cpu/x")
    header.type = tarfile.XHDTYPE
    header.size = 512
    block = header.tobuf(tarfile.USTAR_FORMAT) + b"12 path=abc\n".ljust(512, b"\0")
    refused(tmp_path, gzip.compress(block * 3000), offer_of(archive_of(FILES)))


def test_unpacking_that_is_cancelled_leaves_no_manifest(tmp_path: Path) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        unpacked(tmp_path, archive_of(FILES), cancel=cancel)
    assert not (tmp_path / "inside" / "pack" / "pack.json").exists()


@settings(max_examples=150)
@given(
    places=st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1, max_size=6),
    cut=st.integers(0, 1 << 16),
)
def test_archive_with_any_bytes_changed_is_refused_or_unpacked_as_listed(
    places: list[tuple[int, int]], cut: int
) -> None:
    """Changed inside the compression, so that the headers are what is changed."""
    tar = bytearray(gzip.decompress(WHOLE))
    for place, value in places:
        tar[place % len(tar)] = value
    if cut % 4 == 0:
        del tar[cut % len(tar) :]
    with TemporaryDirectory() as scratch:
        try:
            folder = unpacked(Path(scratch), gzip.compress(bytes(tar), 1), offer_of(WHOLE))
        except DamagedPack:
            folder = None
        assert sorted(path.name for path in Path(scratch).iterdir()) == ["inside", "pack.tar.gz"]
        assert [path.name for path in (Path(scratch) / "inside").iterdir()] == ["pack"]
        if folder is not None:
            assert {name: (folder / name).read_bytes() for name in FILES} == FILES
