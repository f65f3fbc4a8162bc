"""What the name of a GGUF file says of it. There is no rule, but the habits of those who publish most.

`Qwen3-8B-UD-Q4_K_XL.gguf` (unsloth), `Qwen_Qwen3-8B-Q4_K_M.gguf` (bartowski), `Qwen3-8B.i1-Q4_K_M.gguf` (mradermacher),
`llama-2-7b-chat.Q4_K_M.gguf` (TheBloke), `gemma-3-12b-it-qat-q4_0.gguf` (google), `mmproj-model-f16.gguf` (ggml-org).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from app.gguf.split import split_name

_TYPE = (
    r"(?:BF16|FP?16|FP?32|F64|MXFP4(?:_MOE)?|NVFP4|TQ[12]_0"
    r"|I?Q\d(?:_[01](?:_\d_\d)?|_NL(?:_\d_\d)?|_?K(?:_?(?:XXS|XS|S|M|L|XL|XXL|P))?|_(?:XXS|XS|S|M|L|XL|KSS|KS|KT|KL))?)"
)
_TYPES = re.compile(rf"(?:^|[-._ ])(?P<types>{_TYPE}(?:[-._]{_TYPE})*)(?=$|[-._ ])", re.IGNORECASE)
_WORDS = re.compile(r"[-._ ]+")
_IMATRIX_WORDS = frozenset({"i1", "imat", "imatrix", "imx"})
_DRAFT = re.compile(r"(?:mtp|eagle3|dflash|dspark)-", re.IGNORECASE)
"""Beginnings by which llama.cpp knows small models that draft for the one beside them."""
_CUT = re.compile(
    r"(?P<prefix>.+\.gguf)(?:\.part(?P<number>\d+)of(?P<count>\d+)|-split-(?P<letter>[a-z]))", re.IGNORECASE
)
_SPELLINGS = {"FP16": "F16", "FP32": "F32"}


class Role(StrEnum):
    MODEL = "model"
    MMPROJ = "mmproj"
    """Encoder of images or sound, beside a model."""
    IMATRIX = "imatrix"
    """Importance matrix."""
    DRAFT = "draft"
    """Drafts tokens for the model beside it."""


@dataclass(frozen=True, slots=True)
class Part:
    """Number `number` (from 1) of `count` files with the same `prefix`; `count` 0 where the name does not tell it.

    `is_cut`: a piece of one file, which has to be joined; llama.cpp itself reads the parts of a split.
    """

    prefix: str
    number: int
    count: int
    is_cut: bool


@dataclass(frozen=True, slots=True)
class FileName:
    """`quantization` in llama.cpp's spelling, e.g. "Q4_K_M", or what stands in its place, e.g. "Q4_K_XL" or "Q8_0-F16";
    None where the name has none. `base`: the name without it, its marks and the part.

    `is_dynamic`: "UD", unsloth's choice of a type for each tensor; `is_qat`: trained to be quantized so; `imatrix`: the
    word for an importance matrix, "" without.
    """

    role: Role
    base: str
    quantization: str | None
    is_dynamic: bool
    is_qat: bool
    imatrix: str
    part: Part | None

    @property
    def label(self) -> str:
        """What tells it from the others of its repository, e.g. "UD-Q4_K_XL" or "i1-Q4_K_M"."""
        marks = [self.imatrix, "QAT" if self.is_qat else "", "UD" if self.is_dynamic else ""]
        return "-".join([*filter(None, marks), self.quantization or self.base])


def is_gguf(path: str) -> bool:
    """Whether the name is that of a GGUF file or of a piece of one."""
    name = path.rpartition("/")[2]
    return name.lower().endswith(".gguf") or _CUT.fullmatch(name) is not None


def is_importance_matrix(path: str) -> bool:
    name = path.rpartition("/")[2].lower()
    if not name.endswith((".dat", ".imatrix", ".gguf", ".gguf_file")) or "imatrix" not in name:
        return False
    return not name.endswith(".gguf") or _TYPES.search(name.removesuffix(".gguf")) is None


def read_file_name(path: str) -> FileName:
    """Of a file for which `is_gguf` or `is_importance_matrix` holds, by its path in the repository."""
    name = PurePosixPath(path).name
    part = _part(name)
    stem = re.sub(r"\.gguf$", "", part.prefix if part else name, flags=re.IGNORECASE)
    found = None
    for found in _TYPES.finditer(stem):  # noqa: B007  # the last one: a model may be called "F16" or "Q8"
        pass
    before = stem[: found.start()] if found else stem
    after = stem[found.end() :] if found else ""
    words = [word for word in _WORDS.split(f"{before}-{after}") if word]
    folded = [word.casefold() for word in words]
    imatrix = next((word for word in folded if word in _IMATRIX_WORDS), "")
    is_dynamic = found is not None and bool(re.search(r"(?:^|[-._])UD$", before, re.IGNORECASE))
    return FileName(
        _role(path, stem),
        _base(before, after, is_dynamic),
        _spelt(found["types"]) if found else None,
        is_dynamic,
        "qat" in folded,
        imatrix,
        part,
    )


def _role(path: str, stem: str) -> Role:
    if "mmproj" in stem.casefold():
        return Role.MMPROJ
    if is_importance_matrix(path):
        return Role.IMATRIX
    return Role.DRAFT if _DRAFT.match(stem) else Role.MODEL


def _part(name: str) -> Part | None:
    split = split_name(name)
    if split is not None:
        return Part(split.prefix, split.number, split.count, is_cut=False) if split.count > 1 else None
    cut = _CUT.fullmatch(name)
    if cut is None:
        return None
    number = int(cut["number"][:6]) if cut["number"] else ord(cut["letter"].lower()) - ord("a") + 1
    return Part(cut["prefix"], number, int((cut["count"] or "0")[:6]), is_cut=True)


def _base(before: str, after: str, is_dynamic: bool) -> str:
    if is_dynamic:
        before = before[: -len("UD")]
    parts = [before.strip("-._ "), after.strip("-._ ")]
    kept = "-".join(part for part in parts if part)
    marks = "|".join(_IMATRIX_WORDS)
    return re.sub(rf"[-._](?:{marks})$", "", kept, flags=re.IGNORECASE) or kept


def _spelt(types: str) -> str:
    """`q4_k_m` -> `Q4_K_M`, `fp16` -> `F16`, `Q4K` -> `Q4_K`."""
    each = re.split(r"[-.]|_(?=[BFI]|MX|NV)", types.upper())
    return "-".join(_SPELLINGS.get(one, re.sub(r"^(I?Q\d)K", r"\1_K", one)) for one in each if one)
