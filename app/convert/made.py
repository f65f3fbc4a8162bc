"""What is remembered of a model that was made here: of what, how, and what it cost each tensor.

In the database, by what is in the file (`app.gguf.content_key`): so it is found wherever the file goes.
"""

from __future__ import annotations

import os
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import msgspec

from app.convert.checkpoint import is_checkpoint
from app.convert.checkpoint.conversion import FILE_TYPES, checkpoint_precision
from app.convert.checkpoint.folder import CheckpointFolder
from app.convert.checkpoint.prospect import prospect_of_folder
from app.convert.checkpoint.qat import named_qat_type
from app.convert.rounding import Rounding, rounding_of_plain, rounding_of_quantized
from app.convert.tensor_errors import QuantizationErrors
from app.core.errors import EnvironmentFault, from_os_error
from app.gguf import ModelFacts, read_facts
from app.gguf.content_key import content_key
from app.storage.database import open_database, reading, transaction


class Making(msgspec.Struct, frozen=True, kw_only=True):
    """`source`: the path of a GGUF or of a checkpoint's folder; `source_form`: its type, or how it is quantized.

    `calibrated_with`: what the importance matrix was computed from, in a person's words, empty without one. `made_at`
    in seconds since 1970; `errors`: None as long as nobody has compared the weights.
    """

    source: str
    source_name: str
    source_form: str
    quantization: str
    rounding: Rounding
    calibrated_with: str = ""
    made_at: float = 0.0
    took_s: float | None = None
    errors: QuantizationErrors | None = None


def remember_making(
    database: Path, made: Path, source: Path, *, calibrated_with: str = "", took_s: float | None = None
) -> Making:
    """Keeps of what `made` was made, replacing what was known of the same file.

    Raises what reading either raises, and DataFolderFault.
    """
    facts = read_facts(made)
    form, rounding = _of_checkpoint(source, facts) if is_checkpoint(source) else _of_gguf(source, facts)
    making = Making(
        source=os.path.abspath(source),
        source_name=Path(os.path.abspath(source)).name,
        source_form=form,
        quantization=facts.quantization or "",
        rounding=rounding,
        calibrated_with=calibrated_with,
        made_at=time.time(),
        took_s=took_s,
    )
    _write(database, made, making)
    return making


def remember_errors(database: Path, made: Path, errors: QuantizationErrors) -> None:
    """Beside what is known of how it was made. Raises as `remember_making`."""
    making = making_of(database, made)
    if making is not None:
        _write(database, made, msgspec.structs.replace(making, errors=errors))


def making_of(database: Path, made: Path) -> Making | None:
    """None for what was not made here. Raises DataFolderFault, and the fault behind a file that cannot be read."""
    if not database.exists():
        return None
    key = _key(made)
    with closing(open_database(database)) as connection, reading(connection):
        row = connection.execute("SELECT making FROM makings WHERE model = ?", (key,)).fetchone()
    if row is None:
        return None
    try:
        return msgspec.json.decode(row[0], type=Making)
    except msgspec.MsgspecError:  # of a later Nibble, or damaged: the model is there all the same
        return None


@dataclass(frozen=True)
class Original:
    """What a model can be compared with: the file at `path`, or where there is none yet, `precision` of the checkpoint;
    neither where the source is gone. `source_bytes`: how large that is, None where it is gone."""

    path: Path | None
    precision: str
    source_bytes: int | None


def original_of(making: Making, made: Path) -> Original:
    """Looks for the file that was quantized, or that of the checkpoint's own precision beside `made`."""
    source = Path(making.source)
    try:
        if not is_checkpoint(source):
            facts = read_facts(source)
            return Original(source, "", facts.file_bytes)
        precision = "F16" if prospect_of_folder(source).method else checkpoint_precision(source)
        size = sum(file.stat().st_size for file in source.glob("*.safetensors"))
    except (EnvironmentFault, OSError):
        return Original(None, "", None)
    for name in dict.fromkeys((precision, *FILE_TYPES)):
        for folder in dict.fromkeys((made.parent, source)):
            plain = folder / f"{CheckpointFolder(source).name}-{name}.gguf"
            if plain != made and plain.is_file():
                return Original(plain, "", size)
    return Original(None, precision, size)


def _write(database: Path, made: Path, making: Making) -> None:
    key, document = _key(made), msgspec.json.encode(making).decode()
    with closing(open_database(database)) as connection, transaction(connection):
        connection.execute(
            "INSERT INTO makings (model, making) VALUES (?, ?)"
            " ON CONFLICT (model) DO UPDATE SET making = excluded.making",
            (key, document),
        )


def _key(made: Path) -> str:
    try:
        return content_key(made)
    except OSError as error:
        raise from_os_error(error, made) from error


def _of_gguf(source: Path, made: ModelFacts) -> tuple[str, Rounding]:
    form = read_facts(source).quantization or ""
    return form, rounding_of_plain(made.quantization or "", form, named_qat_type(source.stem))


def _of_checkpoint(source: Path, made: ModelFacts) -> tuple[str, Rounding]:
    prospect, type_name = prospect_of_folder(source), made.quantization or ""
    if prospect.method is not None:
        found = rounding_of_quantized(type_name, prospect)
        return prospect.form, "twice" if found == "kept" and not _is_as_stored(made) else found
    try:
        form = checkpoint_precision(source)
    except EnvironmentFault:  # it went meanwhile
        return "", "once"
    return form, rounding_of_plain(type_name, form, prospect.trained_for)


def _is_as_stored(made: ModelFacts) -> bool:
    """Whether what the checkpoint has not quantized is not quantized here, either, as llama.cpp would."""
    embeddings = next((each.type for each in made.tensors if each.name == "token_embd.weight"), "")
    return embeddings in FILE_TYPES
