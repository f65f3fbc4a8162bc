"""The queue: what a person does to it in one process is obeyed in another, and it goes on where it stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from app.core.errors import Cancelled, NoConnection, WrongChoice
from app.core.jobs import CancelToken, Job, JobControl
from app.downloads import DownloadState, DownloadStore, WantedFile, forget
from app.storage import open_database
from tests.helpers.downloader import FILE, REPOSITORY, Downloader, some_bytes
from tests.helpers.hub_server import Fault, HubServer

DATA = some_bytes(700_000)
SLOW = 200_000
"""Bytes a second, so that there is time to do something meanwhile."""


@pytest.fixture(autouse=True)
def small_requests(small_runs: None) -> None:
    pass


def run_all(person: Downloader) -> Job[None]:
    return person.start(lambda queue, control: queue.run(control))


def wait_until(holds: Callable[[], bool]) -> None:
    """Fails after long."""
    for _ in range(400):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("did not happen")


def dead_process() -> str:
    return "999999999 1.00"


def test_downloads_come_in_the_order_of_the_queue(server: HubServer, person: Downloader) -> None:
    for name in ("A-Q4_0.gguf", "B-Q8_0.gguf", "C-F16.gguf"):
        person.offer(some_bytes(1000, seed=ord(name[0])), name)
    first, second, third = (person.put(choice) for choice in ("A-Q4_0", "B-Q8_0", "C-F16"))
    with person.store() as store:
        store.move(third, before=second)
        assert [each.id for each in store.all()] == [first, third, second]
    run_all(person).result(60)
    asked = [each.path[-len("A-Q4_0.gguf") :] for each in server.requests if each.host == "cdn"]
    assert [path[-12:].partition("-")[0][-1] for path in asked] == ["A", "C", "B"]
    assert {person.download(id).state for id in (first, second, third)} == {DownloadState.DONE}


def test_moving_knows_the_end_and_what_is_not_there(person: Downloader) -> None:
    for name in ("A-Q4_0.gguf", "B-Q8_0.gguf", "C-F16.gguf"):
        person.offer(b"x", name)
    first, second, third = (person.put(choice) for choice in ("A-Q4_0", "B-Q8_0", "C-F16"))
    with person.store() as store:
        store.move(first, before=None)
        assert [each.id for each in store.all()] == [second, third, first]
        store.move(first, before=first)
        store.move(77, before=first)
        assert [each.id for each in store.all()] == [second, third, first]
        store.move(first, before=77)
        assert [each.id for each in store.all()] == [second, third, first]


def test_pausing_elsewhere_stops_it_and_resuming_fetches_only_the_rest(
    server: HubServer, person: Downloader
) -> None:
    """The other connection to the database stands for another process: nothing else is shared."""
    person.limit.bytes_per_s = SLOW
    person.offer(DATA)
    id = person.put()
    job = run_all(person)
    with person.store() as elsewhere:
        wait_until(lambda: elsewhere.all()[0].received_bytes > 200_000)
        elsewhere.set_state(id, DownloadState.PAUSED)
        job.result(60)
        (paused,) = elsewhere.all()
        assert (paused.state, paused.is_running) == (DownloadState.PAUSED, False)
        assert not person.place.exists()
        sent = server.sent_bytes("cdn")
        person.limit.bytes_per_s = 0
        elsewhere.set_state(id, DownloadState.WAITING)
    run_all(person).result(60)
    assert person.place.read_bytes() == DATA
    # What was under way when it was paused comes again: a run, and what the kernel held of it.
    assert server.sent_bytes("cdn") - sent < len(DATA) - 100_000


def test_cancelling_elsewhere_removes_what_has_arrived(person: Downloader) -> None:
    person.limit.bytes_per_s = SLOW
    person.offer(DATA)
    id = person.put()
    job = run_all(person)
    with person.store() as elsewhere:
        wait_until(lambda: elsewhere.all()[0].received_bytes > 100_000)
        elsewhere.set_state(id, DownloadState.CANCELLED)
        job.result(60)
        assert elsewhere.all() == []
    assert person.present() == []


def test_cancelled_while_nobody_runs_it_is_cleaned_up_by_whoever_comes_next(
    server: HubServer, person: Downloader
) -> None:
    server.faults = [Fault(host="cdn", truncate_at=70_000), Fault(host="cdn", reset_at=0, times=-1)]
    person.offer(DATA)
    id = person.put()
    with pytest.raises(NoConnection):
        person.run(id)
    assert person.present() != []
    with person.store() as store:
        store.set_state(id, DownloadState.CANCELLED)
        run_all(person).result(60)
        assert store.all() == []
    assert person.present() == []


def test_cancelling_a_download_of_several_files_keeps_the_whole_ones(
    server: HubServer, person: Downloader
) -> None:
    names = [f"M-Q8_0-{part:05d}-of-00002.gguf" for part in (1, 2)]
    for number, name in enumerate(names):
        person.offer(some_bytes(100_000, seed=number), name)
    server.faults = [Fault(host="cdn", where=names[1], reset_at=0, times=-1)]
    id = person.put("Q8_0")
    with pytest.raises(NoConnection):
        person.run(id)
    with person.store() as store:
        forget(store, person.download(id))
    assert person.present() == [f"{REPOSITORY}/{names[0]}"]


def test_split_files_are_one_download_with_one_progress(person: Downloader) -> None:
    names = [f"M-Q8_0-{part:05d}-of-00003.gguf" for part in (1, 2, 3)]
    contents = {name: some_bytes(200_000 + number, seed=number) for number, name in enumerate(names)}
    for name, content in contents.items():
        person.offer(content, name)
    id = person.put("Q8_0")
    assert len(person.download(id).files) == 3
    person.run(id)
    for name, content in contents.items():
        assert (person.models / REPOSITORY / name).read_bytes() == content
    done = person.download(id)
    assert (done.state, done.size, done.received_bytes) == (DownloadState.DONE, 600_003, 600_003)
    received = [told.received_bytes for told in person.progress]
    assert received == sorted(received)
    assert {told.size for told in person.progress} == {600_003}
    assert received[-1] == 600_003


def test_progress_tells_rate_and_time_left_of_a_slow_download(person: Downloader) -> None:
    person.limit.bytes_per_s = SLOW
    person.get(DATA)
    rates = [told.bytes_per_s for told in person.progress if told.bytes_per_s is not None]
    assert rates
    assert 0.5 * SLOW < rates[-1] < 1.5 * SLOW
    told = next(each for each in person.progress if each.bytes_per_s)
    assert told.left_s == pytest.approx((told.size - told.received_bytes) / told.bytes_per_s)


def test_one_that_fails_does_not_keep_the_next_from_coming(server: HubServer, person: Downloader) -> None:
    person.offer(some_bytes(1000, seed=2), "A-Q8_0.gguf")
    person.offer(DATA)
    server.faults = [Fault(host="cdn", where="A-Q8_0", wrong_at=5, times=-1)]
    failing, coming = person.put("A-Q8_0"), person.put("Q4_K_M")
    run_all(person).result(60)
    assert person.download(failing).state is DownloadState.FAILED
    assert person.download(coming).state is DownloadState.DONE
    assert person.place.read_bytes() == DATA


def test_one_that_waits_for_the_network_lets_others_pass_and_goes_on_when_told_to_look(
    server: HubServer, person: Downloader
) -> None:
    person.offer(some_bytes(1000, seed=2), "A-Q8_0.gguf")
    person.offer(DATA)
    server.faults = [Fault(host="cdn", where="A-Q8_0", reset_at=0, times=-1)]
    waiting, coming = person.put("A-Q8_0"), person.put("Q4_K_M")
    queue = person.queue()
    job = Job("queue", queue.run).start()
    wait_until(lambda: person.download(coming).state is DownloadState.DONE)
    assert person.download(waiting).state is DownloadState.WAITING
    wait_until(lambda: person.download(waiting).fault != "")
    server.faults.clear()
    while not job.wait(0.2):
        queue.look()
    job.result(1)
    assert person.download(waiting).state is DownloadState.DONE


def test_a_download_is_run_by_one_of_two_queues(server: HubServer, person: Downloader) -> None:
    person.limit.bytes_per_s = 2 * SLOW
    person.offer(DATA)
    id = person.put()
    jobs = [run_all(person), run_all(person), person.start(lambda queue, control: queue.run_one(id, control))]
    for job in jobs:
        job.result(60)
    assert person.place.read_bytes() == DATA
    assert server.sent_bytes("cdn") == len(DATA)


def test_two_downloads_with_a_file_in_common_do_not_mix_it(person: Downloader) -> None:
    """Each in a queue of its own, as two processes would have."""
    person.limit.bytes_per_s = SLOW
    person.offer(DATA)
    first = person.put()
    files = [WantedFile(file.path, file.size, file.digest) for file in person.download(first).files]
    with person.store() as store:
        second = store.add(REPOSITORY, "main", "The same by another name", person.place.parent, files)
    job = person.start(lambda queue, control: queue.run_one(first, control))
    wait_until(lambda: person.download(first).received_bytes > 0)
    with pytest.raises(WrongChoice, match="Another Nibble"):
        person.run(second)
    job.result(60)
    assert person.place.read_bytes() == DATA


def test_a_runner_that_died_leaves_it_to_the_next(person: Downloader) -> None:
    person.offer(DATA)
    id = person.put()
    with closing(open_database(person.database)) as connection:
        connection.execute("UPDATE downloads SET runner = ?", (dead_process(),))
    run_all(person).result(60)
    assert person.download(id).state is DownloadState.DONE


def test_cancelling_the_job_leaves_it_waiting_and_the_next_queue_goes_on(
    server: HubServer, person: Downloader
) -> None:
    """As when the window closes and opens again."""
    person.limit.bytes_per_s = SLOW
    person.offer(DATA)
    id = person.put()
    job = run_all(person)
    wait_until(lambda: person.download(id).received_bytes > 200_000)
    job.cancel()
    with pytest.raises(Cancelled):
        job.result(60)
    left = person.download(id)
    assert (left.state, left.is_running) == (DownloadState.WAITING, False)
    person.limit.bytes_per_s = 0
    sent = server.sent_bytes("cdn")
    run_all(person).result(60)
    assert person.place.read_bytes() == DATA
    assert server.sent_bytes("cdn") - sent < len(DATA) - 100_000


def test_what_is_in_the_queue_already_goes_on_instead_of_coming_twice(person: Downloader) -> None:
    person.offer(DATA)
    id = person.put()
    with person.store() as store:
        store.set_state(id, DownloadState.PAUSED)
        assert person.put() == id
        assert [each.state for each in store.all()] == [DownloadState.WAITING]


def test_a_model_that_was_removed_since_is_fetched_again(server: HubServer, person: Downloader) -> None:
    person.get(DATA)
    sent = server.sent_bytes("cdn")
    person.run(person.put())
    assert server.sent_bytes("cdn") == sent
    person.place.unlink()
    person.run(person.put())
    assert person.place.read_bytes() == DATA
    assert server.sent_bytes("cdn") == 2 * sent


def test_a_download_seen_while_it_is_put_into_the_queue_has_its_files(person: Downloader) -> None:
    """Else a queue that looks at that moment would find nothing to fetch, and call it done."""
    person.offer(b"x")
    stop = threading.Event()
    odd: list[object] = []

    def look() -> None:
        with DownloadStore(person.database) as store:
            while not stop.is_set():
                odd.extend(each for each in store.all() if not each.files)

    with DownloadStore(person.database):
        pass
    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(20):
            id = person.put()
            with person.store() as store:
                store.remove(id)
    finally:
        stop.set()
        thread.join()
    assert odd == []


def test_following_another_process_ends_when_that_pauses_it(person: Downloader) -> None:
    person.limit.bytes_per_s = SLOW
    person.offer(DATA)
    id = person.put()
    running = run_all(person)
    wait_until(lambda: person.download(id).is_running)
    following = person.start(lambda queue, control: queue.run_one(id, control))
    with person.store() as store:
        store.set_state(id, DownloadState.PAUSED)
    following.result(60)
    running.result(60)
    assert person.download(id).state is DownloadState.PAUSED


def test_a_fault_of_the_process_that_runs_it_is_told_to_who_follows(
    server: HubServer, person: Downloader
) -> None:
    person.offer(DATA)
    id = person.put()
    server.faults = [Fault(host="cdn", wrong_at=5, times=-1)]
    run_all(person).result(60)
    with pytest.raises(Exception, match="SHA-256 should be"):
        person.queue().run_one(id, JobControl(CancelToken(), lambda event: None))


def test_files_of_a_download_are_told_one_by_one(person: Downloader) -> None:
    person.get(DATA)
    with person.store() as store:
        (download,) = store.all()
    (file,) = download.files
    assert (file.path, file.size, file.received_bytes, file.is_done) == (FILE, len(DATA), len(DATA), True)
    assert download.title == "M Q4_K_M"
