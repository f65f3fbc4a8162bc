"""Headers of models by ranges: few bytes, once, of one content, whatever the server does."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from app.core.errors import (
    Cancelled,
    DamagedGguf,
    EnvironmentFault,
    HubFault,
    NoConnection,
    NotGguf,
    NotOnHub,
    WrongChoice,
)
from app.core.jobs import CancelToken
from app.gguf import ModelFacts, read_facts
from app.hub import Hub, open_repository, read_remote_facts, write_remote_ghost
from tests.helpers.hub_models import VOCABULARY, large_model, repository, split_model
from tests.helpers.hub_server import Fault, Hole, HubServer, Repository, Request
from tests.helpers.raw_gguf import ARRAY, STRING, RawGguf, llama_header

Read = Callable[..., ModelFacts]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(hub: Hub, id: str = "ada/M-GGUF", cancel: CancelToken | None = None) -> ModelFacts:
        opened = open_repository(hub, id)
        return read_remote_facts(hub, opened, opened.variants[0], tmp_path / "cache", cancel)

    return read


def small(**options: Any) -> Repository:
    return repository(files={"M-Q4_K_M.gguf": large_model(vocabulary=1000)}, **options)


@pytest.mark.parametrize("redirects", [True, False], ids=["other host", "mirror"])
def test_header_with_a_large_vocabulary_takes_a_thousandth_of_the_file(
    server: HubServer, hub: Hub, read: Read, redirects: bool
) -> None:
    server.redirects = redirects
    model = large_model()
    server.add(repository(files={"M-Q4_K_M.gguf": model}))
    began = time.monotonic()
    facts = read(hub)
    assert time.monotonic() - began < 10
    assert facts.vocabulary_size == VOCABULARY
    assert facts.file_bytes == model.size
    assert (facts.layers, facts.kv_heads, len(facts.tensors)) == (2, 2, 20)
    assert str(facts.path) == str(Path("ada/M-GGUF/M-Q4_K_M.gguf"))
    # whole fetches of at most 4 MiB, the last of which may reach into the weights
    assert len(model.head) <= server.sent_bytes() <= len(model.head) + (4 << 20) + 100_000
    assert len([each for each in server.requests if each.method == "GET"]) <= 7


def test_facts_equal_those_of_the_file_itself(server: HubServer, hub: Hub, read: Read, tiny: Path) -> None:
    server.add(repository(files={"tiny-F16.gguf": tiny}))
    remote, local = read(hub), read_facts(tiny)
    assert remote.tensors == local.tensors
    assert remote.metadata == local.metadata
    assert (remote.file_bytes, remote.parameters, remote.chat_template) == (
        local.file_bytes,
        local.parameters,
        local.chat_template,
    )


def test_second_time_only_the_list_of_files_is_asked_for(server: HubServer, hub: Hub, read: Read) -> None:
    server.add(small())
    first = read(hub)
    del server.requests[:]
    assert read(hub) == first
    assert [each.path for each in server.requests] == ["/api/models/ada/M-GGUF"]


def test_other_content_is_not_taken_from_the_cache(server: HubServer, hub: Hub, read: Read) -> None:
    server.add(small())
    read(hub)
    server.repositories["ada/M-GGUF"].files["M-Q4_K_M.gguf"] = large_model(vocabulary=2000)
    assert read(hub).vocabulary_size == 2000


def test_damaged_cache_is_fetched_again(server: HubServer, hub: Hub, read: Read, tmp_path: Path) -> None:
    server.add(small())
    first = read(hub)
    (kept,) = (tmp_path / "cache" / "hub_heads").iterdir()
    kept.write_bytes(kept.read_bytes()[:5000])
    assert read(hub) == first


def test_all_parts_of_a_split_model_are_read(server: HubServer, hub: Hub, read: Read) -> None:
    files = split_model("M-Q8_0", 5)
    server.add(repository(files=files))
    facts = read(hub)
    assert len(facts.tensors) == 20
    assert {tensor.part for tensor in facts.tensors} == {0, 1, 2, 3, 4}
    assert facts.file_bytes == sum(hole.size for hole in files.values())
    assert len(facts.files) == 5
    assert server.sent_bytes() < facts.file_bytes / 1000


def test_split_model_with_a_missing_part_is_told_before_anything_is_fetched(
    server: HubServer, hub: Hub, read: Read
) -> None:
    files = split_model("M-Q8_0", 3)
    del files["M-Q8_0-00002-of-00003.gguf"]
    server.add(repository(files=files))
    with pytest.raises(NotOnHub, match="part 2 is missing"):
        read(hub)
    assert len(server.requests) == 1


def test_parts_that_do_not_belong_together_are_told(server: HubServer, hub: Hub, read: Read) -> None:
    files = split_model("M-Q8_0", 3)
    files["M-Q8_0-00002-of-00003.gguf"] = files["M-Q8_0-00003-of-00003.gguf"]
    server.add(repository(files=files))
    with pytest.raises(DamagedGguf, match="do not belong to one model"):
        read(hub)


def test_file_cut_into_pieces_is_told(server: HubServer, hub: Hub, read: Read) -> None:
    server.add(repository(files={"M.i1-Q6_K.gguf.part1of2": b"GGUF", "M.i1-Q6_K.gguf.part2of2": b"x"}))
    with pytest.raises(WrongChoice, match="joined"):
        read(hub)


def test_server_that_ignores_ranges_is_not_read_to_the_end(server: HubServer, hub: Hub, read: Read) -> None:
    server.add(repository())
    server.faults.append(Fault(host="cdn", times=-1, ignores_range=True))
    assert read(hub).vocabulary_size == VOCABULARY
    # Each answer is left when enough of it has come; what is on its way then fills buffers.
    assert server.sent_bytes("cdn") < 60_000_000


def test_content_that_changes_midway_is_read_again_from_the_start(
    server: HubServer, hub: Hub, read: Read, tmp_path: Path
) -> None:
    changed = large_model(vocabulary=VOCABULARY - 5)
    server.add(repository(kept_commit="a" * 40))
    at_range(server, 2, lambda: change_file(server, changed))
    facts = read(hub)
    assert facts.vocabulary_size == VOCABULARY - 5
    assert facts.file_bytes == changed.size
    assert not (tmp_path / "cache" / "hub_heads").exists()  # it is not what was listed


def test_content_that_keeps_changing_is_a_fault(server: HubServer, hub: Hub, read: Read) -> None:
    server.add(repository(kept_commit="a" * 40))
    sizes = iter(range(1, 1000))
    at_range(server, 2, lambda: change_file(server, large_model(VOCABULARY - next(sizes))), later_too=True)
    with pytest.raises(HubFault, match="keeps sending something else"):
        read(hub)
    assert len(server.requests) < 12


def change_file(server: HubServer, content: Hole) -> None:
    server.repositories["ada/M-GGUF"].files["M-Q4_K_M.gguf"] = content


def at_range(server: HubServer, number: int, change: Callable[[], None], *, later_too: bool = False) -> None:
    """Calls `change` before range `number` (from 1) is answered, and before each after it."""
    seen = 0

    def look(request: Request) -> None:
        nonlocal seen
        if request.host == "cdn":
            seen += 1
            if seen == number or (later_too and seen > number):
                change()

    server.before_answer = look


def test_other_etag_of_the_other_host_than_of_the_hub_does_not_matter(
    server: HubServer, hub: Hub, read: Read
) -> None:
    """Storage has ETags of its own making; only a change among them counts."""
    server.add(repository())
    server.faults.append(Fault(host="cdn", times=-1, hides_etag=True))
    assert read(hub).vocabulary_size == VOCABULARY


def test_later_ranges_are_asked_for_the_same_content_only(server: HubServer, hub: Hub, read: Read) -> None:
    server.add(repository())
    read(hub)
    first, *later = [each for each in server.requests if each.host == "cdn"]
    assert "if-range" not in first.headers
    assert later
    assert {each.headers["if-range"] for each in later} == {
        f'"{server.repositories["ada/M-GGUF"].stored("M-Q4_K_M.gguf").sha256}"'
    }


def test_expired_address_is_asked_for_again(server: HubServer, hub: Hub, read: Read) -> None:
    server.add(repository())
    at_range(server, 2, server.expire_addresses)
    assert read(hub).vocabulary_size == VOCABULARY


@pytest.mark.parametrize("status", [403, 404, 500])
def test_other_host_that_keeps_refusing_is_a_fault(
    server: HubServer, hub: Hub, read: Read, status: int
) -> None:
    server.add(small())
    server.faults.append(Fault(host="cdn", times=-1, status=status))
    with pytest.raises((HubFault, NotOnHub)):
        read(hub)
    assert len(server.requests) == 5


@pytest.mark.parametrize("fault", [Fault(reset_at=300_000), Fault(truncate_at=300_000), Fault(reset_at=0)])
def test_cuts_are_mended_and_no_byte_comes_twice(
    server: HubServer, hub: Hub, read: Read, fault: Fault
) -> None:
    model = large_model()
    server.add(repository(files={"M-Q4_K_M.gguf": model}))
    fault.host, fault.times = "cdn", 2
    server.faults.append(fault)
    assert read(hub).vocabulary_size == VOCABULARY
    assert server.sent_bytes("cdn") <= len(model.head) + (9 << 20)


def test_server_that_keeps_cutting_is_a_fault(server: HubServer, hub: Hub, read: Read) -> None:
    server.add(small())
    server.faults.append(Fault(host="cdn", times=-1, reset_at=10))
    with pytest.raises(NoConnection):
        read(hub)
    assert len(server.requests) < 10


def test_server_that_stalls_is_left(
    server: HubServer, hub: Hub, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.3)
    server.add(small())
    server.faults.append(Fault(host="cdn", times=-1, stall_at=1000))
    began = time.monotonic()
    with pytest.raises(NoConnection, match="in time"):
        read(hub)
    assert time.monotonic() - began < 5


def test_token_goes_to_the_hub_and_never_to_the_other_host(server: HubServer, read: Read) -> None:
    server.add(small(gated="auto"))
    server.add_user("hf_secret", access=("ada/M-GGUF",))
    read(Hub(server.url, "hf_secret"))
    hosts = {host: [each for each in server.requests if each.host == host] for host in ("hub", "cdn")}
    assert all(each.headers["authorization"] == "Bearer hf_secret" for each in hosts["hub"])
    assert hosts["cdn"]
    assert not any("hf_secret" in str(each.headers) + str(each.query) for each in hosts["cdn"])


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"<html>not here</html>", NotGguf),
        (b"", EnvironmentFault),
        (Hole(b"GGUF\x03\0\0\0" + b"\xff" * 16, 10**10), DamagedGguf),
        (Hole(llama_header(tensor_count=2**60).header(), 10**12), DamagedGguf),
        (Hole(llama_header().header()[:-60] + b"\xff" * 60, 10**12), DamagedGguf),
    ],
)
def test_hostile_headers_are_faults_and_cost_little(
    server: HubServer, hub: Hub, read: Read, content: bytes | Hole, kind: type[EnvironmentFault]
) -> None:
    server.add(repository(files={"M-Q4_K_M.gguf": content}))
    with pytest.raises(kind):
        read(hub)
    assert server.sent_bytes() < 150_000_000


def test_header_that_claims_to_be_huge_is_given_up(server: HubServer, hub: Hub, read: Read) -> None:
    raw = RawGguf(key_count=2).key("general.architecture", STRING, "llama")
    raw.raw_key("long", ARRAY, raw.pack("I", STRING) + raw.pack("Q", 10**9))  # of empty strings: zeros follow
    server.add(repository(files={"M-Q4_K_M.gguf": Hole(raw.header(), 10**11)}))
    with pytest.raises(DamagedGguf):
        read(hub)
    assert server.sent_bytes() <= (64 << 20) + 100_000


def test_cancel_stops_between_pieces(server: HubServer, hub: Hub, read: Read) -> None:
    server.add(repository())
    cancel = CancelToken()
    at_range(server, 1, cancel.cancel)
    with pytest.raises(Cancelled):
        read(hub, cancel=cancel)
    assert len([each for each in server.requests if each.host == "cdn"]) == 1


def test_ghost_has_the_header_and_the_size_of_each_part(server: HubServer, hub: Hub, tmp_path: Path) -> None:
    files = split_model("M-Q8_0", 3)
    server.add(repository(files=files))
    opened = open_repository(hub, "ada/M-GGUF")
    ghost = write_remote_ghost(hub, opened, opened.variants[0], tmp_path / "cache", tmp_path)
    assert ghost.name == "M-Q8_0-00001-of-00003.gguf"
    facts = read_facts(ghost)
    assert facts.file_bytes == sum(hole.size for hole in files.values())
    assert len(facts.tensors) == 20
