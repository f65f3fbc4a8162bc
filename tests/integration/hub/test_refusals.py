"""Every way a Hub can say no, or nothing: a fault of its own kind, a sentence, and the token in none of them."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import keyring
import pytest
from huggingface_hub import constants
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyringHere
from keyring.errors import PasswordDeleteError

from app.core.errors import (
    Cancelled,
    EnvironmentFault,
    GatedRepository,
    HubFault,
    NoConnection,
    NoKeyring,
    NotOnHub,
    OfflineWished,
    RateLimited,
    TokenRefused,
)
from app.core.jobs import CancelToken
from app.hub import Hub, Search, forget_token, keep_token, open_hub, open_repository, read_access, search
from app.hub.token import stored_token
from tests.helpers.hub_server import Fault, HubServer, Repository

TOKEN = "hf_QUzr1secret"


@pytest.fixture(autouse=True)
def repositories(server: HubServer) -> None:
    server.add(Repository("ada/Open", {"M-Q4_0.gguf": b"x" * 100}))
    server.add(Repository("ada/Gated", {"M-Q4_0.gguf": b"x" * 100}, gated="manual"))
    server.add(Repository("ada/Secret", {"M-Q4_0.gguf": b"x" * 100}, private=True))


@pytest.fixture
def known(server: HubServer) -> Hub:
    """Somebody who is logged in, without access to anything."""
    server.add_user(TOKEN)
    return Hub(server.url, TOKEN)


def locate(hub: Hub, repository: str, path: str = "M-Q4_0.gguf", revision: str = "main") -> object:
    return hub.locate(repository, path, CancelToken(), revision)


def fault_of(ask: Callable[[], object]) -> EnvironmentFault:
    with pytest.raises(EnvironmentFault) as caught:
        ask()
    fault = caught.value
    assert fault.message.endswith(".")
    assert fault.hint.endswith(".")
    assert (
        TOKEN not in f"{fault} {fault!r} {fault.__cause__!r} {fault.__context__ if fault.__cause__ else ''}"
    )
    return fault


def test_gated_repository_names_the_page_to_open(server: HubServer, hub: Hub) -> None:
    fault = fault_of(lambda: locate(hub, "ada/Gated"))
    assert isinstance(fault, GatedRepository)
    assert fault.page == f"{server.url}/ada/Gated"
    assert fault.page in fault.hint
    assert "log in" in fault.hint


def test_gated_repository_for_who_is_logged_in_says_to_ask_for_access(known: Hub) -> None:
    fault = fault_of(lambda: locate(known, "ada/Gated"))
    assert isinstance(fault, GatedRepository)
    assert "no access to it yet" in fault.message
    assert "log in" not in fault.hint


def test_with_access_gated_and_private_repositories_are_like_others(server: HubServer) -> None:
    server.add_user(TOKEN, access=("ada/Gated", "ada/Secret"))
    hub = Hub(server.url, TOKEN)
    assert locate(hub, "ada/Gated")
    assert [variant.label for variant in open_repository(hub, "ada/Secret").variants] == ["Q4_0"]


@pytest.mark.parametrize("name", ["ada/None", "ada/Secret"])
def test_unknown_and_private_repositories_are_not_on_the_hub(hub: Hub, known: Hub, name: str) -> None:
    anonymous = fault_of(lambda: open_repository(hub, name))
    assert isinstance(anonymous, NotOnHub)
    assert name in anonymous.message
    assert "log in" in anonymous.hint
    logged_in = fault_of(lambda: open_repository(known, name))
    assert isinstance(logged_in, NotOnHub)
    assert "log in" not in logged_in.hint


def test_unknown_files_and_revisions_are_not_on_the_hub(hub: Hub, known: Hub) -> None:
    for each in (hub, known):
        assert isinstance(fault_of(lambda: locate(each, "ada/Open", "none.gguf")), NotOnHub)  # noqa: B023
        assert isinstance(fault_of(lambda: locate(each, "ada/Open", revision="v9")), NotOnHub)  # noqa: B023


def test_token_that_is_not_valid_is_told_as_that(server: HubServer) -> None:
    fault = fault_of(lambda: open_repository(Hub(server.url, TOKEN), "ada/Open"))
    assert isinstance(fault, TokenRefused)
    assert f"{server.url}/settings/tokens" in fault.hint


def test_token_without_the_right_is_told_as_that(server: HubServer, known: Hub) -> None:
    server.faults.append(Fault(status=403, headers={"X-Error-Message": "Forbidden for this token"}))
    assert isinstance(fault_of(lambda: open_repository(known, "ada/Open")), TokenRefused)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"}, 86_400.0),
        ({"RateLimit": '"api";r=0;t=55', "RateLimit-Policy": '"fixed window";"api";q=500;w=300'}, 55.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "9" * 400}, 86_400.0),
        ({}, None),
    ],
)
def test_rate_limit_tells_for_how_long(
    server: HubServer, hub: Hub, headers: dict[str, str], seconds: float | None
) -> None:
    server.faults.append(Fault(status=429, headers=headers))
    fault = fault_of(lambda: next(search(hub, Search("x"))))
    assert isinstance(fault, RateLimited)
    assert fault.retry_after_s == seconds
    assert len(server.requests) == 1  # nobody who is asked to wait is asked again at once


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_trouble_of_the_hub_is_its_own(server: HubServer, hub: Hub, status: int) -> None:
    server.faults.append(Fault(status=status, body=b"<html>"))
    fault = fault_of(lambda: open_repository(hub, "ada/Open"))
    assert isinstance(fault, HubFault)
    assert str(status) in fault.message


def test_what_the_server_says_is_quoted_without_the_token(server: HubServer, known: Hub) -> None:
    told = {"X-Error-Message": f"Bad request from {TOKEN} and hf_another1"}
    server.faults.append(Fault(status=400, headers=told))
    fault = fault_of(lambda: open_repository(known, "ada/Open"))
    assert "Bad request from … and …" in fault.message


def test_nobody_listening_is_no_connection(hub: Hub) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    fault = fault_of(lambda: open_repository(Hub(address, TOKEN), "ada/Open"))
    assert isinstance(fault, NoConnection)
    assert "no connection to 127.0.0.1" in fault.message


@pytest.mark.parametrize("endpoint", ["nonsense", "ftp://x", "http://", "http://[::1", "http://\x00/"])
def test_endpoint_that_is_none_is_told(endpoint: str) -> None:
    assert isinstance(fault_of(lambda: open_repository(Hub(endpoint), "ada/Open")), NoConnection)


def test_server_that_says_nothing_is_left_after_the_timeout(
    server: HubServer, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.3)
    server.faults.append(Fault(stall_at=5))
    began = time.monotonic()
    fault = fault_of(lambda: open_repository(hub, "ada/Open"))
    assert isinstance(fault, NoConnection)
    assert "in time" in fault.message
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("fault", [Fault(reset_at=10), Fault(truncate_at=10), Fault(reset_at=0)])
def test_one_cut_is_not_noticed_and_two_are_told(server: HubServer, hub: Hub, fault: Fault) -> None:
    server.faults.append(fault)
    assert open_repository(hub, "ada/Open").id == "ada/Open"
    fault.times = 2
    assert isinstance(fault_of(lambda: open_repository(hub, "ada/Open")), NoConnection)


def test_certificate_that_nobody_vouches_for_is_told(hub: Hub) -> None:
    import httpx2

    from app.downloads.network_faults import connection_fault

    error = httpx2.ConnectError(
        "[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate in certificate chain"
    )
    assert "SSL_CERT_FILE" in connection_fault(error, "hub.test").hint


def test_offline_is_respected_without_a_request(
    server: HubServer, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for ask in (lambda: open_repository(hub, "ada/Open"), lambda: locate(hub, "ada/Open")):
        fault = fault_of(ask)
        assert isinstance(fault, OfflineWished)
        assert "HF_HUB_OFFLINE" in fault.message
    assert server.requests == []


def test_cancelled_before_is_not_asked(server: HubServer, hub: Hub) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        open_repository(hub, "ada/Open", cancel)
    assert server.requests == []


def test_an_answer_without_end_is_left(server: HubServer, hub: Hub) -> None:
    server.faults.append(Fault(status=200, body=b" " * (70 << 20)))
    assert isinstance(fault_of(lambda: open_repository(hub, "ada/Open")), HubFault)


def test_a_redirect_to_another_host_does_not_take_the_token_along(server: HubServer, known: Hub) -> None:
    elsewhere = {"Location": f"{server.cdn_url}/repos/x/y/z"}
    server.faults.append(Fault(host="hub", status=302, headers=elsewhere))
    fault_of(lambda: open_repository(known, "ada/Open"))
    hub_request, other = server.requests
    assert hub_request.headers["authorization"] == f"Bearer {TOKEN}"
    assert other.host == "cdn"
    assert "authorization" not in other.headers


class InMemory(KeyringBackend):
    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        try:
            del self.kept[service, username]
        except KeyError:
            raise PasswordDeleteError from None


@pytest.fixture
def logged_out(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", f"{tmp_path}/token")


@pytest.mark.usefixtures("logged_out")
def test_typed_token_is_kept_in_the_keyring_for_its_hub_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = InMemory()
    keyring.set_keyring(backend)
    keep_token("https://huggingface.co", f" {TOKEN}\n")
    assert backend.kept == {("Nibble", "huggingface.co"): TOKEN}
    assert stored_token("https://huggingface.co") == TOKEN
    assert stored_token("https://mirror.test") is None
    monkeypatch.setenv("HF_TOKEN", "hf_environment")
    assert stored_token("https://huggingface.co") == "hf_environment"
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", True)
    assert stored_token("https://huggingface.co") is None
    forget_token("https://huggingface.co")
    forget_token("https://huggingface.co")
    assert backend.kept == {}


class Locked(InMemory):
    """As one that asks the person for its password before it tells anything."""

    def get_password(self, service: str, username: str) -> str | None:
        raise AssertionError("the person was asked")


@pytest.mark.usefixtures("logged_out")
def test_keyring_is_left_alone_by_who_keeps_no_token_in_it() -> None:
    keyring.set_keyring(Locked())
    assert stored_token("https://huggingface.co") is None
    assert open_hub()


@pytest.mark.usefixtures("logged_out")
def test_token_in_the_keyring_is_found_again_by_looking_where_the_data_folder_was_lost() -> None:
    backend = InMemory()
    keyring.set_keyring(backend)
    backend.kept["Nibble", "huggingface.co"] = TOKEN
    assert stored_token("https://huggingface.co") is None
    assert read_access().is_kept
    assert stored_token("https://huggingface.co") == TOKEN


@pytest.mark.usefixtures("logged_out")
def test_token_of_hf_auth_login_is_used(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with open(constants.HF_TOKEN_PATH, "w") as file:
        file.write(f"{TOKEN}\n")
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    server.add_user(TOKEN, access=("ada/Gated",))
    assert locate(open_hub(), "ada/Gated")


@pytest.mark.usefixtures("logged_out")
def test_system_without_a_keyring_reads_no_token_and_says_that_none_can_be_kept() -> None:
    keyring.set_keyring(NoKeyringHere())  # type: ignore[no-untyped-call]
    assert stored_token("https://huggingface.co") is None
    with pytest.raises(NoKeyring, match="hf auth login"):
        keep_token("https://huggingface.co", TOKEN)
