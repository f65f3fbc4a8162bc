"""AWQ's scaling in a checkpoint before it is rounded: weights that meet large inputs are made larger, and those inputs
smaller, so that the model computes the same.

J. Lin et al., "AWQ: Activation-aware Weight Quantization for On-Device LLM Compression and Acceleration", 2023. `folds`
finds in a ModelPlan which tensors make the inputs of which; `scaling` chooses the scales by an importance matrix
(`kernels.formats.awq_method`) and gives the tensors with them. Main entries: ActivationAware, which asks
`convert_checkpoint` for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ActivationAware:
    """`importance`: the file of the model's importance matrix. `quantization`: what the result is rounded to
    afterwards. `scaled`: where the importance matrix of the scaled model is written, for that rounding."""

    importance: Path
    quantization: str
    scaled: Path
