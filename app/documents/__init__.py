"""Text out of files that a person attaches: plain text, code, Markdown and CSV in any usual encoding, and PDF.

Every file is taken for hostile: what is read of it is bounded in size, PDF files are read by a process of its own that
is bounded in time and memory. May import `app.core`. Main entry: `read_document`.
"""

from app.documents.document import Document, language_of, shown_name
from app.documents.reading import MOST_TEXT_BYTES, read_document

__all__ = ["MOST_TEXT_BYTES", "Document", "language_of", "read_document", "shown_name"]
