"""Geometry: what a model's metadata say about its layers, checked and complete.

Sources: the keys of the GGUF specification (github.com/ggml-org/ggml, docs/gguf.md) and, for what a header
leaves out, the defaults of llama.cpp's models (`load_arch_hparams` of each architecture). May import
`app.gguf`. Main entry: `read_geometry`.
"""

from app.memory.geometry.model import (
    MOST_LAYERS,
    Experts,
    Geometry,
    Indexer,
    Layer,
    StateSpace,
)
from app.memory.geometry.read import read_geometry

__all__ = ["MOST_LAYERS", "Experts", "Geometry", "Indexer", "Layer", "StateSpace", "read_geometry"]
