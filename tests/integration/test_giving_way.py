"""Chat and Compare share one memory: who is idle gives way, who answers does not."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from app.chat import AnswerDelta, ChatEngine, ConversationStore
from app.compare import Comparison
from app.core.errors import TooLittleMemory
from app.core.jobs import CancelToken, Emitted, Job, JobControl
from app.gguf import read_facts
from app.hardware import Cpu, Machine, Memory
from app.memory import Keeper, estimate
from app.runtime import LoadSettings, Sampling
from tests.helpers.conversations import answer, new_conversation
from tests.helpers.tiny_gguf import write_random_model

SHORT = Sampling(temperature=0, max_tokens=8)
ENDLESS = Sampling(temperature=0)
SETTINGS = LoadSettings(context_length=4096)


class Computer:
    """A small computer on which `free` bytes are left beside this test's workers, as Linux counts them: pages of a
    mapped file are available."""

    def __init__(self, free: int) -> None:
        self.free = free

    def read(self) -> Machine:
        used = 0
        for child in psutil.Process().children():
            memory = child.memory_info()
            used += memory.rss - getattr(memory, "shared", 0)
        return Machine(Cpu("any", 2, 2), Memory(16_000_000_000, max(self.free - used, 0)))


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """222 MB of weights."""
    return write_random_model(tmp_path_factory.mktemp("big") / "big.gguf", parameters=100_000_000)


@pytest.fixture
def computer() -> Computer:
    return Computer(8_000_000_000)


@pytest.fixture
def keeper(database: Path, computer: Computer) -> Keeper:
    return Keeper(database, computer.read)


@pytest.fixture
def chat(database: Path, keeper: Keeper) -> Iterator[ChatEngine]:
    engine = ChatEngine(database, keeper)
    yield engine
    engine.close()


@pytest.fixture
def compare(keeper: Keeper) -> Iterator[Callable[..., Comparison]]:
    made: list[Comparison] = []

    def make(*paths: Path) -> Comparison:
        made.append(Comparison(paths, SHORT, keeper))
        return made[-1]

    yield make
    for each in made:
        each.close()


def load(chat: ChatEngine, path: Path) -> None:
    chat.load(path, JobControl(CancelToken(), lambda event: None))


def texts(comparison: Comparison) -> list[str]:
    return [each.text for each in comparison.ask("hello", JobControl(CancelToken(), lambda event: None))]


def need(path: Path) -> int:
    return estimate(read_facts(path), SETTINGS).in_use_bytes


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells mapped pages apart")
def test_what_unloading_gives_back_is_what_the_system_counts_as_the_workers_own(
    chat: ChatEngine, big: Path
) -> None:
    load(chat, big)
    held = chat.held(())
    assert held is not None
    assert held.models == ("Random for speed",)
    status = Path(f"/proc/{chat.worker_pid}/status").read_text()
    own = int(status.split("RssAnon:")[1].split()[0]) * 1024
    assert held.freed_bytes == pytest.approx(own, abs=2_000_000)
    # The weights are mapped, and with them the libraries.
    assert held.mapped_bytes > read_facts(big).tensor_bytes * 0.95
    assert held.memory_bytes == pytest.approx(psutil.Process(chat.worker_pid).memory_info().rss, rel=0.02)


def test_compare_unloads_chats_idle_model_where_only_then_there_is_room(
    chat: ChatEngine,
    compare: Callable[..., Comparison],
    computer: Computer,
    store: ConversationStore,
    big: Path,
) -> None:
    load(chat, big)
    both = compare(big, big)
    computer.free = 2 * need(big) + 50_000_000
    before = texts(both)
    assert chat.loaded_path is None
    assert all(before)
    # And the conversation goes on afterwards, in the place of what was compared.
    conversation = new_conversation(store, big, "hello")
    message = answer(chat, conversation)
    assert message is not None
    assert message.text
    assert both.worker_pids == (None, None)
    for index in (0, 1):
        both.set_conversation(index, [])
    assert texts(both) == before


def test_compare_leaves_chats_model_alone_where_there_is_room_beside_it(
    chat: ChatEngine, compare: Callable[..., Comparison], tiny: Path, ending: Path
) -> None:
    load(chat, tiny)
    pid = chat.worker_pid
    assert all(texts(compare(tiny, ending)))
    assert chat.worker_pid == pid


def test_model_that_is_answering_in_chat_is_not_unloaded(
    chat: ChatEngine,
    compare: Callable[..., Comparison],
    computer: Computer,
    store: ConversationStore,
    big: Path,
) -> None:
    conversation = new_conversation(store, big, "hello", sampling=ENDLESS)
    refusals: list[TooLittleMemory] = []
    both = compare(big, big)

    def listen(event: object) -> None:
        if isinstance(event, Emitted) and isinstance(event.value, AnswerDelta) and not refusals:
            computer.free = need(big)  # of which Chat's worker has some
            with pytest.raises(TooLittleMemory) as caught:
                texts(both)
            refusals.append(caught.value)
            job.cancel()

    job = Job("answer", lambda control: chat.answer(conversation, control), listen).start()
    message = job.result(60)
    assert message is not None
    assert message.text
    assert "Chat's model would have to be unloaded" in refusals[0].message
    assert refusals[0].hint.startswith("Wait")
    assert both.worker_pids == (None, None)
    # Now that it has answered, it may go.
    computer.free = 2 * need(big) + 50_000_000
    assert all(texts(both))
    assert chat.loaded_path is None


def test_next_model_of_chat_is_credited_with_the_one_it_replaces(
    chat: ChatEngine, computer: Computer, big: Path, tmp_path: Path
) -> None:
    load(chat, big)
    again = tmp_path / "again.gguf"
    again.hardlink_to(big)
    computer.free = need(big)
    load(chat, again)
    assert chat.loaded_path == again


def test_loaded_model_of_chat_stays_where_the_next_one_does_not_fit(
    chat: ChatEngine, computer: Computer, tiny: Path, big: Path
) -> None:
    load(chat, tiny)
    pid = chat.worker_pid
    computer.free = need(big) - 50_000_000
    with pytest.raises(TooLittleMemory, match="big needs about"):
        load(chat, big)
    assert (chat.loaded_path, chat.worker_pid) == (tiny, pid)
