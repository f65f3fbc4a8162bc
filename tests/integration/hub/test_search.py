"""Searching a Hub: what is asked, what is told, and page by page."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from app.core.errors import Cancelled, HubFault
from app.core.jobs import CancelToken
from app.hub import FoundModel, Hub, Search, search, search_page
from tests.helpers.hub_server import Fault, HubServer, Repository
from tests.helpers.shared_data import SHARED_DATA

FIXTURES = SHARED_DATA / "hf_api_fixtures"


def found(hub: Hub, wish: Search) -> list[str]:
    return [model.id for page in search(hub, wish) for model in page]


@pytest.fixture
def models(server: HubServer) -> None:
    gguf = {"total": 8_000_000_000, "architecture": "qwen3", "context_length": 40960}
    server.add(
        Repository(
            "unsloth/Qwen3-8B-GGUF",
            tags=[
                "gguf",
                "license:apache-2.0",
                "base_model:Qwen/Qwen3-8B",
                "base_model:quantized:Qwen/Qwen3-8B",
            ],
            downloads=500,
            likes=10,
            trending=3,
            facts={"gguf": gguf, "cardData": {"license": "apache-2.0"}},
        )
    )
    server.add(
        Repository(
            "Qwen/Qwen3-8B",
            tags=["safetensors", "license:apache-2.0"],
            downloads=900,
            likes=50,
            trending=2,
            modified="2026-01-01T00:00:00.000Z",
            facts={"safetensors": {"parameters": {"BF16": 8_200_000_000}, "total": 8_200_000_000}},
        )
    )
    server.add(
        Repository(
            "google/gemma-3-1b-it",
            gated="manual",
            tags=["safetensors", "license:gemma"],
            downloads=700,
            trending=9,
            created="2026-03-01T00:00:00.000Z",
            facts={"safetensors": {"parameters": {"BF16": 999_885_952}, "total": 999_885_952}},
        )
    )


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (Search("qwen3 8b"), ["unsloth/Qwen3-8B-GGUF", "Qwen/Qwen3-8B"]),
        (Search("qwen3", author="Qwen"), ["Qwen/Qwen3-8B"]),
        (Search(), ["google/gemma-3-1b-it", "unsloth/Qwen3-8B-GGUF", "Qwen/Qwen3-8B"]),
        (Search(sort="downloads"), ["Qwen/Qwen3-8B", "google/gemma-3-1b-it", "unsloth/Qwen3-8B-GGUF"]),
        (Search(sort="likes", words="qwen"), ["Qwen/Qwen3-8B", "unsloth/Qwen3-8B-GGUF"]),
        (Search(sort="changed", words="qwen"), ["Qwen/Qwen3-8B", "unsloth/Qwen3-8B-GGUF"]),
        (Search(sort="new", page_size=1), ["google/gemma-3-1b-it", "unsloth/Qwen3-8B-GGUF", "Qwen/Qwen3-8B"]),
        (Search(has_gguf=True), ["unsloth/Qwen3-8B-GGUF"]),
        (Search(licence="gemma"), ["google/gemma-3-1b-it"]),
        (Search(licence="apache-2.0", has_gguf=True), ["unsloth/Qwen3-8B-GGUF"]),
        (Search(most_parameters=1_000_000_000), ["google/gemma-3-1b-it"]),
        (Search(least_parameters=8_100_000_000), ["Qwen/Qwen3-8B"]),
        (Search(least_parameters=1_500_000_000, most_parameters=8_000_000_000), ["unsloth/Qwen3-8B-GGUF"]),
        (Search("nothing like this"), []),
    ],
)
@pytest.mark.usefixtures("models")
def test_search_finds_what_is_wished_for_in_order(hub: Hub, wish: Search, expected: list[str]) -> None:
    assert found(hub, wish) == expected


@pytest.mark.usefixtures("models")
def test_what_the_hub_knows_of_a_model_is_told(hub: Hub) -> None:
    ((model,),) = search(hub, Search(has_gguf=True))
    assert model == FoundModel(
        id="unsloth/Qwen3-8B-GGUF",
        author="unsloth",
        downloads=500,
        likes=10,
        changed_at=datetime(2025, 5, 21, 15, 38, tzinfo=UTC),
        licence="apache-2.0",
        is_gated=False,
        is_private=False,
        has_gguf=True,
        parameters=8_000_000_000,
        architecture="qwen3",
        context_length=40960,
        base_models=("Qwen/Qwen3-8B",),
        tags=model.tags,
    )
    ((gated,),) = search(hub, Search("gemma"))
    assert (gated.is_gated, gated.licence, gated.parameters) == (True, "gemma", 999_885_952)


def test_pages_are_asked_for_as_they_are_wanted(server: HubServer, hub: Hub) -> None:
    for number in range(7):
        server.add(Repository(f"ada/M-{number}", trending=-number))
    pages = search(hub, Search(page_size=3))
    assert [model.id for model in next(pages)] == ["ada/M-0", "ada/M-1", "ada/M-2"]
    assert len(server.requests) == 1
    assert [len(page) for page in pages] == [3, 1]
    assert len(server.requests) == 3


def test_a_page_can_be_asked_for_again_after_a_fault(server: HubServer, hub: Hub) -> None:
    for number in range(4):
        server.add(Repository(f"ada/M-{number}", trending=-number))
    wish = Search(page_size=2)
    first = search_page(hub, wish)
    assert first.next is not None
    server.faults.append(Fault(where="cursor", status=503))
    with pytest.raises(HubFault):
        search_page(hub, wish, after=first.next)
    last = search_page(hub, wish, after=first.next)
    assert [model.id for model in (*first.models, *last.models)] == [f"ada/M-{number}" for number in range(4)]
    assert last.next is None


def test_the_next_page_is_asked_of_the_hub_whatever_host_the_answer_names(server: HubServer) -> None:
    """Else the token would go there."""
    server.add_user("hf_secret")
    link = {"Link": f'<{server.cdn_url}/api/models?cursor=1>; rel="next"', "Content-Type": "application/json"}
    server.faults.append(Fault(where="/api/models", status=200, headers=link, body=b'[{"id": "a/b"}]'))
    server.add(Repository("c/d"))
    assert found(Hub(server.url, "hf_secret"), Search()) == ["a/b"]
    assert {each.host for each in server.requests} == {"hub"}


def test_cancelling_stops_between_pages(server: HubServer, hub: Hub) -> None:
    for number in range(4):
        server.add(Repository(f"ada/M-{number}"))
    cancel = CancelToken()
    pages = search(hub, Search(page_size=2), cancel)
    next(pages)
    cancel.cancel()
    with pytest.raises(Cancelled):
        next(pages)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"{}",
        b'[{"id": 5}]',
        b'[{"id": "a/b", "tags": 5}]',
        b"[" * 100_000,
        b"\xff\xfe",
        b"null",
    ],
)
def test_an_answer_that_is_no_hub_s_is_a_fault(server: HubServer, hub: Hub, body: bytes) -> None:
    server.faults.append(Fault(where="/api/models", status=200, body=body))
    with pytest.raises(HubFault, match="not what a Hub answers"):
        found(hub, Search())


def test_odd_values_of_one_model_do_not_hide_it(server: HubServer, hub: Hub) -> None:
    odd = {
        "id": "a/b",
        "gguf": {"total": -5},
        "safetensors": [],
        "cardData": "x",
        "lastModified": "yesterday",
    }
    wrong_id = {"id": "../../x"}
    body = json.dumps([odd, wrong_id]).encode()
    server.faults.append(Fault(where="/api/models", status=200, body=body))
    ((model,),) = search(hub, Search())
    assert (model.id, model.parameters, model.changed_at, model.licence) == ("a/b", None, None, None)


@pytest.mark.skipif(not FIXTURES.is_dir(), reason="no recorded answers here")
def test_recorded_models_of_the_real_hub_are_understood(server: HubServer, hub: Hub) -> None:
    recorded = [json.loads(path.read_bytes()) for path in sorted(FIXTURES.glob("api_models_*.json"))]
    server.faults.append(Fault(where="/api/models", status=200, body=json.dumps(recorded).encode()))
    ((large, small),) = search(hub, Search())
    assert (large.id, large.parameters, large.architecture) == (
        "ggml-org/gemma-3-12b-it-GGUF",
        11765788416,
        "gemma3",
    )
    assert (small.licence, small.base_models, small.downloads) == ("gemma", ("google/gemma-3-1b-it",), 186325)
