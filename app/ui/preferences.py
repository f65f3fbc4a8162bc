"""The person's settings while the program runs: one place that changes them, saves them and tells."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.core.jobs import JobControl
from app.storage import Settings, save_settings
from app.storage.settings import Appearance
from app.ui import jobs


class Preferences(QObject):
    """`changed` comes at once; saving goes on behind it and tells only if it `failed` (EnvironmentFault)."""

    changed = Signal()
    failed = Signal(object)

    def __init__(self, path: Path, settings: Settings) -> None:
        super().__init__()
        self._path = path
        self._settings = settings
        self._saving = False
        self._unsaved = False

    @property
    def settings(self) -> Settings:
        return self._settings

    @property
    def model_folders(self) -> tuple[Path, ...]:
        """The folders (or single files) the person picked, in that order."""
        return tuple(Path(folder) for folder in self._settings.model_folders)

    def set_appearance(self, appearance: Appearance) -> None:
        self._change(replace(self._settings, appearance=appearance))

    def set_download_speed(self, bytes_per_s: int) -> None:
        """The most that all downloads together may take; 0 is no limit."""
        self._change(replace(self._settings, download_bytes_per_s=bytes_per_s))

    def set_zoom(self, percent: int) -> None:
        """The size of all text, in percent of the usual one."""
        self._change(replace(self._settings, zoom_percent=percent))

    def set_spelling(self, language: str) -> None:
        """What is checked; see `Settings.spelling`."""
        self._change(replace(self._settings, spelling=language))

    def set_statistics_open(self, is_open: bool) -> None:
        self._change(replace(self._settings, statistics_open=is_open))

    def set_compare_one_after_another(self, in_turns: bool) -> None:
        self._change(replace(self._settings, compare_one_after_another=in_turns))

    def set_titles_by_model(self, by_model: bool) -> None:
        self._change(replace(self._settings, titles_by_model=by_model))

    def add_model_folders(self, paths: list[Path]) -> list[Path]:
        """Adds what is not there yet; returns what was added."""
        known = self.model_folders
        added = [path for path in dict.fromkeys(path.absolute() for path in paths) if path not in known]
        if added:
            self._set_folders((*known, *added))
        return added

    def remove_model_folder(self, path: Path) -> None:
        """Takes it off the list; nothing on disk changes."""
        self._set_folders(tuple(folder for folder in self.model_folders if folder != path))

    def _set_folders(self, folders: tuple[Path, ...]) -> None:
        texts = tuple(str(folder) for folder in folders)
        self._change(replace(self._settings, model_folders=texts))

    def _change(self, settings: Settings) -> None:
        if settings == self._settings:
            return
        self._settings = settings
        self._unsaved = True
        self._save()
        self.changed.emit()

    def _save(self) -> None:
        # One at a time, so that an older state can never overtake a newer one on its way to the disk.
        if self._saving or not self._unsaved:
            return
        self._saving, self._unsaved = True, False
        settings = self._settings

        def work(control: JobControl) -> None:
            save_settings(self._path, settings)

        jobs.run(self, "Save settings", work, on_failed=self.failed.emit, on_end=self._saved)

    def _saved(self) -> None:
        self._saving = False
        self._save()
