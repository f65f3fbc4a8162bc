"""What could be made of a source, held against what is made of it then."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.convert import make_from_checkpoint, quantize_several
from app.convert.checkpoint.prospect import prospect_of_folder
from app.convert.offers import MakingOffer, TypeOffer, costs_of, offer_of_checkpoint, offer_of_gguf
from app.core.jobs import CancelToken, JobControl
from app.recommend.budget import Budget
from tests.helpers.tiny_checkpoint import write_tiny_checkpoint
from tests.helpers.tiny_gguf import write_tiny_model
from tests.unit.convert.checkpoint.test_quantized import CASES, write

ROOMY = Budget(0, 8_000_000_000, 100e9, 20e9, is_shared=False)


def control() -> JobControl:
    return JobControl(CancelToken(), lambda event: None)


def by_name(offer: MakingOffer) -> dict[str, TypeOffer]:
    return {each.kind.name: each for each in offer.offers}


def test_sizes_of_a_file_are_told_to_the_byte(tmp_path: Path) -> None:
    source = write_tiny_model(tmp_path / "tiny-f16.gguf", type="f16")
    offers = by_name(offer_of_gguf(source, ROOMY, 512))
    types = ["Q8_0", "Q4_K_M", "Q2_K"]
    for path, type in zip(quantize_several(source, types, tmp_path / "out", control()), types, strict=True):
        assert offers[type].file_bytes == path.stat().st_size, type


def test_sizes_of_a_checkpoint_are_told_but_for_the_header(tmp_path: Path) -> None:
    folder = write_tiny_checkpoint(tmp_path / "Nova")
    offers = by_name(offer_of_checkpoint(prospect_of_folder(folder), "BF16", 1, None, 512))
    (made,) = make_from_checkpoint(folder, ["Q4_K_M"], tmp_path, control())
    assert abs(offers["Q4_K_M"].file_bytes - made.stat().st_size) < 60_000


def test_it_offers_neither_the_source_nor_what_needs_experts(tmp_path: Path) -> None:
    source = write_tiny_model(tmp_path / "tiny-f16.gguf", type="f16")
    assert by_name(offer_of_gguf(source, ROOMY, 512)).keys().isdisjoint({"F16", "MXFP4_MOE"})
    mixture = write_tiny_model(tmp_path / "mixture-f16.gguf", type="f16", experts=4)
    assert "MXFP4_MOE" in by_name(offer_of_gguf(mixture, ROOMY, 512))


@pytest.mark.parametrize(
    ("case", "roundings", "best"),
    [
        ("gptq", {"Q4_0": "kept", "Q8_0": "twice", "F32": "exact"}, "Q4_0"),
        ("gptq-8", {"Q8_0": "kept", "Q4_0": "twice"}, "Q8_0"),
        ("nf4", {"Q4_0": "twice", "F32": "exact"}, None),
    ],
)
def test_what_keeps_the_integers_comes_before_what_suits_the_computer(
    tmp_path: Path, case: str, roundings: dict[str, str], best: str | None
) -> None:
    config, weights, _ = CASES[case]
    write(tmp_path / "Tiny", {"group_size": 64, **config}, weights)
    offers = by_name(offer_of_checkpoint(prospect_of_folder(tmp_path / "Tiny"), "", 1, ROOMY, 512))
    assert {name: offers[name].rounding for name in roundings} == roundings
    (recommended,) = [name for name, each in offers.items() if each.is_recommended]
    assert best in (None, recommended)


def test_more_types_and_a_text_take_longer(tmp_path: Path) -> None:
    source = write_tiny_model(tmp_path / "tiny-f16.gguf", type="f16")
    offer = offer_of_gguf(source, ROOMY, 512)
    one = costs_of(offer, ["Q8_0"], calibration_tokens=0, cores=2)
    two = costs_of(offer, ["Q8_0", "Q4_K_M"], calibration_tokens=0, cores=2)
    calibrated = costs_of(offer, ["Q8_0", "Q4_K_M"], calibration_tokens=20_000, cores=2)
    assert one.seconds < two.seconds < calibrated.seconds
    assert one.file_bytes == by_name(offer)["Q8_0"].file_bytes < two.file_bytes == calibrated.file_bytes
    assert calibrated.memory_bytes > two.memory_bytes
