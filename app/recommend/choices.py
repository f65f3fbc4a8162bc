"""LoadChoices: what a person chose for loading one model; everything else is as recommended."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from app.core.errors import EnvironmentFault, FileGone
from app.gguf import ModelFacts
from app.gguf.content_key import content_key
from app.memory import Load, default_context_length
from app.memory.companions import read_companions
from app.memory.companions.lora import with_adapter
from app.runtime.loading_limits import require_possible
from app.runtime.protocol import Adapter, FlashAttention, KvType, LoadMode, LoadSettings
from app.storage.database import open_database, transaction

DEFAULT_KEEP_MINUTES = 5
"""What people know from Ollama."""
FOREVER = -1


class LoadChoices(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """None, and nothing of several: as recommended. In the terms of `LoadSettings`.

    `keep_minutes`: how long the model stays loaded while nobody asks it anything; 0 until an answer is there,
    FOREVER without end.
    """

    context_length: int | None = None
    gpu_layers: int | None = None
    expert_layers_in_memory: int | None = None
    devices: tuple[str, ...] = ()
    split: tuple[float, ...] = ()
    kv_type: KvType | None = None
    value_type: KvType | None = None
    flash_attention: FlashAttention | None = None
    threads: int | None = None
    prompt_threads: int | None = None
    batch: int | None = None
    ubatch: int | None = None
    load_mode: LoadMode | None = None
    adapters: tuple[Adapter, ...] = ()
    keep_minutes: int | None = None

    @property
    def places_layers(self) -> bool:
        """Whether it is no longer for Nibble to choose how many layers and experts go to the devices."""
        return self.gpu_layers is not None or self.expert_layers_in_memory is not None

    @property
    def keep_s(self) -> float | None:
        """None: without end."""
        minutes = DEFAULT_KEEP_MINUTES if self.keep_minutes is None else self.keep_minutes
        return None if minutes < 0 else minutes * 60.0

    @property
    def for_loading(self) -> LoadChoices:
        """Without what a loaded model need not be loaded again for."""
        return msgspec.structs.replace(self, keep_minutes=None)

    def on(self, recommended: LoadSettings) -> LoadSettings:
        """`recommended` with what was chosen in its place."""
        chosen = {
            field.name: value
            for field in msgspec.structs.fields(LoadSettings)
            if (value := getattr(self, field.name, None)) not in (None, ())
        }
        return msgspec.structs.replace(recommended, **chosen)


def wanted_load(facts: ModelFacts, choices: LoadChoices, threads: int = 0) -> Load:
    """How a model is to be loaded before it is known where its layers go. `threads`: the most, 0 for no limit.

    Adapters count as a part of the model. Raises what reading them raises, and WrongChoice where one does not go with
    the model or no model could be loaded so.
    """
    settings = choices.on(LoadSettings(context_length=default_context_length(facts), threads=threads))
    if threads:  # others compute at the same time
        settings = msgspec.structs.replace(
            settings,
            threads=min(settings.threads or threads, threads),
            prompt_threads=min(settings.prompt_threads, threads),
        )
    require_possible(settings)
    paths = [Path(os.fsdecode(adapter.path)) for adapter in choices.adapters]
    for path in paths:
        if not path.exists():
            raise FileGone(
                f"The adapter {path.name} is not there any more.",
                "Put it back, or take it off the settings of this model.",
            )
    for adapter in read_companions(facts, paths).adapters:
        facts = with_adapter(facts, adapter)
    return Load(facts, settings, is_placed=choices.places_layers)


def read_choices(database: Path, model: Path) -> LoadChoices:
    """All as recommended where nothing was chosen, or what was can no longer be read."""
    if not database.exists():
        return LoadChoices()
    try:
        key = content_key(model)
        with closing(open_database(database)) as connection:
            row = connection.execute("SELECT choices FROM load_choices WHERE model = ?", (key,)).fetchone()
        return msgspec.json.decode(row["choices"], type=LoadChoices) if row else LoadChoices()
    except (OSError, EnvironmentFault, msgspec.MsgspecError):
        return LoadChoices()


def chosen_contexts(database: Path, models: Sequence[Path]) -> dict[Path, int]:
    """The context length of those for which one was chosen, in tokens."""
    if not database.exists():
        return {}
    try:
        with closing(open_database(database)) as connection:
            if not connection.execute("SELECT 1 FROM load_choices").fetchone():
                return {}  # as with most people: nobody needs to read the models
    except EnvironmentFault:
        return {}
    found = {model: read_choices(database, model).context_length for model in models}
    return {model: context for model, context in found.items() if context is not None}


def write_choices(database: Path, model: Path, choices: LoadChoices) -> None:
    """From now on `model` is loaded so, wherever its file goes. Raises what the database raises, and OSError where the
    model cannot be read."""
    key = content_key(model)
    with closing(open_database(database)) as connection, transaction(connection):
        connection.execute("DELETE FROM load_choices WHERE model = ?", (key,))
        if choices != LoadChoices():
            words = msgspec.json.encode(choices).decode()
            connection.execute("INSERT INTO load_choices (model, choices) VALUES (?, ?)", (key, words))
