"""`nibble pull`: a model from the Hub into the library, through the queue that the window shows."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.downloads import Download, DownloadState
from tests.helpers.command_line import COMMAND, nibble, start_nibble
from tests.helpers.downloader import FILE, REPOSITORY, Downloader, some_bytes
from tests.helpers.hub_server import Fault, HubServer, Repository
from tests.helpers.raw_gguf import llama_header

MODEL = llama_header().to_bytes() + some_bytes(700_000)
SLOW = ("--limit", "0.4")
"""Megabytes a second: two seconds for it all."""


@pytest.fixture(autouse=True)
def environment(server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_TOKEN", "")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")


def queued(person: Downloader) -> Download | None:
    """What the window would see."""
    if not person.database.exists():
        return None
    with person.store() as store:
        return next(iter(store.all()), None)


def wait_until(process: subprocess.Popen[str], holds: Callable[[], bool]) -> None:
    for _ in range(1200):
        if holds():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    raise AssertionError("did not happen")


def has_begun(person: Downloader) -> bool:
    found = queued(person)
    return found is not None and found.received_bytes > 100_000


def test_pull_brings_a_model_into_the_library_once(server: HubServer, person: Downloader) -> None:
    person.offer(MODEL)
    person.offer(b"another", "M-Q8_0.gguf")
    done = nibble("pull", f"{REPOSITORY}:q4_k_m", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.document == {
        "model": f"{REPOSITORY}:Q4_K_M",
        "quantization": "Q4_K_M",
        "path": str(person.place),
        "files": [str(person.place)],
        "file_bytes": len(MODEL),
    }
    assert person.place.read_bytes() == MODEL
    sent = server.sent_bytes("cdn")
    again = nibble("pull", f"{REPOSITORY}:{FILE}")
    assert (again.code, server.sent_bytes("cdn")) == (0, sent)
    assert str(person.place) in again.out
    (listed,) = nibble("list", "--json").document["models"]
    assert (listed["path"], listed["source"]) == (str(person.place), "nibble")


def test_pull_loads_nothing_that_it_need_not_and_that_takes_longer_than_a_small_download(
    person: Downloader,
) -> None:
    person.offer(b"small")
    code = (
        "import sys\n"
        "from app.cli import run_command_line\n"
        f"assert run_command_line(['pull', {REPOSITORY!r}]) == 0\n"
        "print(*sorted({'rich', 'keyring', 'numpy', 'llama_cpp', 'app.gguf.outline'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[1:] == [""], done


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals like these")
def test_a_terminal_sees_how_far_it_is(person: Downloader) -> None:
    person.offer(MODEL)
    terminal, end = os.openpty()
    pull = subprocess.Popen([*COMMAND, "pull", REPOSITORY, *SLOW], stdin=end, stdout=end, stderr=end)
    os.close(end)
    seen = b""
    with contextlib.suppress(OSError):  # Linux's way to say that the other end is closed
        while piece := os.read(terminal, 1 << 16):
            seen += piece
    os.close(terminal)
    assert pull.wait(timeout=60) == 0
    assert b"Downloading" in seen
    assert str(person.place).encode() in seen.replace(b"\r\n", b"")


def test_pull_of_a_split_model_brings_all_parts(person: Downloader) -> None:
    names = [f"M-Q8_0-{part:05d}-of-00002.gguf" for part in (1, 2)]
    for number, name in enumerate(names):
        person.offer(some_bytes(1000 + number), f"Q8_0/{name}")
    told = nibble("pull", f"{REPOSITORY}:Q8_0", "--json").document
    paths = [str(person.models / REPOSITORY / "Q8_0" / name) for name in names]
    assert (told["path"], told["files"], told["file_bytes"]) == (paths[0], paths, 2001)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signals")
def test_ctrl_c_pauses_and_the_same_command_goes_on(server: HubServer, person: Downloader) -> None:
    person.offer(MODEL)
    pull = start_nibble("pull", REPOSITORY, *SLOW)
    wait_until(pull, lambda: has_begun(person))
    pull.send_signal(signal.SIGINT)
    _, err = pull.communicate(timeout=60)
    assert (pull.returncode, "Traceback" in err) == (130, False)
    left = queued(person)
    assert left is not None
    assert (left.state, left.is_running) == (DownloadState.PAUSED, False)
    assert not person.place.exists()
    sent = server.sent_bytes("cdn")
    assert nibble("pull", REPOSITORY).code == 0
    assert person.place.read_bytes() == MODEL
    assert server.sent_bytes("cdn") - sent < len(MODEL) - 60_000


def test_two_pulls_of_one_model_fetch_it_once(server: HubServer, person: Downloader) -> None:
    person.offer(MODEL)
    pulls = [start_nibble("pull", REPOSITORY, *SLOW, "--json") for _ in range(2)]
    told = [pull.communicate(timeout=120)[0] for pull in pulls]
    assert [pull.returncode for pull in pulls] == [0, 0]
    assert told[0] == told[1]
    assert person.place.read_bytes() == MODEL
    assert server.sent_bytes("cdn") == len(MODEL)


def test_a_pull_that_is_paused_in_the_window_says_so(person: Downloader) -> None:
    person.offer(MODEL)
    pull = start_nibble("pull", REPOSITORY, *SLOW)
    wait_until(pull, lambda: has_begun(person))
    with person.store() as store:
        store.set_state(store.all()[0].id, DownloadState.PAUSED)
    _, err = pull.communicate(timeout=60)
    assert (pull.returncode, "paused from elsewhere" in err) == (130, True)


def test_what_is_no_name_of_a_model_is_refused(server: HubServer) -> None:
    nibble("pull", "qwen").assert_refused("qwen is not the name", "owner/repo")
    assert server.requests == []


def test_a_split_model_with_a_part_missing_is_refused(person: Downloader) -> None:
    person.offer(b"x", "M-Q8_0-00002-of-00003.gguf")
    nibble("pull", REPOSITORY).assert_refused("part 1 is missing")
    assert queued(person) is None


def test_a_gated_model_names_the_page(server: HubServer, person: Downloader) -> None:
    server.add(Repository(REPOSITORY, {FILE: MODEL}, gated="manual"))
    nibble("pull", REPOSITORY).assert_refused("gated", f"{server.url}/{REPOSITORY}", "hf auth login")


def test_wrong_bytes_are_refused_with_both_digests(server: HubServer, person: Downloader) -> None:
    person.offer(MODEL)
    server.faults = [Fault(host="cdn", wrong_at=100, times=-1)]
    nibble("pull", REPOSITORY).assert_refused("SHA-256 should be", "and is")
    assert not person.place.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit on Windows")
def test_a_file_larger_than_the_system_allows_is_refused(person: Downloader) -> None:
    import resource

    person.offer(MODEL)
    limit = 500_000
    nibble(
        "pull", REPOSITORY, before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    ).assert_refused("ran full")
    assert not person.place.exists()
