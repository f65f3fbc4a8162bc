"""Files that go with a prompt: the form in which a model gets them, and what of them fits."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from app.chat.attachments import Attachment, AttachmentHead, as_prompt, beginning_of, estimate_tokens, fenced


def attachment(text: str, name: str = "notes.md", remark: str = "") -> Attachment:
    return Attachment(AttachmentHead(name, "text/plain", len(text.encode()), None, remark), text)


def words(text: str) -> int:
    return len(text.split())


def test_file_stands_before_the_words_in_a_fence_with_its_name():
    assert as_prompt("What is this?", [attachment("# Notes\n")]) == (
        'File "notes.md":\n```markdown\n# Notes\n```\n\nWhat is this?'
    )


def test_several_files_keep_their_order():
    prompt = as_prompt("", [attachment("a,b", "one.csv"), attachment("x = 1", "two.py")])
    assert prompt == 'File "one.csv":\n```csv\na,b\n```\n\nFile "two.py":\n```python\nx = 1\n```'


def test_prompt_without_files_is_what_was_written():
    assert as_prompt("Hi", []) == "Hi"


def test_model_is_told_what_is_missing():
    first = fenced(attachment("a", "log.txt", "Only the first 4 MB of 1 GB were read.")).split("\n")[0]
    assert first == 'File "log.txt" (Only the first 4 MB of 1 GB were read):'


@given(st.text(alphabet="`~ \n\rab", max_size=60), st.text(alphabet='`"\n\u202ea.', max_size=12))
def test_nothing_in_a_file_or_its_name_ends_the_fence(text: str, name: str):
    head, opening, *inside, closing = fenced(attachment(text, name)).split("\n")
    fence = re.match("`+", opening)
    assert fence is not None
    assert head.startswith('File "')
    assert "`" not in head
    assert closing == fence[0]
    # CommonMark: a closing fence is as long as the opening one, at least.
    assert not any(row in "\n".join(inside) for row in [closing])
    assert "\n".join(inside) in (text, text.removesuffix("\n"))


def test_beginning_ends_with_a_line_and_says_how_much_it_is():
    whole = attachment("".join(f"line {number} of it\n" for number in range(1000)))
    part = beginning_of(whole, 500, words)
    assert part is not None
    assert whole.text.startswith(part.text)
    assert part.text.endswith("of it\n")
    assert words(fenced(part)) == part.head.tokens
    assert 400 < words(fenced(part)) <= 500
    assert part.head.remark == f"Only the first {len(part.text):,} of {len(whole.text):,} characters."


def test_whole_file_that_fits_stays_whole():
    whole = attachment("one two three")
    part = beginning_of(whole, 500, words)
    assert part is not None
    assert (part.text, part.head.remark) == (whole.text, "")


def test_no_beginning_where_there_is_no_room():
    assert beginning_of(attachment("one two three " * 100), 3, words) is None
    assert beginning_of(attachment("one two three " * 100), -5, words) is None


def test_estimate_grows_with_the_text_and_knows_other_scripts():
    assert estimate_tokens("") == 0
    # 1,000 characters of English are 220 to 250 tokens in vocabularies in use, of Chinese 600 to 1,000.
    assert 220 <= estimate_tokens("the quick " * 100) <= 330
    assert 600 <= estimate_tokens("今" * 1000) <= 1000
