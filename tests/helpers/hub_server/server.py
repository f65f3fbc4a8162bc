"""The two hosts: the Hub itself, and the one that it sends people to for large files."""

from __future__ import annotations

import json
import re
import secrets
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from tests.helpers.hub_server.api import BadQuery, Query, found_models, model_info, tree
from tests.helpers.hub_server.faults import NO_FAULT, Fault
from tests.helpers.hub_server.handler import Handler
from tests.helpers.hub_server.repository import Repository, StoredFile
from tests.helpers.quiet_server import QuietServer

_FILE = re.compile(r"/(?P<id>[^/]+/[^/]+)/(?P<way>resolve|raw)/(?P<revision>[^/]+)/(?P<path>.+)")
_CACHED = re.compile(r"/api/resolve-cache/models/(?P<id>[^/]+/[^/]+)/(?P<revision>[^/]+)/(?P<path>.+)")
_TREE = re.compile(r"/api/models/(?P<id>[^/]+/[^/]+)/tree/(?P<revision>[^/]+)(?:/(?P<path>.+))?")
_MODEL = re.compile(r"/api/models/(?P<id>[^/]+/[^/]+)(?:/revision/(?P<revision>[^/]+))?")
_STORED = re.compile(r"/repos/(?P<id>[^/]+/[^/]+)/(?P<path>.+)")


@dataclass
class Request:
    """`host` is "hub" or "cdn"; `headers` by lower-case name; `status` and `sent_bytes` (of the body) as answered."""

    host: str
    method: str
    path: str
    query: Query
    headers: Mapping[str, str]
    status: int = 0
    sent_bytes: int = 0


@dataclass(frozen=True)
class _Reply:
    """`file` or `body`; a file's range is the handler's."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    file: StoredFile | None = None


class HubServer:
    """A context manager; `url` is what HF_ENDPOINT should be.

    `redirects`: large files are on the other host, as on huggingface.co; without, they come from here, as from mirrors.
    `page_size`: most models or files in one answer. `tls`: with which certificate both speak TLS. `before_answer` is
    called with each request, so that something can change at a certain one.
    """

    def __init__(
        self,
        *repositories: Repository,
        redirects: bool = True,
        page_size: int = 1000,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.repositories = {each.id: each for each in repositories}
        self.redirects = redirects
        self.page_size = page_size
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self.before_answer: Callable[[Request], None] = lambda request: None
        self.closing = threading.Event()
        self._users: dict[str, tuple[str, frozenset[str]]] = {}
        self._signatures: set[str] = set()
        self._lock = threading.Lock()
        self._hosts = {name: _Host(("127.0.0.1", 0), Handler, self, name) for name in ("hub", "cdn")}
        scheme = "http"
        if tls is not None:
            scheme = "https"
            for host in self._hosts.values():
                host.socket = tls.wrap_socket(host.socket, server_side=True)
        self.url = f"{scheme}://127.0.0.1:{self._hosts['hub'].server_port}"
        self.cdn_url = f"{scheme}://localhost:{self._hosts['cdn'].server_port}"

    def __enter__(self) -> HubServer:
        for host in self._hosts.values():
            host.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        for host in self._hosts.values():
            host.__exit__()

    def add(self, repository: Repository) -> None:
        self.repositories[repository.id] = repository

    def add_user(self, token: str, name: str = "ada", access: tuple[str, ...] = ()) -> None:
        """Who has `token`, and which gated or private repositories they may read."""
        self._users[token] = (name, frozenset(access))

    @property
    def ports(self) -> dict[str, int]:
        """On which "hub" and "cdn" listen."""
        return {name: host.server_port for name, host in self._hosts.items()}

    def expire_addresses(self) -> None:
        """Those of the other host that were given out so far are no longer good."""
        with self._lock:
            self._signatures.clear()

    def sent_bytes(self, host: str = "") -> int:
        return sum(each.sent_bytes for each in self.requests if host in ("", each.host))

    def record(self, request: Request) -> Fault:
        """Keeps it, and tells what is to go wrong with it."""
        with self._lock:
            self.requests.append(request)
            target = f"{request.path}?{urlencode(request.query, doseq=True)}"
            for fault in self.faults:
                if fault.meets(request.host, request.method, target):
                    fault.times -= 1 if fault.times > 0 else 0
                    return fault
        return NO_FAULT

    def answer(self, request: Request) -> _Reply:
        self.before_answer(request)
        if request.host == "cdn":
            return self._stored(request)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token and token not in self._users:
            return _refused(401, "", "Invalid credentials in Authorization header")
        if request.path == "/api/whoami-v2":
            return self._who(token)
        if request.path == "/api/models":
            return self._search(request)
        for pattern, reply in (
            (_TREE, self._tree),
            (_MODEL, self._model),
            (_CACHED, self._file),
            (_FILE, self._file),
        ):
            if match := pattern.fullmatch(request.path):
                return self._of_repository(match, token, request, reply)
        return _refused(404, "", "Not Found")

    def _of_repository(self, match: re.Match[str], token: str, request: Request, reply: Any) -> _Reply:
        repository = self.repositories.get(match["id"])
        may_read = repository is not None and repository.id in self._users.get(token, ("", frozenset()))[1]
        if repository is None or (repository.private and not may_read):
            # Whoever is not logged in must not learn which private repositories there are.
            if not token:
                return _refused(401, "RepoNotFound", "Invalid username or password.")
            return _refused(404, "RepoNotFound", "Repository not found")
        revision = match["revision"]
        if revision is not None and unquote(revision) not in ("main", repository.commit):
            return _refused(404, "RevisionNotFound", f"Invalid rev id: {unquote(revision)}")
        is_file = match.re in (_FILE, _CACHED)
        if is_file and repository.gated and not may_read and not _is_always_public(match["path"]):
            return _gated(repository, logged_in=bool(token))
        answer: _Reply = reply(repository, match, request)
        return answer

    def _who(self, token: str) -> _Reply:
        if not token:
            return _json({"error": "Invalid username or password."}, 401)
        name = self._users[token][0]
        told = {"displayName": "nibble", "role": "read", "createdAt": "2025-01-01T00:00:00.000Z"}
        auth = {"type": "access_token", "accessToken": told}
        return _json({"type": "user", "id": "1", "name": name, "fullname": name, "orgs": [], "auth": auth})

    def _search(self, request: Request) -> _Reply:
        visible = [each for each in self.repositories.values() if not each.private]
        try:
            found = found_models(visible, request.query)
        except BadQuery as error:
            return _json({"error": str(error)}, 400)
        return self._page(request, found)

    def _model(self, repository: Repository, match: re.Match[str], request: Request) -> _Reply:
        with_blobs = request.query.get("blobs", [""])[0].casefold() == "true"
        return _json(model_info(repository, with_blobs=with_blobs))

    def _tree(self, repository: Repository, match: re.Match[str], request: Request) -> _Reply:
        recursive = request.query.get("recursive", [""])[0].casefold() == "true"
        try:
            return self._page(
                request, tree(repository, unquote(match["path"] or "").strip("/"), recursive=recursive)
            )
        except KeyError:
            return _refused(404, "EntryNotFound", "Entry not found")

    def _page(self, request: Request, items: list[dict[str, Any]]) -> _Reply:
        size = min(int(request.query.get("limit", [str(self.page_size)])[0]), self.page_size)
        start = int(request.query.get("cursor", ["0"])[0])
        headers = {}
        if start + size < len(items):
            query = urlencode(request.query | {"cursor": [str(start + size)]}, doseq=True)
            headers["Link"] = f'<{self.url}{quote(request.path)}?{query}>; rel="next"'
        return _json(items[start : start + size], headers=headers)

    def _file(self, repository: Repository, match: re.Match[str], request: Request) -> _Reply:
        path = unquote(match["path"])
        if path not in repository.files:
            return _refused(404, "EntryNotFound", "Entry not found", {"X-Repo-Commit": repository.commit})
        file = repository.stored(path)
        told = {"X-Repo-Commit": repository.commit, "Accept-Ranges": "bytes"}
        if match.re is _CACHED:
            return _Reply(headers=told, file=file)
        if match["way"] == "raw":
            if file.is_lfs:
                return _Reply(headers=told, body=file.pointer)
            return _Reply(headers=told, file=file)
        if not file.is_lfs:
            where = f"/api/resolve-cache/models/{repository.id}/{repository.commit}/{quote(path)}"
            return _redirect(307, where, {**told, "ETag": f'"{file.etag}"'})
        told |= {"X-Linked-Size": str(file.size), "X-Linked-ETag": f'"{file.etag}"'}
        if self.redirects:
            return _redirect(302, self._signed(repository, path), told)
        return _Reply(headers=told, file=file)

    def _signed(self, repository: Repository, path: str) -> str:
        signature = secrets.token_hex(8)
        with self._lock:
            self._signatures.add(signature)
        return f"{self.cdn_url}/repos/{repository.id}/{quote(path)}?Signature={signature}"

    def _stored(self, request: Request) -> _Reply:
        if "authorization" in request.headers:  # as S3 answers
            return _Reply(400, body=b"<Error><Code>InvalidArgument</Code></Error>")
        if request.query.get("Signature", [""])[0] not in self._signatures:
            return _Reply(403, body=b"<Error><Code>AccessDenied</Code></Error>")
        match = _STORED.fullmatch(request.path)
        repository = self.repositories.get(match["id"]) if match else None
        path = unquote(match["path"]) if match else ""
        if repository is None or path not in repository.files:
            return _Reply(404, body=b"<Error><Code>NoSuchKey</Code></Error>")
        return _Reply(headers={"Accept-Ranges": "bytes"}, file=repository.stored(path))


class _Host(QuietServer):
    def __init__(self, address: tuple[str, int], handler: type[Handler], hub: HubServer, name: str) -> None:
        super().__init__(address, handler)
        self.hub = hub
        self.host_name = name


def request_of(host: str, method: str, target: str, headers: Mapping[str, str]) -> Request:
    split = urlsplit(target)
    query = parse_qs(split.query, keep_blank_values=True)
    return Request(host, method, split.path, query, {name.lower(): value for name, value in headers.items()})


def _is_always_public(path: str) -> bool:
    return unquote(path) in ("README.md", ".gitattributes")


def _json(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> _Reply:
    body = json.dumps(document).encode()
    return _Reply(
        status, {"Content-Type": "application/json; charset=utf-8"} | dict(headers or {}), body=body
    )


def _refused(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> _Reply:
    told = {"X-Error-Message": message, **({"X-Error-Code": code} if code else {})}
    return _json({"error": message}, status, told | dict(headers or {}))


def _gated(repository: Repository, *, logged_in: bool) -> _Reply:
    if not logged_in:
        message = (
            f"Access to model {repository.id} is restricted. You must have access to it and be authenticated to access"
            " it. Please log in."
        )
        return _refused(401, "GatedRepo", message)
    message = (
        f"Access to model {repository.id} is restricted and you are not in the authorized list."
        f" Visit https://huggingface.co/{repository.id} to ask for access."
    )
    return _refused(403, "GatedRepo", message)


def _redirect(status: int, where: str, headers: Mapping[str, str]) -> _Reply:
    return _Reply(status, {"Location": where, **headers}, body=f"Redirecting to {where}".encode())
