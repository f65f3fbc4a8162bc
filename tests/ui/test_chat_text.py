"""Answers as documents: Markdown in our dress, and nothing hostile gets through."""

from __future__ import annotations

import os
import time

import pytest
from PySide6.QtGui import QGuiApplication, QTextBlockFormat, QTextCursor, QTextTable

from app.storage.settings import Appearance
from app.ui import theme
from app.ui.pages.chat_text import Prose
from app.ui.theme import Theme


@pytest.fixture
def prose(qtbot) -> Prose:
    made = Prose("Answer")
    qtbot.addWidget(made)
    made.resize(600, 100)
    made.show()
    return made


def blocks(document):
    block = document.begin()
    while block.isValid():
        yield block
        block = block.next()


def test_markdown_becomes_headings_lists_tables_and_code(prose):
    prose.show_markdown(
        "# Title\n\n**bold** and `code`\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```py\nx = 1\n```\n"
    )
    document = prose.document()
    assert not set("*`#|") & set(document.toPlainText())
    assert any(block.blockFormat().headingLevel() == 1 for block in blocks(document))
    assert [block.text() for block in blocks(document) if block.textList()] == ["one", "two"]
    frames = document.rootFrame().childFrames()
    assert sum(isinstance(frame, QTextTable) for frame in frames) == 1


def test_lines_stay_lines(prose):
    prose.show_markdown(
        "Shall I compare thee\nto a summer's day?\n\n- one\n  more\n- two\n\n> quoted\n> verse  \n> end"
    )
    assert [block.text().replace("\u2028", "/") for block in blocks(prose.document())] == [
        "Shall I compare thee/to a summer's day?",
        "one/more",
        "two",
        "quoted/verse/end",
    ]


WHOLE = """# Title

Words *with* emphasis
and a [link](http://example.org).

1. one
1. two

   ```py
   x = 1
   ```
- [x] done

> quote

| a | b |
|---|---|
| 1 | 2 |

```js
let a = "\u202e";
b
```
```
open"""


def look(document):
    """All that can be seen of a document, but for colours of code."""
    return [
        (
            block.text(),
            block.blockFormat().topMargin(),
            block.blockFormat().indent(),
            block.textList() and block.textList().itemText(block),
            [
                (each.start, each.length, each.format.fontWeight(), each.format.anchorHref())
                for each in block.textFormats()
            ],
        )
        for block in blocks(document)
    ]


@pytest.mark.parametrize("size", [1, 3, 40])
def test_streamed_text_looks_like_the_whole(prose, qtbot, size):
    for start in range(0, len(WHOLE), size):
        prose.append(WHOLE[start : start + size])
    prose.show_markdown(WHOLE)
    other = Prose("Answer")
    qtbot.addWidget(other)
    other.show_markdown(WHOLE)
    assert look(prose.document()) == look(other.document())


def test_what_is_finished_is_not_written_again(prose):
    prose.append("First paragraph.\n\nSecond")
    prose._soon.stop()
    prose.append(" one.\n\nThird")
    changes = []
    prose.document().contentsChange.connect(lambda at, removed, added: changes.append(at))
    for word in (" one", " goes", " on"):
        prose._soon.stop()  # else it waits for a moment
        prose.append(word)
    assert changes
    assert min(changes) >= len("First paragraph.")


def test_link_finds_a_definition_that_comes_later(prose):
    for piece in ("see [there][x]\n\nmore\n\n", "[x]: http://example.org/\n"):
        prose.append(piece)
    prose.show_markdown("see [there][x]\n\nmore\n\n[x]: http://example.org/\n")
    assert prose.toPlainText() == "see there\nmore"


def test_button_copies_code_and_nothing_around_it(prose, qtbot):
    prose.show_markdown("words\n\n```py\nx = 1\ny = 2\n```\n\nmore")
    qtbot.waitUntil(lambda: len(prose._copy_buttons.visible()) == 1)
    (copy,) = prose._copy_buttons.visible()
    assert copy.accessibleName()
    copy.click()
    assert QGuiApplication.clipboard().text() == "x = 1\ny = 2\n"


def test_code_gets_colours_by_its_language_alone(prose, qtbot):
    prose.show_markdown("```python\nif x:  # why\n```\n\n```\nif x:  # why\n```\n")
    coloured, plain = list(blocks(prose.document()))
    qtbot.waitUntil(lambda: bool(coloured.layout().formats()))
    colours = {
        (each.start, each.length): each.format.foreground().color() for each in coloured.layout().formats()
    }
    assert colours[0, 2] == theme.current().colour("part_working")
    assert colours[7, 5] == theme.current().colour("muted")
    assert not plain.layout().formats()


def test_selection_goes_across_blocks_and_copies_what_a_person_means(prose):
    prose.show_markdown(
        "# Title\n\nwords\n\n- one\n  - two\n\n3. three\n\n|a|b|\n|-|-|\n|1|2|\n\n```py\nx =\u200b 1\n```\n\nso $x^2$"
    )
    prose.selectAll()
    text = prose.createMimeDataFromSelection().text()
    assert text == "Title\nwords\n- one\n  - two\n3. three\na\tb\n1\t2\nx =\u200b 1\nso $x^2$"


@pytest.mark.parametrize(
    "character", ["\u202e", "\u2066", "\u200b", "\u200d", "\ufeff", "\u00ad", "\U000e0041"]
)
def test_hidden_characters_are_seen_in_code(prose, character):
    prose.show_markdown(f"```py\na{character}b\n```\n\n`c{character}d`")
    code = f"[U+{ord(character):04X}]"
    assert prose.toPlainText() == f"a{code}b\nc{code}d"


def test_emoji_and_writing_from_right_to_left_stay_as_they_are_in_prose(prose):
    text = "family 👨‍👩‍👧 and \u05e9\u05dc\u05d5\u05dd\u200f!"
    prose.show_markdown(text)
    assert prose.toPlainText() == text
    prose.show_markdown("abc\u202edef")
    assert prose.toPlainText() == "abc[U+202E]def"


def test_list_of_tasks_has_boxes(prose):
    prose.show_markdown("- [ ] to do\n- [x] done\n")
    kinds = [(block.text(), block.blockFormat().marker()) for block in blocks(prose.document())]
    markers = QTextBlockFormat.MarkerType
    assert kinds == [("to do", markers.Unchecked), ("done", markers.Checked)]


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
    assert prose.toPlainText() == "[a chart] [] [b]"


def test_clicked_link_is_asked_about_and_not_followed(prose, qtbot):
    prose.show_markdown("[there](http://example.org/)")
    with qtbot.waitSignal(prose.link_asked) as asked:
        prose.anchorClicked.emit("http://example.org/")
    assert asked.args == ["http://example.org/"]
    assert prose.toPlainText() == "there"


def test_height_follows_the_text(prose, qtbot):
    prose.show_plain("one line")
    low = prose.height()
    prose.show_plain("one line\nand another")
    qtbot.waitUntil(lambda: prose.height() > low)
    high = prose.height()
    prose.show_plain("a word " * 60)
    prose.resize(300, prose.height())
    qtbot.waitUntil(lambda: prose.height() > high)


def test_plain_text_is_kept_to_the_letter(prose):
    text = "# not *a* title\n\n\t<b>\n" + "x" * 5_000 + " y" * 3_000
    prose.show_plain(text)
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


def read_to_the_end(prose):
    while prose._unread:
        prose._go_on()
    prose.document().size()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_answer_is_shown_in_small_steps(prose, name, record_property):
    """All of it is shown in the end; the first step is short however long it is."""
    text = HOSTILE[name]
    started = time.perf_counter()
    prose.show_markdown(text)
    record_property("seconds", time.perf_counter() - started)
    assert len(prose._unread) > 0
    read_to_the_end(prose)
    letters = prose.toPlainText()
    assert letters.strip()


def test_new_theme_gives_new_colours(qapp, prose):
    chosen = Theme(qapp, Appearance.LIGHT)
    chosen.dress()
    prose.show_markdown("[link](http://example.org)")
    chosen.set_appearance(Appearance.DARK)
    cursor = QTextCursor(prose.document())
    cursor.movePosition(QTextCursor.MoveOperation.Right)
    assert cursor.charFormat().foreground().color() == theme.current().colour("accent")
    chosen.set_appearance(Appearance.LIGHT)
