"""The application is killed at any moment, or runs twice on one data folder."""

from __future__ import annotations

import os
import random
import time

import psutil
import pytest

from app.downloads import DownloadState
from tests.helpers.download_processes import download_processes, has_ended
from tests.helpers.downloader import REPOSITORY, Downloader, some_bytes
from tests.helpers.hub_server import HubServer

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")

KILLS = 100
SIZE = 1_500_000
BYTES_PER_S = 10_000_000
"""Each file takes a little longer than the longest life."""
LONGEST_LIFE_S = 0.12


def offer(person: Downloader, number: int) -> tuple[str, bytes]:
    name, content = f"M-{number}-Q8_0.gguf", some_bytes(SIZE + number, seed=number)
    person.offer(content, name)
    return name, content


def wait_for_end(process: psutil.Process) -> None:
    give_up = time.monotonic() + 60
    while not has_ended(process):
        time.sleep(0.002)  # a hundred are waited for
        assert time.monotonic() < give_up, "did not end"


def test_a_hundred_kills_at_random_moments_change_no_byte(server: HubServer, person: Downloader) -> None:
    moment = random.Random(5)
    kills = files = 0
    with person.store():
        pass
    with download_processes(person.database, server.url, BYTES_PER_S) as processes:
        while kills < KILLS:
            name, content = offer(person, files)
            id = person.put(name)
            files += 1
            while person.download(id).state is not DownloadState.DONE:
                process = processes.start()
                if kills < KILLS:
                    time.sleep(moment.random() * LONGEST_LIFE_S)
                    if not has_ended(process):
                        process.kill()
                        kills += 1
                wait_for_end(process)
            assert (person.models / REPOSITORY / name).read_bytes() == content
    assert len(person.present()) == files
    assert files < KILLS / 2, "hardly any kill came while something was on its way"


def test_two_processes_on_one_data_folder_share_the_queue(server: HubServer, person: Downloader) -> None:
    offered = [offer(person, number) for number in range(4)]
    wanted = [(person.put(name), name, content) for name, content in offered]
    with download_processes(person.database, server.url, 4 * BYTES_PER_S) as processes:
        both = [processes.start(), processes.start()]
        for process in both:
            wait_for_end(process)
    for id, name, content in wanted:
        assert person.download(id).state is DownloadState.DONE
        assert (person.models / REPOSITORY / name).read_bytes() == content
    assert server.sent_bytes("cdn") == sum(len(content) for _, _, content in wanted)
    assert len(person.present()) == len(wanted)
