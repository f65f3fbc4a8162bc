"""Mixtures: which type each tensor gets in a quantization, so that its file's size is known before it is made.

A quantization's name stands for a mixture of types: Q4_K_M has some tensors in Q6_K. Told here as
`llama_model_quantize` of the installed llama.cpp chooses (`src/llama-quant.cpp`), with what a person chooses
for single tensors (`TensorTypes`). May import `app.core` and `app.gguf`. Main entries: `predict_file_bytes`,
`tensor_types`, `read_traits`. A new quantization is one line in `recipes.py`, a kind of tensor that llama.cpp
leaves alone one in `roles.py`.
"""

from app.memory.mixture.choice import TypeChoice, tensor_types, type_choices
from app.memory.mixture.chosen import CHOOSABLE_TYPES, NONE_CHOSEN, TensorTypes
from app.memory.mixture.file_size import predict_file_bytes
from app.memory.mixture.roles import is_left_alone, is_output_or_embedding
from app.memory.mixture.tensors import NoPrediction, ShapedTensor
from app.memory.mixture.traits import ModelTraits, read_traits

__all__ = [
    "CHOOSABLE_TYPES",
    "NONE_CHOSEN",
    "ModelTraits",
    "NoPrediction",
    "ShapedTensor",
    "TensorTypes",
    "TypeChoice",
    "is_left_alone",
    "is_output_or_embedding",
    "predict_file_bytes",
    "read_traits",
    "tensor_types",
    "type_choices",
]
