"""The tokenizer of a checkpoint, from whichever file it is in."""

from __future__ import annotations

from collections.abc import Mapping

from app.convert.checkpoint import tekken, tokenizer_json
from app.convert.checkpoint.byte_fallback import byte_fallback_tokenizer
from app.convert.checkpoint.byte_level import byte_level_tokenizer
from app.convert.checkpoint.chat_templates import chat_templates
from app.convert.checkpoint.folder import CheckpointFolder
from app.convert.checkpoint.sentencepiece_tokenizer import MODEL, read_sentencepiece_tokenizer
from app.convert.checkpoint.tokenizer import Tokenizer, tokenizer_settings
from app.core.errors import FileGone
from app.core.jobs import CancelToken

FILES = (MODEL, tokenizer_json.FILE, tekken.FILE)
"""The first that is there counts, as in llama.cpp's converter."""


def read_tokenizer(
    folder: CheckpointFolder,
    config: Mapping[str, object],
    vocabulary_size: int,
    cancel: CancelToken | None = None,
) -> Tokenizer:
    """The tokenizer for a model with `vocabulary_size` embeddings; `config` is config.json.

    Raises FileGone, DamagedCheckpoint, Cancelled, and UnsupportedCheckpoint for a tokenizer that llama.cpp has not,
    or one with more tokens than the model has embeddings.
    """
    cancel = cancel or CancelToken()
    if folder.find(MODEL):
        return read_sentencepiece_tokenizer(folder, config, vocabulary_size, cancel)
    settings = tokenizer_settings(folder)
    templates = chat_templates(folder, settings)
    if folder.find(tokenizer_json.FILE):
        tokenizer = tokenizer_json.read_tokenizer_json(folder, cancel)
        convert = byte_fallback_tokenizer if tokenizer.falls_back_to_bytes else byte_level_tokenizer
        return convert(tokenizer, settings, config, vocabulary_size, templates, cancel)
    if folder.find(tekken.FILE):
        return tekken.read_tekken(folder, vocabulary_size, templates, cancel)
    raise FileGone(
        f"{folder.path} has neither {', '.join(FILES[:-1])} nor {FILES[-1]}.",
        "Download the model's tokenizer into that folder.",
    )
