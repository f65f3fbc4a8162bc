"""Free space: asked of the file system, with what other downloads still need, and without what is here already."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from app.core.errors import DiskFull, NoConnection
from app.downloads import DownloadState
from tests.helpers.downloader import FILE, REPOSITORY, Downloader, some_bytes
from tests.helpers.hub_server import Fault, HubServer
from tests.helpers.hub_server.server import Request

MEGABYTE = 1_000_000


@pytest.fixture
def person(server: HubServer, home: Path, small_disk: Path) -> Downloader:
    """With four megabytes for models; the database is on another disk."""
    person = Downloader(server, home)
    person.models = small_disk / "models"
    return person


def fill(disk: Path, left: int) -> Path:
    """Writes a file that leaves `left` bytes."""
    path = disk / "ballast"
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free - left)
    return path


def test_what_has_no_room_is_refused_and_waits_paused(
    server: HubServer, person: Downloader, small_disk: Path
) -> None:
    content = some_bytes(3 * MEGABYTE)
    person.offer(content)
    ballast = fill(small_disk, left=2 * MEGABYTE)
    with pytest.raises(DiskFull, match=r"3\.00 MB"):
        person.put()
    with person.store() as store:
        (left,) = store.all()
        assert left.state is DownloadState.PAUSED
    assert server.sent_bytes("cdn") == 0
    ballast.unlink()
    person.run(person.put())
    assert person.place.read_bytes() == content


def test_other_downloads_on_the_disk_are_counted(person: Downloader, home: Path) -> None:
    for name in ("A-Q4_0.gguf", "B-Q8_0.gguf", "C-F16.gguf"):
        person.offer(some_bytes(1_700_000, seed=ord(name[0])), name)
    first = person.put("A-Q4_0")
    person.put("B-Q8_0")
    with pytest.raises(DiskFull, match="2 before it"):
        person.put("C-F16")
    with person.store() as store:
        store.set_state(first, DownloadState.PAUSED)  # what does not come takes nothing
    person.put("C-F16")


def test_downloads_on_other_disks_are_not_counted(
    server: HubServer, person: Downloader, home: Path, small_disk: Path
) -> None:
    person.offer(some_bytes(3 * MEGABYTE), "A-Q4_0.gguf")
    person.offer(some_bytes(3 * MEGABYTE, seed=2), "B-Q8_0.gguf")
    person.put("A-Q4_0")
    person.models = home / "models"
    person.put("B-Q8_0")


@pytest.mark.usefixtures("small_runs")
def test_what_has_arrived_is_not_counted_again(
    server: HubServer, person: Downloader, small_disk: Path
) -> None:
    """Three megabytes, of which half are here: half of the disk's four are enough."""
    content = some_bytes(3 * MEGABYTE)
    server.faults = [*[Fault(host="cdn") for _ in range(12)], Fault(host="cdn", reset_at=0, times=-1)]
    person.offer(content)
    id = person.put()
    with pytest.raises(NoConnection):
        person.run(id)
    arrived = person.partial().stat().st_blocks * 512
    assert 0 < arrived < len(content) / 2 + 200_000
    server.faults.clear()
    ballast = fill(small_disk, left=len(content) - arrived - 100_000)
    with pytest.raises(DiskFull):
        person.put()
    ballast.unlink()
    fill(small_disk, left=len(content) - arrived + 100_000)
    assert person.put() == id
    person.run(id)
    assert person.place.read_bytes() == content


def test_a_mismatch_needs_no_second_room(server: HubServer, person: Downloader) -> None:
    content = some_bytes(3 * MEGABYTE)
    server.faults = [Fault(host="cdn", wrong_at=5)]
    person.get(content)
    assert person.place.read_bytes() == content


@pytest.mark.usefixtures("small_runs")
def test_a_hole_is_not_room(server: HubServer, person: Downloader, small_disk: Path) -> None:
    """The unfinished file has its full size from the start, but the disk does not have it yet."""
    person.offer(some_bytes(3 * MEGABYTE))
    server.faults = [Fault(host="cdn"), Fault(host="cdn", reset_at=0, times=-1)]
    id = person.put()
    with pytest.raises(NoConnection):
        person.run(id)
    assert person.partial().stat().st_size == 3 * MEGABYTE
    fill(small_disk, left=2 * MEGABYTE)
    with pytest.raises(DiskFull):
        person.put()


@pytest.mark.usefixtures("small_runs")
def test_a_disk_that_others_fill_meanwhile_stops_it_and_it_goes_on_when_there_is_room(
    server: HubServer, person: Downloader, small_disk: Path
) -> None:
    content = some_bytes(3 * MEGABYTE)
    person.offer(content)
    id = person.put()
    asked: list[Request] = []

    def fill_up(request: Request) -> None:
        if request.host == "cdn":
            asked.append(request)
            if len(asked) == 4:
                fill(small_disk, left=100_000)

    server.before_answer = fill_up
    with pytest.raises(DiskFull):
        person.run(id)
    assert person.download(id).state is DownloadState.FAILED
    assert "Free some space" in person.download(id).hint
    assert not person.place.exists()
    (small_disk / "ballast").unlink()
    person.run(person.put())
    assert person.place.read_bytes() == content
    assert person.present() == [f"{REPOSITORY}/{FILE}"]
