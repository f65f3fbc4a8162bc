"""Nibble: run quantized language models on your own computer and see what the saved bits cost.

The rooms of this package and the directions between them are drawn in ARCHITECTURE.md and
enforced by import-linter.
"""

__version__ = "0.1.0"
