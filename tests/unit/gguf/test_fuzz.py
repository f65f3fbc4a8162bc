"""Headers with anything in them: `read_header` succeeds or raises a typed fault, and nothing else."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.core.errors import EnvironmentFault
from app.gguf import read_header
from app.gguf.facts import facts_from_headers
from tests.helpers.raw_gguf import InMemory, llama_header

HUGE = (1 << 64) - 1


def sound_or_typed(content: bytes) -> None:
    try:
        header = read_header(InMemory(content), lambda key, count: count <= 4096)
        facts_from_headers((Path("bad.gguf"),), (header,))
    except EnvironmentFault as fault:
        outcome = fault
    else:
        assert all(tensor.offset + tensor.size_bytes <= len(content) for tensor in header.tensors)
        return
    assert "bad.gguf" in outcome.message
    assert outcome.hint


SOUND = llama_header().to_bytes()
HEADER_BYTES = len(llama_header().header())
INTERESTING = st.sampled_from([0, 1, 2, 3, 7, 8, 9, 12, 13, 31, 32, 64, 127, 128, 255])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, HEADER_BYTES - 1), INTERESTING | st.integers(0, 255)), max_size=6))
def test_read_header_of_mutated_bytes_gives_facts_or_a_typed_fault(changes: list[tuple[int, int]]) -> None:
    content = bytearray(SOUND)
    for position, value in changes:
        content[position] = value
    sound_or_typed(bytes(content))


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, HEADER_BYTES - 8),
    st.sampled_from([4, 8]),
    st.integers(0, HUGE) | st.sampled_from([1 << 31, 1 << 32, 1 << 61, 1 << 62, 1 << 63, HUGE, HUGE - 7]),
)
@example(8, 8, 1 << 62)
def test_read_header_with_any_number_replaced_gives_facts_or_a_typed_fault(
    position: int, width: int, value: int
) -> None:
    number = (value & ((1 << (8 * width)) - 1)).to_bytes(width, "little")
    sound_or_typed(SOUND[:position] + number + SOUND[position + width :])


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(SOUND)), st.integers(0, len(SOUND)), st.binary(max_size=40))
def test_read_header_with_piece_replaced_gives_facts_or_a_typed_fault(
    first: int, second: int, new: bytes
) -> None:
    start, end = sorted((first, second))
    sound_or_typed(SOUND[:start] + new + SOUND[end:])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([2, 3]), st.sampled_from(["little", "big"]))
def test_read_header_of_random_bytes_behind_magic_gives_facts_or_a_typed_fault(
    rest: bytes, version: int, order: str
) -> None:
    sound_or_typed(b"GGUF" + version.to_bytes(4, order) + rest)  # type: ignore[arg-type]
