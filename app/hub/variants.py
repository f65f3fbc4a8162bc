"""The files of a repository grouped into what a person chooses from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from app.core.errors import NotOnHub, WrongChoice
from app.hub.file_names import FileName, Role, is_gguf, is_importance_matrix, read_file_name


@dataclass(frozen=True, slots=True)
class HubFile:
    """`path` in the repository, of which `is_safe_path` holds; `size` in bytes.

    `digest` is its ETag on the Hub: SHA-256 of the content of a large file (`is_lfs`), Git's SHA-1 of a small one.
    """

    path: str
    size: int
    digest: str
    is_lfs: bool

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Variant:
    """One quantization in all its parts, in order; `missing`: numbers of parts that are not there.

    `name`: what the first part's name says, and `label` what tells it from its siblings. `is_cut`: pieces of one file
    that have to be joined first, which llama.cpp does not do.
    """

    label: str
    name: FileName
    files: tuple[HubFile, ...]
    missing: tuple[int, ...] = ()
    is_cut: bool = False

    @property
    def quantization(self) -> str | None:
        """As the name has it; the header knows better."""
        return self.name.quantization

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(file.size for file in self.files)

    @property
    def is_complete(self) -> bool:
        return not self.missing


@dataclass(frozen=True, slots=True)
class Grouped:
    """`variants` from the largest to the smallest; what belongs to them but is no model apart."""

    variants: tuple[Variant, ...]
    projectors: tuple[Variant, ...]
    drafts: tuple[Variant, ...]
    importance_matrices: tuple[HubFile, ...]


def require_whole(variant: Variant, repository: str) -> None:
    """Raises NotOnHub where parts are missing, and WrongChoice for a file that was cut into pieces."""
    if variant.is_cut:
        raise WrongChoice(
            f"{variant.label} of {repository} is one file cut into {len(variant.files)} pieces, which have to be"
            " joined first.",
            "Choose another quantization, or another repository.",
        )
    if variant.missing:
        raise NotOnHub(
            f"{variant.label} of {repository} is not whole on the Hub: part {variant.missing[0]} is missing.",
            "Choose another quantization, or wait until it is uploaded.",
        )


def group_files(files: Iterable[HubFile], repository: str) -> Grouped:
    """`repository`: its name, which may say what its files' names do not, e.g. gemma-3-12b-it-qat-q4_0-gguf."""
    matrices = []
    groups: dict[tuple[str, int], list[tuple[HubFile, FileName]]] = {}
    for file in files:
        if is_importance_matrix(file.path):
            matrices.append(file)
        elif is_gguf(file.path):
            name = read_file_name(file.path)
            folder = file.path[: -len(file.name)]
            key = (folder + name.part.prefix, name.part.count) if name.part else (file.path, 1)
            groups.setdefault(key, []).append((file, name))
    is_qat = "qat" in repository.casefold().replace("_", "-").split("-")
    variants = sorted((_variant(group, is_qat) for group in groups.values()), key=lambda each: -each.size)
    return Grouped(
        _distinct(each for each in variants if each.name.role is Role.MODEL),
        _distinct(each for each in variants if each.name.role is Role.MMPROJ),
        _distinct(each for each in variants if each.name.role is Role.DRAFT),
        tuple(matrices),
    )


def _variant(group: list[tuple[HubFile, FileName]], is_qat: bool) -> Variant:
    group.sort(key=lambda each: each[1].part.number if each[1].part else 1)
    name = group[0][1]
    name = replace(name, is_qat=name.is_qat or (is_qat and name.role is Role.MODEL))
    files = tuple(file for file, _ in group)
    if name.part is None:
        return Variant(name.label, name, files)
    numbers = {each.part.number for _, each in group if each.part}
    # Pieces "a", "b" do not tell how many there are.
    count = name.part.count or max(numbers)
    # A stranger's name may claim a hundred thousand parts.
    missing = tuple(number for number in range(1, min(count, 1000) + 1) if number not in numbers)
    return Variant(name.label, name, files, missing, name.part.is_cut)


def _distinct(variants: Iterable[Variant]) -> tuple[Variant, ...]:
    """With the names in front, or else the paths, where labels alone would not tell two of them apart."""
    listed = list(variants)
    for longer in (lambda each: f"{each.name.base} {each.name.label}", lambda each: each.files[0].path):
        labels = Counter(each.label for each in listed)
        listed = [replace(each, label=longer(each)) if labels[each.label] > 1 else each for each in listed]
    return tuple(listed)
