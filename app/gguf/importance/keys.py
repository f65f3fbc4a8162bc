"""Names in a GGUF file that holds an importance matrix (`LLM_KV_IMATRIX_*` of llama.cpp)."""

from __future__ import annotations

TYPE_KEY, TYPE = "general.type", "imatrix"
DATASETS = "imatrix.datasets"
CHUNK_COUNT = "imatrix.chunk_count"
CHUNK_SIZE = "imatrix.chunk_size"
SUMS, COUNTS = ".in_sum2", ".counts"
"""Behind the name of a tensor of the model."""
