"""`nibble packs`: what is here, what can be had, and getting it as a person or a script does."""

from __future__ import annotations

import os
import signal
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import trustme

from app.runtime.packs import runtime_packs
from app.storage import DataFolder
from tests.helpers.command_line import Outcome, nibble, start_nibble
from tests.helpers.forwarder import Forwarder
from tests.helpers.hub_server import Fault, HubServer
from tests.helpers.pack_shop import PackShop, command_of
from tests.helpers.packs import archive_of, good_pack, pack_of, real_files

FILES = {"libllama.so": b"no library", "licences/MIT.txt": b"as is"}


@pytest.fixture(autouse=True)
def plain_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("LLAMA_CPP_LIB_PATH", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))


@pytest.fixture
def server() -> Iterator[HubServer]:
    with HubServer() as server:
        yield server


@pytest.fixture
def shop(server: HubServer, home: Path) -> PackShop:
    return PackShop(server, DataFolder(home).create())


def packs(shop: PackShop, *arguments: object, **environment: str) -> Outcome:
    return nibble("packs", *arguments, command=command_of(shop.offers), environment=environment)


def test_pack_is_listed_got_used_and_removed(shop: PackShop) -> None:
    pack = shop.offer(archive_of(real_files()))
    shop.offer(archive_of(FILES, name="cuda-13"))
    (offer, cuda) = packs(shop, "--json").document["offers"]
    assert (offer["name"], offer["suits"], offer["installed"], offer["bytes"]) == (
        "cpu",
        True,
        False,
        pack.bytes,
    )
    assert cuda["suits"] is False
    assert "NVIDIA" in cuda["reason"]
    got = packs(shop, "get", "cpu", "--json")
    assert (got.code, got.err) == (0, "")
    assert (got.document["used"], got.document["fault"]) == (True, None)
    before = len(shop.server.requests)
    assert "in use from now on" in packs(shop, "get", "CPU").out
    assert len(shop.server.requests) == before, "it is here already"
    listed = packs(shop).out
    assert "CPU: in use" in listed
    assert "is here" in listed
    assert "CPU was deleted" in packs(shop, "remove", "cpu").out
    assert shop.present() == []


def test_pack_that_does_not_work_is_told_with_its_reason(shop: PackShop) -> None:
    shop.offer(archive_of(FILES))
    assert "CPU is here, but set aside. It cannot be loaded" in packs(shop, "get", "cpu").out


def test_names_that_are_none_are_refused_with_those_that_are(shop: PackShop) -> None:
    shop.offer(archive_of(FILES))
    packs(shop, "get", "cuda-99").assert_refused("no runtime pack cuda-99", "cpu")
    packs(shop, "use", "cuda-99").assert_refused("no runtime pack cuda-99", "automatic, Plain")
    packs(shop, "remove", "plain").assert_refused("part of Nibble")


def test_faults_on_the_way_are_sentences(shop: PackShop, server: HubServer) -> None:
    shop.offer(archive_of(FILES), sha256="ab" * 32)
    packs(shop, "get", "cpu").assert_refused("SHA-256 should be abab")
    server.faults = [Fault(status=404, times=-1)]
    packs(shop, "get", "cpu").assert_refused("127.0.0.1 does not have the file")
    packs(shop, "get", "cpu", HF_HUB_OFFLINE="1").assert_refused("HF_HUB_OFFLINE")
    assert shop.present() == []


def test_pack_is_chosen_and_tried_again_beside_the_older_options(shop: PackShop) -> None:
    good_pack(shop.folder, "First")
    good_pack(shop.folder, "Second")
    assert "In use: Second." in packs(shop, "use", "second").out
    assert "In use: First." in packs(shop, "use", "automatic").out
    marker = shop.folder.parent / "mended"
    pack_of(shop.folder, "Bad", f'if (access("{marker}", F_OK) != 0) abort(); else _exit(9);')
    assert runtime_packs().chosen().name == "First"
    marker.touch()
    told = packs(shop, "retry").out
    assert "Bad: set aside" in told
    assert "exit code 9" in told


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_interrupt_pauses_and_the_same_command_goes_on(shop: PackShop, server: HubServer) -> None:
    pack = shop.offer(archive_of({"libllama.so": os.urandom(1_500_000)}))
    process = start_nibble("packs", "get", "cpu", "--limit", "0.4", command=command_of(shop.offers))
    give_up = time.monotonic() + 60
    while server.sent_bytes("cdn") < 300_000 or shop.place.arrived_bytes(pack) < 200_000:
        assert process.poll() is None
        assert time.monotonic() < give_up
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert "have arrived" in packs(shop).out
    before = server.sent_bytes("cdn")
    assert packs(shop, "get", "cpu").code == 0
    assert server.sent_bytes("cdn") - before < pack.bytes
    assert shop.present() == [pack.folder_name]


def test_office_with_a_proxy_and_certificates_of_its_own(home: Path, tmp_path: Path) -> None:
    authority = trustme.CA()
    certificates = tmp_path / "office.pem"
    authority.cert_pem.write_to_path(certificates)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("hub.test", "cdn.test", "127.0.0.1", "localhost").configure_cert(tls)
    with HubServer(tls=tls) as server:
        shop = PackShop(server, DataFolder(home).create())
        pack = shop.offer(archive_of(FILES))
        packs(shop, "get", "cpu").assert_refused("certificate of 127.0.0.1 is not trusted", "SSL_CERT_FILE")
        ports = server.ports
        shop.offers = [msgspec.structs.replace(pack, address=elsewhere(pack.address))]
        server.cdn_url = "https://cdn.test"
        with Forwarder({"hub.test": ports["hub"], "cdn.test": ports["cdn"]}, "ada:open-sesame") as forwarder:
            settings = {"HTTPS_PROXY": forwarder.url, "SSL_CERT_FILE": str(certificates)}
            assert packs(shop, "get", "cpu", **settings).code == 0
            assert forwarder.hosts == {("CONNECT", "hub.test"), ("CONNECT", "cdn.test")}


def elsewhere(address: str) -> str:
    return "https://hub.test/" + address.split("/", 3)[3]
