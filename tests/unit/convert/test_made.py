"""What is remembered of a model that was made here."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from app.convert import convert_checkpoint, make_from_checkpoint, quantize
from app.convert.made import making_of, remember_errors, remember_making
from app.convert.tensor_errors import measure_errors
from app.core.jobs import CancelToken, JobControl
from app.storage.database import open_database
from tests.helpers.tiny_checkpoint import write_tiny_checkpoint
from tests.helpers.tiny_gguf import write_tiny_model
from tests.unit.convert.checkpoint.test_quantized import CASES, write


def control() -> JobControl:
    return JobControl(CancelToken(), lambda event: None)


def test_it_is_found_wherever_the_file_goes(tmp_path: Path) -> None:
    database = tmp_path / "nibble.db"
    source = write_tiny_model(tmp_path / "tiny-f16.gguf", type="f16")
    made = quantize(source, "Q4_K_M", tmp_path, control())
    assert making_of(database, made) is None
    kept = remember_making(database, made, source, calibrated_with="the mixed text", took_s=2.5)
    errors = measure_errors(made, source, control())
    remember_errors(database, made, errors)
    moved = made.rename(tmp_path / "called otherwise.gguf")
    making = making_of(database, moved)
    assert making is not None
    assert (making.source, making.source_form, making.quantization) == (str(source), "F16", "Q4_K_M")
    assert (making.rounding, making.calibrated_with, making.took_s) == ("once", "the mixed text", 2.5)
    assert making.made_at == kept.made_at
    assert making.errors == errors
    assert making_of(database, source) is None


@pytest.mark.parametrize(
    ("type", "rounding"), [("F32", "exact"), ("BF16", "exact"), ("F16", "once"), ("Q8_0", "once")]
)
def test_how_often_a_checkpoint_in_full_precision_was_rounded(
    tmp_path: Path, type: str, rounding: str
) -> None:
    folder = write_tiny_checkpoint(tmp_path / "Nova")
    (made,) = make_from_checkpoint(folder, [type], tmp_path, control())
    making = remember_making(tmp_path / "nibble.db", made, folder)
    assert (making.rounding, making.source_form, making.source_name) == (rounding, "BF16", "Nova")


@pytest.mark.parametrize(
    ("case", "type", "rounding", "form"),
    [
        ("gptq", "Q4_0", "kept", "GPTQ, 4 bits"),
        ("gptq", "Q8_0", "twice", "GPTQ, 4 bits"),
        ("gptq", "F32", "exact", "GPTQ, 4 bits"),
        ("gptq-3", "Q4_0", "twice", "GPTQ, 3 bits"),
        ("nf4", "Q4_0", "twice", "bitsandbytes, 4 bits"),
    ],
)
def test_how_often_a_quantized_checkpoint_was_rounded(
    tmp_path: Path, case: str, type: str, rounding: str, form: str
) -> None:
    config, weights, _ = CASES[case]
    write(tmp_path / "Tiny", {"group_size": 64, **config}, weights)
    (made,) = make_from_checkpoint(tmp_path / "Tiny", [type], tmp_path, control())
    making = remember_making(tmp_path / "nibble.db", made, tmp_path / "Tiny")
    assert (making.rounding, making.source_form) == (rounding, form)


def test_integers_are_not_said_to_be_kept_where_they_were_rounded_again(tmp_path: Path) -> None:
    config, weights, _ = CASES["gptq"]
    write(tmp_path / "Tiny", {"group_size": 64, **config}, weights)
    plain = convert_checkpoint(tmp_path / "Tiny", tmp_path / "plain-F16.gguf", control(), "F16")
    made = quantize(plain, "Q4_0", tmp_path, control())
    assert remember_making(tmp_path / "nibble.db", made, tmp_path / "Tiny").rounding == "twice"


def test_a_damaged_note_is_none(tmp_path: Path) -> None:
    database = tmp_path / "nibble.db"
    source = write_tiny_model(tmp_path / "tiny-f16.gguf", type="f16")
    remember_making(database, source, source)
    with closing(open_database(database)) as connection:
        connection.execute("UPDATE makings SET making = '{\"source\": 1}'")
        connection.commit()
    assert making_of(database, source) is None
