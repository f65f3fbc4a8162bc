"""Selected text as it is put on the clipboard: with the marks of lists, tables by tabs, formulas as their source."""

from __future__ import annotations

from PySide6.QtGui import QTextBlock, QTextCursor

from app.ui.prose.looks import FILLER, SOURCE


def selected_text(cursor: QTextCursor) -> str:
    start, end = cursor.selectionStart(), cursor.selectionEnd()
    block = cursor.document().findBlock(start)
    words: list[str] = []
    row: tuple[int, int] | None = None
    while block.isValid() and block.position() < end:
        if block.blockFormat().hasProperty(FILLER):
            block = block.next()
            continue
        cell = _cell_of(block)
        text = _text_of(block, start, end)
        if cell is not None and cell == row:
            words.append("\t")
        elif words:
            words.append("\n")
        row = cell
        words.append(text)
        block = block.next()
    return "".join(words).strip("\n")


def _text_of(block: QTextBlock, start: int, end: int) -> str:
    first, last = block.position(), block.position() + block.length() - 1
    whole = first >= start
    words = [_mark_of(block)] if whole else []
    for fragment in _fragments(block):
        begin = max(fragment.position(), start)
        stop = min(fragment.position() + fragment.length(), end, last)
        if stop <= begin:
            continue
        source = fragment.charFormat().property(SOURCE)
        if source:
            words.append(str(source))
        else:
            piece = _utf16_slice(fragment.text(), begin - fragment.position(), stop - fragment.position())
            words.append(piece.replace("\u2028", "\n"))
    return "".join(words)


def _mark_of(block: QTextBlock) -> str:
    held = block.textList()
    if held is None:
        return ""
    indent = "  " * (held.format().indent() - 1)
    word = held.itemText(block)
    return f"{indent}{word if word[:1].isdigit() else '-'} "


def _cell_of(block: QTextBlock) -> tuple[int, int] | None:
    """The table and row a paragraph is in."""
    table = QTextCursor(block).currentTable()
    return None if table is None else (table.firstPosition(), table.cellAt(block.position()).row())


def _fragments(block: QTextBlock):  # type: ignore[no-untyped-def]
    iterator = block.begin()
    while not iterator.atEnd():
        yield iterator.fragment()
        iterator += 1


def _utf16_slice(text: str, start: int, stop: int) -> str:
    if text.isascii():
        return text[start:stop]
    return text.encode("utf-16-le", "surrogatepass")[2 * start : 2 * stop].decode("utf-16-le", "replace")
