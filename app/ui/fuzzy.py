"""How well typed letters fit a name: the letters must stand in it in their order, not side by side."""

from __future__ import annotations


def fit(query: str, name: str) -> int | None:
    """None where a letter is missing; else the higher the better: beginnings of words and letters side by side count
    most, late and long names least. Both in lower case."""
    if query in name:  # as typed: always before what has the letters scattered
        at = name.index(query)
        starts_word = at == 0 or not name[at - 1].isalnum()
        return 10_000 + 1_000 * starts_word - min(at, 500) - min(len(name), 400)
    score, at = 0, -1
    for letter in query:
        if letter == " ":
            continue
        found = name.find(letter, at + 1)
        if found < 0:
            return None
        if found == at + 1:
            score += 8
        elif found == 0 or not name[found - 1].isalnum():
            score += 6
        at = found
    return score - min(at, 500) - min(len(name), 400)
