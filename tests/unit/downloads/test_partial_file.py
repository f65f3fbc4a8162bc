"""The unfinished file and its block log: what is missing is handed out, and nothing that is there is overwritten."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.downloads import partial_file
from app.downloads.block_log import BlockLog, extent_of
from app.downloads.content import Content
from app.downloads.partial_file import PartialFile, Run
from tests.helpers.downloader import some_bytes

BLOCK = 1 << 16
DATA = some_bytes(5 * BLOCK + 100)
CONTENT = Content(len(DATA), "e" * 64)


@pytest.fixture(autouse=True)
def two_blocks_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partial_file, "_RUN_BYTES", 2 * BLOCK)


def opened(folder: Path) -> tuple[PartialFile, BlockLog]:
    log = BlockLog(folder / "log", CONTENT)
    return PartialFile(folder / "partial", log), log


def receive(partial: PartialFile, run: Run, count: int) -> None:
    partial.receive(run, memoryview(DATA)[run.position : run.position + count])


def close(partial: PartialFile, log: BlockLog) -> None:
    partial.close()
    log.close()


@pytest.mark.parametrize(
    ("size", "block_bytes", "blocks"),
    [
        (0, 65_536, 0),
        (1, 65_536, 1),
        (65_537, 65_536, 2),
        (1 << 30, 1 << 24, 64),
        (40 << 30, 1 << 24, 2560),
        (100_000_000, 1_507_328, 67),
    ],
)
def test_blocks_are_small_in_small_files_and_never_large(size: int, block_bytes: int, blocks: int) -> None:
    extent = extent_of(Content(size, "x"))
    assert (extent.block_bytes, extent.block_count) == (block_bytes, blocks)


def test_runs_cover_the_file_and_do_not_overlap(tmp_path: Path) -> None:
    partial, log = opened(tmp_path)
    runs = [partial.take(), partial.take(), partial.take()]
    assert [(run.position, run.end) for run in runs if run] == [
        (0, 2 * BLOCK),
        (2 * BLOCK, 4 * BLOCK),
        (4 * BLOCK, len(DATA)),
    ]
    assert partial.take() is None
    close(partial, log)


def test_a_block_that_came_only_in_part_is_handed_out_again_from_its_start(tmp_path: Path) -> None:
    partial, log = opened(tmp_path)
    run = partial.take()
    assert run is not None
    receive(partial, run, BLOCK + 7)
    assert partial.received_bytes == BLOCK + 7
    partial.give_back(run)
    assert partial.received_bytes == BLOCK
    again = partial.take()
    assert again is not None
    assert (again.position, again.end, again.checksum) == (BLOCK, 3 * BLOCK, 0)
    close(partial, log)


def test_what_the_log_says_is_there_after_opening_again(tmp_path: Path) -> None:
    partial, log = opened(tmp_path)
    run = partial.take()
    assert run is not None
    receive(partial, run, 2 * BLOCK)
    close(partial, log)
    partial, log = opened(tmp_path)
    assert partial.received_bytes == 2 * BLOCK
    assert partial.checksum(1) == zlib.crc32(DATA[BLOCK : 2 * BLOCK])
    assert (tmp_path / "partial").read_bytes()[: 2 * BLOCK] == DATA[: 2 * BLOCK]
    close(partial, log)


def test_a_lost_block_is_the_next_to_be_fetched(tmp_path: Path) -> None:
    partial, log = opened(tmp_path)
    while run := partial.take():
        receive(partial, run, len(DATA))
        partial.give_back(run)
    partial.lose(1)
    assert partial.received_bytes == len(DATA) - BLOCK
    lost = partial.take()
    assert lost is not None
    assert (lost.position, lost.end) == (BLOCK, 2 * BLOCK)
    close(partial, log)


def test_whole_files_come_in_one_run_that_leaves_alone_what_is_there(tmp_path: Path) -> None:
    partial, log = opened(tmp_path)
    first, second = partial.take(), partial.take()
    assert first is not None
    assert second is not None
    receive(partial, second, 2 * BLOCK)
    partial.give_back(second)
    assert partial.extend_to_the_end(first)
    assert (first.position, first.end) == (0, len(DATA))
    assert partial.take() is None
    partial.receive(first, memoryview(bytes(len(DATA))))
    written = (tmp_path / "partial").read_bytes()
    assert written[2 * BLOCK : 4 * BLOCK] == DATA[2 * BLOCK : 4 * BLOCK]
    assert not any(written[: 2 * BLOCK])
    assert partial.received_bytes == len(DATA)
    close(partial, log)


def test_a_run_is_not_extended_over_those_of_others(tmp_path: Path) -> None:
    partial, log = opened(tmp_path)
    first, second = partial.take(), partial.take()
    assert first is not None
    assert second is not None
    assert not partial.extend_to_the_end(first)
    partial.give_back(first)
    assert partial.take() is None
    partial.give_back(second)
    rest = partial.take()
    assert rest is not None
    assert (rest.position, rest.end) == (0, len(DATA))
    close(partial, log)


def test_what_comes_after_closing_is_not_written(tmp_path: Path) -> None:
    """A connection may wait for its server when the download is paused."""
    partial, log = opened(tmp_path)
    run = partial.take()
    assert run is not None
    close(partial, log)
    before = (tmp_path / "log").read_bytes()
    receive(partial, run, BLOCK)
    assert not any((tmp_path / "partial").read_bytes())
    assert (tmp_path / "log").read_bytes() == before


def test_a_line_that_was_cut_off_does_not_spoil_the_next(tmp_path: Path) -> None:
    partial, log = opened(tmp_path)
    close(partial, log)
    with (tmp_path / "log").open("ab") as file:
        file.write(b"3 00ab")  # killed while it was written
    partial, log = opened(tmp_path)
    run = partial.take()
    assert run is not None
    receive(partial, run, BLOCK)
    close(partial, log)
    log = BlockLog(tmp_path / "log", CONTENT)
    assert log.checksums[0] == zlib.crc32(DATA[:BLOCK])
    log.close()


def test_a_log_of_other_content_is_not_gone_on_with(tmp_path: Path) -> None:
    partial, log = opened(tmp_path)
    run = partial.take()
    assert run is not None
    receive(partial, run, 2 * BLOCK)
    close(partial, log)
    for other in (Content(len(DATA), "f" * 64), Content(len(DATA) + 1, "e" * 64)):
        (tmp_path / "other").write_bytes((tmp_path / "log").read_bytes())
        log = BlockLog(tmp_path / "other", other)
        assert log.checksums == {}
        log.close()


@given(garbage=st.binary(max_size=200))
@settings(max_examples=60)
def test_garbage_in_the_log_names_no_block_that_the_file_does_not_have(
    tmp_path_factory: pytest.TempPathFactory, garbage: bytes
) -> None:
    folder = tmp_path_factory.mktemp("log")
    log = BlockLog(folder / "log", CONTENT)
    log.add(2, 7)
    log.close()
    with (folder / "log").open("ab") as file:
        file.write(garbage)
    log = BlockLog(folder / "log", CONTENT)
    assert set(log.checksums) <= set(range(6))
    log.close()
