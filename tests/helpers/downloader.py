"""A person who downloads from the local Hub: the real queue, store and Hub client, in this process."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from app.core.jobs import CancelToken, Emitted, Job, JobControl
from app.downloads import Download, DownloadProgress, DownloadQueue, DownloadStore, SpeedLimit
from app.hub import Hub, choose_variant, enqueue_variant, locate_on, open_repository
from tests.helpers.hub_server import HubServer, Repository

REPOSITORY = "ada/M-GGUF"
FILE = "M-Q4_K_M.gguf"


def some_bytes(count: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(count)


class Downloader:
    """`folder` is the data folder; models come to `models`."""

    def __init__(self, server: HubServer, folder: Path, token: str | None = None) -> None:
        self.server = server
        self.hub = Hub(server.url, token)
        self.database = folder / "nibble.db"
        self.models = folder / "models"
        self.limit = SpeedLimit()
        self.progress: list[DownloadProgress] = []
        folder.mkdir(parents=True, exist_ok=True)

    def offer(self, content: bytes, name: str = FILE) -> None:
        """The server has it in its repository."""
        if REPOSITORY not in self.server.repositories:
            self.server.add(Repository(REPOSITORY))
        self.server.repositories[REPOSITORY].files[name] = content

    def put(self, choice: str = "", repository: str = REPOSITORY) -> int:
        """Into the queue; returns its id."""
        found = open_repository(self.hub, repository)
        with self.store() as store:
            return enqueue_variant(store, found, choose_variant(found, choice), self.models)

    def run(self, id: int) -> None:
        """Until that one has ended. Raises its fault."""
        self.queue().run_one(id, JobControl(CancelToken(), self._hear))

    def start(self, work: Callable[[DownloadQueue, JobControl], None]) -> Job[None]:
        queue = self.queue()
        return Job("download", lambda control: work(queue, control), self._hear).start()

    def get(self, content: bytes) -> Path:
        """Offers, puts and runs one file; its place."""
        self.offer(content)
        self.run(self.put())
        return self.place

    def queue(self) -> DownloadQueue:
        return DownloadQueue(self.database, locate_on(self.hub), self.limit)

    def store(self) -> DownloadStore:
        return DownloadStore(self.database)

    def download(self, id: int) -> Download:
        with closing(self.store()) as store:
            found = store.find(id)
            assert found is not None
            return found

    @property
    def place(self) -> Path:
        return self.models / REPOSITORY / FILE

    def present(self) -> list[str]:
        """All files below the models' folder, the hidden ones too."""
        return sorted(
            path.relative_to(self.models).as_posix() for path in self.models.rglob("*") if path.is_file()
        )

    def partial(self) -> Path:
        (path,) = self.models.rglob("*.download")
        return path

    def _hear(self, event: object) -> None:
        if isinstance(event, Emitted) and isinstance(event.value, DownloadProgress):
            self.progress.append(event.value)
