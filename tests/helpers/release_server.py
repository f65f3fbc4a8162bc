"""A local server of releases that answers as GitHub's API does, or as badly as a test tells it to.

The shape of the answer follows GitHub's documentation of "Get the latest release".
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from tests.helpers.quiet_server import QuietServer

PROJECT = "/nibble-app/nibble"
QUESTION = f"/api/v3/repos{PROJECT}/releases/latest"


@dataclass(frozen=True)
class Reply:
    """`pause_s`: between every two bytes."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    pause_s: float = 0.0


class ReleaseServer:
    """A context manager; `address` is what `[project.urls] Releases` would be. Answers `replies` by path, as many as
    there are, `reply` otherwise; keeps who asked for what in `asked`."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.replies: dict[str, Reply] = {}
        self.reply = Reply(404, body=b'{"message": "Not Found", "status": "404"}')
        self._server = _Server(self)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self.address = f"{self.url}{PROJECT}/releases"

    def publish(self, version: str, **changes: Any) -> None:
        """As the newest release."""
        told = {
            "url": f"{self.url}/api/v3/repos{PROJECT}/releases/1",
            "html_url": f"{self.address}/tag/v{version}",
            "id": 1,
            "tag_name": f"v{version}",
            "name": f"Nibble {version}",
            "draft": False,
            "prerelease": False,
            "published_at": "2026-11-27T12:00:00Z",
            "assets": [{"name": "nibble.deb", "browser_download_url": f"{self.address}/download/nibble.deb"}],
            "body": "## What is new\r\n\r\n- Everything",
            **changes,
        }
        self.reply = Reply(headers={"Content-Type": "application/json"}, body=json.dumps(told).encode())

    def __enter__(self) -> ReleaseServer:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()


class _Server(QuietServer):
    def __init__(self, releases: ReleaseServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.releases = releases


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        releases = self.server.releases
        releases.asked.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
        reply = releases.replies.get(self.path, releases.reply)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if not reply.pause_s:
            self.wfile.write(reply.body)
            return
        for at in range(len(reply.body)):
            self.wfile.write(reply.body[at : at + 1])
            time.sleep(reply.pause_s)

    def log_message(self, *_: object) -> None:
        pass


def write_dist_info(folder: Path, releases: str) -> Path:
    """A dist-info of Nibble which says that releases are there; for a folder in front of Python's others."""
    info = folder / "nibble-0.1.0.dist-info"
    info.mkdir(parents=True)
    lines = ["Metadata-Version: 2.4", "Name: nibble", "Version: 0.1.0", f"Project-URL: Releases, {releases}"]
    (info / "METADATA").write_text("\n".join(lines) + "\n")
    return folder
