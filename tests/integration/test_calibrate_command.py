"""`nibble calibrate`, and `nibble convert` with what it makes."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest

import resources
from app.chat import ConversationStore
from app.chat.calibration_text import calibration_text
from app.core.errors import WrongChoice
from app.gguf import read_facts
from app.gguf.importance import Importance, ImportanceMatrix, read_importance, write_importance
from app.runtime import Sampling
from app.storage import data_folder
from tests.helpers.command_line import nibble
from tests.helpers.tiny_checkpoint import TinyLlama, write_tiny_checkpoint

WORDS = " ".join(f"hello world {number} you and the {number * number}" for number in range(90))


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "words.txt"
    path.write_text(WORDS + "\n", encoding="utf-8")
    return path


def test_calibrate_writes_a_matrix_and_tells_over_what(tiny: Path, text: Path, tmp_path: Path) -> None:
    out = tmp_path / "matrices" / "tiny.imatrix.gguf"
    told = nibble("calibrate", tiny, "--text", text, "--out", out, "--json").document
    matrix = read_importance(out)
    assert told == {
        "path": str(out),
        "dataset": "words.txt",
        "chunks": matrix.chunks,
        "tokens": matrix.chunks * 512,
        "tensors": len(matrix.tensors),
        "file_bytes": out.stat().st_size,
    }
    assert matrix.chunks > 2


def test_convert_takes_a_matrix_and_makes_what_needs_one(tiny: Path, text: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = nibble("convert", tiny, "--to", "Q2_K_S,Q3_K_S", "--calibrate", text, "--out", out, "--json")
    made = [Path(each["path"]) for each in done.document["outputs"]]
    assert [read_facts(path).quantization for path in made] == ["Q2_K_S", "Q3_K_S"]
    assert {path.name for path in out.iterdir()} == {
        "tiny-Q2_K_S.gguf",
        "tiny-Q3_K_S.gguf",
        "tiny.imatrix.gguf",
    }
    again = tmp_path / "again"
    nibble(
        "convert", tiny, "--to", "Q2_K_S", "--importance", out / "tiny.imatrix.gguf", "--out", again, "--json"
    )
    assert (again / "tiny-Q2_K_S.gguf").read_bytes() == made[0].read_bytes()


def test_convert_of_a_checkpoint_tells_what_its_matrix_lacks(tmp_path: Path) -> None:
    checkpoint = write_tiny_checkpoint(tmp_path / "Tiny", TinyLlama(dtype="F32"))
    out = tmp_path / "out"
    nibble("convert", checkpoint, "--to", "BF16", "--out", out)
    whole = {
        tensor.name: Importance(np.ones((1, tensor.shape[0]), np.float32), np.array([512]))
        for tensor in read_facts(out / "Tiny-BF16.gguf").tensors
        if tensor.name.startswith("blk.") and len(tensor.shape) == 2 and "attn_k" not in tensor.name
    }
    importance = tmp_path / "m.gguf"
    write_importance(ImportanceMatrix(whole, ("words.txt",), 1, 512), importance)
    done = nibble("convert", checkpoint, "--to", "Q4_0", "--importance", importance, "--out", out)
    assert (done.code, "blk.0.attn_k.weight" in done.err) == (0, True), done.err


def test_type_that_needs_a_matrix_is_refused_before_a_text_is_read(tiny: Path, tmp_path: Path) -> None:
    refused = nibble("convert", tiny, "--to", "Q4_0,Q2_K_S", "--out", tmp_path / "out")
    refused.assert_refused("Q2_K_S needs an importance matrix", "--calibrate")
    assert not (tmp_path / "out").exists()


def test_matrix_and_text_together_are_refused(tiny: Path, text: Path, tmp_path: Path) -> None:
    both = ("--calibrate", text, "--importance", text)
    refused = nibble("convert", tiny, "--to", "Q4_0", *both, "--out", tmp_path / "out")
    refused.assert_refused("--importance or --calibrate")


def test_text_that_is_none_is_refused(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.gguf"
    nibble("calibrate", tiny, "--text", tiny, "--out", out).assert_refused("no text in UTF-8")
    gone = tmp_path / "gone.txt"
    nibble("calibrate", tiny, "--text", gone, "--out", out).assert_refused("is not there any more")


def test_calibrate_on_conversations_takes_what_was_said_in_them(
    tiny: Path, tmp_path: Path, home: Path
) -> None:
    with ConversationStore(data_folder().create().database) as store:
        said = store.create(Path("/one.gguf"), Sampling())
        store.add_prompt(said.id, WORDS)
        other = store.create(Path("/one.gguf"), Sampling())
        store.add_prompt(other.id, "Something else.")
        assert calibration_text(store, [said.id]) == WORDS
        assert calibration_text(store, [other.id, said.id]) == f"Something else.\n\n{WORDS}"
        with pytest.raises(WrongChoice, match="no conversation 99"):
            calibration_text(store, [99])
    out = tmp_path / "m.gguf"
    told = nibble("calibrate", tiny, "--chats", f"{said.id},{other.id}", "--out", out, "--json").document
    assert told["dataset"] == "conversations"
    assert gguf.GGUFReader(out).fields["imatrix.datasets"].contents() == ["conversations"]
    nibble("calibrate", tiny, "--chats", "one", "--out", out).assert_refused("no numbers of conversations")


def test_mixed_text_has_many_kinds_of_text_and_is_long_enough() -> None:
    text = resources.calibration_text()
    assert 60_000 < len(text) < 150_000
    for part in ("def ", "#include", "SELECT", r"\sum", "Der ", "清晨", "في الصباح", "Assistant: "):
        assert part in text
    assert len(set(text.split("\n\n"))) / len(text.split("\n\n")) > 0.95
