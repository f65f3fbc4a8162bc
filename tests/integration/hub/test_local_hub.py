"""The local Hub answers huggingface_hub, unmodified, as the real one does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.hub_server import Content, Fault, HubServer, Repository
from tests.helpers.shared_data import SHARED_DATA

FIXTURES = SHARED_DATA / "hf_api_fixtures"

CARD = b"---\nlicense: mit\n---\n# Tiny\n"
CONTENT = bytes(range(256)) * 400


def with_client(server: HubServer, folder: Path, code: str, **environment: str) -> Any:
    """Runs `code` where huggingface_hub is imported as h; what it assigns to `told` comes back."""
    known = os.environ | {"HF_ENDPOINT": server.url, "HF_HOME": str(folder), "HF_HUB_DISABLE_TELEMETRY": "1"}
    script = f"import json\nimport huggingface_hub as h\napi = h.HfApi()\n{code}\nprint(json.dumps(told))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=known | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def tiny(server: HubServer) -> Repository:
    files: dict[str, Content] = {"README.md": CARD, "M-Q4_K_M.gguf": CONTENT, "sub/M-Q8_0.gguf": CONTENT * 2}
    tiny = Repository("ada/M-GGUF", files, tags=["gguf", "license:mit"], likes=3)
    server.add(tiny)
    return tiny


def test_files_arrive_as_they_are_and_the_token_stays_on_the_hub(
    server: HubServer, tiny: Repository, tmp_path: Path
) -> None:
    server.add_user("hf_secret", access=("ada/M-GGUF",))
    code = (
        "paths = [h.hf_hub_download('ada/M-GGUF', name) for name in ('M-Q4_K_M.gguf', 'README.md')]\n"
        "told = [open(path, 'rb').read().hex() for path in paths]"
    )
    told = with_client(server, tmp_path, code, HF_TOKEN="hf_secret")
    assert told == [CONTENT.hex(), CARD.hex()]
    assert all("authorization" in each.headers for each in server.requests if each.host == "hub")
    assert [each.status for each in server.requests if each.host == "cdn"] == [200]
    assert all("authorization" not in each.headers for each in server.requests if each.host == "cdn")


def test_model_info_tells_sizes_and_digests(server: HubServer, tiny: Repository, tmp_path: Path) -> None:
    code = (
        "info = api.model_info('ada/M-GGUF', files_metadata=True)\n"
        "told = [[s.rfilename, s.size, s.lfs and s.lfs.sha256, info.sha] for s in info.siblings]"
    )
    told = with_client(server, tmp_path, code)
    digest = tiny.stored("M-Q4_K_M.gguf").sha256
    assert [tiny.stored("README.md").size, None] == told[0][1:3]
    assert ["M-Q4_K_M.gguf", len(CONTENT), digest, tiny.commit] == told[1]


def test_trees_and_searches_come_in_pages(server: HubServer, tiny: Repository, tmp_path: Path) -> None:
    server.page_size = 2
    for number in range(4):
        server.add(Repository(f"bob/Other-{number}", trending=number))
    code = (
        "told = [[e.path for e in api.list_repo_tree('ada/M-GGUF', recursive=True)],"
        " [m.id for m in api.list_models(sort='trending_score')]]"
    )
    tree, models = with_client(server, tmp_path, code)
    assert sorted(tree) == ["M-Q4_K_M.gguf", "README.md", "sub", "sub/M-Q8_0.gguf"]
    assert models == ["bob/Other-3", "bob/Other-2", "bob/Other-1", "ada/M-GGUF", "bob/Other-0"]
    assert len(server.requests) == 2 + 3


def test_refusals_are_those_that_the_client_knows(
    server: HubServer, tiny: Repository, tmp_path: Path
) -> None:
    server.add(Repository("ada/Gated", {"M.gguf": b"x"}, gated="manual"))
    server.add_user("hf_other")
    code = """
told = []
for ask in (
    lambda: h.hf_hub_download("ada/Gated", "M.gguf"),
    lambda: h.hf_hub_download("ada/Gated", "M.gguf", token="hf_other"),
    lambda: h.hf_hub_download("ada/M-GGUF", "none.gguf"),
    lambda: api.model_info("ada/M-GGUF", revision="none"),
    lambda: api.model_info("ada/none", token="hf_other"),
    lambda: api.whoami(token="hf_wrong"),
):
    try:
        ask()
    except Exception as error:
        told.append([type(error).__name__, error.response.status_code])
"""
    assert with_client(server, tmp_path, code) == [
        ["GatedRepoError", 401],
        ["GatedRepoError", 403],
        ["RemoteEntryNotFoundError", 404],
        ["RevisionNotFoundError", 404],
        ["RepositoryNotFoundError", 404],
        ["HfHubHTTPError", 401],
    ]


def test_a_rate_limit_holds_the_client_back_for_a_while(
    server: HubServer, tiny: Repository, tmp_path: Path
) -> None:
    server.faults.append(Fault(where="/api/models", status=429, headers={"Retry-After": "0"}))
    assert with_client(server, tmp_path, "told = [m.id for m in api.list_models()]") == ["ada/M-GGUF"]
    assert [each.status for each in server.requests] == [429, 200]


@pytest.mark.skipif(not FIXTURES.is_dir(), reason="no recorded answers here")
def test_answers_have_the_recorded_shape(server: HubServer) -> None:
    from tests.helpers.hub_server.api import model_info

    recorded = json.loads((FIXTURES / "api_models_ggml-org_gemma-3-12b-it-GGUF.json").read_bytes())
    keys = ("pipeline_tag", "cardData", "gguf", "config", "widgetData", "model-index")
    files: dict[str, Content] = {each["rfilename"]: b"" for each in recorded["siblings"]}
    ours = Repository(
        recorded["id"], files, tags=recorded["tags"], facts={key: recorded[key] for key in keys}
    )
    told = model_info(ours, with_blobs=False)
    assert recorded.keys() - told.keys() == set()
    assert told["siblings"] == recorded["siblings"]
    for key, value in recorded.items():
        assert type(told[key]) is type(value)
