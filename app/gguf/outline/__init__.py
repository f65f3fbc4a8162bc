"""Outline: the tensors that a model's GGUF file holds, told from its metadata alone.

For models that are not on this disk: catalogue entries, or headers without their tensor list. May import
`app.core`. Main entry: `outline`. One module per family of architectures, each with a table; a new
architecture is one line in one of them.
"""

from app.gguf.outline.outline import TensorShape, outline
from app.gguf.outline.dimensions import NoOutline

__all__ = ["NoOutline", "TensorShape", "outline"]
