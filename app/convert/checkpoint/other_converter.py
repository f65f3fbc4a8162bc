"""A checkpoint of an architecture that Nibble lacks, converted by llama.cpp's own script where a person has it.

convert_hf_to_gguf.py needs a Python with PyTorch and Transformers and is a person's own program, as is what it may run
of the checkpoint: it is started only where they ask for it. Nothing of it is loaded here. What it writes has no name
until it is done and this program's own reader has found it whole.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from pathlib import Path

from app.convert.checkpoint.architectures import ARCHITECTURES
from app.convert.checkpoint.config import Config, read_json
from app.convert.checkpoint.folder import CheckpointFolder
from app.convert.checkpoint.weights import open_weights
from app.convert.space import require_space
from app.core.errors import ConverterFailed, EnvironmentFault, FileGone, WrongChoice, from_os_error
from app.core.jobs import JobControl
from app.gguf import read_facts
from app.storage.atomic import put_in_place, scratch_folder

BYTES = {"F32": 4, "F16": 2, "BF16": 2}
"""What it makes that Nibble asks for, and bytes of one weight in it."""

_PERCENT = re.compile(rb"(\d{1,3})%\|")
"""In the line of progress that tqdm draws while the file is written."""
_LAST_LINES = 30
_LONGEST_LINE = 300


@dataclass(frozen=True)
class OtherConverter:
    """`script`: the path of convert_hf_to_gguf.py. `python`: the program to run it with; empty: the system's."""

    script: Path
    python: str = ""

    def command(self) -> list[str]:
        """Raises FileGone where the script is missing, and WrongChoice where no Python is found."""
        if not self.script.is_file():
            raise FileGone(
                f"{self.script} is not there.",
                "Name convert_hf_to_gguf.py in the folder of llama.cpp's sources.",
            )
        found = shutil.which(self.python or "python3") or (None if self.python else shutil.which("python"))
        if found is None:
            raise WrongChoice(
                f"{self.python or 'python3'} is not a program that can be started here.",
                "Name a Python that has PyTorch and Transformers with --converter-python.",
            )
        return [found, str(self.script.absolute())]


def is_known_architecture(folder: Path) -> bool:
    """Whether Nibble converts the checkpoint itself. Raises what reading config.json raises."""
    path = CheckpointFolder(folder).require(
        "config.json", "Choose a checkpoint's folder, with all its files."
    )
    return any(name in ARCHITECTURES for name in Config(read_json(path)).texts("architectures")[:1])


def convert_elsewhere(
    converter: OtherConverter, folder: Path, target: Path, control: JobControl, file_type: str
) -> Path:
    """Makes `target` of the checkpoint in `folder` and returns it, replacing an earlier one.

    `file_type`: one of BYTES. Progress is in bytes of the checkpoint. Raises ConverterFailed with the last lines of
    what it said, DiskFull, Cancelled, and what opening weights raises: pickled ones are refused here as everywhere.
    """
    if file_type not in BYTES:
        raise WrongChoice(
            f"A checkpoint is converted to full precision first, not to {file_type}.",
            f"Choose {', '.join(BYTES)}, and quantize the result.",
        )
    command = converter.command()
    checkpoint = CheckpointFolder(folder)
    with open_weights(checkpoint) as weights:
        sizes = [(prod(tensor.shape), tensor.size_bytes) for tensor in weights.tensors.values()]
    try:
        os.makedirs(target.parent, exist_ok=True)
    except OSError as error:
        raise from_os_error(error, target.parent, writing=True) from error
    require_space(target.parent, sum(count for count, _ in sizes) * BYTES[file_type], file_type)
    with scratch_folder(target) as scratch:
        made = scratch / "made.gguf"
        arguments = [str(folder.absolute()), "--outtype", file_type.lower(), "--outfile", str(made)]
        _run([*command, *arguments], checkpoint.name, sum(size for _, size in sizes), control)
        _require_whole(made, checkpoint.name, file_type)
        put_in_place(made, target)
    return target


def _run(command: list[str], name: str, total_bytes: int, control: JobControl) -> None:
    stage = f"Converting with {Path(command[1]).name}"
    control.progress(stage, 0, total_bytes, "bytes")
    # Nothing is fetched: whatever it needs has to be in the checkpoint.
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
    try:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise from_os_error(error, command[0]) from error
    said: deque[str] = deque(maxlen=_LAST_LINES)
    forget = control.cancel.on_cancel(lambda: _end(process))
    with process:
        try:
            for line in _lines(process):
                if percent := _PERCENT.search(line):
                    done = total_bytes * min(int(percent[1]), 100) // 100
                    control.progress(stage, done, total_bytes, "bytes")
                elif text := line.decode(errors="replace").strip():
                    said.append(text[:_LONGEST_LINE])
        except BaseException:
            _end(process)
            raise
        finally:
            forget()
    control.cancel.raise_if_cancelled()
    if process.returncode:
        raise ConverterFailed(
            f"{Path(command[1]).name} did not convert {name}: {said[-1] if said else 'it said nothing'}".rstrip(
                "."
            )
            + ".",
            "Run it by itself with that Python to see more, or download a GGUF file of this model.",
            log=tuple(said),
        )


def _lines(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """Up to each line's end or the start of its next drawing; what is longer than any line comes in parts."""
    assert process.stdout is not None
    begun = b""
    while read := os.read(process.stdout.fileno(), 1 << 16):
        *whole, begun = re.split(rb"[\r\n]", begun + read)
        yield from whole
        if len(begun) > 1 << 16:
            yield begun
            begun = b""
    yield begun


def _end(process: subprocess.Popen[bytes]) -> None:
    """With what it started itself."""
    with suppress(OSError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)


def _require_whole(made: Path, name: str, file_type: str) -> None:
    try:
        facts = read_facts(made)
    except EnvironmentFault as fault:
        raise ConverterFailed(
            f"The converter left no whole GGUF of {name}: {fault.message}",
            "Run it by itself with that Python to see more, or download a GGUF file of this model.",
        ) from fault
    if facts.kind != "model" or facts.quantization != file_type:
        raise ConverterFailed(
            f"The converter made something else of {name} than a model in {file_type}.",
            "Look whether the script is llama.cpp's convert_hf_to_gguf.py.",
        )
