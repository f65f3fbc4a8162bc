"""adapter_config.json: how strong a LoRA adapter is, and what of it cannot be had as two matrices beside a weight.

Keys: `LoraConfig` of PEFT, 0.21.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.convert.checkpoint.config import Config, read_json
from app.convert.checkpoint.folder import CheckpointFolder
from app.core.errors import UnsupportedCheckpoint
from app.gguf.cursor import shorten

FILE = "adapter_config.json"

_MORE_THAN_PAIRS = {
    "use_dora": "learned the sizes of weights apart from their directions (DoRA)",
    "use_qalora": "shares its inputs in groups (QA-LoRA)",
    "use_bdlora": "is made of blocks (BD-LoRA)",
    "kasa_config": "has singular values apart from its matrices (KaSA)",
    "arrow_config": "chooses among adapters for each token (Arrow)",
    "lora_bias": "has biases in its matrices",
    "fan_in_fan_out": "is for weights that lie the other way round",
    "alora_invocation_tokens": "is to be switched on by certain words (aLoRA)",
    "layer_replication": "repeats layers of its model",
    "target_parameters": "changes experts that lie in one tensor",
}
"""What cannot be written as B A beside a weight of the models that Nibble converts."""
_KEEPS_BASE = (True, False, None, "gaussian", "eva", "orthogonal")
"""Values of `init_lora_weights` after which the model's own weights are its checkpoint's."""
_LITERAL = re.compile(r"\^?(?:\w|\\?\.)+")
"""The patterns that are read: names, whole or their ends. PEFT takes any regular expression, which may take forever."""


def is_adapter(folder: Path) -> bool:
    return (folder / FILE).is_file()


@dataclass(frozen=True)
class LoraSettings:
    """`base`: as the adapter names its model, may be empty. `alphas`: of modules whose own differs, by the end of their
    names."""

    base: str
    alpha: float
    alphas: Mapping[str, float]
    is_rank_stabilized: bool

    def scale(self, module: str, rank: int) -> float:
        """What B A is multiplied by: alpha / rank, or alpha / sqrt(rank) in D. Kalajdzievski, "A Rank Stabilization
        Scaling Factor for Fine-Tuning with LoRA", 2023."""
        own = (alpha for name, alpha in self.alphas.items() if _is_named(module, name))
        return next(own, self.alpha) / (math.sqrt(rank) if self.is_rank_stabilized else rank)


def read_settings(folder: CheckpointFolder) -> LoraSettings:
    """Raises FileGone, DamagedCheckpoint, and UnsupportedCheckpoint for what is more than B A beside a weight."""
    path = folder.require(FILE, "Choose an adapter's folder, with all its files.")
    values = read_json(path)
    config = Config(values, FILE)
    kind = config.text("peft_type", default="LORA")
    if kind != "LORA":
        raise _unsupported(folder, f"is of the kind {shorten(kind)}")
    for key, what in _MORE_THAN_PAIRS.items():
        if values.get(key):
            raise _unsupported(folder, what)
    start = values.get("init_lora_weights")
    if start not in _KEEPS_BASE:
        raise _unsupported(folder, f"began with other weights than its model has ({shorten(start)})")
    return LoraSettings(
        base=config.text("base_model_name_or_path", default=""),
        alpha=config.number("lora_alpha", default=8.0),
        alphas=_alphas(folder, config.table("alpha_pattern")),
        is_rank_stabilized=config.flag("use_rslora", default=False),
    )


def _alphas(folder: CheckpointFolder, pattern: Config) -> dict[str, float]:
    for name in pattern.names():
        if not _LITERAL.fullmatch(name):
            raise _unsupported(folder, f"has an alpha of its own for {shorten(name)}, which is no name")
    return {name.replace("\\.", "."): pattern.number(name) for name in pattern.names()}


def _is_named(module: str, name: str) -> bool:
    """As PEFT's `get_pattern_key` matches: the whole name or its last parts; with ^ only the whole."""
    if name.startswith("^"):
        return module == name[1:]
    return module == name or module.endswith(f".{name}")


def _unsupported(folder: CheckpointFolder, what: str) -> UnsupportedCheckpoint:
    return UnsupportedCheckpoint(
        f"The adapter {folder.name} {what}, which the runtime does not compute and Nibble does not merge.",
        "Merge it with its own tools, and convert the whole model.",
    )
