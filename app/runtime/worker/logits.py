"""What the model says of the next token, where llama.cpp left it."""

from __future__ import annotations

import ctypes

import llama_cpp
import numpy as np
from numpy.typing import NDArray


class Logits:
    """Arrays over llama.cpp's own buffer. It is nearly always in the same place, and NumPy's view of it costs more
    than to find the largest value: so the last one is kept."""

    def __init__(self, vocabulary_size: int) -> None:
        self._size = vocabulary_size
        self._address: int | None = None
        self._view: NDArray[np.float32]

    def after(self, context: object, output: int) -> NDArray[np.float32]:
        """After the token at index `output` of the last batch. They hold until the next."""
        start = llama_cpp.llama_get_logits_ith(context, output)
        address = ctypes.addressof(start.contents)
        if address != self._address:
            self._address, self._view = address, np.ctypeslib.as_array(start, (self._size,))
        return self._view
