"""Servers of other computers: named by a person, and asked before llama.cpp is."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from app.runtime import rpc_servers as servers
from app.runtime.packs.pack import plain_pack
from app.runtime.rpc_servers import rpc_servers, why_not


@contextmanager
def listening(answer: Callable[[socket.socket], object] | None) -> Iterator[str]:
    """A server that answers its first client so; None: it never looks."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                assert answer is not None
                answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        if answer is not None:
            thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        if answer is not None:
            thread.join(5)


def hello_of(version: int) -> Callable[[socket.socket], object]:
    """As llama.cpp answers: 28 bytes, of which the first three are its version."""

    def answer(connection: socket.socket) -> None:
        request = connection.recv(33)
        assert request[:1] == bytes([14])
        assert struct.unpack("<Q", request[1:9]) == (24,)
        connection.sendall(struct.pack("<QBBBB24x", 28, version, 0, 0, 0))

    return answer


def test_servers_are_those_that_the_person_named_once_each() -> None:
    named = "192.168.1.20:50052, box:1 ,,192.168.1.20:50052"
    assert rpc_servers({"NIBBLE_RPC_SERVERS": named}) == ("192.168.1.20:50052", "box:1")
    assert rpc_servers({}) == ()
    assert len(rpc_servers({"NIBBLE_RPC_SERVERS": ",".join(f"box:{port}" for port in range(1, 99))})) == 16


def test_server_of_the_same_protocol_can_be_used() -> None:
    with listening(hello_of(servers.PROTOCOL)) as server:
        assert why_not(server) == ""


def test_server_of_another_version_or_another_kind_is_not_used() -> None:
    with listening(hello_of(3)) as server:
        assert "speaks version 3" in why_not(server)
    with listening(lambda connection: connection.recv(33)) as server:
        assert "hangs up" in why_not(server)


def test_busy_server_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "PATIENCE_S", 0.2)
    with listening(None) as server:
        assert "at work for another model or program" in why_not(server)


def test_server_that_answers_drop_by_drop_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "PATIENCE_S", 0.2)

    def drip(connection: socket.socket) -> None:
        with suppress(OSError):
            for _ in range(servers._REPLY.size):
                time.sleep(0.1)
                connection.sendall(b"\x1c")

    with listening(drip) as server:
        assert "does not answer" in why_not(server)


def test_name_that_no_computer_has_is_told_and_kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a shell lets through need not be text."""
    monkeypatch.setenv("NIBBLE_RPC_SERVERS", "b\udcffx:1")
    assert "cannot be reached" in why_not(*rpc_servers())
    with_it = plain_pack().stamp()
    monkeypatch.delenv("NIBBLE_RPC_SERVERS")
    assert plain_pack().stamp() != with_it


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    assert "cannot be reached" in why_not(address)


@pytest.mark.parametrize(
    "name",
    ["box", ":50052", "box:", "box:port", "box:0", "box:70000", "box:-1", "box:\u0661", f"box:{'9' * 5000}"],
)
def test_what_is_no_address_is_told(name: str) -> None:
    assert "is not the address" in why_not(name)
