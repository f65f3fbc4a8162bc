"""Names, numbers and file names of quantizations."""

from __future__ import annotations

from pathlib import Path

import gguf
import pytest

from app.convert import QUANTIZATIONS, output_path, quantization_named
from app.core.errors import WrongChoice


@pytest.mark.parametrize("kind", QUANTIZATIONS, ids=lambda kind: kind.name)
def test_quantization_has_the_number_the_format_gives_its_name(kind) -> None:
    known = {
        entry.name.removeprefix("MOSTLY_").removeprefix("ALL_"): entry.value for entry in gguf.LlamaFileType
    }
    if kind.name not in known:
        pytest.skip("newer than the gguf package")
    assert kind.file_type == known[kind.name]


def test_quantizations_are_listed_once_each() -> None:
    assert len({kind.name for kind in QUANTIZATIONS}) == len(QUANTIZATIONS)
    assert len({kind.file_type for kind in QUANTIZATIONS}) == len(QUANTIZATIONS)


@pytest.mark.parametrize(
    ("name", "kind"), [("Q4_K_M", "Q4_K_M"), ("q4_k_m", "Q4_K_M"), ("q4_k", "Q4_K_M"), ("bf16", "BF16")]
)
def test_quantization_named_takes_any_case_and_aliases(name: str, kind: str) -> None:
    assert quantization_named(name).name == kind


@pytest.mark.parametrize("name", ["", "Q9_K", "Q4_K_XL", "Q4_K_M "])
def test_quantization_named_wrongly_is_refused_with_the_right_names(name: str) -> None:
    with pytest.raises(WrongChoice) as caught:
        quantization_named(name)
    assert "Q4_K_M" in caught.value.hint


@pytest.mark.parametrize(
    ("source", "quantization", "name"),
    [
        ("bard-bf16.gguf", "Q4_K_M", "bard-Q4_K_M.gguf"),
        ("Bard.F16.gguf", "Q8_0", "Bard-Q8_0.gguf"),
        ("bard_f32.GGUF", "Q2_K", "bard-Q2_K.gguf"),
        ("bard.gguf", "Q8_0", "bard-Q8_0.gguf"),
        ("bard-7b-v0.2.gguf", "Q8_0", "bard-7b-v0.2-Q8_0.gguf"),
        ("bf16.gguf", "Q8_0", "bf16-Q8_0.gguf"),
        ("bard-BF16-00001-of-00003.gguf", "IQ4_XS", "bard-IQ4_XS.gguf"),
    ],
)
def test_output_path_names_model_and_quantization(source: str, quantization: str, name: str) -> None:
    assert output_path(Path("/models") / source, quantization, Path("/out")) == Path("/out") / name
