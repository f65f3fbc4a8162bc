"""One request on its way: ranges, conditions, and what goes wrong with them."""

from __future__ import annotations

import re
import socket
import struct
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from tests.helpers.hub_server.repository import StoredFile

if TYPE_CHECKING:
    from tests.helpers.hub_server.faults import Fault
    from tests.helpers.hub_server.server import Request

_PIECE_BYTES = 1 << 18
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        from tests.helpers.hub_server.server import request_of

        host: Any = self.server
        request = request_of(host.host_name, self.command, self.path, dict(self.headers.items()))
        fault = host.hub.record(request)
        if fault.status:
            self._send(request, fault, fault.status, dict(fault.headers), fault.body)
            return
        reply = host.hub.answer(request)
        headers = dict(reply.headers)
        if fault.hides_etag:
            headers = {name: value for name, value in headers.items() if not name.endswith("ETag")}
        if reply.file is None:
            self._send(request, fault, reply.status, headers, reply.body)
        else:
            self._send_file(request, fault, headers, reply.file)

    def _send_file(self, request: Request, fault: Fault, headers: dict[str, str], file: StoredFile) -> None:
        etag = f'"{file.etag}"'
        headers |= {"Content-Type": "application/octet-stream"}
        if not fault.hides_etag:
            headers["ETag"] = etag
        if request.headers.get("if-none-match") == etag:
            self._send(request, fault, 304, headers, b"")
            return
        start, end = 0, file.size
        status = 200
        wished = _RANGE.fullmatch(request.headers.get("range", ""))
        if wished and not fault.ignores_range and request.headers.get("if-range", etag) == etag:
            first, last = wished.groups()
            start = int(first) if first else max(file.size - int(last), 0)
            end = min(int(last) + 1, file.size) if first and last else file.size
            if start >= file.size:
                self._send(request, fault, 416, headers | {"Content-Range": f"bytes */{file.size}"}, b"")
                return
            status = 206
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
        self._send_head(request, status, headers, end - start)
        if self.command != "HEAD":
            self._send_body(request, fault, file, start, end)

    def _send(
        self, request: Request, fault: Fault, status: int, headers: dict[str, str], body: bytes
    ) -> None:
        self._send_head(request, status, headers, len(body))
        if self.command != "HEAD" and status != 304:
            self._send_body(request, fault, StoredFile("", body), 0, len(body))

    def _send_head(self, request: Request, status: int, headers: dict[str, str], size: int) -> None:
        request.status = status
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(size))
        self.end_headers()

    def _send_body(self, request: Request, fault: Fault, file: StoredFile, start: int, end: int) -> None:
        cuts = [each for each in (fault.reset_at, fault.truncate_at, fault.stall_at) if each is not None]
        until = min(start + min(cuts), end) if cuts else end
        position = start
        while position < until:
            piece = file.read(position, min(_PIECE_BYTES, until - position))
            if fault.wrong_at is not None and position <= fault.wrong_at < position + len(piece):
                at = fault.wrong_at - position
                piece = piece[:at] + bytes([piece[at] ^ 0xFF]) + piece[at + 1 :]
            self.wfile.write(piece)
            request.sent_bytes += len(piece)
            position += len(piece)
        if not cuts:
            return
        host: Any = self.server
        if fault.stall_at is not None:
            host.hub.closing.wait(fault.stall_s)
        self.close_connection = True
        if fault.reset_at is not None:
            # Without lingering the kernel sends RST instead of FIN.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
