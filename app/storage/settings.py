"""The person's settings: one typed value, kept in `settings.toml`.

Keys this version does not know are kept when saving, so that an older Nibble does not erase what
a newer one wrote. A file that cannot be read is set aside, never overwritten.
"""

from __future__ import annotations

import tomllib
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec
import tomli_w

from app.core.errors import from_os_error
from app.storage.atomic import write_atomically

SETTINGS_VERSION = 1


class Appearance(Enum):
    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All options with their defaults. Paths are absolute, as text."""

    version: int = SETTINGS_VERSION
    model_folders: tuple[str, ...] = ()
    appearance: Appearance = Appearance.SYSTEM
    download_bytes_per_s: int = 0
    """The most that all downloads together may take; 0 is no limit."""
    zoom_percent: int = 100
    """How large text is, of its usual size."""
    spelling: str = ""
    """The language that is checked, as `en_GB`; `off` for none, empty for the system's."""
    statistics_open: bool = False
    """Whether the figures of an answer are shown at length."""
    compare_one_after_another: bool = False
    """Whether compared models never run beside each other, so that each is as fast as it is alone."""
    titles_by_model: bool = True
    """Whether models are asked for titles of conversations; else these are called after their first words."""


def load_settings(path: Path) -> Settings:
    """The settings in `path`; defaults for what is missing or of the wrong type."""
    document = _read(path)
    known: dict[str, Any] = {}
    for field in msgspec.structs.fields(Settings):
        if field.name in document:
            try:
                known[field.name] = msgspec.convert(document[field.name], field.type, strict=True)
            except msgspec.ValidationError:
                continue
    return Settings(**known)


def save_settings(path: Path, settings: Settings) -> None:
    """Writes `settings` over `path`, keeping keys this version does not know."""
    document = _read(path)
    document.update(msgspec.to_builtins(settings))
    write_atomically(path, tomli_w.dumps(document).encode())


def _read(path: Path) -> dict[str, Any]:
    """What is in the file; a file that is no TOML is set aside."""
    try:
        try:
            return tomllib.loads(path.read_bytes().decode("utf-8"))
        except FileNotFoundError:
            return {}
        except (tomllib.TOMLDecodeError, UnicodeDecodeError):
            path.replace(path.with_name(f"{path.name}.damaged"))
            return {}
    except OSError as error:
        raise from_os_error(error, path) from error
