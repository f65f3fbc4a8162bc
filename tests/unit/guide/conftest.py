"""A folder that looks like the guide's checkpoint without being a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.helpers.guide_checkpoint import seal
from tests.helpers.tiny_checkpoint import write_safetensors


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    for name in ("config.json", "tokenizer.model", "tokenizer_config.json"):
        (folder / name).write_text(f"content of {name}")
    weights = np.zeros(1000, np.float32)
    write_safetensors(folder / "model.safetensors", {"a": ("BF16", weights), "b": ("BF16", weights)})
    return seal(folder)
