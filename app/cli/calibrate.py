"""`nibble calibrate`: a model's importance matrix over a text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.chat import ConversationStore
from app.chat.calibration_text import calibration_text
from app.chat.export.exporting import all_ids
from app.cli.calibration import load_recommended, mixed_calibration, tell_fit, text_calibration
from app.cli.models import chat_model_named
from app.cli.running import JsonOption, engine_command, print_json, run_job
from app.cli.terminal import printable
from app.convert import Calibration, calibrate
from app.core.errors import WrongChoice
from app.gguf.importance import read_importance
from app.storage import data_folder

ALL = "all"
CHATS_DATASET = "conversations"


@engine_command
def calibrate_model(
    model: Annotated[str, typer.Argument(help="A path to a .gguf file, a name in the library, or guide.")],
    out: Annotated[Path, typer.Option("--out", help="The file for the matrix, e.g. model.imatrix.gguf.")],
    text: Annotated[
        Path | None,
        typer.Option(
            "--text", help="A text file; without it, Nibble's own: code, languages, mathematics, prose."
        ),
    ] = None,
    chats: Annotated[
        str | None,
        typer.Option(
            "--chats", help=f"Conversations instead, by their numbers in `nibble chats list`: 3,7 or {ALL}."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Take a model's importance matrix over a text, which makes its quantizations better."""
    if text is not None and chats is not None:
        raise typer.BadParameter("give --text or --chats", param_hint="--chats")
    if chats is not None:
        calibration = _of_chats(chats)
    else:
        calibration = text_calibration(text) if text is not None else mixed_calibration()
    entry = chat_model_named(model)
    path = run_job(
        "calibrate",
        lambda control: calibrate(
            entry.path,
            calibration.text,
            out,
            control,
            dataset=calibration.dataset,
            load=calibration.load,
        ),
    )
    tell_fit(path, entry.path)
    matrix = read_importance(path)
    if as_json:
        print_json(
            {
                "path": str(path),
                "dataset": calibration.dataset,
                "chunks": matrix.chunks,
                "tokens": matrix.chunks * matrix.chunk_tokens,
                "tensors": len(matrix.tensors),
                "file_bytes": path.stat().st_size,
            }
        )
        return
    tokens = matrix.chunks * matrix.chunk_tokens
    print(f"{printable(str(path), lines=False)}  {tokens:,} tokens, {len(matrix.tensors):,} tensors")


def _of_chats(words: str) -> Calibration:
    try:
        ids = None if words.strip() == ALL else [int(number) for number in words.split(",") if number.strip()]
    except ValueError:
        raise WrongChoice(f"{words} are no numbers of conversations.", "See: nibble chats list") from None
    with ConversationStore(data_folder().create().database) as store:
        said = calibration_text(store, all_ids(store) if ids is None else ids)
    return Calibration(said, CHATS_DATASET, load_recommended)
