"""Reports of a comparison: all of it is there, nothing in it does anything, nothing is fetched."""

from __future__ import annotations

import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from app.compare.report import write_report
from app.compare.session import (
    BlindTest,
    LeftFrom,
    MeasuredDivergence,
    PaneTurn,
    Session,
    SessionAnswer,
    SessionModel,
    SessionTurn,
)
from app.core.errors import WrongChoice
from app.runtime import GenerationStatistics, Sampling
from app.runtime.protocol import TokenDivergence, TokenProbability, TokenView

HOSTILE = '<script>alert(1)</script> \u202e[x](javascript:alert(2)) ![p](http://example.org/p.png) & "quoted"'
STATISTICS = GenerationStatistics(
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


def view(*chances: float) -> TokenView:
    likeliest = tuple(
        TokenProbability(token=number, text=f"w{number}".encode(), log_probability=math.log(chance))
        for number, chance in enumerate(chances)
    )
    return TokenView(log_probability=math.log(chances[0]), rank=0, likeliest=likeliest)


def token(text: bytes, divergence: float, other: TokenView | None = None) -> TokenDivergence:
    return TokenDivergence(
        token=0, text=text, kl_divergence=divergence, reference=view(0.9, 0.1), other=other or view(0.8, 0.2)
    )


def flipped() -> TokenView:
    return TokenView(
        log_probability=math.log(0.2),
        rank=1,
        likeliest=(TokenProbability(token=9, text=b"<b>", log_probability=math.log(0.8)),),
    )


def session(text: str = "It is **five**.", name: str = "Bard") -> Session:
    models = tuple(
        SessionModel(
            name=name, quantization=kind, path="/models/x.gguf", file_bytes=size, bits_per_weight=bits
        )
        for kind, size, bits in (("Q8_0", 8_000_000, 8.5), ("Q2_K", 3_000_000, 3.2))
    )
    answers = (
        SessionAnswer(text=text, statistics=STATISTICS, tokens=(1, 2, 3), start=1),
        SessionAnswer(text="It is six.", statistics=STATISTICS, left_from=LeftFrom(answer=0, token=2)),
    )
    coffee = "café".encode()
    tokens = (token(coffee[:4], 0.0), token(coffee[4:], 0.5), token(b" <i>", 1.5, flipped()))
    panes = tuple(PaneTurn(answers=(each,)) for each in answers)
    failed = PaneTurn(answers=(SessionAnswer(text="", problem="The model died.", hint="Again."),))
    return Session(
        id=1,
        title=f"What is two and three? {name}",
        models=models,
        created_at=1e9,
        changed_at=1e9,
        sampling=Sampling(temperature=0.3, seed=7, max_tokens=64),
        turns=(
            SessionTurn(prompt=f"What is two and three? {text}", panes=panes),
            SessionTurn(prompt="And now?", panes=(failed, None)),
        ),
        divergences=(
            MeasuredDivergence(turn=0, answer=0, written_by=0, reference=0, other=1, tokens=tokens),
        ),
        blind_tests=(BlindTest(seed=1, turns=(0, 1), votes=(0, 0, 1, "tie", "both bad"), prompt_set="Sums"),),
    )


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def page(tmp_path: Path, shown: Session) -> Page:
    target = tmp_path / "report.html"
    write_report(shown, target)
    return Page(target.read_text())


def test_report_has_answers_figures_and_what_differs(tmp_path: Path) -> None:
    made = page(tmp_path, session())
    for words in (
        *("Bard Q8_0", "8.50", "What is two and three?", "12.5", "The model died."),
        *("temperature 0.3, seed 7", "What if: another token at 3"),
    ):
        assert words in made.text, words
    marks = re.findall(r"<mark>(.*?)</mark>", (tmp_path / "report.html").read_text())
    assert marks == ["**five**", "six"]
    # Mean of 0, 0.5 and 1.5; one of three places is a flip.
    assert "0.667" in made.text
    assert "66.7 % of 3 places" in made.text
    assert "In 5 prompts you preferred Bard Q8_0 2 times and Bard Q2_K once" in made.text


def test_pictures_are_in_the_page_and_tell_each_token(tmp_path: Path) -> None:
    made = page(tmp_path, session())
    bars = [attributes for tag, attributes in made.tags if tag == "rect" and attributes.get("width") == "0.8"]
    assert [bar["fill"] for bar in bars] == ["var(--bar)", "var(--bar)", "var(--flip)"]
    heights = [float(bar["height"] or 0) for bar in bars]
    assert heights[0] < heights[1] < heights[2]
    tips = [attributes["title"] or "" for _, attributes in made.tags if "title" in attributes]
    assert any("w0 90.0 %" in tip and "<b> 80.0 %" in tip for tip in tips)


@pytest.mark.parametrize("shown", [session(HOSTILE), session(name=HOSTILE)], ids=["answer", "name"])
def test_nothing_in_a_report_does_anything(tmp_path: Path, shown: Session) -> None:
    made = page(tmp_path, shown)
    tags = {tag for tag, _ in made.tags}
    assert not tags & {"script", "img", "iframe", "object", "link", "form", "b", "i"}
    for _, attributes in made.tags:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href"):
            assert not (attributes.get(name) or "").startswith(("javascript:", "data:", "file:"))
    policy = next(attributes for tag, attributes in made.tags if "http-equiv" in attributes)
    assert "default-src 'none'" in (policy["content"] or "")


def test_long_lines_and_impossible_numbers_are_written(tmp_path: Path) -> None:
    shown = session("x" * 1_000_000)
    tokens = (token(b"x", math.inf), token(b"y", math.nan))
    measured = msgspec.structs.replace(shown.divergences[0], tokens=tokens)
    made = page(tmp_path, msgspec.structs.replace(shown, divergences=(measured,)))
    assert "\N{INFINITY}" in made.text


def test_json_has_all_of_it(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    write_report(session(), target)
    made = json.loads(target.read_text())
    assert made["models"][0] == {
        "model": "Bard",
        "quantization": "Q8_0",
        "path": "/models/x.gguf",
        "file_bytes": 8_000_000,
        "bits_per_weight": 8.5,
        "parameters": None,
    }
    first, second = (pane["answers"][0] for pane in made["turns"][0]["panes"])
    assert (first["text"], first["answer_tokens"], first["tokens_per_s"]) == ("It is **five**.", [2, 3], 12.5)
    assert second["left_from"] == {"answer": 0, "token": 2}
    assert made["turns"][1]["panes"][1] is None
    divergence = made["divergences"][0]
    assert divergence["kl_divergence"]["mean"] == pytest.approx(2 / 3)
    assert (divergence["flips"], divergence["first_flip_token"]) == (1, 2)
    assert divergence["tokens"][2]["other"]["likeliest"][0]["text"] == "<b>"
    assert [each["wins"] for each in made["blind_tests"][0]["preferred"]] == [2, 1]


def test_a_name_without_a_known_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongChoice, match=r"report\.txt"):
        write_report(session(), tmp_path / "report.txt")
    assert not list(tmp_path.iterdir())
