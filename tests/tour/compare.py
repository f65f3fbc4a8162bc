"""Compare."""

from __future__ import annotations

import os
import signal
import time
from contextlib import AbstractContextManager
from unittest.mock import patch

from app.chat import ConversationStore, MessageState
from app.compare import PaneAnswer
from app.convert import quantize
from app.core.jobs import Job
from app.hardware import Memory
from app.runtime import Sampling
from app.storage import DataFolder
from app.ui import jobs
from app.ui.pages.compare import ComparePage
from app.ui.pages.compare_earlier import EarlierView
from tests.helpers.tiny_gguf import write_tiny_model
from tests.tour.props import BARD, load_in_chat
from tests.tour.stage import PATIENCE_S, Stage, scene

MOON = """# The moon

It is **384,400 km** away on average, and light needs a little more than a second for that.

- It shows us the same side, since it turns once a month.
- It rises some fifty minutes later every day.

Its phases come from how much of the lit side is to be seen from here. They repeat after 29.5 days.
"""


@scene
def compare_empty(stage: Stage) -> None:
    stage.open().show_page("compare")
    settle_compare(stage)


@scene
def compare_one_model(stage: Stage) -> None:
    write_tiny_model(stage.models / "tiny-f16.gguf", type="f16")
    stage.open().show_page("compare")
    settle_compare(stage)


@scene
def compare_set_up(stage: Stage) -> None:
    put_bard(stage, "Q4_K_M", "Q8_0")
    stage.open()
    settle_compare(stage)


@scene
def compare_presets(stage: Stage) -> None:
    put_bard(stage, "Q2_K", "Q4_K_M", "Q8_0")
    stage.open()
    page = settle_compare(stage)
    page.header.presets.click()


@scene
def compare_too_little_memory(stage: Stage) -> None:
    put_bard(stage, "Q4_K_M", "Q8_0")
    stage.open()
    with free_memory(60_000_000):
        page = plan_anew(stage)
        page.composer.set_prompt(PROMPT)
        page.composer.send.click()
        settle_compare(stage)


@scene
def compare_fits_in_turns(stage: Stage) -> None:
    put_bard(stage, "Q4_K_M", "Q8_0")
    stage.open()
    with free_memory(110_000_000):
        plan_anew(stage)


@scene
def compare_plan_with_times(stage: Stage) -> None:
    put_bard(stage, "Q4_K_M", "Q8_0")
    stage.open()
    page = settle_compare(stage)
    page.send(PROMPT)
    stage.wait(lambda: not page.running)
    page.new_comparison()
    page.header.fair.toggle()  # with other threads the models are loaded anew
    plan_anew(stage)


@scene
def compare_answering_one_after_another(stage: Stage) -> None:
    put_bard(stage, "Q4_K_M", "Q8_0")
    stage.open()
    with free_memory(110_000_000):
        page = plan_anew(stage)
        page.send(PROMPT)
        freeze(stage, page)


@scene
def compare_unloads_chats_model(stage: Stage) -> None:
    put_bard(stage, "Q4_K_M", "Q8_0")
    load_in_chat(stage)
    with free_memory(190_000_000):
        plan_anew(stage)


@scene
def compare_waits_for_chat(stage: Stage) -> None:
    put_bard(stage, "Q4_K_M", "Q8_0")
    chat = load_in_chat(stage)
    page = settle_compare(stage)
    chat.send("Tell me all thou knowest.")
    stage.wait(lambda: bool(chat.answering.text))
    with free_memory(60_000_000):
        stage.window.show_page("compare")
        page.planner.work_out([pane.entry for pane in page.panes if pane.entry])
        stage.wait(lambda: "would have to be unloaded" in page.strip.sentence)
        page.composer.set_prompt(PROMPT)
        page.composer.send.click()
        stage.wait(lambda: not page.running)


@scene
def compare_streaming(stage: Stage) -> None:
    put_bard(stage, "Q4_K_M", "Q8_0")
    stage.open()
    page = settle_compare(stage)
    page.send(PROMPT)
    freeze(stage, page)


@scene
def compare_finished(stage: Stage) -> None:
    put_bard(stage, "Q4_K_M", "Q8_0")
    stage.open()
    page = settle_compare(stage)
    page.send(PROMPT)
    settle_compare(stage)


@scene
def compare_token_by_token(stage: Stage) -> None:
    put_bard(stage, "Q4_K_M", "Q8_0")
    stage.open()
    page = settle_compare(stage)
    page.send(PROMPT)
    settle_compare(stage)
    page.strip.tokens_button.click()
    stage.wait(lambda: page.tokens.window is not None)
    settle_compare(stage)


@scene
def compare_line_by_line(stage: Stage) -> None:
    """Answers of a larger model, which the one here is too small for."""
    put_bard(stage, "Q4_K_M", "Q8_0")
    stage.open()
    page = settle_compare(stage)
    page.send("How far away is the moon?")
    settle_compare(stage)
    for pane, text in zip(
        page.panes, (MOON, MOON.replace("384,400", "400,000").replace("rises", "goes up")), strict=True
    ):
        assert pane.turn is not None
        pane.turn.answer.set_text(text)
    page.sessions.leave()
    page.show_outcome()
    settle_compare(stage)
    page.strip.lines_button.click()


@scene
def compare_marked_words(stage: Stage) -> None:
    compare_line_by_line(stage)
    page = settle_compare(stage)
    page.strip.lines_button.click()


@scene
def compare_second_place(stage: Stage) -> None:
    compare_marked_words(stage)
    page = settle_compare(stage)
    page.text.jump(1)
    page.text.jump(1)


@scene
def compare_one_stopped(stage: Stage) -> None:
    for name, seed in (("First", 1), ("Second", 2)):
        write_tiny_model(
            stage.models / f"{name}.gguf", name=name, seed=seed, type="f16", never_ends=True, context=4096
        )
    stage.open()
    page = settle_compare(stage)
    page.composer.max_tokens.setValue(0)
    page.send(PROMPT)
    first, second = (pane.turn for pane in page.panes)
    assert first is not None
    assert second is not None
    stage.wait(lambda: first.tokens > 0 and second.tokens > 0)
    first.stop.click()
    stage.wait(lambda: not first.under_way)
    freeze(stage, page)


@scene
def compare_earlier_ones(stage: Stage) -> None:
    put_bard(stage, "Q4_K_M", "Q8_0")
    stage.open()
    page = settle_compare(stage)
    for prompt in (PROMPT, "What is a king without his crown?"):
        page.send(prompt)
        settle_compare(stage)
        page.new_comparison()
    page.sessions.show_history()


@scene
def compare_what_if(stage: Stage) -> None:
    compare_token_by_token(stage)
    page = settle_compare(stage)
    assert page.tokens.window is not None
    page.tokens.window.choose(4)
    page.tokens.window.go_on[0].click()
    settle_compare(stage)
    page.tokens.drop()


@scene
def compare_follow_up(stage: Stage) -> None:
    put_bard(stage, "Q4_K_M", "Q8_0")
    stage.open()
    page = settle_compare(stage)
    for prompt in (PROMPT, "And what of the king?"):
        page.send(prompt)
        settle_compare(stage)


@scene
def compare_cleared(stage: Stage) -> None:
    put_bard(stage, "Q4_K_M", "Q8_0")
    stage.open()
    page = settle_compare(stage)
    page.composer.max_tokens.setValue(16)
    page.send(PROMPT)
    settle_compare(stage)
    page.new_comparison()


@scene
def compare_pane_failed(stage: Stage) -> None:
    put_bard(stage, "Q4_K_M", "Q8_0")
    stage.open()
    page = settle_compare(stage)
    page.send(PROMPT)
    settle_compare(stage)
    page.send("And what said he to thee?")
    for number, pid in enumerate(freeze(stage, page)):
        os.kill(pid, signal.SIGKILL if number == 0 else signal.SIGCONT)
    settle_compare(stage)


@scene
def compare_three_panes_one_file_gone(stage: Stage) -> None:
    put_bard(stage, "Q2_K", "Q4_K_M", "Q8_0")
    stage.open()
    page = settle_compare(stage)
    page.header.add.click()
    settle_compare(stage)
    (stage.models / "bard-Q4_K_M.gguf").unlink()
    page.send(PROMPT)
    settle_compare(stage)


@scene
def compare_four_panes(stage: Stage) -> None:
    put_bard(stage, "Q2_K", "Q4_K_M", "Q6_K", "Q8_0")
    stage.open()
    page = settle_compare(stage)
    page.compare_models([stage.models / f"bard-{kind}.gguf" for kind in ("Q2_K", "Q4_K_M", "Q6_K", "Q8_0")])
    settle_compare(stage)
    page.send(PROMPT)
    settle_compare(stage)


LADDER = ("Q2_K", "Q3_K_M", "Q4_K_M", "Q6_K", "Q8_0")


@scene
def compare_ladder(stage: Stage) -> None:
    put_bard(stage, *LADDER)
    stage.open()
    page = settle_compare(stage)
    page.compare_models([stage.models / f"bard-{kind}.gguf" for kind in LADDER])
    settle_compare(stage)
    page.send(PROMPT)
    settle_compare(stage)


@scene
def compare_four_panes_in_turns(stage: Stage) -> None:
    put_bard(stage, "Q2_K", "Q4_K_M", "Q6_K", "Q8_0")
    stage.open()
    page = settle_compare(stage)
    page.compare_models([stage.models / f"bard-{kind}.gguf" for kind in ("Q2_K", "Q4_K_M", "Q6_K", "Q8_0")])
    settle_compare(stage)
    page.send(PROMPT)
    freeze(stage, page)


@scene
def compare_identical(stage: Stage) -> None:
    put_bard(stage, "Q4_K_M", "Q8_0")
    stage.open()
    page = settle_compare(stage)
    page.composer.max_tokens.setValue(6)
    page.send(PROMPT)
    settle_compare(stage)


@scene
def compare_markdown(stage: Stage) -> None:
    """What larger models write, in the place of the little one's words."""
    put_bard(stage, "Q4_K_M", "Q8_0")
    stage.open()
    page = settle_compare(stage)
    page.composer.max_tokens.setValue(6)
    page.send(PROMPT)
    settle_compare(stage)
    for pane, last in zip(page.panes, ("seven", "eight"), strict=True):
        pane.turn.finish(PaneAnswer(page.panes[0].entry.path, MARKDOWN + last, pane.turn.statistics))
    page.show_outcome()
    stage.wait(lambda: not page.panes[1].turn.answer.prose.is_reading)


@scene
def compare_from_chat(stage: Stage) -> None:
    put_bard(stage, "Q4_K_M", "Q8_0")
    write_bards_chat(stage)
    page = compare_the_chat(stage)
    page.panes[0].findChild(EarlierView).head.click()


@scene
def compare_from_chat_asked(stage: Stage) -> None:
    put_bard(stage, "Q4_K_M", "Q8_0")
    write_bards_chat(stage)
    page = compare_the_chat(stage)
    page.send("And what of the king?")
    settle_compare(stage)


@scene
def compare_menu_in_chat(stage: Stage) -> None:
    put_bard(stage, "Q2_K", "Q4_K_M", "Q8_0")
    write_bards_chat(stage)
    chat = stage.open().show_page("chat")
    stage.wait(lambda: not jobs.running())
    buttons = chat.column.answers()[-1].buttons
    buttons.compare.click()


# Props


def write_bards_chat(stage: Stage) -> None:
    """A conversation with Bard in Q4_K_M."""
    with ConversationStore(DataFolder(stage.root / "home").create().database) as store:
        model = stage.models / "bard-Q4_K_M.gguf"
        identity = store.create(
            model, Sampling(temperature=0.6, seed=45, max_tokens=64), "Speak as a king."
        ).id
        for prompt, said in (
            ("Who art thou?", "I am thy father's spirit, doom'd for a certain term to walk the night."),
            (PROMPT, "Speak, then, and be brief; the morning comes."),
        ):
            store.add_prompt(identity, prompt)
            writer = store.begin_answer(identity, "Bard", "Q4_K_M")
            writer.append(said)
            writer.finish(MessageState.COMPLETE)


def compare_the_chat(stage: Stage) -> ComparePage:
    chat = stage.open().show_page("chat")
    stage.wait(lambda: not jobs.running())
    next(action for action in chat.actions() if action.text().startswith("Compare this chat")).trigger()
    stage.wait(lambda: not jobs.running())
    page = stage.window.show_page("compare")
    assert isinstance(page, ComparePage)
    stage.wait(lambda: not jobs.running())
    return page


MARKDOWN = """## Two ways

1. Ask the **king**; see [the play](http://example.org).
2. Wait for $n^2$ days.

```python
def wait(days: int) -> None:
    return days ** 2
```

| way | days |
|-----|-----:|
| ask | 1 |

> To be, or not.

They are """
PROMPT = "My lord, I come to tell thee what I saw."


def settle_compare(stage: Stage) -> ComparePage:
    page = stage.window.show_page("compare")
    assert isinstance(page, ComparePage)
    stage.wait(lambda: not jobs.running())
    if not any(pane.turns for pane in page.panes):
        page.composer.temperature.setValue(0.6)  # a prompt and a chance at which the little model is eloquent
        page.composer.seed.setValue(45)
    return page


def free_memory(size: int) -> AbstractContextManager[object]:
    """So much is free on this computer, whatever is loaded."""
    return patch("app.hardware.live.read_memory", lambda: Memory(16_000_000_000, size))


def plan_anew(stage: Stage) -> ComparePage:
    """Compare, with the plan for what is free now."""
    page = settle_compare(stage)
    page.planner.work_out([pane.entry for pane in page.panes if pane.entry])
    return settle_compare(stage)


def freeze(stage: Stage, page: ComparePage) -> list[int]:
    """Holds the workers in the middle of their answers, however fast they are; returns their processes."""
    stage.wait(lambda: any(pane.turn is not None and pane.turn.tokens > 40 for pane in page.panes))
    return hold_workers(stage, page)


def hold_workers(stage: Stage, page: ComparePage) -> list[int]:
    comparison = page.engine.comparison
    assert comparison is not None
    held = [pid for pid in comparison.worker_pids if pid is not None]
    for pid in held:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(0.1)
    stage.application.processEvents()
    return held


def put_bard(stage: Stage, *kinds: str) -> None:
    """Quantizations of Bard, or of a tiny random model; made once for all pictures."""
    source = (
        BARD if BARD.exists() else write_tiny_model(stage.root / "bard-bf16.gguf", type="bf16", name="Bard")
    )
    kept = stage.root.parent / "bard"
    for kind in kinds:
        made = kept / f"bard-{kind}.gguf"
        if not made.exists():
            Job("quantize", lambda control, kind=kind: quantize(source, kind, kept, control)).start().result(
                PATIENCE_S
            )
        os.link(made, stage.models / made.name)


@scene
def compare_own_settings(stage: Stage) -> None:
    put_bard(stage, "Q4_K_M", "Q8_0")
    stage.open()
    page = settle_compare(stage)
    page.composer.max_tokens.setValue(24)
    page.composer.same.click()
    page.panes[1].settings.temperature.setValue(0.2)
    page.panes[1].settings.seed.setValue(7)
    page.send(PROMPT)
    settle_compare(stage)


@scene
def compare_one_alone(stage: Stage) -> None:
    put_bard(stage, "Q4_K_M", "Q8_0")
    stage.open()
    page = settle_compare(stage)
    page.composer.max_tokens.setValue(24)
    page.composer.show_system_prompt("You speak as a bard does: briefly, and in verse.")
    page.send(PROMPT)
    settle_compare(stage)
    page.composer.target.setCurrentIndex(1)
    page.send("And what of the sun?")
    settle_compare(stage)
