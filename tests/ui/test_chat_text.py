"""Answers as documents: Markdown in our dress, and nothing hostile gets through."""

from __future__ import annotations

import os
import time

import pytest
from PySide6.QtGui import QTextCursor, QTextTable
from PySide6.QtWidgets import QWidget

from app.storage.settings import Appearance
from app.ui import theme
from app.ui.pages.chat_markdown import MOST_CHARACTERS, is_tame, markdown_document
from app.ui.pages.chat_text import Prose
from app.ui.theme import Theme


@pytest.fixture
def prose(qtbot) -> Prose:
    made = Prose("Answer")
    qtbot.addWidget(made)
    made.resize(600, 100)
    made.show()
    return made


@pytest.fixture
def owner(qtbot) -> QWidget:
    made = QWidget()
    qtbot.addWidget(made)
    return made


def blocks(document):
    block = document.begin()
    while block.isValid():
        yield block
        block = block.next()


def test_markdown_becomes_headings_lists_tables_and_code(owner):
    document = markdown_document(
        "# Title\n\n**bold** and `code`\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```py\nx = 1\n```\n",
        owner,
    )
    text = document.toPlainText()
    assert not set("*`#|") & set(text)
    assert any(block.blockFormat().headingLevel() == 1 for block in blocks(document))
    assert [block.text() for block in blocks(document) if block.textList()] == ["one", "two"]
    frames = document.rootFrame().childFrames()
    assert sum(isinstance(frame, QTextTable) for frame in frames) == 1
    assert len(frames) == 2


def test_lines_stay_lines(owner):
    text = "Shall I compare thee\nto a summer's day?\n\n- one\n  more\n- two\n\n> quoted\n> verse  \n> end"
    document = markdown_document(text, owner)
    assert [block.text().replace("\u2028", "/") for block in blocks(document)] == [
        "Shall I compare thee/to a summer's day?",
        "one/more",
        "two",
        "quoted/verse/end",
    ]


@pytest.mark.parametrize(
    "text",
    ["```\na b\nc d\n```", "| a | b |\n|---|---|\n| 1 | 2 |", "Title\n=====\ntext", "~~~py\nx\ny\n~~~\nend"],
)
def test_keeping_lines_leaves_no_trace_in_what_has_lines_of_its_own(owner, text):
    document = markdown_document(text, owner)
    assert "\ue000" not in document.toPlainText()
    assert "\u2028" not in "".join(block.text() for block in blocks(document))


def test_html_is_shown_and_not_obeyed(prose):
    text = '<script>alert(1)</script> <b>bold</b> <img src="file:///etc/passwd">'
    prose.show_markdown(text)
    assert prose.toPlainText() == text


@pytest.mark.skipif(os.name == "nt", reason="needs a named pipe")
def test_images_are_words_and_open_no_file(prose, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)  # whoever opens it to read waits for ever
    prose.show_markdown(f"![a chart]({pipe}) ![](http://example.org/x.png) ![b](file://{pipe})")
    prose.grab()
    assert prose.toPlainText() == "[a chart]  [b]"


def test_clicked_link_is_asked_about_and_not_followed(prose, qtbot):
    prose.show_markdown("[there](http://example.org/)")
    with qtbot.waitSignal(prose.link_asked) as asked:
        prose.anchorClicked.emit("http://example.org/")
    assert asked.args == ["http://example.org/"]
    assert prose.toPlainText() == "there"


def test_height_follows_the_text(prose, qtbot):
    prose.show_plain("one line")
    low = prose.height()
    prose.append_plain("\nand another")
    qtbot.waitUntil(lambda: prose.height() > low)
    high = prose.height()
    prose.show_plain("a word " * 60)
    prose.resize(300, prose.height())
    qtbot.waitUntil(lambda: prose.height() > high)


def test_plain_text_is_kept_to_the_letter(prose):
    text = "# not *a* title\n\n\t<b>\n" + "x" * 5_000 + " y" * 3_000
    for start in range(0, len(text), 700):
        prose.append_plain(text[start : start + 700])
    assert prose.text == text
    assert prose.toPlainText().replace("\n", "") == text.replace("\n", "")


HOSTILE = {
    "one line": "a" * 1_000_000,
    "many words": "word " * 200_000,
    "brackets": "[" * 50_000,
    "quotes": ">" * 50_000,
    "list": "- x\n" * 25_000,
    "table": "|a" * 50 + "|\n" + "|-" * 50 + "|\n" + ("|a" * 50 + "|\n") * 500,
    "code fences": "```\nx\n```\n\n" * 5_000,
    "spans": "`a` **b** " * 9_000,
    "short lines": "word word\n" * 9_999,
    "stars": "*" * 50_000 + "a" + "*" * 50_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_takes_long(prose, name, record_property):
    started = time.perf_counter()
    prose.show_markdown(HOSTILE[name])
    prose.document().size()
    took_s = time.perf_counter() - started
    record_property("seconds", took_s)
    assert took_s < 10  # on a busy machine; without the limits some take minutes


def test_wild_text_stays_plain():
    assert is_tame("ordinary **text**")
    assert not is_tame("a" * (MOST_CHARACTERS + 1))


def test_new_theme_gives_new_colours(qapp, prose):
    chosen = Theme(qapp, Appearance.LIGHT)
    chosen.dress()
    prose.show_markdown("[link](http://example.org)")
    chosen.set_appearance(Appearance.DARK)
    cursor = QTextCursor(prose.document())
    cursor.movePosition(QTextCursor.MoveOperation.Right)
    assert cursor.charFormat().foreground().color() == theme.current().colour("accent")
    chosen.set_appearance(Appearance.LIGHT)
