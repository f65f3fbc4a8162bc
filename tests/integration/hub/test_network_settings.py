"""Proxies, certificates and addresses from the environment, as huggingface_hub and httpx document them.

Hosts called `.test` exist nowhere (RFC 6761): what comes from them has come through the proxy.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from tests.helpers.command_line import Outcome, nibble
from tests.helpers.downloader import FILE, REPOSITORY, some_bytes
from tests.helpers.forwarder import Forwarder
from tests.helpers.hub_server import HubServer, Repository
from tests.helpers.raw_gguf import llama_header

MODEL = llama_header().to_bytes() + some_bytes(300_000)
HUB, CDN = "hub.test", "cdn.test"
USER = "ada:open-sesame"
_SETTINGS = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def plain_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _SETTINGS:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_TOKEN", "")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Whose certificates only those trust who were given its own."""
    return trustme.CA()


@pytest.fixture
def certificates(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "office.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


@contextmanager
def hub_of(authority: trustme.CA | None = None) -> Iterator[HubServer]:
    """Behind the names `hub.test` and `cdn.test`; with an `authority` it speaks TLS."""
    tls = None
    if authority is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(HUB, CDN, "127.0.0.1", "localhost").configure_cert(tls)
    with HubServer(Repository(REPOSITORY, {FILE: MODEL}), tls=tls) as hub:
        yield hub


@contextmanager
def office(hub: HubServer, user: str = "") -> Iterator[Forwarder]:
    """The only way to the hub's names."""
    scheme = hub.url.partition("://")[0]
    hub.cdn_url = f"{scheme}://{CDN}"
    with Forwarder({HUB: hub.ports["hub"], CDN: hub.ports["cdn"]}, user) as forwarder:
        yield forwarder


def pull(endpoint: str, **settings: str) -> Outcome:
    return nibble("pull", REPOSITORY, environment={"HF_ENDPOINT": endpoint, **settings})


def assert_arrived(outcome: Outcome, home: Path) -> None:
    assert (outcome.code, outcome.err) == (0, "")
    assert (home / "models" / REPOSITORY / FILE).read_bytes() == MODEL


def test_all_goes_through_the_proxy_that_http_proxy_names_with_its_user(home: Path) -> None:
    with hub_of() as hub, office(hub, USER) as forwarder:
        assert_arrived(pull(f"http://{HUB}", HTTP_PROXY=forwarder.url), home)
        assert forwarder.hosts == {("GET", HUB), ("HEAD", HUB), ("GET", CDN)}
        assert not any("proxy-authorization" in each.headers for each in hub.requests)


def test_https_goes_through_the_tunnel_of_https_proxy_and_trusts_whom_ssl_cert_file_names(
    home: Path, authority: trustme.CA, certificates: str
) -> None:
    with hub_of(authority) as hub, office(hub, USER) as forwarder:
        settings = {"HTTPS_PROXY": forwarder.url, "SSL_CERT_FILE": certificates}
        assert_arrived(pull(f"https://{HUB}", **settings), home)
        assert forwarder.hosts == {("CONNECT", HUB), ("CONNECT", CDN)}


def test_hosts_in_no_proxy_are_reached_without_it(
    home: Path, authority: trustme.CA, certificates: str
) -> None:
    with hub_of(authority) as hub, Forwarder({}) as forwarder:
        settings = {"HTTPS_PROXY": forwarder.url, "NO_PROXY": "127.0.0.1,localhost"}
        assert_arrived(pull(hub.url, **settings, SSL_CERT_FILE=certificates), home)
        assert forwarder.passed == []


def test_a_server_whose_certificate_nobody_vouches_for_is_refused_with_what_to_set(
    authority: trustme.CA,
) -> None:
    with hub_of(authority) as hub:
        pull(hub.url).assert_refused("is not trusted", "SSL_CERT_FILE")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_wants_another_password_is_told_without_it(
    authority: trustme.CA, certificates: str, scheme: str
) -> None:
    with hub_of(authority if scheme == "https" else None) as hub, office(hub, USER) as forwarder:
        wrong = forwarder.url.replace("open-sesame", "hunter2")
        settings = {f"{scheme.upper()}_PROXY": wrong, "SSL_CERT_FILE": certificates}
        refused = pull(f"{scheme}://{HUB}", **settings)
        refused.assert_refused("proxy does not let Nibble through", "HTTPS_PROXY")
        assert "hunter2" not in refused.err
        assert hub.requests == []


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"SSL_CERT_FILE": os.path.join(os.sep, "no", "such.pem")}, "SSL_CERT_FILE"),
        ({"SSL_CERT_FILE": __file__}, "SSL_CERT_FILE"),  # there are no certificates in it
        ({"HTTPS_PROXY": "gopher://ada:hunter2@127.0.0.1:9"}, "HTTPS_PROXY"),
        ({"ALL_PROXY": "socks5://ada:hunter2@127.0.0.1:9"}, "ALL_PROXY"),
        ({"HTTPS_PROXY": "http://127.0.0.1:port"}, "HTTPS_PROXY"),
    ],
)
def test_settings_that_cannot_be_followed_are_named(settings: dict[str, str], word: str) -> None:
    refused = pull(f"https://{HUB}", **settings)
    refused.assert_refused(word)
    assert "hunter2" not in refused.err
