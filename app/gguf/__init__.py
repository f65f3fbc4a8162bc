"""Reads headers of GGUF files, on this disk or by ranges from elsewhere, into `ModelFacts`.

May import `app.core` and `app.storage`. Main entries: `read_facts(path)` for a model in all its
parts, `read_header(source)` for one file as it stands.
"""

from app.gguf.facts import ModelFacts, read_facts
from app.gguf.header import Header, SkippedArray, TensorInfo
from app.gguf.reader import read_header

__all__ = ["Header", "ModelFacts", "SkippedArray", "TensorInfo", "read_facts", "read_header"]
