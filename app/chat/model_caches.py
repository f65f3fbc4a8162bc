"""What a loaded model has in its KV cache: saved before it goes, restored when its conversation goes on."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from app.chat.kept_caches import KeptCaches
from app.chat.store import ConversationStore
from app.core.errors import EnvironmentFault
from app.core.jobs import CancelToken
from app.runtime import GenerationStatistics, LoadedModel
from app.runtime.client import WorkerCrash

SPARED_S = 1.0
"""What is evaluated again in less than that is not saved."""


def cache_name(conversation_id: int) -> str:
    """What the runtime calls a conversation."""
    return str(conversation_id)


class ModelCaches:
    """The conversations of one loaded model.

    Not after every turn, but when another one may take its place or the model goes, is a conversation saved. What
    cannot be saved or restored is evaluated again: nothing here fails.
    """

    def __init__(self, database: Path, model: LoadedModel, stamp: str, spared_s: float = SPARED_S) -> None:
        self._database = database
        self._kept = KeptCaches(database)
        self._model = model
        self._stamp = stamp
        self._spared_s = spared_s
        self._tokens_per_s = 0.0
        self._unsaved: set[int] = set()

    def open(self, conversation_id: int, cancel: CancelToken) -> None:
        """To be called before each answer. Raises Cancelled."""
        self.save(but=conversation_id)
        cancel.raise_if_cancelled()
        file = self._kept.file(conversation_id, self._stamp)
        with suppress(EnvironmentFault, WorkerCrash):
            name = cache_name(conversation_id)
            # No cancel: the runtime cannot end it halfway, and would be ended instead. The same below.
            if file.exists() and self._model.restore_cache(name, file, self._stamp):
                self._kept.touch(file)
        cancel.raise_if_cancelled()
        self._unsaved.add(conversation_id)

    def note(self, conversation_id: int, figures: GenerationStatistics) -> None:
        """To be called after each answer."""
        # Of a few tokens the rate is lower than of many: then rather too much is saved.
        self._tokens_per_s = figures.prompt_tokens_per_s or self._tokens_per_s
        tokens = figures.prompt_tokens + figures.tokens
        if tokens < self._spared_s * self._tokens_per_s:
            self._unsaved.discard(conversation_id)

    def save(self, but: int | None = None) -> None:
        """Saves what has changed, except that of one conversation which goes on."""
        changed = self._unsaved - {but}
        self._unsaved -= changed
        if not changed or not self._model.alive:
            return
        with suppress(EnvironmentFault, WorkerCrash), ConversationStore(self._database) as store:
            for conversation_id in filter(store.exists, changed):
                file = self._kept.file(conversation_id, self._stamp)
                self._model.save_cache(
                    cache_name(conversation_id), file, self._stamp, self._kept.room_bytes()
                )
            self._kept.trim(store.exists)
