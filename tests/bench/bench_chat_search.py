"""How long a search over many conversations takes: `python -m tests.bench.bench_chat_search [MESSAGES]`.

Messages are made of words as often as words are in a language (Zipf's law), 20,000 of them, prompts short and answers
long. Searched for are words from the most common to one that is nowhere, whole and letter by letter as somebody types
them. Goal of issue 7: results in 100 ms over 50,000 messages.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from itertools import accumulate
from pathlib import Path

from app.chat import ConversationStore
from app.storage import transaction

MESSAGES = 50_000
IN_A_CONVERSATION = 50
WORDS = 20_000
PROMPT_WORDS, ANSWER_WORDS = 25, 180
ROUNDS = 7
GOAL_MS = 100.0


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES
    words = made_words()
    with tempfile.TemporaryDirectory() as folder, ConversationStore(Path(folder) / "nibble.db") as store:
        begun = time.perf_counter()
        fill(store, words, count)
        while store.index_some(within_s=0.05):
            pass
        size = sum(each.stat().st_size for each in Path(folder).iterdir()) / 1e6
        print(f"{count} messages, {size:.0f} MB, made in {time.perf_counter() - begun:.1f} s")
        common, usual, rare = words[0], words[300], words[-1]
        worst = 0.0
        for query in (
            *(common, f"{common} {words[1]}", usual, f"{usual} {words[400]}", rare, "xyzzy"),
            *(f'"{common}', f"{common} {words[1]} {words[2]} {words[3]}", common[:1]),
            *(usual[:length] for length in range(1, len(usual))),
        ):
            times = [taken_ms(store, query) for _ in range(ROUNDS)]
            worst = max(worst, *times)
            hits = len(store.search(query))
            print(
                f"{query!r:40} {hits:3} hits  median {statistics.median(times):6.1f}  most {max(times):6.1f} ms"
            )
        print(f"worst {worst:.1f} ms, goal {GOAL_MS:.0f} ms")


def made_words() -> list[str]:
    """The most common first; of a few syllables, so that beginnings are shared as in a language."""
    random.seed(7)
    syllables = [onset + vowel for onset in "bcdfghklmnprstvw" for vowel in ("a", "e", "i", "o", "u")]
    found: dict[str, None] = {}
    while len(found) < WORDS:
        length = min(1 + len(found) // 60, random.randint(2, 4))
        found["".join(random.choices(syllables, k=length)) + random.choice(("", "n", "s", "t"))] = None
    return list(found)


def fill(store: ConversationStore, words: list[str], count: int) -> None:
    weights = list(accumulate(1 / rank for rank in range(1, len(words) + 1)))
    with transaction(store._connection) as connection:
        for number in range(count):
            conversation, place = divmod(number, IN_A_CONVERSATION)
            is_prompt = place % 2 == 0
            length = random.randint(3, 2 * (PROMPT_WORDS if is_prompt else ANSWER_WORDS))
            text = " ".join(random.choices(words, cum_weights=weights, k=length))
            if place == 0:
                connection.execute(
                    "INSERT INTO conversations (id, title, model_path, sampling, created_at, updated_at)"
                    " VALUES (?, ?, '', '{}', ?, ?)",
                    (conversation + 1, text[:60], number, number),
                )
            connection.execute(
                "INSERT INTO messages (id, conversation_id, parent_id, role, text, state, created_at)"
                " VALUES (?, ?, ?, ?, ?, 'complete', ?)",
                (
                    number + 1,
                    conversation + 1,
                    number if place else None,
                    "user" if is_prompt else "assistant",
                    text,
                    number,
                ),
            )


def taken_ms(store: ConversationStore, query: str) -> float:
    begun = time.perf_counter()
    store.search(query)
    return (time.perf_counter() - begun) * 1000


if __name__ == "__main__":
    main()
