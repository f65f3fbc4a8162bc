"""Whatever goes wrong on the way: the file is right byte for byte, or a fault says why and nothing has its name."""

from __future__ import annotations

import hashlib
import random
import threading
from pathlib import Path

import pytest

from app.core.errors import (
    Cancelled,
    GatedRepository,
    HubFault,
    NoConnection,
    NotOnHub,
    WrongChoice,
    WrongContent,
)
from app.downloads import DownloadState
from tests.helpers.downloader import FILE, REPOSITORY, Downloader, some_bytes
from tests.helpers.hub_server import Fault, HubServer, Repository
from tests.helpers.hub_server.server import Request

BLOCK = 1 << 16
"""Bytes that are fetched again at least, in small files."""
DATA = some_bytes(10 * BLOCK + 12_345)
OTHER = some_bytes(len(DATA), seed=2)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def assert_whole(person: Downloader, content: bytes = DATA) -> None:
    assert person.place.read_bytes() == content
    assert person.present() == [f"{REPOSITORY}/{FILE}"]


def assert_not_there(person: Downloader) -> None:
    """Neither under its name nor under one that a model could have."""
    assert not person.place.exists()
    assert not list(person.models.rglob("*.gguf"))


def on_request(server: HubServer, host: str, number: int, happens: object) -> None:
    """Calls `happens` before the `number`th request (from 1) to `host` is answered."""
    seen = []

    def before(request: Request) -> None:
        if request.host == host and request.method == "GET":
            seen.append(request)
            if len(seen) == number:
                happens()  # type: ignore[operator]

    server.before_answer = before


# Connections that break


@pytest.mark.usefixtures("small_runs")
@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "whole files"])
def test_five_hundred_resets_at_random_places_change_no_byte(
    server: HubServer, person: Downloader, ranges: bool
) -> None:
    """250 with a server that knows ranges and 250 with one that does not, 10 for each file."""
    place = random.Random(7)
    for number in range(25):
        content = some_bytes(place.randrange(1, 500_000), seed=number)
        server.faults = [
            Fault(host="cdn", reset_at=place.randrange(len(content)), ignores_range=not ranges)
            for _ in range(10)
        ]
        if not ranges:
            server.faults.append(Fault(host="cdn", times=-1, ignores_range=True))
        person.offer(content, f"M-{number}-Q4_K_M.gguf")
        person.run(person.put(f"M-{number}-Q4_K_M.gguf"))
        assert (person.models / REPOSITORY / f"M-{number}-Q4_K_M.gguf").read_bytes() == content
    assert len(person.present()) == 25


@pytest.mark.usefixtures("small_runs")
def test_bodies_that_end_too_soon_are_asked_for_again(server: HubServer, person: Downloader) -> None:
    place = random.Random(8)
    server.faults = [Fault(host="cdn", truncate_at=place.randrange(200_000)) for _ in range(20)]
    person.get(DATA)
    assert_whole(person)


def test_a_server_that_falls_silent_is_asked_again(server: HubServer, person: Downloader) -> None:
    server.faults = [Fault(host="cdn", stall_at=100_000)]
    person.get(DATA)
    assert_whole(person)
    assert server.sent_bytes("cdn") < 1.2 * len(DATA)


@pytest.mark.parametrize("host", ["hub", "cdn"])
def test_a_server_with_problems_of_its_own_is_asked_again(
    server: HubServer, person: Downloader, host: str
) -> None:
    server.faults = [Fault(host=host, where=FILE, status=status) for status in (500, 502, 503, 504)]
    person.get(DATA)
    assert_whole(person)


@pytest.mark.parametrize("host", ["hub", "cdn"])
def test_problems_that_do_not_end_leave_it_waiting(server: HubServer, person: Downloader, host: str) -> None:
    server.faults = [Fault(host=host, where=FILE, status=503, times=-1)]
    person.offer(DATA)
    id = person.put()
    with pytest.raises(NoConnection, match="503"):
        person.run(id)
    assert_not_there(person)
    assert person.download(id).state is DownloadState.WAITING
    assert "503" in person.download(id).fault
    server.faults.clear()
    person.run(id)
    assert_whole(person)


def test_what_came_before_the_network_went_is_not_asked_for_again(
    server: HubServer, person: Downloader
) -> None:
    server.faults = [Fault(host="cdn", truncate_at=5 * BLOCK), Fault(host="cdn", reset_at=0, times=-1)]
    person.offer(DATA)
    id = person.put()
    with pytest.raises(NoConnection, match="cut"):
        person.run(id)
    assert_not_there(person)
    assert person.download(id).state is DownloadState.WAITING
    server.faults.clear()
    before = server.sent_bytes("cdn")
    person.run(id)
    assert_whole(person)
    assert server.sent_bytes("cdn") - before == len(DATA) - 5 * BLOCK


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_too_many_requests_are_a_wait(server: HubServer, person: Downloader, method: str) -> None:
    server.faults = [Fault(where=FILE, method=method, status=429, headers={"Retry-After": "1"})]
    person.offer(DATA)
    id = person.put()
    person.run(id)
    assert_whole(person)
    (stage,) = {told.stage for told in person.progress if told.stage.startswith("Waiting")}
    assert "429" in stage or "too often" in stage


# Servers that send something else


@pytest.mark.usefixtures("small_runs")
def test_a_server_that_ignores_ranges_sends_all_of_it_once(server: HubServer, person: Downloader) -> None:
    server.faults = [Fault(host="cdn", ignores_range=True, times=-1)]
    person.get(DATA)
    assert_whole(person)
    whole = [each for each in server.requests if each.host == "cdn" and each.sent_bytes == len(DATA)]
    assert len(whole) == 1


@pytest.mark.usefixtures("small_runs")
def test_what_came_by_ranges_stays_when_the_server_knows_them_no_more(
    server: HubServer, person: Downloader
) -> None:
    """And a block that the disk has lost meanwhile comes again."""
    server.faults = [Fault(host="cdn", truncate_at=4 * BLOCK), Fault(host="cdn", reset_at=0, times=-1)]
    person.offer(DATA)
    id = person.put()
    with pytest.raises(NoConnection):
        person.run(id)
    damage(person.partial(), BLOCK + 7)
    server.faults = [
        Fault(host="cdn", ignores_range=True, truncate_at=7 * BLOCK),
        Fault(host="cdn", ignores_range=True, times=-1),
    ]
    person.run(id)
    assert_whole(person)


def test_wrong_bytes_once_are_repaired(server: HubServer, person: Downloader) -> None:
    server.faults = [Fault(host="cdn", wrong_at=300_000)]
    person.get(DATA)
    assert_whole(person)


def test_wrong_bytes_each_time_are_told_with_both_digests(server: HubServer, person: Downloader) -> None:
    server.faults = [Fault(host="cdn", wrong_at=300_000, times=-1)]
    person.offer(DATA)
    id = person.put()
    arrived = bytearray(DATA)
    arrived[300_000] ^= 0xFF
    with pytest.raises(WrongContent) as caught:
        person.run(id)
    assert sha256(DATA) in str(caught.value)
    assert sha256(bytes(arrived)) in str(caught.value)
    assert person.present() == []
    assert person.download(id).state is DownloadState.FAILED
    assert person.download(id).fault == caught.value.message


@pytest.mark.parametrize("size", [len(DATA), len(DATA) + 1, len(DATA) - 1])
@pytest.mark.usefixtures("small_runs")
def test_content_that_changes_midway_is_told_with_both_digests(
    server: HubServer, person: Downloader, size: int
) -> None:
    server.add(Repository(REPOSITORY, {FILE: DATA}, kept_commit="1" * 40))
    changed = some_bytes(size, seed=3)
    on_request(server, "cdn", 3, lambda: person.offer(changed))
    id = person.put()
    with pytest.raises(WrongContent) as caught:
        person.run(id)
    assert sha256(DATA) in str(caught.value)
    assert sha256(changed) in str(caught.value)
    assert_not_there(person)
    assert person.download(id).state is DownloadState.FAILED


def test_content_that_has_changed_since_it_was_chosen_is_not_fetched(
    server: HubServer, person: Downloader
) -> None:
    server.add(Repository(REPOSITORY, {FILE: DATA}, kept_commit="1" * 40))
    id = person.put()
    person.offer(OTHER)
    with pytest.raises(WrongContent, match=sha256(OTHER)):
        person.run(id)
    assert server.sent_bytes("cdn") == 0


@pytest.mark.usefixtures("small_runs")
def test_an_etag_that_changes_while_the_content_does_not_is_no_fault(
    server: HubServer, person: Downloader
) -> None:
    """Servers behind one address may each have their own."""
    server.redirects = False
    server.faults = [Fault(where=FILE, method="GET", hides_etag=True) for _ in range(2)]
    person.get(DATA)
    assert_whole(person)


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"Content-Range": "bytes 7-9/10"}, "another part"),
        ({"Content-Range": "lines 1-2"}, "another part"),
        ({}, "another part"),
    ],
)
def test_a_server_that_sends_another_part_is_not_believed(
    server: HubServer, person: Downloader, headers: dict[str, str], words: str
) -> None:
    server.faults = [Fault(host="cdn", status=206, headers=headers, body=b"x" * 100, times=-1)]
    person.offer(DATA)
    with pytest.raises(HubFault, match=words):
        person.run(person.put())
    assert_not_there(person)


def test_an_answer_that_is_compressed_is_not_taken_for_the_file(
    server: HubServer, person: Downloader
) -> None:
    squeezed = {"Content-Encoding": "gzip", "Content-Range": f"bytes 0-99/{len(DATA)}"}
    server.faults = [Fault(host="cdn", status=206, headers=squeezed, body=b"x" * 100)]
    person.get(DATA)
    assert_whole(person)


@pytest.mark.parametrize(
    "address",
    ["http://[::1", "ftp://example.org/x", "http://\u2603.\ud83d", "nonsense", "http://h:99999999/"],
)
def test_an_address_that_is_none_is_a_fault(server: HubServer, person: Downloader, address: str) -> None:
    told = {
        "Location": address.encode("utf-8", "replace").decode("latin-1"),
        "X-Linked-Size": str(len(DATA)),
        "X-Linked-ETag": f'"{sha256(DATA)}"',
    }
    server.faults = [Fault(where=FILE, method="HEAD", status=302, headers=told, times=-1)]
    person.offer(DATA)
    with pytest.raises((HubFault, NoConnection)):
        person.run(person.put())
    assert_not_there(person)


# Addresses and tokens


@pytest.mark.usefixtures("small_runs")
def test_a_signed_address_that_expires_midway_is_renewed(server: HubServer, person: Downloader) -> None:
    on_request(server, "cdn", 3, server.expire_addresses)
    person.get(DATA)
    assert_whole(person)
    assert sum(each.method == "HEAD" for each in server.requests) == 2


def test_a_file_that_is_gone_is_told(server: HubServer, person: Downloader) -> None:
    person.offer(DATA)
    id = person.put()
    server.repositories[REPOSITORY].kept_commit = server.repositories[REPOSITORY].commit
    del server.repositories[REPOSITORY].files[FILE]
    with pytest.raises(NotOnHub):
        person.run(id)
    assert person.download(id).state is DownloadState.FAILED


def test_access_that_is_taken_away_midway_is_told(server: HubServer, home: Path) -> None:
    server.add_user("hf_secret", access=(REPOSITORY,))
    server.add(Repository(REPOSITORY, {FILE: DATA}, gated="manual"))
    person = Downloader(server, home, "hf_secret")
    id = person.put()

    def take_away() -> None:
        server.add_user("hf_secret", access=())
        server.expire_addresses()

    on_request(server, "cdn", 1, take_away)
    with pytest.raises(GatedRepository):
        person.run(id)
    assert_not_there(person)


def test_the_token_goes_to_the_hub_and_to_no_other_host(server: HubServer, home: Path) -> None:
    server.add_user("hf_secret", access=(REPOSITORY,))
    server.add(Repository(REPOSITORY, {FILE: DATA}, private=True))
    person = Downloader(server, home, "hf_secret")
    person.run(person.put())
    assert_whole(person)
    assert {each.headers.get("authorization") for each in server.requests if each.host == "hub"} == {
        "Bearer hf_secret"
    }
    assert not [each for each in server.requests if each.host == "cdn" and "authorization" in each.headers]


def test_the_token_does_not_follow_a_redirect_that_comes_with_the_file(server: HubServer, home: Path) -> None:
    """A mirror that answers HEAD itself, and sends whoever asks for the bytes elsewhere."""
    server.redirects = False
    server.add_user("hf_secret", access=(REPOSITORY,))
    server.add(Repository(REPOSITORY, {FILE: DATA}, private=True))
    with HubServer(Repository(REPOSITORY, {FILE: DATA}), redirects=False) as elsewhere:
        target = elsewhere.url.replace("127.0.0.1", "localhost") + f"/{REPOSITORY}/resolve/main/{FILE}"
        server.faults = [Fault(where=FILE, method="GET", status=302, headers={"Location": target}, times=-1)]
        person = Downloader(server, home, "hf_secret")
        person.run(person.put())
        assert_whole(person)
        assert elsewhere.sent_bytes() == len(DATA)
        assert not [each for each in elsewhere.requests if "authorization" in each.headers]


# Names and what is there already


@pytest.mark.parametrize(
    "name",
    [
        "../M-Q4_K_M.gguf",
        "a/../../M-Q4_K_M.gguf",
        "/M-Q4_K_M.gguf",
        "C:\\M-Q4_K_M.gguf",
        "C:M-Q4_K_M.gguf",
        "a\\..\\M-Q4_K_M.gguf",
        "M\x07-Q4_K_M.gguf",
        "M\n-Q4_K_M.gguf",
        "nul/M-Q4_K_M.gguf",
        "M" * 300 + "-Q4_K_M.gguf",
    ],
)
def test_a_file_with_an_unsafe_name_is_not_offered(server: HubServer, person: Downloader, name: str) -> None:
    person.offer(DATA, name)
    with pytest.raises(WrongChoice, match="no GGUF files"):
        person.put()
    assert not person.models.exists()


def test_a_long_name_that_file_systems_allow_is_no_problem(server: HubServer, person: Downloader) -> None:
    name = "M" * 180 + "-Q4_K_M.gguf"
    person.offer(DATA, f"folder/{name}")
    person.run(person.put())
    assert person.present() == [f"{REPOSITORY}/folder/{name}"]


def test_a_repository_that_calls_itself_otherwise_writes_nowhere_else(
    server: HubServer, person: Downloader
) -> None:
    server.add(Repository("ada/../../../M", {FILE: DATA}))
    server.repositories[REPOSITORY] = server.repositories["ada/../../../M"]
    with pytest.raises(HubFault, match="not what a Hub answers"):
        person.put()
    assert person.present() == []


def test_a_file_that_is_there_already_is_not_fetched(server: HubServer, person: Downloader) -> None:
    person.place.parent.mkdir(parents=True)
    person.place.write_bytes(DATA)
    person.get(DATA)
    assert server.sent_bytes("cdn") == 0
    assert_whole(person)


@pytest.mark.parametrize("content", [b"mine", OTHER])
def test_another_file_of_that_name_stays_as_it_is(
    server: HubServer, person: Downloader, content: bytes
) -> None:
    person.place.parent.mkdir(parents=True)
    person.place.write_bytes(content)
    person.offer(DATA)
    id = person.put()
    with pytest.raises(WrongChoice, match="other content"):
        person.run(id)
    assert_whole(person, content)


def test_a_file_that_comes_from_elsewhere_meanwhile_is_not_overwritten(
    server: HubServer, person: Downloader
) -> None:
    on_request(server, "cdn", 1, lambda: person.place.write_bytes(b"mine"))
    person.offer(DATA)
    with pytest.raises(WrongChoice, match="other content"):
        person.run(person.put())
    assert person.place.read_bytes() == b"mine"


def test_an_empty_file_is_a_file(person: Downloader) -> None:
    person.get(b"")
    assert_whole(person, b"")


# The disk


def damage(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0xFF]))


@pytest.mark.usefixtures("small_runs")
def test_a_block_that_the_disk_has_lost_is_the_only_one_that_comes_again(
    server: HubServer, person: Downloader
) -> None:
    """As after a power cut."""
    person.offer(DATA)
    id = person.put()
    # Small runs come over one connection before the first half second is over.
    server.faults = [*[Fault(host="cdn") for _ in range(4)], Fault(host="cdn", reset_at=0, times=-1)]
    with pytest.raises(NoConnection):
        person.run(id)
    damage(person.partial(), 3 * BLOCK + 5)
    server.faults.clear()
    before = server.sent_bytes("cdn")
    person.run(id)
    assert_whole(person)
    assert server.sent_bytes("cdn") - before == len(DATA) - 7 * BLOCK


@pytest.mark.parametrize("log", [b"", b"\x00" * 100, b"{}", b'{"etag":"x","size":1,"block_bytes":0}\n0 0\n'])
def test_a_block_log_that_is_damaged_begins_anew(server: HubServer, person: Downloader, log: bytes) -> None:
    server.faults = [Fault(host="cdn", truncate_at=5 * BLOCK), Fault(host="cdn", reset_at=0, times=-1)]
    person.offer(DATA)
    id = person.put()
    with pytest.raises(NoConnection):
        person.run(id)
    person.partial().with_suffix(".blocks").write_bytes(log)
    server.faults.clear()
    person.run(id)
    assert_whole(person)


# Stopping


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_cancel_does_not_wait_for_a_server_that_says_nothing(
    server: HubServer, person: Downloader, method: str
) -> None:
    is_asked, answer = threading.Event(), threading.Event()

    def say_nothing(request: Request) -> None:
        if FILE in request.path and request.method == method:
            is_asked.set()
            answer.wait(60)

    person.offer(DATA)
    id = person.put()
    server.before_answer = say_nothing
    job = person.start(lambda queue, control: queue.run_one(id, control))
    try:
        assert is_asked.wait(10)
        job.cancel()
        with pytest.raises(Cancelled):
            job.result(timeout_s=0.9)  # less than the timeout of the connection
    finally:
        answer.set()
    assert person.download(id).state is DownloadState.WAITING
    assert not person.download(id).is_running
