"""Every sampler can be set in the window, is explained, and is put back with one click."""

from __future__ import annotations

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QWidget

from app.chat import RANDOM_SEED
from app.runtime import Sampling
from app.runtime.sampling import TokenBias
from app.runtime.sampling_limits import LIMITS
from app.ui.pages.chat_sampler_rows import ChoiceRow, NumberRow, TextRow
from app.ui.pages.chat_samplers import DEFAULTS, SamplersPanel


@pytest.fixture
def panel(qtbot) -> SamplersPanel:
    made = SamplersPanel()
    qtbot.addWidget(made)
    made.show_advanced(True)
    made.show()
    return made


@pytest.fixture
def told(panel: SamplersPanel) -> list[Sampling]:
    found: list[Sampling] = []
    panel.changed.connect(found.append)
    return found


def shown_texts(part: QWidget) -> str:
    return "\n".join(each.text() for each in part.findChildren(QLabel) if each.isVisibleTo(part))


def write(panel: SamplersPanel, name: str, text: str) -> None:
    row = panel.rows[name]
    assert isinstance(row, TextRow)
    row.text.setPlainText(text)
    panel.flush()


def test_everything_of_the_sampling_can_be_set(panel: SamplersPanel) -> None:
    assert panel.rows.keys() | {"seed"} == {field.name for field in msgspec.structs.fields(Sampling)}


def test_everything_is_explained_where_it_is_and_read_aloud(panel: SamplersPanel) -> None:
    for row in panel.rows.values():
        field = row.text if isinstance(row, TextRow) else row.box
        assert field.accessibleName()
        assert len(field.accessibleDescription()) > 20
        assert field.toolTip()


def test_no_two_fields_have_the_same_name(panel: SamplersPanel) -> None:
    names = [
        row.text.accessibleName() if isinstance(row, TextRow) else row.box.accessibleName()
        for row in panel.rows.values()
    ]
    assert len(set(names)) == len(names)


def test_what_can_be_set_is_possible(panel: SamplersPanel) -> None:
    for name, box in panel.fields.items():
        assert LIMITS[name].least <= box.minimum()
        assert box.maximum() <= LIMITS[name].most


def test_defaults_are_llama_cpp_s_with_a_random_seed(panel: SamplersPanel) -> None:
    assert panel.sampling == Sampling(seed=RANDOM_SEED)
    assert not panel.reset_button.isEnabled()


@pytest.mark.parametrize("name", [name for name in LIMITS if name != "mirostat"])
def test_number_is_told_and_put_back_with_one_click(
    panel: SamplersPanel, told: list[Sampling], name: str
) -> None:
    row = panel.rows[name]
    assert isinstance(row, NumberRow)
    assert not row._reset.isVisible()
    row.box.stepDown() if row.box.value() == row.box.maximum() else row.box.stepUp()
    assert getattr(told[-1], name) == row.box.value() != getattr(DEFAULTS, name)
    assert panel.reset_button.isEnabled()
    QTest.mouseClick(row._reset, Qt.MouseButton.LeftButton)
    assert told[-1] == DEFAULTS
    assert not row._reset.isVisible()
    assert not panel.reset_button.isEnabled()


def test_off_is_what_llama_cpp_has_for_it(panel: SamplersPanel, told: list[Sampling]) -> None:
    box = panel.fields["top_n_sigma"]
    box.setValue(1.0)
    assert told[-1].top_n_sigma == 1.0
    box.setValue(0.0)
    assert told[-1] == DEFAULTS
    assert box.text() == "Off"


def test_mirostat_takes_the_place_of_the_others(panel: SamplersPanel, told: list[Sampling]) -> None:
    row = panel.rows["mirostat"]
    assert isinstance(row, ChoiceRow)
    row.box.setCurrentIndex(2)
    row.box.activated.emit(2)
    assert told[-1].mirostat == 2
    assert not panel.fields["top_k"].isEnabled()
    assert not panel.fields["dry_multiplier"].isEnabled()
    assert panel.fields["temperature"].isEnabled()
    assert panel.fields["mirostat_tau"].isEnabled()
    QTest.mouseClick(row._reset, Qt.MouseButton.LeftButton)
    assert told[-1] == DEFAULTS
    assert panel.fields["top_k"].isEnabled()


def test_lists_are_read_line_by_line(panel: SamplersPanel, told: list[Sampling]) -> None:
    write(panel, "stop", "\\nUser:\n\nEN\\\\D\n")
    assert told[-1].stop == ("\nUser:", "EN\\D")
    write(panel, "logit_bias", " maybe=-100\n42=1.5")
    assert told[-1].logit_bias == (TokenBias(" maybe", -100.0), TokenBias(42, 1.5))
    write(panel, "dry_sequence_breakers", "")
    assert told[-1].dry_sequence_breakers == ()


def test_settings_of_another_conversation_are_shown_as_they_were_written(panel: SamplersPanel) -> None:
    sampling = Sampling(
        stop=("\nUser:", "a\\n"), logit_bias=(TokenBias(7, -1.0),), top_n_sigma=1.5, mirostat=1, seed=5
    )
    panel.show_sampling(sampling)
    for name, text in (("stop", "\\nUser:\na\\\\n"), ("logit_bias", "7=-1")):
        row = panel.rows[name]
        assert isinstance(row, TextRow)
        assert row.text.toPlainText() == text
    panel.flush()
    assert panel.sampling == sampling


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("logit_bias", " maybe=-100\n42", "“42” is not a token"),
        ("logit_bias", "x=nan", "cannot be no number"),
        ("stop", "x" * 1000, "1,000 characters"),
        ("grammar", 'root ::= "a', "line 1, column 10"),
        ("json_schema", '{"type": }', "line 1, column 10"),
        ("json_schema", "[" * 100_000, "no JSON"),
        ("dry_sequence_breakers", "🦙" * 12, "cannot be one"),
    ],
)
def test_what_cannot_be_is_told_under_it_and_not_taken(
    panel: SamplersPanel, told: list[Sampling], name: str, text: str, words: str
) -> None:
    write(panel, name, text)
    assert told == []
    row = panel.rows[name]
    assert isinstance(row, TextRow)
    assert words in shown_texts(row)
    panel.fields["top_k"].setValue(7)
    assert row.text.toPlainText() == text, "what is being written is not touched by another change"
    panel.reset()
    assert row.text.toPlainText() == row._write(getattr(DEFAULTS, name))
    assert words not in shown_texts(row)


def test_schema_and_grammar_take_each_other_s_place(panel: SamplersPanel, told: list[Sampling]) -> None:
    write(panel, "json_schema", '{"type": "integer"}')
    write(panel, "grammar", 'root ::= "a"')
    assert (told[-1].json_schema, told[-1].grammar) == ("", 'root ::= "a"')
    write(panel, "json_schema", "true")
    assert (told[-1].json_schema, told[-1].grammar) == ("true", "")


def test_what_is_set_behind_the_fold_is_told_on_it(panel: SamplersPanel) -> None:
    panel.show_advanced(False)
    assert not panel.fields["typical_p"].isVisible()
    panel.show_sampling(Sampling(typical_p=0.5, stop=("x",), top_k=3, seed=RANDOM_SEED))
    assert "2 changed" in panel.fold.text()
    panel.fold.click()
    assert panel.fields["typical_p"].isVisible()
