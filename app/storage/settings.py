"""The person's settings: one typed value, kept in `settings.toml`.

Keys this version does not know are kept when saving, so that an older Nibble does not erase what
a newer one wrote. A file that cannot be read is set aside, never overwritten.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Any

from app.core.errors import from_os_error
from app.storage.atomic import write_atomically

SETTINGS_VERSION = 1


class Appearance(Enum):
    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All options with their defaults. Paths are absolute, as text. (No struct of msgspec: the window starts with them,
    and would wait for its import.)"""

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
    for field in fields(Settings):
        if field.name in document:
            try:
                known[field.name] = _as_kind_of(field.default, document[field.name])
            except ValueError:
                continue
    return Settings(**known)


def save_settings(path: Path, settings: Settings) -> None:
    """Writes `settings` over `path`, keeping keys this version does not know."""
    import tomli_w  # which a start without a change does not need

    document = _read(path)
    document.update({field.name: _plain(getattr(settings, field.name)) for field in fields(Settings)})
    write_atomically(path, tomli_w.dumps(document).encode())


def _as_kind_of(default: object, value: object) -> object:
    """The value from a file, as an option with this default has it; raises ValueError for another type."""
    if isinstance(default, Enum):
        return type(default)(value)
    if isinstance(default, tuple):
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise ValueError(value)
        return tuple(value)
    if type(value) is not type(default):  # True is no number here
        raise ValueError(value)
    return value


def _plain(value: object) -> object:
    """As TOML has it."""
    if isinstance(value, Enum):
        return value.value
    return list(value) if isinstance(value, tuple) else value


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
