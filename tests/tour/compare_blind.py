"""The blind test of Compare."""

from __future__ import annotations

import os
import signal

from app.compare.ballot import PromptState
from app.ui.pages.compare import ComparePage
from app.ui.pages.compare_blind import BlindTests
from tests.tour.compare import free_memory, hold_workers, plan_anew, put_bard, settle_compare
from tests.tour.stage import Stage, scene

PROMPTS = (
    "My lord, I come to tell thee what I saw.",
    "Who goes there?",
    "What news from the king?",
    "Speak of love and of the sea.",
    "Good morrow.",
    "The crown is lost.",
)


@scene
def compare_blind_setup(stage: Stage) -> None:
    set_up(stage)


@scene
def compare_blind_bad_file(stage: Stage) -> None:
    blind = set_up(stage)
    path = stage.root / "holiday.toml"
    path.write_text("prompt = 3", "utf-8")
    blind.setup.files_chosen.emit([path])
    settle_compare(stage)


@scene
def compare_blind_running(stage: Stage) -> None:
    blind = begin(stage, wait=False)
    hold(stage, blind)


@scene
def compare_blind_voting(stage: Stage) -> None:
    begin(stage)


@scene
def compare_blind_voted(stage: Stage) -> None:
    blind = begin(stage)
    blind.voting.vote_at(0)
    blind.voting.turn_page(-1)


@scene
def compare_blind_four(stage: Stage) -> None:
    begin(stage, "Q2_K", "Q4_K_M", "Q6_K", "Q8_0")


@scene
def compare_blind_failed(stage: Stage) -> None:
    blind = begin(stage, wait=False)
    held = hold(stage, blind)
    for number, pid in enumerate(held):
        os.kill(pid, signal.SIGKILL if number == 0 else signal.SIGCONT)
    settle_compare(stage)


@scene
def compare_blind_end(stage: Stage) -> None:
    vote(begin(stage))


@scene
def compare_blind_results(stage: Stage) -> None:
    blind = begin(stage)
    vote(blind)
    blind.voting.finish()
    settle_compare(stage)


@scene
def compare_blind_results_by_kind(stage: Stage) -> None:
    blind = set_up(stage, "Q2_K", "Q4_K_M", "Q8_0")
    for row in blind.setup.rows:
        row.box.setChecked(row.prompts.name in ("arithmetic", "names"))
    blind.setup.count.setValue(6)
    run(stage, blind)
    vote(blind)
    blind.voting.finish()
    settle_compare(stage)


@scene
def compare_blind_long_document(stage: Stage) -> None:
    """Some are too long for so small a model."""
    blind = set_up(stage)
    for row in blind.setup.rows:
        row.box.setChecked(row.prompts.name == "long_document")
    run(stage, blind)


@scene
def compare_blind_in_turns(stage: Stage) -> None:
    """The first model answers; the second one has not begun."""
    blind = set_up(stage)
    with free_memory(110_000_000):
        plan_anew(stage)
        blind.setup.max_tokens.setValue(200)
        blind.setup.rows[1].box.setChecked(True)
        blind.setup.start.click()
        voting = blind.voting
        stage.wait(
            lambda: voting.ballot is not None and sum(len(voting.ballot.missing(n)) < 2 for n in range(9)) > 3
        )
        hold_workers(stage, compare_page(stage))


# Props


def set_up(stage: Stage, *kinds: str) -> BlindTests:
    kinds = kinds or ("Q4_K_M", "Q8_0")
    put_bard(stage, *kinds)
    stage.open()
    page = settle_compare(stage)
    page.compare_models([stage.models / f"bard-{kind}.gguf" for kind in kinds])
    settle_compare(stage)
    page.composer.set_prompt(PROMPTS[0])
    page.composer.max_tokens.setValue(60)
    page.header.blind.click()
    settle_compare(stage)
    return page.blind


def begin(stage: Stage, *kinds: str, wait: bool = True) -> BlindTests:
    blind = set_up(stage, *kinds)
    path = stage.root / "Lines of plays.txt"
    path.write_text("\n".join(PROMPTS), "utf-8")
    blind.setup.files_chosen.emit([path])
    settle_compare(stage)
    for row in blind.setup.rows:
        row.box.setChecked(row.prompts.title == "Lines of plays")
    if not wait:
        blind.setup.max_tokens.setValue(400)
    blind.setup.start.click()
    if wait:
        settle_compare(stage)
    return blind


def hold(stage: Stage, blind: BlindTests) -> list[int]:
    """The workers, once one prompt is answered."""
    stage.wait(lambda: blind.voting.ballot is not None and blind.voting.ballot.count(PromptState.READY) > 0)
    return hold_workers(stage, compare_page(stage))


def compare_page(stage: Stage) -> ComparePage:
    page = stage.window.show_page("compare")
    assert isinstance(page, ComparePage)
    return page


def run(stage: Stage, blind: BlindTests) -> None:
    blind.setup.start.click()
    settle_compare(stage)


def vote(blind: BlindTests) -> None:
    for said in (0, 1, 0, "tie", "both bad", 1):
        blind.voting.vote_at(said)
