"""Hugging Face checkpoints (config.json, safetensors, tokenizer files) to GGUF, without PyTorch.

One way through it: `config` and `architectures` make a ModelPlan of config.json, `weights` opens the
safetensors files, `tokenizer` reads the vocabulary, `writing` writes. NumPy and the gguf package are
imported when there is something to write, so that Nibble starts without them. Everything in the
folder is taken for hostile, and nothing is ever unpickled. Main entries: `convert_checkpoint` for
one file, `make_from_checkpoint` for several, quantized ones among them.
"""

from app.convert.checkpoint.conversion import convert_checkpoint
from app.convert.checkpoint.folder import is_checkpoint
from app.convert.checkpoint.making import make_from_checkpoint
from app.convert.checkpoint.other_converter import OtherConverter

__all__ = ["OtherConverter", "convert_checkpoint", "is_checkpoint", "make_from_checkpoint"]
