"""What `nibble convert` tells of the files it made, and what it keeps of how they were made."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.cli.running import print_json, run_job
from app.cli.terminal import printable
from app.convert.made import remember_errors, remember_making
from app.convert.non_finite import NonFiniteTensor
from app.convert.tensor_errors import QuantizationErrors, measure_errors
from app.core.errors import EnvironmentFault
from app.core.jobs import JobControl
from app.core.units import format_bytes
from app.gguf import ModelFacts, read_facts
from app.storage import data_folder

WORST_SHOWN = 5


@dataclass(frozen=True)
class Output:
    """`errors`: None where nobody asked for them."""

    facts: ModelFacts
    errors: QuantizationErrors | None


def keep_and_measure(path: Path, source: Path | None, *, wants_errors: bool, calibrated_with: str) -> Output:
    """Keeps of what `path` was made, and what that cost its tensors where it is wanted; nothing without a source."""
    if source is None:
        return Output(read_facts(path), None)

    def work(control: JobControl) -> QuantizationErrors:
        return measure_errors(path, source, control)

    with suppress(EnvironmentFault):  # an addition for the window: the model is there without it
        remember_making(data_folder().create().database, path, source, calibrated_with=calibrated_with)
    errors = run_job("compare the weights", work) if wants_errors else None
    if errors is not None:
        with suppress(EnvironmentFault):
            remember_errors(data_folder().database, path, errors)
    return Output(read_facts(path), errors)


def print_outputs(outputs: list[Output], non_finite: tuple[NonFiniteTensor, ...], *, as_json: bool) -> None:
    """`non_finite`: tensors with weights that are no numbers, where those were allowed."""
    if as_json:
        print_json(
            {
                "outputs": [_document(output) for output in outputs],
                "non_finite": [
                    {"tensor": each.name, "nan": each.nan, "infinite": each.infinite} for each in non_finite
                ],
            }
        )
        return
    for each in non_finite:
        print(f"no numbers among its weights: {printable(str(each), lines=False)}", file=sys.stderr)
    for output in outputs:
        facts = output.facts
        bits = f"{facts.bits_per_weight:.2f} bits per weight" if facts.bits_per_weight else ""
        path = printable(str(facts.path), lines=False)
        print(f"{path}  {facts.quantization}  {format_bytes(facts.file_bytes)}  {bits}")
        if output.errors is not None:
            print(_errors_in_words(output.errors))


def _document(output: Output) -> dict[str, Any]:
    facts, errors = output.facts, output.errors
    document: dict[str, Any] = {
        "path": str(facts.path),
        "quantization": facts.quantization,
        "file_bytes": facts.file_bytes,
        "bits_per_weight": facts.bits_per_weight,
    }
    if errors is not None:
        document["relative_error"] = errors.relative
        document["tensors"] = [
            {
                "name": each.name,
                "type": each.type,
                "source_type": each.source_type,
                "shape": list(each.shape),
                "size_bytes": each.size_bytes,
                "relative_error": each.relative,
                "largest_error": each.largest,
            }
            for each in errors.worst_first
        ]
    return document


def _errors_in_words(errors: QuantizationErrors) -> str:
    lines = [f"  error of all weights (RMS, relative): {_percent(errors.relative)}"]
    for each in errors.worst_first[:WORST_SHOWN]:
        lines.append(f"  {_percent(each.relative):>8}  {each.type:<7}  {printable(each.name, lines=False)}")
    left_out = len(errors.tensors) - WORST_SHOWN
    if left_out > 0:
        lines.append(f"  and {left_out} tensors with less; --json has them all")
    return "\n".join(lines)


def _percent(relative: float | None) -> str:
    return "unknown" if relative is None else f"{100 * relative:.3g} %"
