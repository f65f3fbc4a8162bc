"""`nibble comparisons` and the reports of `nibble compare`, as a person and a script use them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.compare.session import PaneTurn, SessionAnswer, SessionModel, SessionTurn
from app.compare.session_store import SessionStore
from app.runtime import Sampling
from app.storage import data_folder
from tests.helpers.command_line import nibble

MODELS = [
    SessionModel(name="Bard \x1b[31m[red]", quantization=kind, path=f"/{kind}.gguf")
    for kind in ("Q8_0", "Q2_K")
]


@pytest.fixture
def kept(home: Path) -> int:
    with SessionStore(data_folder().create().database) as store:
        number = store.begin(MODELS, Sampling())
        panes = tuple(PaneTurn(answers=(SessionAnswer(text=text),)) for text in ("five", "six"))
        store.write_turn(number, 0, SessionTurn(prompt="Two and three?", panes=panes))
        return number


def test_kept_comparisons_are_listed_and_exported(kept: int, tmp_path: Path) -> None:
    (told,) = nibble("comparisons", "list", "--json").document["comparisons"]
    assert (told["id"], told["title"], len(told["models"])) == (kept, "Two and three?", 2)
    shown = nibble("comparisons", "list").out
    assert "Two and three?" in shown
    assert "\x1b" not in shown
    document = nibble("comparisons", "export", kept).document
    assert document["turns"][0]["panes"][1]["answers"][0]["text"] == "six"
    page = tmp_path / "report.html"
    assert nibble("comparisons", "export", kept, "--out", page, "--json").document == {
        "file": str(page),
        "comparison": kept,
    }
    assert "<mark>five</mark>" in page.read_text(encoding="utf-8")


def test_what_cannot_be_exported_is_refused_in_a_sentence(kept: int, tmp_path: Path) -> None:
    nibble("comparisons", "export", 77).assert_refused("77")
    nibble("comparisons", "export", kept, "--out", tmp_path / "report.pdf").assert_refused("report.pdf")


def test_compare_writes_a_report_and_keeps_what_was_compared(tiny: Path, home: Path, tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    outcome = nibble(
        "compare",
        tiny,
        tiny,
        "-p",
        "hello",
        "--max-tokens",
        9,
        "--one-after-another",
        "--report",
        target,
        "--keep",
        "--json",
    )
    assert outcome.code == 0
    document = json.loads(target.read_text(encoding="utf-8"))
    answers = [pane["answers"][0] for pane in document["turns"][0]["panes"]]
    assert [each["text"] for each in answers] == [pane["text"] for pane in outcome.document["panes"]]
    assert document["divergences"][0]["kl_divergence"]["max"] == 0
    assert outcome.document["panes_at_once"] == 1
    (told,) = nibble("comparisons", "list", "--json").document["comparisons"]
    again = nibble("comparisons", "export", told["id"]).document
    assert again["turns"] == document["turns"]
    assert again["divergences"] == document["divergences"]
