"""The built-in model at work: what the manual shows, since everybody can make the same."""

from __future__ import annotations

from pathlib import Path

from app.core.jobs import Job
from app.guide import make_guide
from app.storage import DataFolder
from app.ui import jobs
from app.ui.pages.chat import ChatPage
from app.ui.pages.compare import ComparePage
from app.ui.pages.compare_blind import BlindTests
from tests.tour.props import need_guide, settle_chat
from tests.tour.stage import PATIENCE_S, Stage, scene

TOO_MUCH_FOR_TWO_BITS = "Why do small models suffer more from quantization?"
QUESTIONS = (
    TOO_MUCH_FOR_TWO_BITS,
    "Is Q2_K any good?",
    "How do I choose between Q4_K_M and Q5_K_M?",
    "What is a KV cache?",
)


@scene
def guide_compared(stage: Stage) -> None:
    ask_both(stage)


@scene
def guide_compared_line_by_line(stage: Stage) -> None:
    ask_both(stage).strip.lines_button.click()


@scene
def guide_compared_token_by_token(stage: Stage) -> None:
    page = ask_both(stage)
    page.strip.tokens_button.click()
    stage.wait(lambda: page.tokens.window is not None and not jobs.running())
    assert page.tokens.window is not None
    page.tokens.window.resize(1000, 480)
    stage.shown = page.tokens.window  # alone: it is a window of its own


@scene
def guide_chatting(stage: Stage) -> None:
    chat(stage)


@scene
def guide_chat_settings(stage: Stage) -> None:
    chat(stage).show_drawer(True)


@scene
def guide_blind_set_up(stage: Stage) -> None:
    begin_blind_test(stage)


@scene
def guide_blind_voting(stage: Stage) -> None:
    blind = begin_blind_test(stage)
    blind.setup.start.click()
    settle(stage)


@scene
def guide_blind_results(stage: Stage) -> None:
    blind = begin_blind_test(stage)
    blind.setup.start.click()
    page = settle(stage)
    for _ in QUESTIONS:
        ballot = blind.voting.ballot
        assert ballot is not None
        blind.voting.vote_at(ballot.order(blind.voting.number).index(0))  # for the eight bits
    page.blind.voting.finish()
    settle(stage)


# Props


def guide_folder(stage: Stage) -> Path:
    return DataFolder(stage.root / "home").create().guide


def make(stage: Stage, *quantizations: str) -> None:
    need_guide()
    folder = DataFolder(stage.root / "home").create()
    Job("make the guide", lambda control: make_guide(folder, quantizations, control)).start().result(
        PATIENCE_S
    )


def chat(stage: Stage) -> ChatPage:
    make(stage, "Q8_0")
    stage.open()
    page = stage.window.show_page("chat")
    assert isinstance(page, ChatPage)
    page.open_model(guide_folder(stage) / "guide-Q8_0.gguf")
    settle_chat(stage)
    page.drawer.samplers.fields["temperature"].setValue(0)
    for prompt in ("What is Q4_K_M?", "What is 48 + 17?"):
        page.composer.set_text(prompt)
        page.composer.send()
        settle_chat(stage)
    return page


def settle(stage: Stage) -> ComparePage:
    page = stage.window.show_page("compare")
    assert isinstance(page, ComparePage)
    stage.wait(lambda: not jobs.running())
    return page


def put_side_by_side(stage: Stage) -> ComparePage:
    make(stage, "Q8_0", "Q2_K")
    stage.open()
    page = settle(stage)
    page.compare_models([guide_folder(stage) / f"guide-{kind}.gguf" for kind in ("Q8_0", "Q2_K")])
    settle(stage)
    page.composer.temperature.setValue(0.6)
    page.composer.seed.setValue(42)
    return page


def ask_both(stage: Stage) -> ComparePage:
    page = put_side_by_side(stage)
    page.send(TOO_MUCH_FOR_TWO_BITS)
    return settle(stage)


def begin_blind_test(stage: Stage) -> BlindTests:
    page = put_side_by_side(stage)
    page.header.blind.click()
    settle(stage)
    path = stage.root / "Questions to the guide.txt"
    path.write_text("\n".join(QUESTIONS), "utf-8")
    page.blind.setup.files_chosen.emit([path])
    settle(stage)
    for row in page.blind.setup.rows:
        row.box.setChecked(row.prompts.title == path.stem)
    return page.blind
