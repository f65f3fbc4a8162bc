"""Underlines what is spelt wrong in a field, and offers what might be meant in its menu."""

from __future__ import annotations

from functools import lru_cache, partial

from PySide6.QtCore import QCoreApplication, QObject, QPoint, Qt, QTimer
from PySide6.QtGui import QAction, QTextBlock, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QMenu, QPlainTextEdit, QTextEdit

from app.ui import theme
from app.ui.parts import without_mnemonics
from app.ui.spelling.speller import Speller
from app.ui.spelling.words import Word, words_in

LONGEST_TEXT = 20_000
"""Characters. What is longer was not written by hand."""
RESTING_MS = 60
"""After the last change. Letters come faster than that only where nobody looks at the marks."""
MOST_MARKS = 300


class SpellMarks(QObject):
    """For as long as there is the field. The word that is being written is left alone until it is finished.

    The marks lie over the text. (A QSyntaxHighlighter would do less, but for Qt each of its marks is a change of the
    text, of which everybody hears: a draft that comes back would load its model.)
    """

    def __init__(self, field: QPlainTextEdit, speller: Speller) -> None:
        super().__init__(field)
        self._field = field
        self._speller = speller
        self._writing_at: int | None = None
        self._resting = QTimer(self)
        self._resting.setSingleShot(True)
        self._resting.setInterval(RESTING_MS)
        self._resting.timeout.connect(self._mark)
        field.document().contentsChange.connect(self._changed)
        field.cursorPositionChanged.connect(self._moved)
        speller.judged.connect(self._judged)
        speller.changed.connect(self._mark)
        field.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        field.customContextMenuRequested.connect(self._open_menu)

    def marked(self) -> list[str]:
        """The words that are underlined."""
        return [each.cursor.selectedText() for each in self._field.extraSelections()]

    def _changed(self, position: int, removed: int, added: int) -> None:
        self._writing_at = position + added
        self._resting.start()

    def _moved(self) -> None:
        if self._writing_at is not None and self._writing_at != self._field.textCursor().position():
            self._writing_at = None
            self._resting.start()

    def _judged(self, wrong: set[str]) -> None:
        if wrong:
            self._mark()

    def _mark(self) -> None:
        document = self._field.document()
        if not document.isEmpty():
            self._speller.start()
        marks: list[QTextEdit.ExtraSelection] = []
        block = document.firstBlock()
        is_checked = self._speller.is_on and document.characterCount() <= LONGEST_TEXT
        while is_checked and block.isValid() and len(marks) < MOST_MARKS:
            marks += [
                _mark_of(block, word) for word in _words_of(block.text()) if self._is_marked(block, word)
            ]
            block = block.next()
        if marks or self._field.extraSelections():
            self._field.setExtraSelections(marks)

    def _is_marked(self, block: QTextBlock, word: Word) -> bool:
        is_written = self._writing_at == block.position() + word.start + word.length
        return not is_written and self._speller.is_wrong(word.text)

    # The menu

    def wrong_at(self, position: int) -> tuple[Word, QTextBlock] | None:
        """The word at a position in the text, in UTF-16 units, if it is spelt wrong."""
        block = self._field.document().findBlock(position)
        at = position - block.position()
        for word in _words_of(block.text()):
            if word.start <= at <= word.start + word.length and self._speller.is_wrong(word.text):
                return word, block
        return None

    def menu_at(self, position: int) -> QMenu:
        """That of the field, with what might be meant on top where the word there is wrong."""
        menu = self._field.createStandardContextMenu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        wrong = self.wrong_at(position)
        if wrong is not None:
            self._offer(menu, *wrong)
        return menu

    def _open_menu(self, point: QPoint) -> None:
        position = self._field.cursorForPosition(point).position()
        if self.wrong_at(position) is None:  # by keys, it is the word that the cursor is in
            position = self._field.textCursor().position()
        self.menu_at(position).popup(self._field.viewport().mapToGlobal(point))

    def _offer(self, menu: QMenu, word: Word, block: QTextBlock) -> None:
        place = _place_of(block, word)
        first = menu.actions()[0] if menu.actions() else None
        waiting = QAction(_tr("Looking for suggestions…"), menu)
        waiting.setEnabled(False)
        learn = QAction(_tr("Add “{word}” to the dictionary").format(word=without_mnemonics(word.text)), menu)
        learn.triggered.connect(lambda: self._speller.learn(word.text))
        separator = QAction(menu)
        separator.setSeparator(True)
        for action in (waiting, learn, separator):
            menu.insertAction(first, action)  # type: ignore[arg-type]  # Qt takes none, its annotation does not
        self._speller.suggest(word.text, partial(self._show, menu, waiting, place))

    def _show(self, menu: QMenu, waiting: QAction, place: QTextCursor, suggestions: list[str]) -> None:
        try:
            if not suggestions:
                waiting.setText(_tr("No suggestions"))
                return
            for suggestion in suggestions:
                action = QAction(without_mnemonics(suggestion), menu)
                action.triggered.connect(partial(place.insertText, suggestion))
                menu.insertAction(waiting, action)
            menu.removeAction(waiting)
        except RuntimeError:  # the menu was closed meanwhile, and is gone
            return


@lru_cache(maxsize=500)
def _words_of(paragraph: str) -> tuple[Word, ...]:
    return tuple(words_in(paragraph))


def _mark_of(block: QTextBlock, word: Word) -> QTextEdit.ExtraSelection:
    mark = QTextEdit.ExtraSelection()
    mark.cursor = _place_of(block, word)
    mark.format.setUnderlineStyle(QTextCharFormat.UnderlineStyle.SpellCheckUnderline)
    mark.format.setUnderlineColor(theme.current().colour("danger"))
    return mark


def _place_of(block: QTextBlock, word: Word) -> QTextCursor:
    place = QTextCursor(block)
    place.setPosition(block.position() + word.start)
    place.setPosition(block.position() + word.start + word.length, QTextCursor.MoveMode.KeepAnchor)
    return place


def _tr(text: str) -> str:
    return QCoreApplication.translate("Spelling", text)
