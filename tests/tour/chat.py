"""Chat: conversations and answers."""

from __future__ import annotations

import json
import os
import signal
import time
from unittest.mock import patch

from app.chat import ConversationStore, Message, MessageState
from app.runtime import GenerationStatistics, Sampling, ToolCall
from app.storage import DataFolder, transaction
from app.ui import jobs
from app.ui.pages.chat import ChatPage
from app.ui.pages.chat_messages import AnswerView, PromptBubble
from tests.helpers.scripted_gguf import THINKING_TEMPLATE, write_scripted_model
from tests.helpers.tiny_gguf import CHATML, write_tiny_model
from tests.tour.props import (
    open_chat,
    put_bard_file,
    put_models,
    say,
    scroll_drawer,
    settle_chat,
    shared_big_model,
)
from tests.tour.stage import CannotPlay, Stage, scene


@scene
def chat_no_models(stage: Stage) -> None:
    with patch("resources.guide_checkpoint", lambda: stage.root / "nothing here"):
        stage.open()
        settle_chat(stage)


@scene
def chat_choose_a_model(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    settle_chat(stage).pick_model()


@scene
def chat_ready(stage: Stage) -> None:
    open_chat(stage)


@scene
def chat_filled(stage: Stage) -> None:
    write_conversations(stage)
    put_models(stage)
    stage.open()
    settle_chat(stage)


@scene
def chat_scrolled_up(stage: Stage) -> None:
    write_conversations(stage)
    put_models(stage)
    stage.open()
    settle_chat(stage).column.verticalScrollBar().setValue(0)


@scene
def chat_search(stage: Stage) -> None:
    write_conversations(stage)
    put_models(stage)
    stage.open()
    page = settle_chat(stage)
    page.list_controls.field.setText("dates")
    stage.wait(lambda: any(line.message for line in page.list.lines) and not jobs.running())


@scene
def chat_pinned(stage: Stage) -> None:
    write_conversations(stage)
    put_models(stage)
    stage.open()
    page = settle_chat(stage)
    page.list.pin_asked.emit(page.list.lines[2].id)


@scene
def chat_renaming(stage: Stage) -> None:
    write_conversations(stage)
    put_models(stage)
    stage.open()
    page = settle_chat(stage)
    page.list.edit(page.list.model().index(1, 0))


@scene
def chat_versions(stage: Stage) -> None:
    page = open_edited_chat(stage)
    page.column.verticalScrollBar().setValue(0)


@scene
def chat_rich(stage: Stage) -> None:
    show_answer(stage, RICH)


@scene
def chat_hostile(stage: Stage) -> None:
    show_answer(stage, HOSTILE)


RICH = r'''## Two ways to the same number

The **golden ratio** is $\varphi = \frac{1 + \sqrt{5}}{2}$, [defined](http://example.org) by

$$
\varphi = 1 + \frac{1}{\varphi}, \qquad A = \begin{pmatrix} 1 & 1 \\ 1 & 0 \end{pmatrix}
$$

1. With a loop:

   ```python
   def fib(n: int) -> int:
       """The n-th number."""
       a, b = 0, 1
       for _ in range(n):  # never more than two are kept
           a, b = b, a + b
       return a
   ```
2. With the matrix $A^n$, in $O(\log n)$ steps.

- [x] tried
- [ ] measured, for $5 or $10 of electricity

> Both give the same.
>
> > As they must.

| n | `fib(n)` | time |
|--:|---------:|:-----|
| 10 | 55 | 1 µs |
| 90 | 2880067194370816120 | 4 µs |
'''
HOSTILE = (
    "<script>alert(1)</script> <img src='file:///etc/passwd'> ![picture](http://example.org/x.png) "
    "[here](javascript:alert(1))\n\n```js\nif (user !== '\u202eadmin\u2066') { // zero\u200bwidth\n```\n\n"
    + "> " * 200 + "deep\n\n|" + "a|" * 60 + "\n|" + "-|" * 60 + "\n|" + "1|" * 60 + "\n\n"
    + "$\\frac{1}{$ $\\def\\a{\\a\\a}\\a$ " + "\U0001f600" * 200 + "\n\n```\nnever closed"
)  # fmt: skip


def show_answer(stage: Stage, text: str) -> None:
    """A conversation with that answer, and the formulas in it set."""
    write_conversations(stage)
    put_models(stage)
    stage.open()
    page = settle_chat(stage)
    prompt = Message(1, "user", "Show me", MessageState.COMPLETE, 0.0)
    page.column.show_messages([prompt, Message(2, "assistant", text, MessageState.COMPLETE, 0.0)])
    answer = page.column.answers()[-1].prose
    stage.wait(lambda: not answer._unread and not (answer._formulas and answer._formulas._places))
    page.column.verticalScrollBar().setValue(0)


@scene
def chat_editing_a_prompt(stage: Stage) -> None:
    page = open_edited_chat(stage)
    edit(stage, page, page.column.prompts()[-1])


@scene
def chat_editing_an_answer(stage: Stage) -> None:
    page = open_edited_chat(stage)
    edit(stage, page, page.column.answers()[-1])


@scene
def chat_thought(stage: Stage) -> None:
    open_thoughtful_chat(stage).show_drawer(True)


@scene
def chat_thought_unfolded(stage: Stage) -> None:
    for answer in open_thoughtful_chat(stage).column.answers():
        answer.reasoning.head.click()


@scene
def chat_thinking(stage: Stage) -> None:
    page = open_thoughtful_chat(stage)
    page.composer.set_text("And on a leap day?")
    page.composer.send()
    stage.wait(lambda: len(page.answering.reasoning) > 300)


@scene
def chat_tool_calls(stage: Stage) -> None:
    """The first card is unfolded."""
    write_conversations(stage)
    put_models(stage)
    stage.open()
    page = settle_chat(stage)
    weather = {"city": "Trondheim", "days": [1, 2, 3], "units": {"temperature": "°C", "wind": "m/s"}}
    calls = (
        ToolCall("get_weather", json.dumps(weather, ensure_ascii=False)),
        ToolCall("read_calendar", "{}"),
        ToolCall("write_file_with_a_name_that_is_much_longer_than_any_card_" * 3, '{"text": '),
    )
    page.column.show_messages(
        [
            Message(1, "user", "What should I pack?", MessageState.COMPLETE, 0.0),
            Message(
                2,
                "assistant",
                "Let me look at the weather first.",
                MessageState.COMPLETE,
                0.0,
                "Tool 8B",
                "Q4_K_M",
                tool_calls=calls,
            ),
        ]
    )
    page.column.answers()[-1].tool_calls.cards[0].head.click()
    page.column.scroll_to_end()


@scene
def chat_full(stage: Stage) -> None:
    open_full_chat(stage)


@scene
def chat_full_and_gone_on(stage: Stage) -> None:
    page = open_full_chat(stage)
    card = page.column.fault_card()
    assert card is not None
    card.buttons[0].click()
    settle_chat(stage)


@scene
def chat_full_settings(stage: Stage) -> None:
    page = open_full_chat(stage)
    page.show_drawer(True)
    scroll_drawer(page, 200)


@scene
def chat_loading(stage: Stage) -> None:
    source = shared_big_model(stage)
    stage.open()
    page = settle_chat(stage)
    page.open_model(source)
    page.composer.set_text("A question asked before the model is there")
    page.composer.send()
    stage.wait(lambda: page.column.live is not None and not page.column.live.waiting.isHidden())


@scene
def chat_streaming(stage: Stage) -> None:
    write_conversations(stage)
    page = open_chat(stage)
    start(stage, page)
    page.composer.set_text("What I will ask next, while I wait for the end")


@scene
def chat_stopped(stage: Stage) -> None:
    page = open_chat(stage)
    start(stage, page)
    page.composer.stop_button.click()
    settle_chat(stage)


@scene
def chat_worker_killed(stage: Stage) -> None:
    page = open_chat(stage)
    start(stage, page)
    os.kill(page.answering.worker_pid or 0, signal.SIGKILL)
    settle_chat(stage)
    card = page.column.fault_card()
    if card is None:
        raise CannotPlay("the answer was there before the runtime was killed")
    card.toggle_log()
    stage.application.processEvents()
    page.column.scroll_to_end()


@scene
def chat_file_gone(stage: Stage) -> None:
    page = open_chat(stage)
    say(stage, page, "Who goes there?", 20)
    assert page.model is not None
    page.model.unlink()
    worker = page.answering.worker_pid or 0
    os.kill(worker, signal.SIGKILL)
    os.waitid(os.P_PID, worker, os.WEXITED | os.WNOWAIT)  # else the question may meet one that is dying
    say(stage, page, "And who else?", 20)


@scene
def chat_file_gone_and_in_memory(stage: Stage) -> None:
    page = open_chat(stage)
    say(stage, page, "Who goes there?", 20)
    assert page.model is not None
    page.model.unlink()
    page.known.look(page.model)
    say(stage, page, "And who else?", 20)


@scene
def chat_deleted(stage: Stage) -> None:
    write_conversations(stage)
    put_models(stage)
    stage.open()
    page = settle_chat(stage)
    page.delete_conversation(page.list.lines[1].id)


@scene
def chat_with_a_long_prompt(stage: Stage) -> None:
    page = open_chat(stage)
    page.composer.set_text(
        "\n".join(f"Line {number} of something pasted from elsewhere" for number in range(20))
    )
    stage.wait(lambda: page.composer.height() > page.composer.field.height())


# Props


THOUGHTS = """The person asks for the days between two dates of one year.

From 3 March to 3 April are 31 days, since March has 31. To 3 May 30 more, which is 61. To 3 June 31 more: 92. \
From 3 June to 19 June are 16.

92 + 16 = 108. No 29 February lies between, so it does not matter which year it is."""
"""What a model may think before an answer."""


def open_edited_chat(stage: Stage) -> ChatPage:
    """Its last prompt has three versions, the last answer two."""
    write_conversations(stage)
    put_models(stage)
    with ConversationStore(DataFolder(stage.root / "home").database) as store:
        conversation = store.conversations()[0].id
        last = [message for message in store.messages(conversation) if message.role == "user"][-1]
        for text in ("The same in one sentence?", "The same, but for a child of six?"):
            edited = store.edit(last.id, text)
        for text in (
            "Yes.",
            "A cache is a box in which the model keeps what it has read, so it need not read again.",
        ):
            write_answer(store, conversation, text, MessageState.STOPPED)
        assert edited.siblings
    stage.open()
    return settle_chat(stage)


def edit(stage: Stage, page: ChatPage, view: AnswerView | PromptBubble) -> None:
    view.buttons.edit.click()
    settled_at = time.monotonic() + 0.2  # the field finds its height, then each part around it
    stage.wait(lambda: time.monotonic() > settled_at)
    page.column.scroll_to_end()


def open_thoughtful_chat(stage: Stage) -> ChatPage:
    """A conversation with a model that thinks first; what it thinks next has no end."""
    template = THINKING_TEMPLATE + "{# reasoning_effort #}"
    path = write_tiny_model(
        stage.models / "thinker.gguf",
        name="Thinker 8B",
        context=4096,
        chat_template=template,
        never_ends=True,
    )
    with ConversationStore(DataFolder(stage.root / "home").create().database) as store:
        conversation = store.create(path, Sampling(temperature=0.6))
        store.add_prompt(conversation.id, "How many days are between the 3rd of March and the 19th of June?")
        writer = store.begin_answer(conversation.id, "Thinker 8B", "F32")
        writer.append(THOUGHTS, "reasoning")
        writer.append("There are **108 days** from 3 March to 19 June.")
        store.end_answer(writer.message_id, MessageState.COMPLETE, None, 12.4)
    stage.open()
    return settle_chat(stage)


def open_full_chat(stage: Stage) -> ChatPage:
    """A conversation that does not fit into the context, with a question that was refused for it."""
    path = write_scripted_model(
        stage.models / "brief.gguf", "Yes, now.", chat_template=CHATML, name="Brief 8B"
    )
    with ConversationStore(DataFolder(stage.root / "home").create().database) as store:
        conversation = store.create(path, Sampling(temperature=0.6))
        for prompt, answer in (
            (LONG_PROMPT, ANSWER),
            ("Is it quick?", "Quick enough: one pass over the list."),
        ):
            store.add_prompt(conversation.id, prompt)
            write_answer(store, conversation.id, answer, MessageState.COMPLETE)
    stage.open()
    page = settle_chat(stage)
    say(stage, page, "Can I run it as it is?", 60)
    return page


def start(stage: Stage, page: ChatPage) -> None:
    """Asks for what Bard has a long answer to, and waits until a good part of it is there."""
    for name, value in (("temperature", 1.2), ("repeat_penalty", 1.1)):
        page.drawer.samplers.fields[name].setValue(value)
    page.drawer.samplers.random_seed.setChecked(False)
    page.drawer.samplers.seed.setValue(0)  # one with a long answer
    page.composer.set_text("Speak to me of love, and of the sea that parted us.")
    page.composer.send()
    stage.wait(lambda: len(page.answering.text) > 80 or not jobs.running())


def write_conversations(stage: Stage) -> None:
    """What a person who has used Nibble for a while has in the list."""
    database = DataFolder(stage.root / "home").create().database
    bard, tiny = stage.models / "bard-bf16.gguf", stage.models / "tiny-f16.gguf"
    put_bard_file(bard)
    day = 86_400
    with ConversationStore(database) as store:
        for title, answer, model, age in (
            ("What did the Romans ever do for us?", "Roads.", tiny, 400 * day),
            ("Haiku about the sea", "Waves.", bard, 40 * day),
            ("Explain entropy to a five-year-old who likes trains", "Rooms get messy.", bard, 3 * day),
            ("Rename files by date in a shell", "Use `mv`.", tiny, day),
            ("Packing list for a week in Norway in October", ANSWER, bard, 7200),
            ("Sort a list of dates in Python", ANSWER, bard, 240),
        ):
            conversation = store.create(model, Sampling())
            store.add_prompt(conversation.id, title)
            if answer is ANSWER:
                write_answer(store, conversation.id, "Here is a first idea.", MessageState.CUT_OFF)
                store.add_prompt(conversation.id, LONG_PROMPT)
            write_answer(store, conversation.id, answer, MessageState.COMPLETE)
            with transaction(store._connection) as connection:
                connection.execute(
                    "UPDATE conversations SET updated_at = ? WHERE id = ?",
                    (time.time() - age, conversation.id),
                )


def write_answer(store: ConversationStore, conversation: int, text: str, state: MessageState) -> None:
    writer = store.begin_answer(conversation, "Bard", "BF16")
    writer.append(text)
    figures = GenerationStatistics(
        prompt_tokens=184,
        evaluated_tokens=61,
        tokens=212,
        prompt_s=0.4,
        prompt_tokens_per_s=152.0,
        time_to_first_token_s=0.43,
        tokens_per_s=38.24,
        memory_bytes=812_000_000,
        seed=42,
        finish_reason="stop",
    )
    writer.finish(state, figures if state is MessageState.COMPLETE else None)


LONG_PROMPT = """I have a list of dates as text, like "3 March 2024" and "2024-03-05", in no order.

Please sort them without any package from outside, and say what happens with those that cannot be read."""
ANSWER = """## Sorting mixed dates

The **standard library** is enough. Try each format in turn, and keep what *cannot* be read:

```python
from datetime import datetime

FORMATS = ("%Y-%m-%d", "%d %B %Y")

def read(text: str) -> datetime | None:
    for form in FORMATS:
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    return None  # nobody knows what this was, so it goes to the end of the list with the others
```

1. Dates that can be read are sorted by `datetime`.
2. The others stay in their order, at the end:
   - `"soon"` is not a date
   - neither is `"31 June"`

| Text | Read as | Place |
| --- | --- | --: |
| 3 March 2024 | 2024-03-03 | 1 |
| 2024-03-05 | 2024-03-05 | 2 |
| soon | nothing | 3 |

> A format that is tried first wins, so put the strictest one in front.

See [the manual](https://docs.python.org/3/library/datetime.html) for all the letters. ![chart](/etc/hostname)
<b>This is not bold</b>, since HTML in answers is shown as it is."""
