"""What a model writes, taken apart while it streams: reasoning, answer and calls of tools.

Each family of models marks them in its own way, and its chat template shows how (`families`). Text arrives
cut anywhere, also inside a mark; what comes out does not depend on where. What is not as the family has
it, broken JSON above all, stays text: nothing a model writes is lost. Main entry: `AnswerFormat`.
"""

from app.runtime.worker.answers.format import AnswerFormat
from app.runtime.worker.answers.parts import AnswerReader, Part

__all__ = ["AnswerFormat", "AnswerReader", "Part"]
