"""Runtime packs from a server to their place: whole, checked and tried, or not there, whatever happens on the way."""

from __future__ import annotations

import os
import random
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from huggingface_hub import constants

from app.core.errors import (
    Cancelled,
    DamagedPack,
    DiskFull,
    HubFault,
    NoConnection,
    OfflineWished,
    PackInUse,
    WrongChoice,
    WrongContent,
)
from app.core.jobs import CancelToken
from app.downloads import partial_file, patience
from app.runtime import start_worker
from app.runtime.packs import RuntimePacks, choice, getting, runtime_packs
from app.runtime.packs.offered import OfferedPack
from app.storage import DataFolder
from tests.helpers.hub_server import Fault, HubServer
from tests.helpers.hub_server.server import Request
from tests.helpers.pack_processes import getting_processes, has_ended, wait_for_end
from tests.helpers.pack_shop import PackShop
from tests.helpers.packs import archive_of, good_pack, real_files

BLOCK = 1 << 16
FILES = {"libllama.so": random.Random(1).randbytes(700_000), "licences/MIT.txt": b"as is"}
"""No libraries at all: what is told of them is that they cannot be used."""


@pytest.fixture(autouse=True)
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_WAIT_S", 0.005)
    monkeypatch.setattr(patience, "LONGEST_WAIT_S", 0.02)
    monkeypatch.setattr(patience, "IN_ALL_S", 0.5)
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 1)
    monkeypatch.setattr(partial_file, "_RUN_BYTES", 1 << 17)
    monkeypatch.delenv("LLAMA_CPP_LIB_PATH", raising=False)


@pytest.fixture
def server() -> Iterator[HubServer]:
    with HubServer() as server:
        yield server


@pytest.fixture
def untried(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what is no library: to try it takes half a second."""
    monkeypatch.setattr(choice, "_tried", lambda pack, cancel: choice.Trial("It was not tried."))


@pytest.fixture
def shop(server: HubServer, home: Path) -> PackShop:
    return PackShop(server, DataFolder(home).create())


def assert_here(shop: PackShop, pack: OfferedPack) -> None:
    assert shop.present() == [pack.folder_name]
    assert shop.hidden() == []
    content = shop.content(pack)
    assert content.pop("pack.json")
    assert content == FILES


def assert_not_here(shop: PackShop, *, hidden: bool = False) -> None:
    assert shop.present() == []
    assert bool(shop.hidden()) == hidden


# What goes well


@pytest.mark.usefixtures("untried")
def test_pack_is_fetched_checked_and_unpacked_with_its_progress(shop: PackShop) -> None:
    pack = shop.offer(archive_of(FILES))
    state = shop.get(pack)
    assert_here(shop, pack)
    assert (state.pack.name, state.pack.folder) == ("CPU", shop.folder / pack.folder_name)
    stages = list(dict.fromkeys(told.stage for told in shop.progress))
    assert stages[0] == "Downloading"
    assert stages[-2:] == ["Unpacking", "Trying it"]
    last = [told for told in shop.progress if told.stage == "Unpacking"][-1]
    assert last.done == last.total == pack.unpacked_bytes


def test_pack_that_does_not_work_here_is_kept_aside_with_its_reason(shop: PackShop) -> None:
    state = shop.get(shop.offer(archive_of(FILES)))
    assert "cannot be loaded" in (state.fault or "")
    assert runtime_packs().chosen().folder is None


@pytest.mark.usefixtures("untried")
def test_older_pack_of_the_same_name_gives_way_and_one_of_another_name_stays(shop: PackShop) -> None:
    shop.folder.mkdir()
    good_pack(shop.folder, "CPU", built_from="0.2.90").rename(shop.folder / "cpu-0.2.90")
    other = good_pack(shop.folder, "Vulkan", built_from="0.2.90")
    pack = shop.offer(archive_of(FILES))
    shop.get(pack)
    assert shop.present() == [other.name, pack.folder_name]


@pytest.mark.usefixtures("untried")
def test_choice_of_an_older_pack_goes_over_to_the_new_one(shop: PackShop) -> None:
    shop.folder.mkdir()
    good_pack(shop.folder, "CPU", built_from="0.2.90").rename(shop.folder / "cpu-0.2.90")
    shop.packs.choose(next(state.pack for state in shop.packs.states() if state.pack.name == "CPU"))
    pack = shop.offer(archive_of(FILES))
    assert shop.get(pack).is_chosen


@pytest.mark.usefixtures("untried")
def test_pack_that_is_here_already_is_put_there_anew(shop: PackShop) -> None:
    pack = shop.offer(archive_of(FILES))
    shop.get(pack)
    (shop.folder / pack.folder_name / "libllama.so").write_bytes(b"damaged")
    shop.get(pack)
    assert_here(shop, pack)


# What goes wrong on the way


@pytest.mark.usefixtures("untried")
def test_connections_that_break_change_no_byte(server: HubServer, shop: PackShop) -> None:
    pack = shop.offer(archive_of(FILES))
    chance = random.Random(3)
    server.faults = [Fault(host="cdn", reset_at=chance.randrange(pack.bytes)) for _ in range(20)]
    server.faults += [Fault(host="cdn", truncate_at=chance.randrange(pack.bytes)) for _ in range(20)]
    shop.get(pack)
    assert_here(shop, pack)


@pytest.mark.usefixtures("untried")
def test_what_has_come_before_the_network_went_is_not_asked_for_again(
    server: HubServer, shop: PackShop
) -> None:
    pack = shop.offer(archive_of(FILES))
    server.faults = [
        Fault(host="cdn"),  # the look whether it is there
        Fault(host="cdn", truncate_at=5 * BLOCK),
        Fault(host="cdn", reset_at=0, times=-1),
    ]
    with pytest.raises(NoConnection, match="cut"):
        shop.get(pack)
    assert_not_here(shop, hidden=True)
    assert shop.place.arrived_bytes(pack) >= BLOCK
    server.faults.clear()
    before = server.sent_bytes("cdn")
    shop.get(pack)
    assert_here(shop, pack)
    assert server.sent_bytes("cdn") - before < pack.bytes


@pytest.mark.usefixtures("untried")
def test_server_that_asks_for_patience_gets_it(server: HubServer, shop: PackShop) -> None:
    server.faults = [Fault(status=status) for status in (503, 429, 500)]
    pack = shop.offer(archive_of(FILES))
    shop.get(pack)
    assert_here(shop, pack)


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_address_where_nothing_is_is_told_at_once(server: HubServer, shop: PackShop, status: int) -> None:
    server.faults = [Fault(status=status, times=-1)]
    with pytest.raises(HubFault, match=str(status)):
        shop.get(shop.offer(archive_of(FILES)))
    assert len(server.requests) == 1
    assert_not_here(shop)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/pack"])
def test_redirect_to_what_is_no_web_address_is_refused(
    server: HubServer, shop: PackShop, target: str
) -> None:
    server.faults = [Fault(status=302, headers={"Location": target}, times=-1)]
    with pytest.raises(HubFault, match="none"):
        shop.get(shop.offer(archive_of(FILES)))
    assert_not_here(shop)


def test_server_that_is_not_there_is_told_at_once(shop: PackShop) -> None:
    pack = shop.offer(archive_of(FILES), address="http://127.0.0.1:9/pack.tar.gz")
    with pytest.raises(NoConnection, match=r"127\.0\.0\.1"):
        shop.get(pack)


def test_nothing_is_asked_where_a_person_wishes_to_be_offline(
    server: HubServer, shop: PackShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(OfflineWished, match="HF_HUB_OFFLINE"):
        shop.get(shop.offer(archive_of(FILES)))
    assert server.requests == []


# What is not what it should be


@pytest.mark.parametrize("kind", ["one byte", "all", "longer", "shorter"])
def test_content_that_is_not_what_was_announced_is_never_unpacked(
    server: HubServer, shop: PackShop, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(getting, "unpack", lambda *_: pytest.fail("unpacked"))
    archive = archive_of(FILES)
    pack = shop.offer(archive)
    other = {
        "one byte": archive[:1000] + bytes([archive[1000] ^ 1]) + archive[1001:],
        "all": random.Random(5).randbytes(len(archive)),
        "longer": archive + b"x",
        "shorter": archive[:-1],
    }[kind]
    server.repositories["nibble/packs"].files["pack-0.zip"] = other
    with pytest.raises((WrongContent, HubFault)) as caught:
        shop.get(pack)
    assert caught.value.message.endswith(".")
    assert shop.present() == []
    assert not list(shop.folder.glob("*.tar.gz"))


def test_endless_body_is_read_no_further_than_announced(server: HubServer, shop: PackShop) -> None:
    archive = archive_of(FILES)
    pack = shop.offer(archive)
    server.repositories["nibble/packs"].files["pack-0.zip"] = archive + bytes(50_000_000)
    server.faults = [Fault(host="cdn", times=-1, ignores_range=True)]
    with pytest.raises((WrongContent, HubFault)):
        shop.get(pack)
    assert shop.place.arrived_bytes(pack) <= pack.bytes


def test_archive_that_is_as_announced_and_hostile_all_the_same_leaves_nothing(shop: PackShop) -> None:
    from tests.helpers.packs import put

    pack = shop.offer(archive_of(FILES, add=lambda tar: put(tar, "cpu/../../evil", b"x")))
    with pytest.raises(DamagedPack, match="not safe"):
        shop.get(pack)
    assert_not_here(shop)
    assert not list(shop.data.root.rglob("evil"))


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"system": "plan9"}, "for plan9"),
        ({"machine": "vax"}, "on vax"),
        ({"version": "0.2.90"}, "built from llama-cpp-python 0.2.90"),
    ],
)
def test_pack_for_another_computer_or_nibble_is_not_fetched(
    server: HubServer, shop: PackShop, facts: dict[str, str], words: str
) -> None:
    with pytest.raises(WrongChoice, match=words):
        shop.get(shop.offer(archive_of(FILES, **facts)))
    assert server.requests == []


# Room


def test_archive_and_what_is_in_it_must_have_room_before_anything_is_fetched(
    server: HubServer, shop: PackShop, small_disk: Path
) -> None:
    shop.data = DataFolder(small_disk)
    pack = shop.offer(archive_of({"libllama.so": bytes(6_000_000)}))
    with pytest.raises(DiskFull, match=r"6\.0\d MB while it is unpacked, and 6\.00 MB"):
        shop.get(pack)
    assert server.requests == []


@pytest.mark.usefixtures("untried")
def test_disk_that_runs_full_while_unpacking_keeps_the_archive_and_nothing_else(
    shop: PackShop, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.data = DataFolder(small_disk)
    files = {"libllama.so": bytes(6_000_000)}
    pack = shop.offer(archive_of(files))
    with monkeypatch.context() as patched:
        full = shutil.disk_usage(small_disk)._replace(free=1 << 40)
        patched.setattr(shutil, "disk_usage", lambda path: full)
        with pytest.raises(DiskFull):
            shop.get(pack)
    assert shop.present() == []
    assert shop.hidden() == [f".{pack.folder_name}.tar.gz"]


# Being stopped


@pytest.mark.usefixtures("untried")
def test_what_is_cancelled_goes_on_later(server: HubServer, shop: PackShop) -> None:
    pack = shop.offer(archive_of(FILES))
    shop.limit.bytes_per_s = 2_000_000
    cancel = CancelToken()
    threading.Timer(0.15, cancel.cancel).start()
    with pytest.raises(Cancelled):
        shop.get(pack, cancel)
    assert_not_here(shop, hidden=True)
    shop.limit.bytes_per_s = 0
    before = server.sent_bytes("cdn")
    shop.get(pack)
    assert_here(shop, pack)
    assert server.sent_bytes("cdn") - before < pack.bytes


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_kills_at_random_moments_leave_no_half_pack(shop: PackShop) -> None:
    moment = random.Random(5)
    files = {f"lib{n}.so": moment.randbytes(20_000) for n in range(60)}
    pack = shop.offer(archive_of(files))
    new = shop.folder / f".{pack.folder_name}.new"
    kills = while_unpacking = 0
    with getting_processes(shop.folder, shop.offers) as processes:
        while kills < 20:
            process = processes.start()
            while kills % 2 and not new.exists() and not has_ended(process):
                pass  # every other one is killed while it unpacks
            psutil.wait_procs([process], timeout=moment.random() * (0.02 if kills % 2 else 0.2))
            if not has_ended(process):
                while_unpacking += new.exists()
                process.kill()
                kills += 1
            wait_for_end(process)
            if shop.present():
                content = shop.content(pack)
                assert content.pop("pack.json")
                assert content == files
                shutil.rmtree(shop.folder / pack.folder_name)
    assert while_unpacking >= 2
    shop.place.clear()
    assert not [name for name in shop.hidden() if name.endswith((".new", ".old"))]


@pytest.mark.usefixtures("untried")
def test_what_a_killed_process_left_is_cleared_away_and_what_is_going_on_is_not(shop: PackShop) -> None:
    kept, gone = shop.offer(archive_of(FILES)), shop.offer(archive_of(FILES, name="vulkan"))
    shop.folder.mkdir()
    for pack in (kept, gone):
        shop.place.archive_of(pack).write_bytes(b"as far as it came")
    for name in (".cpu-0.3.36.new", ".cpu-0.1.old"):
        (shop.folder / name).mkdir()
        (shop.folder / name / "pack.json").write_text("{}")
    (shop.folder / f".{'ab' * 16}.download").write_bytes(b"of another release")
    (shop.folder / "mine").mkdir()
    shop.offers.remove(gone)
    assert [state.pack.name for state in shop.packs.states()] == ["Plain"]
    with shop.place.changing(), pytest.raises(WrongChoice, match="Another Nibble"):
        shop.get(kept)
    shop.place.clear()
    assert shop.present() == ["mine"]
    assert shop.hidden() == [f".{kept.folder_name}.tar.gz"]


def test_only_one_at_a_time(server: HubServer, shop: PackShop) -> None:
    pack = shop.offer(archive_of(FILES))
    told: list[str] = []

    def meanwhile(request: Request) -> None:
        if request.host == "cdn" and not told:
            with pytest.raises(WrongChoice, match="Another Nibble") as caught:
                shop.get(pack)
            told.append(caught.value.message)

    server.before_answer = meanwhile
    shop.get(pack)
    assert told


# Removing


@pytest.mark.usefixtures("untried")
def test_pack_that_is_removed_is_gone(shop: PackShop) -> None:
    state = shop.get(shop.offer(archive_of(FILES)))
    with shop.place.changing():
        shop.place.remove(state.pack)
    assert_not_here(shop)
    assert [state.pack.name for state in shop.packs.states()] == ["Plain"]


def test_pack_that_a_worker_runs_on_is_not_removed_until_it_has_ended(shop: PackShop) -> None:
    state = shop.get(shop.offer(archive_of(real_files())))
    assert state.fault == ""
    with start_worker() as worker:
        assert worker.runtime_folder == state.pack.folder
        with pytest.raises(PackInUse, match="1 process"):
            shop.place.remove(state.pack)
    shop.place.remove(state.pack)
    assert_not_here(shop)


def test_what_came_with_the_program_is_not_removed(shop: PackShop, tmp_path: Path) -> None:
    beside = good_pack(tmp_path / "program", "vulkan")
    packs = RuntimePacks((shop.folder, beside.parent), shop.data)
    for state in packs.states():
        with pytest.raises(WrongChoice, match="part of Nibble"):
            shop.place.remove(state.pack)
    assert beside.exists()
