"""The downloads in this window: what waits in the queue is fetched, and what a person wishes of it is done.

The queue lives in the database, where other processes change it too. It is looked at when the window opens, after each
wish, and whenever the database has been written to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from app.core.errors import EnvironmentFault, NotOnHub, WrongChoice
from app.core.jobs import CancelToken, Job, JobControl
from app.storage import DataFolder
from app.ui import download_wishes, jobs
from app.ui.download_wishes import QueueEntry
from app.ui.make_order import MakeOrder
from app.ui.preferences import Preferences

if TYPE_CHECKING:  # the engine comes with the first look at the queue
    from app.downloads import DownloadProgress, DownloadQueue, DownloadStore, Location, SpeedLimit
    from app.hub import HubRepository, OriginalCheckpoint, Variant
    from app.ui.download_wishes import Wish

LOOK_MS = 2000
REST_MS = 15_000
"""After the queue itself has failed, which is not the fault of a download."""

CHECKPOINT = "checkpoint"
"""In the place of a quantization, where an original is asked for."""

_ORIGINALS = {"F16": "BF16"}
"""Either is the original's own bits: who asks for the first takes the second."""


class Downloads(QObject):
    """`changed`: another list of entries; `progressed` carries the entry that came further, `arrived` one that is
    done, `failed` the fault for which a wish was not fulfilled."""

    changed = Signal()
    progressed = Signal(object)
    arrived = Signal(object)
    failed = Signal(object)

    def __init__(self, folder: DataFolder, preferences: Preferences) -> None:
        # A parent, or at the end of the program Qt might delete this, timers and all, before the window that closes it.
        super().__init__(preferences)
        self._folder = folder
        self._preferences = preferences
        self._queued: tuple[QueueEntry, ...] | None = None
        self._progress: dict[int, DownloadProgress] = {}
        self._new: set[int] = set()
        self._to_make: dict[int, tuple[MakeOrder, ...]] = {}
        self._asked: dict[tuple[str, str], Job[int]] = {}
        self._answered: list[tuple[str, str]] = []
        self._wishes: list[Wish] = []
        self._look_job: Job | None = None
        self._looks_again = False
        self._seen: object = None
        self._queue: DownloadQueue | None = None
        self._queue_job: Job | None = None
        self._is_closed = False
        self._looking = QTimer(self)
        self._looking.setInterval(LOOK_MS)
        self._looking.timeout.connect(self._look_if_changed)
        self._resting = QTimer(self)
        self._resting.setSingleShot(True)
        self._resting.setInterval(REST_MS)
        self._resting.timeout.connect(self._look)
        preferences.changed.connect(self._set_limit)
        self._look()
        self._looking.start()

    @property
    def entries(self) -> list[QueueEntry]:
        """In the order of the queue, with those that have arrived since the window opened, and the checkpoints of which
        nothing was made yet."""
        return [
            self._shown(each)
            for each in self._queued or ()
            if each.state != "cancelled" and (each.state != "done" or each.id in self._new or each.is_unmade)
        ]

    @property
    def asked(self) -> frozenset[tuple[str, str]]:
        """Repositories and what of them is being asked for, before it is in the queue: a quantization, the label of a
        variant, or `CHECKPOINT`."""
        return frozenset(self._asked)

    @cached_property
    def limit(self) -> SpeedLimit:
        """Of all that this window downloads, as the settings say."""
        from app.downloads import SpeedLimit

        return SpeedLimit(self._preferences.settings.download_bytes_per_s)

    # What a person wishes

    def get(self, repository: HubRepository, variant: Variant) -> None:
        """Puts a variant into the queue."""
        models = self._folder.models

        def put(store: DownloadStore, control: JobControl) -> int:
            from app.hub import enqueue_variant

            return enqueue_variant(store, repository, variant, models)

        self._get(repository.id, variant.label, put)

    def get_original(self, repository: HubRepository, original: OriginalCheckpoint, order: MakeOrder) -> None:
        """Puts a checkpoint into the queue, of which something is to be made once it is here."""
        models = self._folder.models

        def put(store: DownloadStore, control: JobControl) -> int:
            from app.hub import enqueue_original

            return enqueue_original(store, repository, original, models)

        self._get(repository.id, CHECKPOINT, put, lambda id: self._make_later(id, order))

    def get_quantization(self, repository_id: str, quantization: str, *others: str) -> None:
        """Asks the Hub which files that is, and puts them into the queue. `others`: repositories to ask where the first
        does not have it."""
        models = self._folder.models

        def put(store: DownloadStore, control: JobControl) -> int:
            from app.hub import enqueue_variant

            repository, variant = _found((repository_id, *others), quantization, control)
            control.cancel.raise_if_cancelled()
            return enqueue_variant(store, repository, variant, models)

        self._get(repository_id, quantization, put)

    def stop_asking(self, repository_id: str, quantization: str) -> None:
        """Of what was asked for and is not in the queue yet."""
        job = self._asked.pop((repository_id, quantization), None)
        if job is not None:
            job.cancel()
            self.changed.emit()

    def pause(self, id: int) -> None:
        self._look(partial(download_wishes.pause, id=id))

    def resume(self, id: int) -> None:
        """Lets one go on that is paused or has failed, or that waits for the network."""
        self._resting.stop()
        self._look(partial(download_wishes.resume, id=id))

    def pause_all(self) -> None:
        self._look(download_wishes.pause_all)

    def resume_all(self) -> None:
        """Those that were paused; what has failed would fail again."""
        self._resting.stop()
        self._look(download_wishes.resume_all)

    def cancel(self, id: int) -> None:
        """Takes it out of the queue, with what has arrived of it."""
        self._look(partial(download_wishes.cancel, id=id))

    def move(self, id: int, step: int) -> None:
        """By one place: -1 to the front, 1 to the end of the queue."""
        self._look(partial(download_wishes.move, id=id, step=step))

    def dismiss_arrived(self, ids: Sequence[int]) -> None:
        """They need not be shown any more."""
        unmade = [each.id for each in self._queued or () if each.is_unmade and each.id in ids]
        if unmade:  # which the next window would show again
            self._look(partial(download_wishes.take_off, ids=unmade))
        if self._new.intersection(ids):
            self._new.difference_update(ids)
            self.changed.emit()

    def close(self) -> None:
        """The window closes. What runs is stopped where it is, and goes on when a window opens again."""
        self._is_closed = True
        self._looking.stop()
        self._resting.stop()
        for job in (self._queue_job, self._look_job):
            if job is not None:
                job.cancel()

    # Putting something into the queue

    def _get(
        self,
        repository: str,
        quantization: str,
        put: Callable[[DownloadStore, JobControl], int],
        then: Callable[[int], None] | None = None,
    ) -> None:
        """`put` returns the id in the queue, which `then` is called with."""
        wanted = (repository, quantization)
        if wanted in self._asked:
            return
        database = self._folder.database

        def work(control: JobControl) -> int:
            from app.downloads import DownloadStore

            with closing(DownloadStore(database)) as store:
                return put(store, control)

        def failed(fault: EnvironmentFault) -> None:
            if self._asked.get(wanted) is job:  # else nobody waits for it any more
                self.failed.emit(fault)

        def ended() -> None:
            if self._asked.get(wanted) is job:
                self._answered.append(wanted)
            self._look()

        self._resting.stop()
        name = f"Get {quantization} of {repository}"
        job = jobs.run(self, name, work, on_done=then, on_failed=failed, on_end=ended)
        self._asked[wanted] = job
        self.changed.emit()

    def _make_later(self, id: int, order: MakeOrder) -> None:
        self._to_make[id] = tuple(dict.fromkeys((*self._to_make.get(id, ()), order)))
        # One that was here before is looked through once more, and then it arrives like any other.
        if self._queued is not None:
            self._queued = tuple(each for each in self._queued if each.id != id)

    # Looking at the queue

    def _look_if_changed(self) -> None:
        if self._look_job is None and download_wishes.stamp_of(self._folder.database) != self._seen:
            self._look()

    def _look(self, *wishes: Wish) -> None:
        """Fulfils the wishes, and looks."""
        self._wishes += wishes
        if self._is_closed:
            return
        if self._look_job is not None:
            self._looks_again = True
            return
        wishes, self._wishes, self._looks_again = tuple(self._wishes), [], False
        answered, self._answered = self._answered, []
        database = self._folder.database
        # Before the look: what is written while it goes on must not be missed.
        self._seen = download_wishes.stamp_of(database)

        def work(control: JobControl) -> tuple[QueueEntry, ...]:
            return download_wishes.fulfil(database, wishes)

        def forget_answered() -> None:
            # Not sooner: in between they would be neither asked for nor in the queue.
            for wanted in answered:
                self._asked.pop(wanted, None)

        def show(found: tuple[QueueEntry, ...]) -> None:
            forget_answered()
            self._show(found, is_news=bool(answered))

        def failed(fault: EnvironmentFault) -> None:
            forget_answered()
            self.changed.emit()
            self._seen = None  # what does not work now may at the next look
            if wishes:  # else nobody waits for it
                self.failed.emit(fault)

        def ended() -> None:
            self._look_job = None
            if wishes and self._queue is not None:
                self._queue.look()
            if self._looks_again:
                self._look()

        self._look_job = jobs.run(
            self, "Look at the downloads", work, on_done=show, on_failed=failed, on_end=ended
        )

    def _show(self, found: tuple[QueueEntry, ...], *, is_news: bool) -> None:
        before = self._queued
        self._queued = found
        done = {each.id for each in found if each.state == "done"}
        # What was done before the window opened is no news.
        arrived = done - {each.id for each in before if each.state == "done"} if before is not None else set()
        self._new = (self._new & done) | arrived
        running = {each.id for each in found if each.download.is_running}
        self._progress = {id: told for id, told in self._progress.items() if id in running}
        if is_news or found != before:
            self.changed.emit()
        for each in found:
            if each.id in arrived:
                self.arrived.emit(self._shown(each))
                self._to_make.pop(each.id, None)
        self._run_queue()

    def _shown(self, entry: QueueEntry) -> QueueEntry:
        id = entry.id
        return replace(entry, progress=self._progress.get(id), to_make=self._to_make.get(id, ()))

    # The queue at work

    def _run_queue(self) -> None:
        waits = any(each.state == "waiting" for each in self._queued or ())
        if not waits or self._queue_job is not None or self._is_closed or self._resting.isActive():
            return
        from app.downloads import DownloadQueue

        self._queue = DownloadQueue(self._folder.database, _locate, self.limit)
        self._queue_job = jobs.run(
            self,
            "Download models",
            self._queue.run,
            on_value=self._hear,
            on_done=lambda nothing: self._end_queue(),
            on_failed=self.failed.emit,
            on_end=self._queue_ended,
        )

    def _hear(self, event: object) -> None:
        from app.downloads import DownloadProgress

        if not isinstance(event, DownloadProgress):  # one has begun or ended
            self._look()
            return
        self._progress[event.id] = event
        for entry in self.entries:
            if entry.id == event.id:
                self.progressed.emit(entry)

    def _end_queue(self) -> None:
        self._queue_job = self._queue = None
        self._progress.clear()
        self._look()

    def _queue_ended(self) -> None:
        if self._queue_job is not None:  # otherwise than by coming to its end
            self._resting.start()
            self._end_queue()

    def _set_limit(self) -> None:
        if "limit" in vars(self):
            self.limit.bytes_per_s = self._preferences.settings.download_bytes_per_s


def _locate(repository: str, revision: str, path: str, cancel: CancelToken) -> Location:
    from app.hub import locate_on, open_hub

    # Opened for each file: who was refused may have typed a token meanwhile.
    return locate_on(open_hub())(repository, revision, path, cancel)


def _found(
    repositories: Sequence[str], quantization: str, control: JobControl
) -> tuple[HubRepository, Variant]:
    """In the first that has it. Raises what speaks against the first of all."""
    from app.hub import open_hub, open_repository

    hub = open_hub()
    refused: EnvironmentFault | None = None
    for id in repositories:
        try:
            repository = open_repository(hub, id, control.cancel)
            return repository, _variant_of(repository, quantization)
        except (NotOnHub, WrongChoice) as fault:
            refused = refused or fault
    assert refused is not None
    raise refused


def _variant_of(repository: HubRepository, quantization: str) -> Variant:
    from app.hub import choose_variant

    try:
        return choose_variant(repository, quantization)
    except WrongChoice:
        if quantization not in _ORIGINALS:
            raise
        with suppress(WrongChoice):
            return choose_variant(repository, _ORIGINALS[quantization])
        raise
