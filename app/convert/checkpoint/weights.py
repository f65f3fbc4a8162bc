"""The weights of a checkpoint: which tensors there are, and their bytes piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from app.convert.checkpoint.config import MAX_TABLE_BYTES, damaged, read_json
from app.convert.checkpoint.folder import PICKLES, CheckpointFolder
from app.convert.checkpoint.safetensors import StoredTensor, read_tensors
from app.core.errors import FileGone, UnsupportedCheckpoint
from app.gguf.cursor import shorten
from app.gguf.source import LocalFile

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
_MOST_FILES = 1000
_LONGEST_NAME = 255


class Weights:
    """Open files and the tensors in them; made by `open_weights`."""

    def __init__(self, tensors: Mapping[str, StoredTensor], files: Mapping[str, LocalFile]) -> None:
        """`files` by the name of the tensor each holds."""
        self.tensors = tensors
        self._files = files

    def read(self, tensor: StoredTensor, start: int, size: int) -> bytes:
        """`size` bytes from byte `start` of the tensor. Raises DamagedCheckpoint where the file was cut."""
        # Plain reads and no memory map: see LocalFile.
        file = self._files[tensor.name]
        content = file.read_at(tensor.offset + start, size)
        if len(content) < size:
            raise damaged(file.name, "it became shorter while it was read")
        return content


@contextmanager
def open_weights(folder: CheckpointFolder) -> Iterator[Weights]:
    """Opens model.safetensors or the files its index names.

    Raises FileGone for one that is missing, UnsupportedCheckpoint, and DamagedCheckpoint where a
    header or the index is wrong. Nothing is ever unpickled.
    """
    tensors: dict[str, StoredTensor] = {}
    files: dict[str, LocalFile] = {}
    with ExitStack() as stack:
        for file_name, names in _file_names(folder).items():
            path = folder.require(file_name, "Download the missing file into that folder.")
            file = stack.enter_context(LocalFile(path))
            found = read_tensors(file)
            for name in found if names is None else names:
                if name not in found:
                    raise damaged(file_name, f"it lacks {shorten(name)}, which {INDEX} places in it")
                tensors[name], files[name] = found[name], file
        yield Weights(tensors, files)


def _file_names(folder: CheckpointFolder) -> dict[str, list[str] | None]:
    """The files with weights, and the tensors to take from each; None for all."""
    names = folder.files()
    if SINGLE in names:  # before the index, as in Transformers
        return {SINGLE: None}
    if INDEX in names:
        return _read_index(folder)
    pickled = next((name for name in names if name.endswith(PICKLES)), None)
    if pickled is not None:
        raise UnsupportedCheckpoint(
            f"{folder.name} has its weights only as pickled files ({pickled}), which can run programs when read.",
            "Choose a checkpoint with .safetensors files; most models' pages offer both.",
        )
    raise FileGone(
        f"{folder.path} has neither {SINGLE} nor {INDEX}.",
        "Choose a checkpoint's folder, with all its files.",
    )


def _read_index(folder: CheckpointFolder) -> dict[str, list[str] | None]:
    path = folder.require(INDEX, "Download it again.")
    weight_map = read_json(path, MAX_TABLE_BYTES).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise damaged(INDEX, "it does not say where the weights are")
    placed: dict[str, list[str] | None] = {}
    for tensor, file_name in weight_map.items():
        if not isinstance(file_name, str) or len(file_name) > _LONGEST_NAME or not file_name.isprintable():
            raise damaged(INDEX, f"it places {shorten(tensor)} in {shorten(file_name)}")
        if not file_name.endswith(".safetensors"):
            raise UnsupportedCheckpoint(
                f"{INDEX} places weights in {shorten(file_name)}, which is no safetensors file.",
                "Choose a checkpoint whose weights are all in .safetensors files.",
            )
        names = placed.setdefault(file_name, [])
        assert names is not None
        names.append(tensor)
    if len(placed) > _MOST_FILES:
        raise damaged(INDEX, f"it names {len(placed)} files")
    return placed
