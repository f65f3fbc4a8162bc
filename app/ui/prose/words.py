"""Formats of words and of items of lists, as Markdown's marks ask for them."""

from __future__ import annotations

from markdown_it.token import Token
from PySide6.QtGui import QTextBlockFormat, QTextCharFormat, QTextCursor, QTextListFormat

from app.ui import theme
from app.ui.prose import looks

LINE_SEPARATOR = "\u2028"


def list_format(token: Token, depth: int) -> QTextListFormat:
    form = QTextListFormat()
    styles = QTextListFormat.Style
    form.setIndent(depth)
    if token.type == "ordered_list_open":
        form.setStyle(styles.ListDecimal)
        form.setStart(min(int(token.attrs.get("start", 1)), 999_999_999))
        form.setNumberSuffix(token.markup or ".")
    else:
        form.setStyle((styles.ListDisc, styles.ListCircle, styles.ListSquare)[(depth - 1) % 3])
    return form


def next_number(form: QTextListFormat) -> None:
    form.setStart(form.start() + 1)


def task(children: list[Token]) -> tuple[list[Token], QTextBlockFormat.MarkerType | None]:
    """An item of a task list without its box, and what stands in that."""
    first = children[0] if children else None
    if first is None or first.type != "text" or first.content[:4].lower() not in ("[ ] ", "[x] "):
        return children, None
    kinds = QTextBlockFormat.MarkerType
    ticked = kinds.Unchecked if first.content[1] == " " else kinds.Checked
    return [first.copy(content=first.content[4:]), *children[1:]], ticked


def chip(form: QTextCharFormat) -> QTextCharFormat:
    made = QTextCharFormat(form)
    made.setFontFamilies(looks.mono_families())
    made.setBackground(theme.current().colour("chip"))
    return made


def link(form: QTextCharFormat, address: str) -> QTextCharFormat:
    made = QTextCharFormat(form)
    made.setAnchor(True)
    made.setAnchorHref(address)
    made.setToolTip(address)
    made.setForeground(theme.current().colour("accent"))
    made.setFontUnderline(True)
    return made


def emphasis(form: QTextCharFormat, kind: str) -> QTextCharFormat:
    made = QTextCharFormat(form)
    if kind == "strong_open":
        made.setFontWeight(700)
    elif kind == "em_open":
        made.setFontItalic(True)
    elif kind == "s_open":
        made.setFontStrikeOut(True)
    return made


def formula_source(token: Token) -> str:
    """The formula with the marks it stood in."""
    if token.type != "math_block":
        return token.markup
    close = "" if token.meta.get("unclosed") else {"$$": "$$", "\\[": "\\]"}[token.markup]
    return f"{token.markup}\n{token.content}\n{close}"


def formula_as_text(cursor: QTextCursor, token: Token, form: QTextCharFormat) -> None:
    cursor.insertText(formula_source(token).replace("\n", LINE_SEPARATOR), chip(form))
