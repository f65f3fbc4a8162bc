"""SmoothQuant: what is hard to round in the inputs is moved into the weights.

G. Xiao et al., "SmoothQuant: Accurate and Efficient Post-Training Quantization for Large Language Models", 2022:
section 4, equations 3 and 4, in whose letters this is written. W: (rows, columns), X: (n, columns) inputs of the layer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

ALPHA = 0.5
"""Half of the difficulty to either side, right for most models (section 4)."""


def smoothing(largest_inputs: Floats, weights: Floats, alpha: float = ALPHA) -> NDArray[np.float32]:
    """s_j = max|X_j|^alpha / max|W_j|^(1 - alpha), (columns,): by which inputs are divided and weights multiplied.

    `largest_inputs`: (columns,), max|X_j| over all that was seen. A column without inputs or weights keeps 1.
    """
    largest_weights = np.abs(weights.astype(np.float32)).max(axis=0)
    usable = (largest_inputs > 0) & (largest_weights > 0)
    x = np.where(usable, largest_inputs, 1).astype(np.float32)
    w = np.where(usable, largest_weights, 1)
    return np.where(usable, x**alpha / w ** (1 - alpha), 1).astype(np.float32)
