"""What the model says of the next token, where llama.cpp left it."""

from __future__ import annotations

import llama_cpp
import numpy as np
from numpy.typing import NDArray


def logits_after(context: object, output: int, vocabulary_size: int) -> NDArray[np.float32]:
    """After the token at index `output` of the last batch. In llama.cpp's own buffer: they hold until the next."""
    return np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(context, output), (vocabulary_size,))
