"""The newest release, asked of a real server on this computer that answers well, badly, or with ill intent."""

from __future__ import annotations

import json
import os
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from huggingface_hub import constants

from app import __version__
from app.about import Standing, asked_host, newest_release
from app.about.releases import LARGEST_ANSWER_BYTES, LONGEST_NOTES, standing_of
from app.core.errors import (
    Cancelled,
    EnvironmentFault,
    NoConnection,
    NoRelease,
    OfflineWished,
    RateLimited,
    ReleaseFault,
)
from app.core.jobs import CancelToken
from tests.helpers.command_line import Outcome, nibble
from tests.helpers.forwarder import Forwarder
from tests.helpers.release_server import QUESTION, ReleaseServer, Reply, write_dist_info

JSON = {"Content-Type": "application/json"}
NEWER = "99.1"


@pytest.fixture
def server() -> Iterator[ReleaseServer]:
    with ReleaseServer() as server:
        yield server


def ask(server: ReleaseServer) -> Any:
    return newest_release(CancelToken(), server.address)


def fault_of(server: ReleaseServer) -> EnvironmentFault:
    with pytest.raises(EnvironmentFault) as caught:
        ask(server)
    assert caught.value.message.endswith(".")
    assert caught.value.hint.endswith(".")
    return caught.value


def test_a_newer_release_is_told_with_what_is_new_and_where_it_is(server):
    server.publish(NEWER)
    release = ask(server)
    assert (release.version, release.standing) == (NEWER, Standing.OUTDATED)
    assert release.page == f"{server.address}/tag/v{NEWER}"
    assert release.notes == "## What is new\n\n- Everything"
    assert release.published == "2026-11-27"


def test_one_question_is_asked_and_it_tells_no_more_than_the_version(server):
    server.publish(NEWER)
    ask(server)
    ((method, path, headers),) = server.asked
    assert (method, path) == ("GET", QUESTION)
    assert headers["user-agent"] == f"nibble/{__version__}"
    assert not {"authorization", "cookie", "referer"} & set(headers)


@pytest.mark.parametrize(
    ("releases", "host"),
    [
        ("https://github.com/nibble-app/nibble/releases", "api.github.com"),
        ("https://git.office.test/team/nibble/releases", "git.office.test"),
    ],
)
def test_whom_it_asks_is_told_beforehand(releases, host):
    assert asked_host(releases) == host


@pytest.mark.parametrize(
    ("current", "newest", "standing"),
    [
        ("0.1.0", "0.2.0", Standing.OUTDATED),
        ("0.9.0", "0.10.0", Standing.OUTDATED),  # as numbers, not as words
        ("1.0rc1", "1.0", Standing.OUTDATED),
        ("1.0.dev3", "1.0rc1", Standing.OUTDATED),
        ("1.0", "1.0.0", Standing.CURRENT),
        ("1.0+debian.3", "1.0", Standing.CURRENT),
        ("1.0.1", "1.0", Standing.AHEAD),
        ("2.0rc1", "1.9", Standing.AHEAD),
        ("1.0.post1", "1.0", Standing.AHEAD),
    ],
)
def test_versions_are_compared_as_pep_440_says(current, newest, standing):
    assert standing_of(current, newest) is standing


def test_the_version_that_is_here_is_the_newest(server):
    server.publish(__version__)
    assert ask(server).standing is Standing.CURRENT


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE html><html><body>Please log in to this wireless network</body></html>",
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"tag_name": 7}',
        b'{"tag_name": "nightly"}',
        b'{"tag_name": "v9.9", "body": ["x"]}',
        b'{"tag_name": "v9.9", "html_url": {}}',
        b'{"tag_name": "v' + b"1" * 5000 + b'"}',
        b"[" * 100_000,
        b'{"tag_name": "v9\xff"}',
    ],
)
def test_answers_that_are_no_release_are_told_as_that(server, body):
    server.reply = Reply(headers=JSON, body=body)
    assert isinstance(fault_of(server), ReleaseFault)


def test_a_very_large_answer_is_not_read_to_its_end(server):
    server.reply = Reply(headers=JSON, body=b" " * (4 * LARGEST_ANSWER_BYTES))
    assert isinstance(fault_of(server), ReleaseFault)


def test_a_very_slow_answer_is_given_up(server, monkeypatch):
    monkeypatch.setattr("app.about.releases.PATIENCE_S", 0.4)
    server.reply = Reply(headers=JSON, body=b" " * 1000, pause_s=0.02)
    began = time.monotonic()
    fault = fault_of(server)
    assert "slow" in fault.message or "in time" in fault.message
    assert time.monotonic() - began < 5


def test_a_question_that_was_cancelled_ends(server):
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        newest_release(cancel, server.address)
    assert server.asked == []


@pytest.mark.parametrize(
    "page",
    [
        "https://elsewhere.test/nibble",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "{address}/../../evil/nibble/releases/tag/v9",
        "{address}.elsewhere.test/tag/v9",
        "{address}/tag/v9\n",
        "{address}/tag/" + "x" * 5000,
        "",
    ],
)
def test_a_page_that_is_not_among_the_releases_is_never_led_to(server, page):
    server.publish(NEWER, html_url=page.format(address=server.address))
    assert ask(server).page == server.address


def test_what_is_new_is_plain_text_of_a_limited_length(server):
    server.publish(NEWER, body="a\x1b[31m\u202eb\u0000" + "x" * 100_000)
    notes = ask(server).notes
    assert notes.startswith("a[31mbx")
    assert len(notes) <= LONGEST_NOTES


@pytest.mark.parametrize("changes", [{"body": None}, {"published_at": None}, {"published_at": "<script>"}])
def test_what_is_not_told_is_left_out(server, changes):
    server.publish(NEWER, **changes)
    release = ask(server)
    assert release.version == NEWER
    assert release.notes == "" or release.published == ""


def test_a_project_that_was_renamed_is_followed_on_its_server(server):
    server.publish(NEWER)
    server.replies[QUESTION] = Reply(301, {"Location": "/api/v3/repositories/5/releases/latest"})
    assert ask(server).version == NEWER
    assert [path for _, path, _ in server.asked] == [QUESTION, "/api/v3/repositories/5/releases/latest"]


def test_nobody_is_led_to_another_server(server):
    with ReleaseServer() as other:
        other.publish(NEWER)
        server.reply = Reply(302, {"Location": f"{other.url}{QUESTION}"})
        assert "another server" in fault_of(server).message
        assert other.asked == []


@pytest.mark.parametrize("where", [QUESTION, "http://[", "//"])
def test_answers_that_lead_round_or_nowhere_end(server, where):
    server.reply = Reply(302, {"Location": where})
    assert isinstance(fault_of(server), ReleaseFault)
    assert len(server.asked) <= 4


@pytest.mark.parametrize(
    ("status", "headers", "kind", "word"),
    [
        (404, {}, NoRelease, "No release"),
        (403, {"X-RateLimit-Remaining": "0"}, RateLimited, "too often"),
        (429, {"Retry-After": "70"}, RateLimited, "too often"),
        (403, {}, ReleaseFault, "403"),
        (500, {}, ReleaseFault, "500"),
        (503, {}, ReleaseFault, "503"),
        (407, {}, NoConnection, "proxy"),
    ],
)
def test_refusals_are_told_for_what_they_are(server, status, headers, kind, word):
    server.reply = Reply(status, headers, b"<html>")
    fault = fault_of(server)
    assert isinstance(fault, kind)
    assert word in fault.message


def test_nobody_listening_is_no_connection():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/nibble-app/nibble/releases"
    with pytest.raises(NoConnection):
        newest_release(CancelToken(), address)


def test_offline_mode_is_kept_and_nobody_is_asked(server, monkeypatch):
    from huggingface_hub import close_session

    close_session()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    try:
        fault = fault_of(server)
    finally:
        close_session()
    assert isinstance(fault, OfflineWished)
    assert "HF_HUB_OFFLINE" in fault.message
    assert server.asked == []


def updates(
    server: ReleaseServer, tmp_path: Path, *options: str, address: str = "", **settings: str
) -> Outcome:
    """`nibble updates` of a Nibble whose releases are on that server."""
    own = tmp_path / "own"
    if not own.exists():
        write_dist_info(own, address or server.address)
    path = os.pathsep.join([str(own), *filter(None, [os.environ.get("PYTHONPATH")])])
    plain = {"HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "0", "SSL_CERT_DIR": ""}
    return nibble("updates", *options, environment={"PYTHONPATH": path, **plain, **settings})


def test_command_tells_a_newer_release(server, tmp_path):
    server.publish(NEWER, body="Much is new.\x1b[2J")
    told = updates(server, tmp_path)
    assert (told.code, told.err) == (0, "")
    for word in (NEWER, __version__, f"{server.address}/tag/v{NEWER}", "Much is new."):
        assert word in told.out
    assert "\x1b" not in told.out


def test_command_tells_a_script(server, tmp_path):
    server.publish(NEWER)
    document = updates(server, tmp_path, "--json").document
    assert (document["version"], document["standing"]) == (__version__, "outdated")
    assert document["newest"]["version"] == NEWER
    assert document["releases"] == server.address


def test_command_tells_that_there_is_nothing_newer(server, tmp_path):
    server.publish(__version__)
    assert "is the newest release" in updates(server, tmp_path).out


def test_command_refuses_in_offline_mode(server, tmp_path):
    updates(server, tmp_path, HF_HUB_OFFLINE="1").assert_refused("HF_HUB_OFFLINE")
    assert server.asked == []


def test_command_goes_through_the_proxy_with_certificates_of_its_own(server, tmp_path):
    """As an office has it: `releases.test` exists nowhere and is reached through the proxy alone."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "office.pem")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("releases.test").configure_cert(tls)
    server._server.socket = tls.wrap_socket(server._server.socket, server_side=True)
    server.publish(NEWER)
    address = "https://releases.test/nibble-app/nibble/releases"
    with Forwarder({"releases.test": server.port}, "ada:open-sesame") as forwarder:
        settings = {"HTTPS_PROXY": forwarder.url, "address": address}
        updates(server, tmp_path, **settings).assert_refused("is not trusted", "SSL_CERT_FILE")
        told = updates(server, tmp_path, "--json", SSL_CERT_FILE=str(tmp_path / "office.pem"), **settings)
        assert told.document["newest"]["version"] == NEWER
        assert forwarder.hosts == {("CONNECT", "releases.test")}


def test_version_with_json_tells_the_parts_without_starting_any(tmp_path):
    document = json.loads(nibble("--version", "--json").out)
    assert document["nibble"] == __version__
    assert document["python"].count(".") == 2
    assert document["llama_cpp_python"]
    assert document["pack"] == "Plain"


def test_json_alone_is_wrong_usage():
    assert nibble("--json").code == 2


def test_licences_command_tells_people_and_scripts():
    checked = nibble("licences", "--check")
    assert checked.code == 0, checked.out
    document = nibble("licences", "qt", "--json").document
    (qt,) = document["components"]
    assert qt["licence"] == "LGPL-3.0-only"
    assert any("LESSER" in text["text"] for text in qt["texts"])
    nibble("licences", "nosuch").assert_refused("nosuch")
