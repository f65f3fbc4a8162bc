"""Mixtures: which type each tensor gets in a quantization, so that its file's size is known before it is made.

A quantization's name stands for a mixture of types: Q4_K_M has some tensors in Q6_K. Told here as
`llama_model_quantize` of the installed llama.cpp chooses (`src/llama-quant.cpp`). May import `app.core` and
`app.gguf`. Main entries: `predict_file_bytes`, `tensor_types`, `read_traits`. A new quantization is one line
in `recipes.py`, a kind of tensor that llama.cpp leaves alone one in `roles.py`.
"""

from app.memory.mixture.choice import tensor_types
from app.memory.mixture.file_size import predict_file_bytes
from app.memory.mixture.tensors import NoPrediction, ShapedTensor
from app.memory.mixture.traits import ModelTraits, read_traits

__all__ = [
    "ModelTraits",
    "NoPrediction",
    "ShapedTensor",
    "predict_file_bytes",
    "read_traits",
    "tensor_types",
]
