"""Dimensions: what a model's metadata say of its sizes, each number checked when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping

MOST_BLOCKS = 512
"""llama.cpp refuses more (LLAMA_MAX_LAYERS)."""
MOST_EXPERTS = 1024
"""llama.cpp refuses more (LLAMA_MAX_EXPERTS)."""
_MOST = (1 << 31) - 1


class NoOutline(Exception):
    """The tensors of this model cannot be told; says why, for a log and not for a person.

    No fault of the machine: who asks knows another way, such as the file's own header, or goes without.
    """

    def __init__(self, architecture: str, reason: str) -> None:
        super().__init__(f"no outline for {architecture[:40]!r}: {reason}")


class Dimensions:
    """Numbers under the keys of one architecture, without its prefix.

    `blocks` are `layers` that run and, after them, those that only predict further tokens. Lists count
    only where they have one number for each block, as llama.cpp demands. Whatever is asked for and not
    there, or no sensible number, raises NoOutline.
    """

    def __init__(self, architecture: str, geometry: Mapping[str, object], tied_embeddings: bool) -> None:
        self.architecture = architecture
        self.tied_embeddings = tied_embeddings
        self._geometry = geometry
        self.blocks = self.number("block_count", most=MOST_BLOCKS)
        self.layers = self.blocks - self.count("nextn_predict_layers", most=self.blocks - 1)
        self.width = self.number("embedding_length")
        self.vocabulary = self.number("vocab_size")

    def number(self, key: str, default: int | None = None, most: int = _MOST) -> int:
        """One number above zero, the same for all blocks; `default` where the key is absent."""
        value = self._geometry.get(key)
        if isinstance(value, list | tuple):
            value = self._only_value(key)
        number = default if value is None else value
        if not isinstance(number, int) or isinstance(number, bool) or not 0 < number <= most:
            raise self.none(f"{key} is missing or no number from 1 to {most}")
        return number

    def count(self, key: str, most: int = _MOST) -> int:
        """One number, which may be zero and is where the key is absent."""
        value = self._geometry.get(key)
        return 0 if value is None or value == 0 else self.number(key, most=most)

    def numbers(self, key: str) -> tuple[int, ...]:
        """A number for each block, zeros among them."""
        if not self._is_list(key):
            return (self.number(key),) * self.blocks
        if len(self._sequence(key)) != self.blocks:
            raise self.none(f"{key} has not one value for each of {self.blocks} blocks")
        return self.at_least(key)

    def at_least(self, key: str) -> tuple[int, ...]:
        """As `numbers`, from a list that may go on behind the last block."""
        numbers = self._sequence(key)
        if len(numbers) < self.blocks or not all(isinstance(n, int) and 0 <= n <= _MOST for n in numbers):
            raise self.none(f"{key} has too few values, or some that are no counts")
        return tuple(int(each) for each in numbers[: self.blocks] if isinstance(each, int))

    def flags(self, key: str) -> tuple[bool, ...] | None:
        """True or false for each block, false for those the list does not reach; None without a list."""
        if not self._is_list(key):
            return None
        flags = self._sequence(key)
        if not all(isinstance(flag, int) for flag in flags):
            raise self.none(f"{key} has values that are neither true nor false")
        return tuple(bool(flag) for flag in (*flags, *(False,) * self.blocks)[: self.blocks])

    def has(self, key: str) -> bool:
        return self._geometry.get(key) is not None

    @property
    def heads(self) -> int:
        return self.number("attention.head_count")

    @property
    def kv_heads(self) -> int:
        return self.number("attention.head_count_kv", self.heads)

    @property
    def key_length(self) -> int:
        return self.number("attention.key_length", self.width // self.heads)

    @property
    def feed_forward(self) -> int:
        return self.number("feed_forward_length")

    @property
    def experts(self) -> int:
        count = self.number("expert_count", most=MOST_EXPERTS)
        self.number("expert_used_count", most=count)
        return count

    @property
    def expert_feed_forward(self) -> int:
        """Of one expert; the feed-forward length is shared out where the header has none for experts."""
        if self.has("expert_feed_forward_length"):
            return self.number("expert_feed_forward_length")
        return self.feed_forward // self.number("expert_used_count")

    def none(self, reason: str) -> NoOutline:
        return NoOutline(self.architecture, reason)

    def _only_value(self, key: str) -> object:
        values = self._sequence(key)
        if not values or any(value != values[0] for value in values):
            raise self.none(f"{key} differs between layers")
        return values[0]

    def _is_list(self, key: str) -> bool:
        return isinstance(self._geometry.get(key), list | tuple)

    def _sequence(self, key: str) -> list[object] | tuple[object, ...]:
        value = self._geometry.get(key)
        if not isinstance(value, list | tuple) or len(value) > MOST_BLOCKS:
            raise self.none(f"{key} is no list of at most {MOST_BLOCKS} values")
        return value
