"""What pages are given to work with; put together once, in `application`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from app.storage import DataFolder
from app.ui.preferences import Preferences

if TYPE_CHECKING:
    from app.chat import ChatEngine, ConversationStore
    from app.chat.saved_settings import SavedSettings
    from app.compare.session_store import SessionStore
    from app.core.jobs import JobControl
    from app.hardware import Accelerator
    from app.library import EarlierEntries, LibraryEntry
    from app.memory import Held, Keeper
    from app.runtime.spare import SpareWorker
    from app.ui.downloads import Downloads
    from app.ui.pack_getting import PackGetting
    from app.ui.spelling import Speller


@dataclass(frozen=True)
class Services:
    """The engine's long-lived parts, for every page's constructor. `close` when no job is running any more."""

    folder: DataFolder
    preferences: Preferences

    @property
    def library_folders(self) -> list[Path]:
        """Nibble's own and those the person added, in which files come and go while the window is open."""
        return [self.folder.models, self.folder.guide, *self.preferences.model_folders]

    def scan(
        self,
        control: JobControl,
        on_entry: Callable[[LibraryEntry], None] | None = None,
        extra: Path | None = None,
    ) -> list[LibraryEntry]:
        """For a job: everything in the library; `extra` is a file that counts although it may lie elsewhere."""
        from app.library import folder_places, library_places, scan

        # In front: a file that is reached in several ways is listed by the first of them.
        first = folder_places([extra]) if extra is not None and extra.is_file() else []
        places = [*first, *library_places(self.folder, self.preferences.model_folders)]
        return scan(places, self.folder.database, control.cancel, on_entry, self._earlier_entries)

    @cached_property
    def _earlier_entries(self) -> EarlierEntries:
        from app.library import EarlierEntries

        return EarlierEntries()

    def is_built_in(self, path: Path) -> bool:
        """Whether a file that a look at the library has found is one of the guide's."""
        from app.library import is_built_in

        return is_built_in(path, self.folder)

    @cached_property
    def downloads(self) -> Downloads:
        """For the GUI thread; what waits in the queue goes on from when this is first asked for."""
        from app.ui.downloads import Downloads

        return Downloads(self.folder, self.preferences)

    @cached_property
    def pack_getting(self) -> PackGetting:
        """For the GUI thread."""
        from app.ui.pack_getting import PackGetting

        return PackGetting(lambda: self.downloads.limit, self.runtime_changed, self.preferences)

    @cached_property
    def chat_engine(self) -> ChatEngine:
        """Holds the model that chat has loaded."""
        from app.chat import ChatEngine

        return ChatEngine(self.folder.database, self.keeper)

    @cached_property
    def keeper(self) -> Keeper:
        """Knows what is loaded anywhere in this window, and makes room for what is wanted next."""
        from app.memory import Keeper

        return Keeper(self.folder.database, start_worker=lambda: self.spare_worker.take())

    @cached_property
    def spare_worker(self) -> SpareWorker:
        """Where the models of this window get their workers."""
        from app.runtime.spare import SpareWorker

        return SpareWorker()

    def loaded(self, accelerators: Sequence[Accelerator]) -> tuple[Held, ...]:
        """What is loaded anywhere in this window, on a computer with these accelerators; from any thread."""
        keeper: Keeper | None = vars(self).get("keeper")  # nothing is loaded while nobody has needed it
        return keeper.held(accelerators) if keeper is not None else ()

    def runtime_changed(self) -> None:
        """For a job: from now on workers run on another runtime pack."""
        keeper: Keeper | None = vars(self).get("keeper")
        if keeper is not None:
            keeper.look_anew()

    def leave_runtime(self, *, with_models: bool) -> None:
        """For a job: nothing of this window runs on a runtime pack any more, but for models that are at work; and, if
        not `with_models`, those that rest."""
        spare: SpareWorker | None = vars(self).get("spare_worker")
        if spare is not None:
            spare.let_go()
        for held in self.loaded(()) if with_models else ():
            held.unload()

    @cached_property
    def conversations(self) -> ConversationStore:
        """For the GUI thread. Opened when first asked for, so that the window need not wait for it; what a
        Nibble that was killed had left unfinished is put right then. Raises DataFolderFault."""
        from app.chat import ConversationStore

        store = ConversationStore(self.folder.database)
        store.recover()
        return store

    @cached_property
    def comparisons(self) -> SessionStore:
        """What Compare keeps. For the GUI thread, opened when first asked for. Raises DataFolderFault."""
        from app.compare.session_store import SessionStore

        return SessionStore(self.folder.database)

    @cached_property
    def saved_settings(self) -> SavedSettings:
        """For the GUI thread, opened when first asked for. Raises DataFolderFault."""
        from app.chat.saved_settings import SavedSettings

        return SavedSettings(self.folder.database)

    @cached_property
    def speller(self) -> Speller:
        """For the GUI thread; rests until something is written."""
        from app.ui.spelling import Speller

        return Speller(self.preferences, self.folder.own_words)

    def close(self) -> None:
        """Ends the processes and connections that were opened."""
        made = vars(self)
        for name in (
            "downloads",
            "chat_engine",
            "conversations",
            "comparisons",
            "saved_settings",
            "keeper",
            "spare_worker",
        ):
            if name in made:
                made.pop(name).close()
