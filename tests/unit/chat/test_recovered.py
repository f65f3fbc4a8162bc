"""A damaged database: noticed, and what is on pages that are whole comes back, word for word."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from app.chat import ConversationStore, MessageState
from app.chat.checksums import are_all_alike
from app.chat.recovered import Recovered, recover_conversations
from app.core.errors import Cancelled, DatabaseDamaged, DataFolderFault, DiskFull, EnvironmentFault
from app.core.jobs import CancelToken, JobControl, Progress
from app.runtime import Sampling
from app.storage import open_database
from app.storage.damage import RECOVERED, is_sound, needs_recovery, note_damage

PAGE = 4096
CONVERSATIONS = 16
SEEDS = (0, 1, 2, 105)
LENGTHS = (3, 20, 300, 3000, 30_000)
"""In marks: from within a page to over many."""

Texts = dict[int, str]


def mark(message_id: int) -> str:
    return f"ß{message_id:03}·"


def write_conversations(
    database: Path, chance: random.Random, conversations: int
) -> tuple[Texts, ConversationStore]:
    """Of eight messages each, and one whose answer is being written. The store is still open."""
    texts: Texts = {}
    store = ConversationStore(database)
    for number in range(conversations - 1):
        conversation = store.create(Path("/models/one.gguf"), Sampling(), f"Be number {number}.")
        for _ in range(4):
            prompt_id = len(texts) + 1
            text = mark(prompt_id) * chance.choice(LENGTHS[:3])
            assert store.add_prompt(conversation.id, text).id == prompt_id
            texts[prompt_id] = text
            writer = store.begin_answer(conversation.id, "One", "Q4_0")
            text = mark(writer.message_id) * chance.choices(LENGTHS, (5, 5, 5, 2, 1))[0]
            writer.append(text)
            writer.finish(MessageState.COMPLETE)
            texts[writer.message_id] = text
    conversation = store.create(Path("/models/one.gguf"), Sampling())
    store.add_prompt(conversation.id, mark(len(texts) + 1))
    texts[len(texts) + 1] = mark(len(texts) + 1)
    writer = store.begin_answer(conversation.id, "One", "Q4_0")
    for _ in range(50):
        writer.append(mark(writer.message_id))
    texts[writer.message_id] = mark(writer.message_id) * 50
    return texts, store


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Texts]:
    folder = tmp_path_factory.mktemp("original")
    texts, store = write_conversations(folder / "nibble.db", random.Random(7), CONVERSATIONS)
    store.close()
    return folder / "nibble.db", texts


@pytest.fixture
def database(tmp_path: Path, original: tuple[Path, Texts]) -> Path:
    return Path(shutil.copy(original[0], tmp_path / "nibble.db"))


def kept_texts(database: Path) -> Texts:
    """Through the store, as the window reads them."""
    with ConversationStore(database) as store:
        return {
            message.id: message.text
            for conversation in store.conversations()
            for message in store.messages(conversation.id)
        }


def pages_of(content: bytes, message_id: int) -> set[int]:
    """Where its text is, found in the file without knowing anything of its format."""
    sign = mark(message_id).encode()
    pages = range(len(content) // PAGE)
    return {page for page in pages if sign in content[page * PAGE : (page + 1) * PAGE]}


def whole_pages_overwritten(content: bytearray, chance: random.Random) -> None:
    for _ in range(chance.randrange(1, 8)):
        start = chance.randrange(len(content) // PAGE) * PAGE
        content[start : start + PAGE] = chance.choice((chance.randbytes(PAGE), bytes(PAGE)))


def stretches_overwritten(content: bytearray, chance: random.Random) -> None:
    for _ in range(chance.randrange(1, 12)):
        length = chance.choice((16, 64, 700, 5000))
        start = chance.randrange(len(content) - length)
        content[start : start + length] = chance.randbytes(length)


def single_bytes_overwritten(content: bytearray, chance: random.Random) -> None:
    for _ in range(chance.randrange(1, 40)):
        content[chance.randrange(len(content))] = chance.randrange(256)


def letters_exchanged(content: bytearray, chance: random.Random) -> None:
    """Within texts, to other letters: the database stays as sound as it was."""
    for _ in range(20):
        place = content.find(mark(chance.randrange(1, 100)).encode())
        content[place + 3] = ord(chance.choice("0123456789"))


def truncated(content: bytearray, chance: random.Random) -> None:
    del content[chance.randrange(len(content)) :]


def first_page_overwritten(content: bytearray, chance: random.Random) -> None:
    content[:PAGE] = chance.randbytes(PAGE)


@pytest.mark.parametrize(
    "harm",
    [
        whole_pages_overwritten,
        stretches_overwritten,
        single_bytes_overwritten,
        letters_exchanged,
        truncated,
        first_page_overwritten,
    ],
)
@pytest.mark.parametrize("seed", SEEDS)
def test_damaged_database_gives_back_every_message_on_whole_pages_and_never_a_wrong_word(
    database: Path, original: tuple[Path, Texts], harm: Callable[[bytearray, random.Random], None], seed: int
) -> None:
    texts = original[1]
    before = database.read_bytes()
    content = bytearray(before)
    harm(content, random.Random(f"{harm.__name__} {seed}"))
    database.write_bytes(content)
    # What the look at all of it does when the window is open.
    if not (is_sound(database) and are_all_alike(database)):
        note_damage(database)
    recovered = recover_conversations(database)
    texts_now = kept_texts(database)
    assert {key: text for key, text in texts_now.items() if texts[key] != text} == {}
    damaged = {
        page
        for page in range(len(before) // PAGE)
        if before[page * PAGE : (page + 1) * PAGE] != content[page * PAGE : (page + 1) * PAGE]
    }
    expected = {key for key in texts if not pages_of(before, key) & damaged}
    assert expected - texts_now.keys() == set()
    if recovered is not None:
        assert recovered.messages >= len(texts_now)
        assert recovered.kept is not None
        assert recovered.kept.read_bytes() == content
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_what_was_committed_to_the_log_alone_is_recovered(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    texts, store = write_conversations(tmp_path / "open" / "nibble.db", random.Random(3), 4)
    with store:  # as a kill leaves it: the log is not in the file yet
        for name in ("nibble.db", "nibble.db-wal"):
            shutil.copy(tmp_path / "open" / name, tmp_path / name)
    database = tmp_path / "nibble.db"
    content = database.read_bytes()
    assert len(tmp_path.joinpath("nibble.db-wal").read_bytes()) > 30 * PAGE
    database.write_bytes(bytes(len(content)))
    note_damage(database)
    recovered = recover_conversations(database)
    assert recovered is not None
    assert recovered.kept is not None
    assert recovered.kept.with_name(f"{recovered.kept.name}-wal").exists()
    assert kept_texts(database) == texts


def test_sound_database_that_was_called_damaged_comes_back_whole(
    database: Path, original: tuple[Path, Texts]
) -> None:
    note_damage(database)
    recovered = recover_conversations(database)
    assert recovered is not None
    assert (recovered.conversations, recovered.messages) == (CONVERSATIONS, len(original[1]))
    assert kept_texts(database) == original[1]
    assert recover_conversations(database) is None  # and is not recovered again


@pytest.mark.parametrize("row_is_lost", [False, True])
def test_answer_that_was_being_written_is_found_cut_off_after_recovery(
    database: Path, original: tuple[Path, Texts], row_is_lost: bool
) -> None:
    answer = len(original[1])
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE messages SET writer = 'nobody' WHERE id = ?", (answer,))
        if row_is_lost:  # all there is of it are its pieces
            connection.execute("DELETE FROM messages WHERE id = ?", (answer,))
    note_damage(database)
    recover_conversations(database)
    with ConversationStore(database) as store:
        store.recover()
        found = [
            message
            for one in store.conversations()
            for message in store.messages(one.id)
            if message.id == answer
        ]
    assert [(one.state, one.text) for one in found] == [(MessageState.CUT_OFF, original[1][answer])]


def test_deleted_conversation_does_not_come_back(database: Path, original: tuple[Path, Texts]) -> None:
    with ConversationStore(database) as store:
        gone = [conversation.id for conversation in store.conversations()[:5]]
        lost = {message.id for conversation in gone for message in store.messages(conversation)}
        for conversation in gone:
            store.delete(conversation)
    content = database.read_bytes()
    for message_id in lost:
        assert pages_of(content, message_id) == set()
    database.write_bytes(os.urandom(PAGE) + content[PAGE:])
    recover_conversations(database)
    assert kept_texts(database).keys() == original[1].keys() - lost


def test_conversation_whose_row_is_lost_is_named_after_its_first_prompt(database: Path) -> None:
    with ConversationStore(database) as store:
        conversation = store.create(Path("/models/one.gguf"), Sampling())
        store.add_prompt(conversation.id, "What is\nlost?")
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("DELETE FROM conversations WHERE id = ?", (conversation.id,))
    note_damage(database)
    recover_conversations(database)
    with ConversationStore(database) as store:
        found = store.conversation(conversation.id)
        assert (found.title, found.model_path) == ("What is lost?", Path("/models/one.gguf"))
        assert [message.text for message in store.messages(conversation.id)] == ["What is\nlost?"]


@pytest.mark.parametrize("content", [b"no database at all", b"SQLite format 3\0", os.urandom(50_000)])
def test_file_that_is_no_database_is_set_aside(tmp_path: Path, content: bytes) -> None:
    database = tmp_path / "nibble.db"
    database.write_bytes(content)
    with pytest.raises(DatabaseDamaged) as caught:
        open_database(database)
    assert "start it again" in caught.value.hint
    recovered = recover_conversations(database)
    assert recovered is not None
    assert (recovered.conversations, recovered.messages) == (0, 0)
    assert recovered.kept is not None
    assert recovered.kept.read_bytes() == content
    assert str(recovered.kept) in recovered.sentence
    assert kept_texts(database) == {}


def test_empty_file_is_told_and_becomes_a_database(tmp_path: Path) -> None:
    database = tmp_path / "nibble.db"
    database.touch()
    recovered = recover_conversations(database)
    assert recovered == Recovered(None, 0, 0)
    assert "empty" in recovered.sentence
    assert recover_conversations(database) is None


def test_damage_that_a_statement_meets_is_a_fault_and_recovered_from_at_the_next_start(
    database: Path, original: tuple[Path, Texts]
) -> None:
    content = bytearray(database.read_bytes())
    for page in pages_of(content, 5):
        content[page * PAGE : (page + 1) * PAGE] = bytes(PAGE)
    database.write_bytes(content)
    assert not needs_recovery(database)  # a look at the beginning of the file does not show it
    with pytest.raises(DatabaseDamaged):
        kept_texts(database)
    recovered = recover_conversations(database)
    assert recovered is not None
    assert 5 not in kept_texts(database)
    assert len(kept_texts(database)) == recovered.messages


def test_name_in_the_schema_that_is_no_text_any_more_is_damage(
    database: Path, original: tuple[Path, Texts]
) -> None:
    content = database.read_bytes()
    assert b"messages_by_parent ON" in content
    database.write_bytes(
        content.replace(b"messages_by_parent ON", b"messages_by_parent XX").replace(
            b"by_parent", b"by_pa\xffent"
        )
    )
    with pytest.raises(DatabaseDamaged):
        kept_texts(database)
    assert recover_conversations(database) is not None
    assert kept_texts(database) == original[1]


def test_message_that_is_not_as_it_was_written_is_not_shown(
    database: Path, original: tuple[Path, Texts]
) -> None:
    content = database.read_bytes()
    database.write_bytes(content.replace(mark(10).encode(), mark(8).encode(), 1))
    assert is_sound(database)
    assert not are_all_alike(database)
    with pytest.raises(DatabaseDamaged, match="not as it was written"):
        kept_texts(database)
    assert recover_conversations(database) is not None
    assert original[1].keys() - kept_texts(database).keys() == {10}


def test_text_that_is_none_any_more_is_met_as_damage(database: Path, original: tuple[Path, Texts]) -> None:
    content = database.read_bytes()
    sign = mark(9).encode()
    database.write_bytes(content.replace(sign, b"\xff" * len(sign)))
    assert not is_sound(database)
    with pytest.raises(DatabaseDamaged):
        kept_texts(database)
    recover_conversations(database)
    assert original[1].keys() - kept_texts(database).keys() == {9}


def test_database_that_another_process_has_open_is_left_alone(database: Path) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path; from app.storage import open_database\n"
            "connection = open_database(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()",
            str(database),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    with holder:
        holder.stdout.readline()
        note_damage(database)
        with pytest.raises(DataFolderFault):
            recover_conversations(database)
        assert [path.name for path in database.parent.glob("nibble-*")] == []
        holder.stdin.close()
    assert recover_conversations(database) is not None


def test_recovery_tells_how_far_it_is(database: Path, original: tuple[Path, Texts]) -> None:
    note_damage(database)
    told: list[Progress] = []
    control = JobControl(CancelToken(), lambda event: told.append(event))  # type: ignore[arg-type]
    assert recover_conversations(database, control) is not None
    stages = {progress.stage: progress.total for progress in told}
    assert len(stages) == 4
    assert max(stages.values()) >= len(original[1])
    for stage in stages:
        done = [progress.done for progress in told if progress.stage == stage]
        assert done == sorted(done)
        assert done[-1] <= stages[stage] or stages[stage] == 0


@pytest.mark.parametrize("stops_at", [1, 3, 6])
def test_recovery_that_is_stopped_leaves_all_as_it_was(
    database: Path, original: tuple[Path, Texts], stops_at: int
) -> None:
    content = database.read_bytes()
    database.write_bytes(os.urandom(PAGE) + content[PAGE:])
    damaged = database.read_bytes()
    cancel, told = CancelToken(), list[object]()

    def listen(event: object) -> None:
        told.append(event)
        if len(told) == stops_at:
            cancel.cancel()

    with pytest.raises(Cancelled):
        recover_conversations(database, JobControl(cancel, listen))
    assert database.read_bytes() == damaged
    assert [path.name for path in database.parent.iterdir() if RECOVERED in path.name] == []
    assert recover_conversations(database) is not None
    assert kept_texts(database) == original[1]


@pytest.fixture
def full_disk(small_disk: Path, original: tuple[Path, Texts]) -> Path:
    """A damaged database on a disk without room for another one."""
    database = small_disk / "nibble.db"
    content = original[0].read_bytes()
    database.write_bytes(bytes(PAGE) + content[PAGE:])
    with (small_disk / "filler").open("wb") as filler:
        free = shutil.disk_usage(small_disk).free
        filler.write(bytes(max(free - len(content) // 2, 0)))
    return database


def test_recovery_without_room_is_a_fault_and_leaves_all_as_it_was(
    full_disk: Path, original: tuple[Path, Texts]
) -> None:
    before = full_disk.read_bytes()
    with pytest.raises(DiskFull):
        recover_conversations(full_disk)
    assert full_disk.read_bytes() == before
    (full_disk.parent / "filler").unlink()
    recovered = recover_conversations(full_disk)
    assert recovered is not None
    assert kept_texts(full_disk) == original[1]


def test_disk_that_runs_full_while_writing_loses_nothing_that_was_written(small_disk: Path) -> None:
    database = small_disk / "nibble.db"
    kept: Texts = {}
    with ConversationStore(database) as store:
        conversation = store.create(Path("/models/one.gguf"), Sampling())
        with pytest.raises(EnvironmentFault):  # noqa: PT012
            while True:
                text = "words " * 2000
                message = store.add_prompt(conversation.id, text)
                kept[message.id] = text
    assert len(kept) > 10
    assert is_sound(database)
    assert recover_conversations(database) is None
    assert kept_texts(database) == kept


@pytest.mark.parametrize("killed_after", ["nothing", "log", "database"])
def test_recovery_that_was_killed_while_changing_places_is_finished_at_the_next_start(
    database: Path, original: tuple[Path, Texts], killed_after: str
) -> None:
    recovered = Path(shutil.copy(database, database.with_name("nibble-recovered-2026-01-01-000000.db")))
    database.write_bytes(bytes(PAGE))
    log = database.with_name("nibble.db-wal")
    log.write_bytes(b"another log")
    kept = database.with_name("nibble-damaged-2026-01-01-000000.db")
    if killed_after != "nothing":
        log.rename(f"{kept}-wal")
    if killed_after == "database":
        database.rename(kept)
    recover_conversations(database)
    assert not recovered.exists()
    assert kept.read_bytes() == bytes(PAGE)
    assert kept_texts(database) == original[1]
