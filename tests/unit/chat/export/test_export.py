"""Conversations as files: all that was written is in them, and nothing in them does anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from markdown_it import MarkdownIt

from app.chat import ConversationStore, Message, MessageState, WrittenWith
from app.chat.attachments import Attachment, AttachmentHead
from app.chat.export import ExportFormat, export_to_file, format_of, written
from app.core.errors import Cancelled, EnvironmentFault, WrongChoice
from app.core.jobs import CancelToken, JobControl
from app.core.text import encodable
from app.runtime import Sampling

HOSTILE = [
    "<script>alert(1)</script><img src=x onerror=alert(1)><iframe src=//evil.example>",
    "</div></article></body></html><h1>mine</h1><!-- never closed",
    "```python\nprint('a fence that nobody closes')",
    "~~~~\n```\nfences in a fence",
    "[click](javascript:alert(1)) [file](file:///etc/passwd) [data](data:text/html;base64,PHNjcmlwdD4=)",
    "![remote](https://evil.example/pixel.png) ![](//evil.example/x) <https://example.org/fine>",
    '[a]: https://example.org "<title>"\n\n[a] & [b](https://example.org/"onmouseover="x)',
    "\x00\x01\x07\x1b[31mred\x1b[0m\x7f\x9b\x0b\x0c bell",
    "\u202eright to left\u202c and \u2066isolated and \u200bzero width \u200f",
    "lone \ud800 surrogate \udcff",
    ">" * 10_000 + " deep",
    "[" * 5_000 + "(" * 5_000,
    "| a | b |\n|---|---|\n| <b> | `c` |",
    "<!-- a comment that swallows the rest",
    "<pre>\n<style>body { display: none }",
    "    code by indent\n\n- list\n    - more\n\n---\n\nSetext\n===",
    "<?php never ends",
    "<![CDATA[ never ends",
    "line\r\nother\rold",
    "🦙" * 500 + "e\u0301" * 100,
]

HARMLESS = {"class", "dir", "charset", "http-equiv", "name", "content", "href", "title", "start"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ConversationStore]:
    with ConversationStore(tmp_path / "nibble.db") as store:
        yield store


def chat(store: ConversationStore, *turns: tuple[str, str], system: str = "") -> int:
    conversation = store.create(Path("/models/one.gguf"), Sampling(seed=3), system)
    for prompt, answer in turns:
        store.add_prompt(conversation.id, prompt)
        with_it = WrittenWith(model_path="/models/one.gguf", sampling=Sampling(seed=3))
        writer = store.begin_answer(conversation.id, "One <b>", "Q4_K_M", with_it)
        writer.append("Let me <i>think</i>.", "reasoning")
        writer.append(encodable(answer))  # as it comes from a worker
        writer.finish(MessageState.COMPLETE)
    return conversation.id


def text_of(store: ConversationStore, format: ExportFormat, *ids: int) -> str:
    return "".join(written(store, ids, format))


class Page(HTMLParser):
    """What a browser would make of it: elements with their attributes, and texts by the innermost class."""

    EMPTY = ("meta", "br", "hr")

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.plain: list[str] = []
        self._plain_depth: int | None = None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in self.EMPTY:
            return
        self.open.append(tag)
        if dict(attrs).get("class") == "plain":
            self._plain_depth = len(self.open)
            self.plain.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag
        if self._plain_depth is not None and len(self.open) < self._plain_depth:
            self._plain_depth = None

    def handle_data(self, data: str) -> None:
        if self._plain_depth is not None:
            self.plain[-1] += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_html_page_has_no_element_that_does_anything(store: ConversationStore, hostile: str) -> None:
    conversation = chat(store, (hostile, hostile), ("and then?", "All well."), system=hostile)
    page = Page(text_of(store, ExportFormat.HTML, conversation))
    assert page.open == []
    names = {name for name, _ in page.elements}
    assert not names & {"script", "img", "iframe", "object", "embed", "link", "base", "form", "svg", "video"}
    assert [name for name, _ in page.elements].count("style") == 1
    for name, attributes in page.elements:
        assert attributes.keys() <= {
            "class",
            "dir",
            "charset",
            "http-equiv",
            "name",
            "content",
            "href",
            "title",
            "start",
        }
        if "href" in attributes:
            assert name == "a"
            assert str(attributes["href"]).startswith(("https://", "http://", "mailto:", "//", "x"))
    assert sum(name == "article" for name, _ in page.elements) == 5
    policies = [each["content"] for _, each in page.elements if "http-equiv" in each]
    assert "default-src 'none'" in str(policies)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_html_page_shows_every_prompt_and_thought_as_it_was_written(
    store: ConversationStore, hostile: str
) -> None:
    conversation = chat(store, (hostile, "Fine."))
    kept = store.messages(conversation)[0].text.replace("\r\n", "\n").replace("\r", "\n")
    prompt, thought = Page(text_of(store, ExportFormat.HTML, conversation)).plain
    controls = {chr(code) for code in (*range(32), *range(127, 160))} - {"\n", "\t"}
    assert prompt == "".join("\N{REPLACEMENT CHARACTER}" if each in controls else each for each in kept)
    assert thought == "Let me <i>think</i>."


def test_html_page_renders_the_markdown_of_answers(store: ConversationStore) -> None:
    conversation = chat(
        store, ("x", "A **bold** word, `code`:\n\n```python\nif a < b: pass\n```\n\n| a |\n|---|\n| b |")
    )
    page = text_of(store, ExportFormat.HTML, conversation)
    for part in ("<strong>bold</strong>", "<code>code</code>", "if a &lt; b: pass", "<td>b</td>"):
        assert part in page


@pytest.mark.parametrize("hostile", HOSTILE)
def test_markdown_keeps_each_message_under_its_own_heading(store: ConversationStore, hostile: str) -> None:
    conversation = chat(store, (hostile, hostile), ("and then?", "All well."), system=hostile)
    tokens = MarkdownIt("commonmark").parse(text_of(store, ExportFormat.MARKDOWN, conversation))
    headings = [
        "".join(child.content for child in tokens[place + 1].children or ())
        for place, token in enumerate(tokens)
        if token.type == "heading_open" and token.tag == "h2" and token.level == 0
    ]
    model = "One <b> · Q4_K_M"
    assert headings == ["System prompt", "You", model, "You", model]
    assert tokens[-2].content == "All well."


def test_markdown_leaves_sound_markdown_as_it_was_written(store: ConversationStore) -> None:
    answer = "# Title\n\n- a\n- b\n\n```python\nx = 1\n```\n\n> quoted"
    conversation = chat(store, ("Please", answer))
    assert f"\n{answer}\n" in text_of(store, ExportFormat.MARKDOWN, conversation)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_json_has_all_that_is_kept_with_every_branch(store: ConversationStore, hostile: str) -> None:
    conversation = chat(store, (hostile, hostile), ("more", "Yes."))
    first = store.messages(conversation)[0]
    store.edit(first.id, "another beginning")
    other = chat(store, ("other", "Other."))
    document = json.loads(text_of(store, ExportFormat.JSON, conversation, other))
    assert [each["id"] for each in document["conversations"]] == [conversation, other]
    told = document["conversations"][0]
    assert told["shown"] == [message.id for message in store.messages(conversation)]
    every = store.all_messages(conversation)
    assert len(every) == 5
    assert [fields(message) for message in every] == [
        {key: value for key, value in each.items() if key != "parent"} | {"parent": each["parent"]}
        for each in told["messages"]
    ]
    kept = store.conversation(conversation)
    assert msgspec.convert(told["sampling"], Sampling) == kept.sampling
    assert (told["title"], told["model_path"]) == (kept.title, str(kept.model_path))


def test_files_that_go_with_a_prompt_are_named_and_kept(store: ConversationStore) -> None:
    conversation = store.create(Path("/models/bard.gguf"), Sampling())
    head = AttachmentHead("no_t*es.md", "text/markdown", 12_300, 7)
    store.add_prompt(conversation.id, "Read this", [Attachment(head, "# Notes\n")])
    (message,) = json.loads(text_of(store, ExportFormat.JSON, conversation.id))["conversations"][0][
        "messages"
    ]
    assert message["attachments"] == [{**msgspec.to_builtins(head), "text": "# Notes\n"}]
    assert "With the file no\\_t\\*es.md \\(12.3 kB\\)." in text_of(
        store, ExportFormat.MARKDOWN, conversation.id
    )
    assert "With the file no_t*es.md (12.3 kB)." in text_of(store, ExportFormat.HTML, conversation.id)


def fields(message: Message) -> dict[str, object]:
    """As plain values."""
    made = {
        name: msgspec.to_builtins(getattr(message, name))
        for name in message.__dataclass_fields__
        if name not in ("siblings", "created_at", "attachments")
    }
    return json.loads(json.dumps(made)) | {"created_at_s": message.created_at, "attachments": []}


def test_state_of_an_answer_is_told(store: ConversationStore) -> None:
    conversation = chat(store, ("x", "y"))
    store.add_prompt(conversation, "again")
    writer = store.begin_answer(conversation, "One", None)
    writer.append("half a")
    writer.finish(MessageState.CUT_OFF)
    assert "*Cut off.*" in text_of(store, ExportFormat.MARKDOWN, conversation)
    assert "Cut off." in text_of(store, ExportFormat.HTML, conversation)
    assert '"cut_off"' in text_of(store, ExportFormat.JSON, conversation)


@pytest.mark.parametrize("format", ExportFormat)
def test_all_conversations_go_into_one_file_those_archived_too(
    store: ConversationStore, tmp_path: Path, format: ExportFormat
) -> None:
    ids = [chat(store, (f"prompt {number}", f"answer {number}")) for number in range(3)]
    store.archive(ids[0])
    target = tmp_path / f"out.{format.value}"
    control = JobControl(CancelToken(), lambda event: None)
    assert export_to_file(tmp_path / "nibble.db", None, target, format, control) == 3
    content = target.read_text(encoding="utf-8")
    for number in range(3):
        assert f"prompt {number}" in content
        assert f"answer {number}" in content


def test_nothing_kept_gives_a_sound_document(store: ConversationStore) -> None:
    assert json.loads(text_of(store, ExportFormat.JSON))["conversations"] == []
    assert Page(text_of(store, ExportFormat.HTML)).open == []


def test_export_that_is_cancelled_or_has_no_place_leaves_no_file(
    store: ConversationStore, tmp_path: Path
) -> None:
    chat(store, ("x", "y"))
    cancel = CancelToken()
    cancel.cancel()
    target = tmp_path / "out.md"
    with pytest.raises(Cancelled):
        export_to_file(
            tmp_path / "nibble.db",
            None,
            target,
            ExportFormat.MARKDOWN,
            JobControl(cancel, lambda event: None),
        )
    control = JobControl(CancelToken(), lambda event: None)
    with pytest.raises(EnvironmentFault):
        export_to_file(
            tmp_path / "nibble.db", None, tmp_path / "none" / "out.md", ExportFormat.MARKDOWN, control
        )
    assert [path.name for path in tmp_path.glob("*out*")] == []


def test_format_comes_from_the_name_of_the_file() -> None:
    assert format_of(Path("a.HTM")) is ExportFormat.HTML
    assert format_of(Path("a.markdown")) is ExportFormat.MARKDOWN
    assert format_of(Path("a.json")) is ExportFormat.JSON
    with pytest.raises(WrongChoice):
        format_of(Path("a.pdf"))
