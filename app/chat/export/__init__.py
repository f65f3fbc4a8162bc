"""Conversations as files for other programs and people: Markdown, JSON, a stand-alone HTML page.

Main entries: `export_to_file`, and `written` for the text in parts.
"""

from app.chat.export.exporting import ExportFormat, export_to_file, format_of, written

__all__ = ["ExportFormat", "export_to_file", "format_of", "written"]
