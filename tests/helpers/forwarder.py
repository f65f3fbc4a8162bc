"""A forwarding HTTP proxy as offices have them: tunnels for https (CONNECT), and plain requests passed on."""

from __future__ import annotations

import base64
import shutil
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from tests.helpers.quiet_server import QuietServer

_TAKEN_OUT = ("connection", "proxy-authorization", "proxy-connection")


class Forwarder:
    """A context manager. `routes`: which port of this computer stands for a host; no other host can be reached.

    With a `user` ("name:password") nobody else is let through. `passed` has the method and the host of each request.
    """

    def __init__(self, routes: Mapping[str, int], user: str = "") -> None:
        self.routes = dict(routes)
        self.user = user
        self.passed: list[tuple[str, str]] = []
        self._server = _Server(self)

    @property
    def url(self) -> str:
        """With the user's name and password."""
        user = f"{self.user}@" if self.user else ""
        return f"http://{user}127.0.0.1:{self._server.server_port}"

    @property
    def hosts(self) -> set[tuple[str, str]]:
        return set(self.passed)

    def lets_through(self, authorization: str) -> bool:
        wanted = f"Basic {base64.b64encode(self.user.encode()).decode()}"
        return not self.user or authorization == wanted

    def __enter__(self) -> Forwarder:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()


class _Server(QuietServer):
    def __init__(self, forwarder: Forwarder) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.forwarder = forwarder


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_CONNECT(self) -> None:
        port = self._port_of(urlsplit(f"//{self.path}").hostname)
        if port is None:
            return
        with socket.create_connection(("127.0.0.1", port)) as upstream:
            self.send_response_only(200)
            self.end_headers()
            back = threading.Thread(target=_pass_on, args=(upstream, self.connection), daemon=True)
            back.start()
            _pass_on(self.connection, upstream)
            back.join()
        self.close_connection = True

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        port = self._port_of(split.hostname)
        if port is None:
            return
        target = split._replace(scheme="", netloc="").geturl()
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _TAKEN_OUT}
        upstream = HTTPConnection("127.0.0.1", port)
        upstream.request(self.command, target, headers=headers)
        answer = upstream.getresponse()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        shutil.copyfileobj(answer, self.wfile)
        upstream.close()

    do_HEAD = do_GET

    def _port_of(self, host: str | None) -> int | None:
        """None where it was refused."""
        forwarder = self.server.forwarder
        status = 0
        if not forwarder.lets_through(self.headers.get("Proxy-Authorization", "")):
            status = 407
        elif host not in forwarder.routes:
            status = 502
        if status:
            self.send_response_only(status)
            self.send_header("Content-Length", "0")
            self.send_header("Connection", "close")
            self.end_headers()
            return None
        assert host is not None
        forwarder.passed.append((self.command, host))
        return forwarder.routes[host]


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    """Until one of them hangs up; the other is then told."""
    with suppress(OSError):
        while piece := source.recv(1 << 16):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
