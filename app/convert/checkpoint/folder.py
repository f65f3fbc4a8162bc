"""The folder of a checkpoint: what is in it, and that nothing in it leads elsewhere."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from app.core.errors import FileGone, UnreadableFile, UnsupportedCheckpoint, from_os_error
from app.gguf.cursor import shorten

PICKLES = (".bin", ".pt", ".pth", ".ckpt")
"""Endings of weights that `torch.save` wrote: in effect programs, which run when they are read."""


def is_checkpoint(path: Path) -> bool:
    """Whether this is a folder that holds weights or their configuration, in whatever state."""
    try:
        names = os.listdir(path)
    except OSError:
        return False
    return any(name == "config.json" or name.endswith((".safetensors", *PICKLES)) for name in names)


@dataclass(frozen=True)
class CheckpointFolder:
    path: Path

    @property
    def name(self) -> str:
        """What people call the model: the folder's name, or in the Hub's cache, the repository's."""
        path = Path(os.path.abspath(self.path))
        repository = _repository_in_hub_cache(path)
        return repository.name.split("--")[-1] if repository else path.name

    def files(self) -> list[str]:
        """Names, sorted. Raises FileGone, NotAllowed or UnreadableFile where no folder can be read."""
        try:
            return sorted(os.listdir(self.path))
        except NotADirectoryError as error:
            raise UnreadableFile(
                f"{self.path} is not a folder.", "Choose the folder that holds config.json and the weights."
            ) from error
        except OSError as error:
            raise from_os_error(error, self.path) from error

    def find(self, name: str) -> Path | None:
        """The file called `name`, which another file of the checkpoint may have chosen; None where there is none.

        Raises UnsupportedCheckpoint for a path or a link that leads out of the folder. Links into the
        repository's `blobs` are the Hub's own, and followed.
        """
        if not name or "\0" in name or not PurePosixPath(name).name == name == PureWindowsPath(name).name:
            raise self._outside(name)
        here = os.path.realpath(self.path)
        real = os.path.realpath(os.path.join(here, name))
        repository = _repository_in_hub_cache(Path(here))
        if os.path.dirname(real) not in (here, os.path.join(repository, "blobs") if repository else here):
            raise self._outside(name)
        return self.path / name if os.path.isfile(real) else None

    def require(self, name: str, hint: str) -> Path:
        """As `find`; raises FileGone where there is none."""
        path = self.find(name)
        if path is None:
            raise FileGone(f"{self.path} has no {name}.", hint)
        return path

    def _outside(self, name: str) -> UnsupportedCheckpoint:
        return UnsupportedCheckpoint(
            f"{self.path} names a file that is not in it: {shorten(name)}.",
            "Put the file itself into the folder, or download the model again.",
        )


def _repository_in_hub_cache(folder: Path) -> Path | None:
    """`…/models--owner--repo` for `…/models--owner--repo/snapshots/<revision>`."""
    snapshots = folder.parent
    repository = snapshots.parent
    return repository if snapshots.name == "snapshots" and repository.name.startswith("models--") else None
