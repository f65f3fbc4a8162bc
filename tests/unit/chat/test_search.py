"""Finding what was said: any words, in any branch, however they are typed."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.chat import ConversationStore, Hit, MessageState
from app.chat.attachments import Attachment, AttachmentHead
from app.runtime import Sampling

MODEL = Path("/models/bard.gguf")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ConversationStore]:
    with ConversationStore(tmp_path / "nibble.db") as store:
        yield store


def talk(store: ConversationStore, prompt: str, text: str = "", title: str = "Untold") -> int:
    identity = store.create(MODEL, Sampling()).id
    store.rename(identity, title)
    store.add_prompt(identity, prompt)
    if text:
        writer = store.begin_answer(identity, "Bard", None)
        writer.append(text)
        writer.finish(MessageState.COMPLETE)
    return identity


def index(store: ConversationStore) -> None:
    while store.index_some(within_s=0.05):
        pass


def found(store: ConversationStore, words: str) -> list[str]:
    """The texts found, each as the words that are marked in it."""
    return [marked(hit) for hit in store.search(words)]


def marked(hit: Hit) -> str:
    return " ".join(hit.snippet[start:end] for start, end in hit.places)


def test_titles_prompts_and_answers_are_found_with_where_they_are(store: ConversationStore) -> None:
    identity = talk(store, "How do llamas sleep?", "A llama sleeps sitting.", "About llamas")
    title, *rest = store.search("llama")
    assert (title.conversation, title.message, title.role) == (identity, None, None)
    prompt, answer = store.messages(identity)
    assert {(hit.message, hit.role) for hit in rest} == {(prompt.id, "user"), (answer.id, "assistant")}
    assert {hit.title for hit in rest} == {"About llamas"}
    assert sorted(map(marked, [title, *rest])) == ["llama", "llamas", "llamas"]


def test_all_words_have_to_be_there_and_the_last_may_be_only_begun(store: ConversationStore) -> None:
    talk(store, "green tea and black coffee")
    talk(store, "green coffee")
    assert found(store, "green te") == ["green tea"]
    assert sorted(found(store, "coff")) == ["coffee", "coffee"]
    assert found(store, "gree coffee") == []
    assert found(store, "g") == ["green", "green"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Crème brûlée", "creme brulee"),
        ("creme brulee", "CRÈME brûlée"),
        (unicodedata.normalize("NFD", "Crème brûlée"), "crème brûlée"),
        ("ΑΘΗΝΑ", "αθηνα"),
        ("Об этом", "об этом"),
        ("naïve café, 2024-03-05", "cafe 2024-03"),
    ],
)
def test_case_and_diacritics_do_not_count(store: ConversationStore, text: str, words: str) -> None:
    talk(store, text)
    assert len(store.search(words)) == 1


@pytest.mark.parametrize(
    "words",
    [
        *'"*()^-?_%',
        *('""', '"tea', 'tea"', "tea*", "te*a", "NEAR(", "tea)", "^tea", "-tea", "{tea}", "AND"),
        *("text:tea", "search_index:tea"),
        *("NEAR(tea coffee, 2", "tea AND", "OR NOT", "tea + ", "tea\0coffee"),
        *("\\", "'", "';--", "%", "_", "?", "?1", ":x", "\ud800", "tea\ud800", "\N{COMBINING ACUTE ACCENT}"),
        *("🦙", "\U0001e030", "x" * 100_000, "a " * 50_000, '"' * 10_001, "(" * 5_000, "\n\t"),
    ],
)
def test_no_words_are_too_odd_to_look_for(store: ConversationStore, words: str) -> None:
    talk(store, "tea or coffee, near me and not there")
    store.search(words)


def test_signs_of_the_query_language_mean_nothing(store: ConversationStore) -> None:
    talk(store, "tea near coffee")
    assert found(store, '"tea" (coffee)*') == ["tea coffee"]
    assert found(store, "coffee NEAR(tea") == []  # "near" and "tea" would have to stand together
    assert found(store, "coffee tea(near") == ["tea near coffee"]
    assert found(store, "tea NOT coffee") == []  # "not" is a word that is not there


def test_text_with_marks_of_its_own_is_shown_as_it_is(store: ConversationStore) -> None:
    talk(store, "\x02tea\x03 <b>tea</b>")
    (hit,) = store.search("tea")
    assert hit.snippet == "\x02tea\x03 <b>tea</b>"
    assert marked(hit) == "tea tea"


def test_snippet_is_the_part_of_a_long_text_where_the_words_are(store: ConversationStore) -> None:
    talk(store, "before " * 500 + "\n\nthe\tneedle here " + "after " * 500)
    (hit,) = store.search("needle")
    assert marked(hit) == "needle"
    assert "the needle here" in hit.snippet
    assert len(hit.snippet) < 500
    assert hit.snippet.startswith("…")
    assert hit.snippet.endswith("…")


def test_megabyte_without_a_space_gives_a_short_snippet(store: ConversationStore) -> None:
    talk(store, "x" * 1_000_000 + " needle " + "y" * 1_000_000)
    index(store)
    for words in ("needle", "xx"):
        (hit,) = store.search(words)
        assert len(hit.snippet) < 500
        assert all(0 <= start < end <= len(hit.snippet) for start, end in hit.places)
    assert marked(store.search("needle")[0]) == "needle"


def test_other_branches_and_archived_conversations_are_found(store: ConversationStore) -> None:
    identity = talk(store, "first words")
    hidden = store.messages(identity)[0]
    store.edit(hidden.id, "second words")
    store.archive(identity)
    (hit,) = store.search("first")
    assert (hit.message, hit.is_archived) == (hidden.id, True)


def test_found_is_what_is_there_now(store: ConversationStore) -> None:
    identity = talk(store, "needle")
    store.rename(identity, "haystack")
    assert found(store, "untold") == []
    assert found(store, "haystack") == ["haystack"]
    store.delete(identity)
    assert store.search("needle") == store.search("haystack") == []


def test_answer_is_found_once_it_has_ended_and_as_a_whole_when_it_went_on(store: ConversationStore) -> None:
    identity = talk(store, "go")
    writer = store.begin_answer(identity, "Bard", None)
    writer.append("nee")
    cut = writer.finish(MessageState.STOPPED)
    assert cut is not None
    writer = store.continue_answer(cut.id)
    writer.append("dle")
    writer.finish(MessageState.COMPLETE)
    assert found(store, "needle") == ["needle"]


def test_better_comes_first_and_the_most_recent_of_equals(store: ConversationStore) -> None:
    filler = "and much else is said of other things " * 10
    talk(store, f"tea {filler}")
    first, second, third = (talk(store, "tea with milk") for _ in range(3))
    for _ in range(20):
        talk(store, "nothing of the kind")
    hits = [hit.conversation for hit in store.search("tea")]
    assert hits[:3] == [third, second, first]
    assert len(hits) == 4


def test_as_many_as_asked_for_and_no_more(store: ConversationStore) -> None:
    for number in range(10):
        talk(store, f"tea {number}", title="tea")
    assert len(store.search("tea", limit=3)) == 3
    assert len(store.search("tea", limit=12)) == 12


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("我在北京大学学习", "京大"),
        ("東京タワーへ行きました", "タワー"),
        ("日本語でGPU加速を試す", "加速"),
        ("ฉันอยากกินข้าวผัด", "ข้าว"),
        ("한국어를 공부합니다", "어를"),
        ("हिन्दी भाषा", "हिन्दी"),
        ("Αθήνα", "αθηνα"),
        ("שָׁלוֹם", "שלום"),
    ],
)
def test_any_part_is_found_in_scripts_without_spaces_and_accents_nowhere_count(
    store: ConversationStore, text: str, words: str
) -> None:
    talk(store, f"something before {text} something behind")
    (hit,) = store.search(words)
    assert hit.places
    assert words[0] in marked(hit) or words in ("αθηνα", "שלום")
    assert store.search(words + "x") == []


def test_reasoning_and_attachments_are_found_and_the_hit_says_where(store: ConversationStore) -> None:
    identity = store.create(MODEL, Sampling()).id
    head = AttachmentHead("ledger.csv", "text/csv", 20, None, "")
    store.add_prompt(identity, "Sum it up", [Attachment(head, "walrus;12\nseal;3")])
    writer = store.begin_answer(identity, "Bard", None)
    writer.append("Perhaps an orchard.", "reasoning")
    writer.append("Fifteen.")
    writer.finish(MessageState.COMPLETE)
    for words, place, name in (
        ("walrus", "attachment", "ledger.csv"),
        ("ledger", "attachment", "ledger.csv"),
        ("orchard", "reasoning", None),
        ("fifteen", "text", None),
    ):
        (hit,) = store.search(words)
        assert (hit.place, hit.attachment) == (place, name)


def test_index_goes_on_where_it_stopped_and_keeps_up_with_changes(tmp_path: Path) -> None:
    with ConversationStore(tmp_path / "nibble.db") as store:
        identities = [talk(store, f"needle {number}") for number in range(30)]
        assert store.index_progress().done == 0
        store.index_some(within_s=1e-9)
    with ConversationStore(tmp_path / "nibble.db") as store:
        store.delete(identities[0])
        index(store)
        assert store.index_progress().is_whole
        assert len(store.search("needle")) == 29
