"""LoRA adapters as PEFT saves them: to GGUF adapters for the runtime, or into the weights of their checkpoint.

E. Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021: beside a frozen W (rows, columns) two
matrices are trained, B (rows, rank) and A (rank, columns), and W + scale B A is computed with. `settings` reads
adapter_config.json, `pairs` the weights, `gguf_adapter` writes them under GGUF's names, `merging` makes one tensor of
W, A and B. Nothing is ever unpickled. Main entries: `convert_adapter` and `is_adapter`; merging is a part of
`convert_checkpoint`.
"""

from app.convert.adapter.gguf_adapter import convert_adapter
from app.convert.adapter.settings import is_adapter

__all__ = ["convert_adapter", "is_adapter"]
