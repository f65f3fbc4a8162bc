"""Types that a person chooses for single tensors: told beforehand as llama.cpp makes them, and made so."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.convert import (
    QUANTIZATIONS,
    TensorTypes,
    expected_bytes,
    quantization_named,
    quantize,
    read_tensor_types,
)
from app.core.errors import WrongChoice
from app.core.jobs import CancelToken, JobControl
from app.gguf import read_facts
from app.gguf.types import TENSOR_TYPES
from app.memory.mixture import read_traits, tensor_types
from tests.helpers.llama_quantize import Wanted, llama_quantize
from tests.helpers.tiny_gguf import write_tiny_model

NUMBERS = {type.name: number for number, type in TENSOR_TYPES.items()}
CHOSEN = {
    "patterns": read_tensor_types(["attn_v=q8_0", r"blk\.[0-2]\.ffn_(up|gate)=q5_0"]),
    "first pattern counts": read_tensor_types(["ffn=q6_k", "ffn_down=f16"]),
    "output": read_tensor_types([], "q8_0"),
    "embedding": read_tensor_types([], None, "q5_k"),
    "both over a pattern": read_tensor_types(["weight=q4_0"], "f16", "q5_1"),
    "pure": read_tensor_types([], pure=True),
    "pure beside a pattern": read_tensor_types(["attn=iq4_xs"], pure=True),
    "no block fits": read_tensor_types(["ffn_down=q5_k"]),
}


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of `ffn_down` are no multiple of 256; its embedding is no output."""
    path = tmp_path_factory.mktemp("odd") / "odd-f16.gguf"
    return write_tiny_model(path, layers=6, feed_forward=352, type="f16")


def control() -> JobControl:
    return JobControl(CancelToken(), lambda event: None)


def types_of(path: Path) -> dict[str, str]:
    return {tensor.name: tensor.type for tensor in read_facts(path).tensors}


def test_every_type_that_llama_cpp_can_make_is_offered_and_no_other(tiny: Path) -> None:
    numbers = range(64)
    made = llama_quantize(tiny, [Wanted(number) for number in numbers])
    possible = {number for number, each in zip(numbers, made, strict=True) if not each.failure}
    assert {kind.file_type for kind in QUANTIZATIONS} == possible


@pytest.mark.parametrize("kind", ["Q4_K_M", "Q3_K_M", "IQ4_XS"])
def test_types_are_foretold_as_llama_cpp_chooses_them(odd: Path, kind: str) -> None:
    facts = read_facts(odd)
    file_type = quantization_named(kind).file_type
    theirs = llama_quantize(
        odd,
        [
            Wanted(
                file_type,
                patterns=[(pattern, NUMBERS[type]) for pattern, type in chosen.patterns],
                output=NUMBERS[chosen.output] if chosen.output else None,
                embedding=NUMBERS[chosen.embedding] if chosen.embedding else None,
                pure=chosen.pure,
            )
            for chosen in CHOSEN.values()
        ],
    )
    for (label, chosen), made in zip(CHOSEN.items(), theirs, strict=True):
        ours = tensor_types(facts.tensors, read_traits(facts.metadata), kind, chosen=chosen)
        assert dict(zip((tensor.name for tensor in facts.tensors), ours, strict=True)) == made.types, label


@pytest.mark.parametrize("label", CHOSEN)
def test_file_has_the_chosen_types_and_the_size_foretold(odd: Path, tmp_path: Path, label: str) -> None:
    facts, chosen = read_facts(odd), CHOSEN[label]
    path = quantize(odd, "Q4_K_M", tmp_path, control(), chosen=chosen)
    foretold = tensor_types(facts.tensors, read_traits(facts.metadata), "Q4_K_M", chosen=chosen)
    assert types_of(path) == {tensor.name: type for tensor, type in zip(facts.tensors, foretold, strict=True)}
    assert abs(expected_bytes(facts, quantization_named("Q4_K_M"), chosen) - path.stat().st_size) < 64


@pytest.mark.parametrize(
    ("chosen", "kind", "says"),
    [
        (["attn_x=q8_0"], "Q4_K_M", "No tensor that is quantized has 'attn_x' in its name"),
        (["attn_norm=q8_0"], "Q4_K_M", "No tensor that is quantized has 'attn_norm' in its name"),
        (["attn_v=iq2_s"], "Q4_K_M", "IQ2_S needs an importance matrix"),
        (["token_embd=iq2_xxs"], "Q4_K_M", "IQ2_XXS needs importances, which token_embd.weight has none of"),
        (["attn_v=q8_0"], "BF16", "BF16 is none"),
        (["ffn_down=nvfp4"], "Q4_K_M", "NVFP4"),
    ],
)
def test_choice_that_cannot_be_is_refused_before_anything_is_made(
    odd: Path, tmp_path: Path, chosen: list[str], kind: str, says: str
) -> None:
    with pytest.raises(WrongChoice, match=says):
        quantize(odd, kind, tmp_path / "out", control(), chosen=read_tensor_types(chosen))
    assert not (tmp_path / "out").exists()


def test_output_in_a_type_whose_blocks_do_not_fit_is_refused(tmp_path: Path) -> None:
    source = write_tiny_model(tmp_path / "narrow-f16.gguf", hidden=96, heads=3, kv_heads=3, type="f16")
    with pytest.raises(WrongChoice, match=r"output\.weight has rows of 96 weights, which Q6_K cannot hold"):
        quantize(source, "Q8_0", tmp_path / "out", control(), chosen=TensorTypes(output="Q6_K"))


@pytest.mark.parametrize("text", ["attn_v", "=q8_0", "attn_v=", "attn_v=q9_0", "attn_v=i32", "(=q8_0"])
def test_what_tells_no_type_or_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(WrongChoice):
        read_tensor_types([text])
