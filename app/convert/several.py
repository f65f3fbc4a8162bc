"""Several quantizations of one GGUF in full precision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from app.convert.choices import NO_CHOICES, Choices
from app.convert.ladder import make_ladder
from app.convert.quantizations import quantization_named
from app.convert.quantize import make_folder, output_path, quantize, require_other_file
from app.convert.rungs import Rung, plan_rungs
from app.convert.space import require_space
from app.convert.splitting import WHOLE
from app.convert.unquantized import Unquantized, open_unquantized
from app.core.errors import WrongChoice
from app.core.jobs import JobControl
from app.gguf import read_facts


def quantize_several(
    source: Path,
    types: Sequence[str],
    folder: Path,
    control: JobControl,
    choices: Choices = NO_CHOICES,
    threads: int = 0,
) -> list[Path]:
    """Makes each of `types` in `folder`, and returns their paths (of the first part, where there are several).

    The source is read once. Where it is not known which types llama.cpp gives its tensors, one is made after another,
    as `quantize` does. Raises what `quantize` raises.
    """
    kinds = [quantization_named(name) for name in dict.fromkeys(types)]
    facts = read_facts(source)
    targets = targets_of(facts.path, [kind.name for kind in kinds], folder)
    with open_unquantized(facts) as unquantized:
        rungs = plan_rungs(unquantized, kinds, targets, choices)
        if rungs is not None and (len(kinds) > 1 or choices.splitting != WHOLE):
            return write_ladder(unquantized, rungs, folder, control, threads, choices, facts.files)
    if choices.splitting != WHOLE:
        raise WrongChoice(
            f"Nibble does not know {facts.path.name} well enough to write it in parts.",
            "Make a single file of it.",
        )
    return [
        quantize(source, kind.name, folder, control, threads, choices.tensor_types, choices.importance)
        for kind in kinds
    ]


def targets_of(source: Path, types: Sequence[str], folder: Path) -> Mapping[str, Path]:
    return {name: output_path(source, name, folder) for name in types}


def write_ladder(
    source: Unquantized,
    rungs: Sequence[Rung],
    folder: Path,
    control: JobControl,
    threads: int,
    choices: Choices,
    sources: Sequence[Path] = (),
) -> list[Path]:
    """Raises DiskFull, and WrongChoice where one of `sources` would be written over, before anything is written."""
    for rung in rungs:
        for target in rung.targets:
            require_other_file(target, sources)
    make_folder(folder)
    names = ", ".join(rung.kind.name for rung in rungs)
    require_space(folder, sum(rung.file_bytes for rung in rungs), names)
    make_ladder(source, rungs, control, threads, choices.importance)
    return [rung.targets[0] for rung in rungs]
