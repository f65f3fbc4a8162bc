"""Reads headers of GGUF files, on this disk or by ranges from elsewhere, into `ModelFacts`; writes ghosts.

May import `app.core` and `app.storage`. Main entries: `read_facts(path)` for a model in all its
parts, `read_header(source)` for one file as it stands, `write_ghost` and `write_ghost_of` for files that
llama.cpp can plan with, and `app.gguf.outline` for the tensors of a model that is not here.
"""

from app.gguf.facts import ModelFacts, read_facts
from app.gguf.ghost import TypedTensor, write_ghost, write_ghost_of
from app.gguf.header import Header, MetadataValue, SkippedArray, TensorInfo
from app.gguf.reader import read_header
from app.gguf.recommended_sampling import RecommendedSampling
from app.gguf.summary import ModelSummary
from app.gguf.thinking import ThinkingControls

__all__ = [
    "Header",
    "MetadataValue",
    "ModelFacts",
    "ModelSummary",
    "RecommendedSampling",
    "SkippedArray",
    "TensorInfo",
    "ThinkingControls",
    "TypedTensor",
    "read_facts",
    "read_header",
    "write_ghost",
    "write_ghost_of",
]
