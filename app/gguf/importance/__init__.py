"""Importance matrices: how much each input column of each weight matrix matters, read from and written to files.

Uses NumPy, so `app.gguf` itself, which every start imports, does not import it. Main entries: `ImportanceMatrix`,
`read_importance`, `write_importance`.
"""

from app.gguf.importance.matrix import Importance, ImportanceMatrix
from app.gguf.importance.reading import read_importance
from app.gguf.importance.told import told_of
from app.gguf.importance.writing import write_importance

__all__ = ["Importance", "ImportanceMatrix", "read_importance", "told_of", "write_importance"]
