"""A growing text in blocks: the same ones, however it is cut into pieces."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from app.ui.prose.blocks import MOST_WITHOUT_END, Block, Splitter
from app.ui.prose.parser import parse

LINES = [
    "word and more words",
    "",
    "",
    "# Title",
    "===",
    "---",
    "- item",
    "* star",
    "  inside the item",
    "    deep",
    "- ",
    "3. third",
    "1. first",
    "> quote",
    ">> deeper",
    "```py",
    "```",
    "~~~",
    "  ```",
    "    code",
    "| a | b |",
    "|---|---|",
    "| 1 | 2 |",
    "a|b",
    "-|-",
    "$$",
    "$$ x + y $$",
    "\\[",
    "\\]",
    "costs $5 and $10",
    "[link][x]",
    "[x]: http://example.org",
    "[x]:",
    "<b>html</b>",
    "*open emphasis",
    "\ttab",
]


def everything(pieces: list[str]) -> list[Block]:
    """All blocks, with what is said of links anywhere known from the beginning, as a second reading knows it."""
    first = Splitter()
    for piece in pieces:
        first.feed(piece)
    first.finish()
    splitter = Splitter(first.references)
    finished = [block for piece in pieces for block in splitter.feed(piece).finished]
    return finished + splitter.finish().finished


def shape(block: Block) -> object:
    """A block and all that the parser says of it, but for where its lines lie."""
    return block, [(t.type, t.content, t.attrs, t.level, str(t.children)) for t in block.tokens]


texts = st.builds(
    "\n".join, st.lists(st.sampled_from(LINES) | st.text("ab*`$|[]>-#\\ \n", max_size=12), max_size=14)
)


@settings(max_examples=80, deadline=None)
@given(texts, st.data())
def test_pieces_make_the_blocks_of_the_whole(text, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=30)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    whole = everything([text])
    assert list(map(shape, everything(pieces))) == list(map(shape, whole))
    assert list(map(shape, everything(list(text)))) == list(map(shape, whole))


@settings(max_examples=80, deadline=None)
@given(texts)
def test_blocks_mean_what_the_whole_text_means(text):
    """All blocks of the text, one by one, are what the parser makes of it at once."""
    whole = [(t.type, t.content) for t in parse(text, {}) if t.type not in LISTS]
    blocks = everything([text])
    if any(block.kind == "plain" for block in blocks):
        return
    apart: list[tuple[str, str]] = []
    for block in blocks:
        if block.kind == "code":
            apart.append(("code", block.text))
        else:
            apart += [(t.type, t.content) for t in block.tokens if t.type not in LISTS]
    whole = [
        ("code", content) if kind in ("fence", "code_block") else (kind, content) for kind, content in whole
    ]
    nested = [
        ("code", content) if kind in ("fence", "code_block") else (kind, content) for kind, content in apart
    ]
    assert nested == whole


LISTS = ("bullet_list_open", "bullet_list_close", "ordered_list_open", "ordered_list_close")


def kinds(text: str) -> list[str]:
    return [block.kind if block.kind != "markdown" else block.tokens[0].type for block in everything([text])]


def test_kinds_of_blocks():
    text = "# T\n\nwords\n\n- a\n- b\n\n> q\n\n|a|\n|-|\n\n```c\nx\n```\n\n    y\n\n$$\nz\n$$\n\n---\n"
    assert kinds(text) == [
        "heading_open",
        "paragraph_open",
        "bullet_list_open",
        "bullet_list_open",
        "blockquote_open",
        "table_open",
        "code",
        "code",
        "math_block",
        "hr",
    ]


def table_of(columns: int, rows: int) -> str:
    """`rows` without the head."""
    return "|a" * columns + "|\n" + "|-" * columns + "|\n" + ("|1" * columns + "|\n") * rows


@pytest.mark.parametrize(
    ("columns", "rows", "kind"),
    [(24, 24, "table_open"), (24, 25, "table_source"), (25, 1, "table_source"), (500, 1, "table_source")],
)
def test_table_that_would_take_long_stays_source(columns: int, rows: int, kind: str):
    """Up to 24 columns and 600 cells with the head are a table."""
    text = table_of(columns, rows)
    before, block, after = everything([f"words\n\n{text}\nmore words\n"])
    assert block.tokens[0].type == kind
    assert block.source == text.rstrip("\n")
    assert (before.source, after.source) == ("words", "more words")
    if kind == "table_source":
        assert block.tokens[0].content.rstrip("\n") == text.rstrip("\n")


def test_paragraph_with_more_than_200_formulas_stays_text():
    def formulas(count: int) -> int:
        (block,) = everything(["$x$ " * count])
        return sum(child.type == "math_inline" for child in block.tokens[1].children or [])

    assert (formulas(200), formulas(201)) == (200, 0)


def test_wide_table_ends_where_a_table_would():
    blocks = everything(list(table_of(30, 2) + "> quote\n"))
    assert [block.tokens[0].type for block in blocks] == ["table_source", "blockquote_open"]
    assert list(map(shape, blocks)) == list(map(shape, everything([table_of(30, 2) + "> quote\n"])))


def test_only_the_last_block_is_open():
    splitter = Splitter()
    step = splitter.feed("one\n\ntwo\n\nthr")
    assert [block.source for block in step.finished] == [
        "one"
    ]  # `thr` may yet become a line of `two`'s table
    assert step.open is not None
    assert step.open.source == "two\n\nthr"
    assert [block.source for block in splitter.feed("ee\n").finished] == ["two"]


def test_items_of_a_list_are_finished_one_by_one_and_keep_count():
    blocks = everything(list("7. a\n7. b\n\n   more\n7. c\n"))
    assert [block.tokens[0].attrs["start"] for block in blocks] == [7, 8, 9]
    assert [block.source for block in blocks] == ["7. a", "7. b\n\n   more", "7. c"]


def test_open_code_is_known_before_its_fence_closes():
    splitter = Splitter()
    step = splitter.feed("```python\nx = 1\n``")
    assert step.open == Block(
        "code", "```python\nx = 1\n``", "x = 1\n", "python"
    )  # the marks may become its end
    step = splitter.feed("` \nafter\n\n")
    assert [(block.kind, block.text) for block in step.finished] == [("code", "x = 1\n")]
    assert kinds("```python\nx = 1") == ["code"]


@pytest.mark.parametrize(
    "text", ["$5 and $10", "US$5 (or US$ 6)", "$HOME/$USER", "it is $5", "\\$x$", "$ x $"]
)
def test_money_and_variables_are_no_mathematics(text):
    (block,) = everything([text])
    assert "math" not in str(block.tokens[1].children)


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("so $x^2$.", "x^2"),
        ("so $2x+3$.", "2x+3"),
        ("from $5 on, $x$ falls", "x"),
        (r"so \(a\) is", "a"),
        ("so $$b$$ is", "b"),
        (r"so \[c\] is", "c"),
        ("$10\\text{ cm}$", "10\\text{ cm}"),
    ],
)
def test_formula_in_a_line(text, formula):
    (block,) = everything([text])
    assert [child.content for child in block.tokens[1].children if child.type == "math_inline"] == [formula]


def test_formula_over_several_lines_that_look_like_a_list():
    (block,) = everything(["\\[\n- a\n+ b\n\\]\n"])
    assert [(token.type, token.content) for token in block.tokens] == [("math_block", "- a\n+ b")]


def test_formula_without_an_end_is_text():
    assert kinds("$$\na\n\nb\n") == ["paragraph_open", "paragraph_open"]


def test_link_finds_its_definition_before_and_after_with_what_is_known():
    text = "[a] and [b]\n\n[b]: http://example.org/b\n\n[b]\n\n[a]: http://example.org/a\n"
    splitter = Splitter()
    splitter.feed(text)
    splitter.finish()
    again = Splitter(splitter.references)
    blocks = again.feed(text).finished + again.finish().finished
    found = [c.attrs["href"] for block in blocks for c in block.tokens[1].children if c.type == "link_open"]
    assert found == ["http://example.org/a", "http://example.org/b", "http://example.org/b"]


def test_what_is_too_long_or_too_deep_stays_plain():
    assert kinds("a" * 20_000) == ["plain"] * 4
    assert kinds("line\n" * 2_000)[0] == "plain"
    assert kinds(">" * 1_000 + " deep") == ["plain"]
    assert kinds("- " * 100 + "deep") == ["plain"]
    assert all(len(block.source) <= MOST_WITHOUT_END for block in everything(["[" * 50_000]))


def test_html_is_text():
    assert kinds("<script>alert(1)</script>\n\n<div>\n") == ["paragraph_open", "paragraph_open"]


def test_parser_reads_as_the_library_does():
    """Beside mathematics, nothing is added to what the library reads."""
    text = "# a\n\n*b* `c` [d](http://e.f)\n\n- g\n\n> h\n"
    plain = MarkdownIt("commonmark", {"html": False})
    assert [str(token) for token in parse(text, {})] == [str(token) for token in plain.parse(text)]
