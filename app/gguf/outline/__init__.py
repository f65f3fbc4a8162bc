"""Outline: the tensors that a model's GGUF file holds, told from its metadata alone.

For models that are not on this disk, such as those of the catalogue. What llama.cpp's loader asks for is
what is told (`src/models/` and the names in `src/llama-arch.cpp` of llama.cpp). May import `app.core`. Main
entries: `outline`, and `loading_metadata` for a header that llama.cpp takes. One module per family of
architectures, each with a table: a new architecture is one line in one of them.
"""

from app.gguf.outline.architectures import KNOWN_ARCHITECTURES, TensorShape, outline
from app.gguf.outline.dimensions import NoOutline
from app.gguf.outline.loading import loading_metadata

__all__ = ["KNOWN_ARCHITECTURES", "NoOutline", "TensorShape", "loading_metadata", "outline"]
