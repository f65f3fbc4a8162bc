"""Records what torchao writes and reads, for `tests/unit/kernels/formats/test_torchao.py`.

    pip install torch torchao numpy
    python tests/data/formats/record_torchao.py

Run where PyTorch is; the test reads `torchao.npz` alone. Numbers in BF16 are recorded as F32.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torchao.prototype.safetensors.safetensors_support import flatten_tensor_state_dict
from torchao.quantization import Int8WeightOnlyConfig, IntxWeightOnlyConfig, quantize_
from torchao.quantization.granularity import PerGroup

ROWS, COLUMNS = 24, 192


def main() -> None:
    found: dict[str, np.ndarray] = {}
    for name, config in (
        ("int4", IntxWeightOnlyConfig(weight_dtype=torch.int4, granularity=PerGroup(32))),
        ("int8", Int8WeightOnlyConfig()),
    ):
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(COLUMNS, ROWS, bias=False)).to(torch.bfloat16)
        quantize_(model, config)
        parts, _ = flatten_tensor_state_dict(model.state_dict())
        for part, numbers in parts.items():
            kept = numbers.float() if numbers.is_floating_point() else numbers
            found[f"{name}_{part.rpartition('.')[2].removeprefix('_weight_')}"] = kept.numpy()
        found[f"{name}_read"] = model[0].weight.dequantize().float().numpy()
    np.savez_compressed(Path(__file__).with_name("torchao.npz"), **found)


if __name__ == "__main__":
    main()
