"""Sessions of Compare: what is written comes back, also after a kill; damage is told and costs no more than itself."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from zlib import compress

import msgspec
import pytest

from app.compare import PaneAnswer, Passage
from app.compare.session import (
    CUT_OFF,
    BlindTest,
    LeftFrom,
    MeasuredDivergence,
    PaneTurn,
    SessionAnswer,
    SessionModel,
    SessionTurn,
    kept_answer,
)
from app.compare.session_store import SessionStore
from app.core.errors import FileGone, WorkerDied, WrongContent
from app.runtime import GenerationStatistics, Sampling
from app.runtime.protocol import TokenDivergence, TokenProbability, TokenView
from app.storage.recovery import recover_if_damaged

MODELS = (
    SessionModel(
        name="Bard", quantization="Q4_K_M", path="/models/bard-q4.gguf", file_bytes=4, bits_per_weight=4.8
    ),
    SessionModel(
        name="Bard", quantization="Q8_0", path="/models/bard-q8.gguf", file_bytes=8, bits_per_weight=8.5
    ),
)
SAMPLING = Sampling(temperature=0.3, seed=7, max_tokens=64)


def _statistics(**changes: object) -> GenerationStatistics:
    usual = GenerationStatistics(
        prompt_tokens=5,
        evaluated_tokens=5,
        tokens=3,
        prompt_s=0.1,
        prompt_tokens_per_s=50.0,
        time_to_first_token_s=0.2,
        tokens_per_s=12.5,
        memory_bytes=1_000_000,
        seed=7,
        finish_reason="stop",
    )
    return msgspec.structs.replace(usual, **changes)


def _answer(text: str, tokens: tuple[int, ...] = (1, 2, 10, 11, 12), **more: object) -> SessionAnswer:
    return SessionAnswer(
        text=text, statistics=_statistics(), tokens=tokens, start=2, sampling=SAMPLING, **more
    )


def _turn(prompt: str, *answers: SessionAnswer | None) -> SessionTurn:
    return SessionTurn(
        prompt=prompt, panes=tuple(PaneTurn(answers=(each,)) if each else PaneTurn() for each in answers)
    )


def _view(token: int, log_probability: float) -> TokenView:
    likeliest = tuple(TokenProbability(token + each, b"\xff", -0.5 - each) for each in range(10))
    return TokenView(log_probability=log_probability, rank=0, likeliest=likeliest)


def _divergence(tokens: tuple[int, ...] = (10, 11, 12)) -> MeasuredDivergence:
    return MeasuredDivergence(
        turn=0,
        answer=0,
        written_by=1,
        reference=1,
        other=0,
        tokens=tuple(
            TokenDivergence(
                token=token,
                text=b"\xe2\x82",
                kl_divergence=float("nan") if token == 12 else 0.25,
                reference=_view(token, -0.1),
                other=_view(token + 1, float("-inf")),
            )
            for token in tokens
        ),
    )


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "nibble.db"


def test_what_was_written_is_read_after_a_restart(database: Path) -> None:
    first = _turn("Why is the sky blue?\nIn one line.", _answer("Rayleigh."), _answer("Scattering."))
    branch = _answer("Ray tracing.", left_from=LeftFrom(answer=0, token=1))
    second = SessionTurn(
        prompt="Only you.", panes=(PaneTurn(answers=(_answer("One."), branch), shown=1), None), alone=True
    )
    test = BlindTest(seed=3, turns=(0, 1), votes=(1, "tie"), prompt_set="sums", voted_at=5.0)
    with SessionStore(database) as store:
        number = store.begin(MODELS, SAMPLING)
        store.write_turn(number, 0, first)
        store.write_turn(number, 1, second)
        store.write_divergence(number, _divergence())
        store.write_divergence(number, _divergence())
        store.write_blind_test(number, 0, test)
    with SessionStore(database) as store:
        read = store.session(number)
        [head] = store.sessions()
    assert (read.models, read.sampling, read.turns) == (MODELS, SAMPLING, (first, second))
    assert read.turns[0].panes[0].answer.passage == Passage((1, 2, 10, 11, 12), 2)
    assert read.blind_tests == (test,)
    [measured] = read.divergences
    assert len(measured.tokens[0].other.likeliest) == 10
    assert measured.tokens[2].kl_divergence != measured.tokens[2].kl_divergence, (
        "not a number stays what it is"
    )
    assert (head.title, head.models) == ("Why is the sky blue? In one line.", ("Bard Q4_K_M", "Bard Q8_0"))
    assert "only you" in head.prompts.casefold()
    assert read.problem == ""


def test_a_failed_pane_is_kept_with_its_sentence(database: Path) -> None:
    given = PaneAnswer(Path("/models/bard-q4.gguf"), "Half a", None, WorkerDied("It died.", "Try again."))
    with SessionStore(database) as store:
        number = store.begin(MODELS, SAMPLING)
        store.write_turn(number, 0, _turn("Hi", kept_answer(given, SAMPLING), None))
        back = store.session(number).turns[0].panes[0].answer
    assert (back.text, back.problem, back.finish_reason) == ("Half a", "It died.", "failed")
    again = back.pane_answer(given.path)
    assert str(again.fault) == "It died. Try again."


KILLED = """
import sys
from pathlib import Path
from app.compare.session import SessionTurn, PaneTurn, SessionAnswer, SessionModel
from app.compare.session_store import SessionStore
from app.runtime import Sampling
store = SessionStore(Path(sys.argv[1]))
models = [SessionModel(name=name, quantization=None, path=name) for name in "ab"]
number = store.begin(models, Sampling())
store.write_turn(number, 0, SessionTurn(prompt="Go on", panes=(PaneTurn(), PaneTurn())))
for word in range(40):
    store.append_piece(number, 0, word % 2, f"{word} ")
    print(word, flush=True)
sys.stdin.read()
"""


def test_a_kill_midway_loses_nothing_that_was_shown(database: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(database)],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == "39":
            break
    os.kill(process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    process.communicate()
    with SessionStore(database) as store:
        [head] = store.sessions()
        [turn] = store.session(head.id).turns
    shown = ["".join(f"{word} " for word in range(pane, 40, 2)) for pane in range(2)]
    assert [given.answer.text for given in turn.panes] == shown
    assert {given.answer.finish_reason for given in turn.panes} == {CUT_OFF}


def test_pieces_go_on_with_what_the_turn_had_and_are_gone_once_it_is_written(database: Path) -> None:
    with SessionStore(database) as store:
        number = store.begin(MODELS, SAMPLING)
        store.write_turn(number, 0, _turn("Hi", None, None))
        store.append_piece(number, 0, 0, "Hello ")
        store.append_piece(number, 0, 1, "Good ")
        # The other pane has ended: the turn is written with what this one has so far.
        store.write_turn(number, 0, _turn("Hi", SessionAnswer(text="Hello "), _answer("Good day.")))
        store.append_piece(number, 0, 0, "there")
        answers = [given.answer.text for given in store.session(number).turns[0].panes]
        assert answers == ["Hello there", "Good day."]
        store.write_turn(number, 0, _turn("Hi", _answer("Hello there."), _answer("Good day.")))
        assert store.session(number).turns[0].panes[0].answer.text == "Hello there."


def test_a_measurement_of_an_answer_that_was_given_anew_is_not_shown(database: Path) -> None:
    with SessionStore(database) as store:
        number = store.begin(MODELS, SAMPLING)
        store.write_turn(number, 0, _turn("Hi", _answer("A"), _answer("B")))
        store.write_divergence(number, _divergence())
        store.write_turn(number, 0, _turn("Hi", _answer("A"), _answer("C", (1, 2, 20, 21, 22))))
        assert store.session(number).divergences == ()


def test_renaming_and_deleting(database: Path) -> None:
    with SessionStore(database) as store:
        number, other = store.begin(MODELS, SAMPLING), store.begin(MODELS, SAMPLING)
        assert store.sessions() == [], "nothing was asked yet"
        store.write_turn(number, 0, _turn("What is a bit?", None, None))
        store.write_turn(other, 0, _turn("What is a byte?", None, None))
        store.rename(number, " Bits \n and bytes ")
        store.write_turn(number, 1, _turn("And a nibble?", None, None))
        assert {head.title for head in store.sessions()} == {"Bits and bytes", "What is a byte?"}
        store.rename(number, "  ")
        assert {head.title for head in store.sessions()} == {"What is a bit?", "What is a byte?"}
        store.delete(number)
        store.append_piece(number, 1, 0, "late")
        store.write_turn(number, 1, _turn("And a nibble?", _answer("Late"), None))
        assert [head.id for head in store.sessions()] == [other]
        with pytest.raises(FileGone, match="number"):
            store.session(number)
        assert store.begin(MODELS, SAMPLING) > other


def test_odd_text_is_kept(database: Path) -> None:
    hostile = "\ud800<script>\u202e\0" + "x" * 1_000_000
    model = SessionModel(name="a\nb\u202e", quantization=None, path="x")
    with SessionStore(database) as store:
        number = store.begin([model, model], SAMPLING)
        store.write_turn(number, 0, _turn(hostile, _answer(hostile[1:]), None))
        read = store.session(number)
        [head] = store.sessions()
    assert read.turns[0].panes[0].answer.text == hostile[1:]
    assert read.turns[0].prompt == "?" + hostile[1:]
    assert head.models == ("a b", "a b")


@pytest.mark.parametrize("kind", ["turn", "divergence 0 1 1 0", "blind test"])
def test_a_damaged_part_costs_itself_and_is_told(database: Path, kind: str) -> None:
    with SessionStore(database) as store:
        number = store.begin(MODELS, SAMPLING)
        for turn in range(2):
            store.write_turn(number, turn, _turn(f"Prompt {turn}", _answer("A"), _answer("B")))
        store.write_divergence(number, _divergence())
        store.write_blind_test(number, 0, BlindTest(seed=1, turns=(0, 1), votes=(0, 1)))
    with closing(sqlite3.connect(database)) as connection, connection:
        [content] = connection.execute(
            "SELECT content FROM comparison_parts WHERE kind = ? AND number = 0", (kind,)
        ).fetchone()
        for place in range(len(content)):
            changed = bytearray(content)
            changed[place] ^= 0x20
            connection.execute(
                "UPDATE comparison_parts SET content = ? WHERE kind = ? AND number = 0",
                (bytes(changed), kind),
            )
            connection.commit()
            if place not in (0, 1, 5, len(content) // 2, len(content) - 1):
                continue
            with SessionStore(database) as store:
                read = store.session(number)
            assert "cannot be read" in read.problem
            assert read.problem.count(".") == 1
            assert read.turns[1].panes[1].answer.text == "B"
            assert [head.title for head in store_heads(database)] == ["Prompt 0"]


def store_heads(database: Path) -> list[object]:
    with SessionStore(database) as store:
        return list(store.sessions())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 100,
        compress(b"\x81\xa6models\x07"),
        compress(b"\xdf\xff\xff\xff\xff"),
        compress(b"\x91" * 100_000),
    ],
)
def test_a_session_whose_beginning_is_damaged_or_newer_says_so(database: Path, content: bytes) -> None:
    with SessionStore(database) as store:
        number = store.begin(MODELS, SAMPLING)
        store.write_turn(number, 0, _turn("Hi", _answer("A"), _answer("B")))
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE comparison_parts SET content = ? WHERE kind = 'opening'", (content,))
    with SessionStore(database) as store, pytest.raises(WrongContent, match="damaged"):
        store.session(number)


def test_what_a_later_nibble_added_is_passed_over(database: Path) -> None:
    class Newer(SessionTurn, frozen=True, kw_only=True):
        mood: str = "blue"

    with SessionStore(database) as store:
        number = store.begin(MODELS, SAMPLING)
        turn = _turn("Hi", _answer("A"), None)
        store.write_turn(number, 0, Newer(prompt="Hi", panes=turn.panes))
        assert store.session(number).turns == (turn,)


def test_sessions_come_back_from_a_damaged_database(database: Path) -> None:
    turns = [_turn(f"Prompt {turn}", _answer("A" * 3000), _answer("B")) for turn in range(8)]
    with SessionStore(database) as store:
        number = store.begin(MODELS, SAMPLING)
        for place, turn in enumerate(turns):
            store.write_turn(number, place, turn)
        store.append_piece(number, 8, 0, "Half a word")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        [root] = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'comparisons'"
        ).fetchone()
        [size] = connection.execute("PRAGMA page_size").fetchone()
    with database.open("r+b") as file:  # the page of the list
        file.seek((root - 1) * size)
        file.write(b"\xa5" * size)
    database.with_name("nibble.db-damaged").touch()
    assert recover_if_damaged(database) is not None
    with SessionStore(database) as store:
        [head] = store.sessions()
        read = store.session(head.id)
        assert store.begin(MODELS, SAMPLING) > number, "numbers are not given twice"
    assert (head.title, head.models) == ("Prompt 0", ("Bard Q4_K_M", "Bard Q8_0"))
    assert list(read.turns[:8]) == turns
    assert read.turns[8].panes[0].answer.text == "Half a word"
