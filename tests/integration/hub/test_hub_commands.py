"""`nibble search`, and `inspect` and `estimate` of models that are on the Hub and not here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.command_line import Outcome, nibble
from tests.helpers.hub_models import large_model, split_model
from tests.helpers.hub_server import HubServer, Repository

CARD = Path(__file__).parents[2] / "data" / "machines" / "desktop-8gb-card.json"


class Terminal:
    def __init__(self, server: HubServer, folder: Path) -> None:
        self._environment = {"HF_ENDPOINT": server.url, "HF_HOME": str(folder), "HF_TOKEN": ""}

    def run(self, *arguments: object, **environment: str) -> Outcome:
        return nibble(*arguments, environment=self._environment | environment)


@pytest.fixture
def terminal(server: HubServer, tmp_path: Path) -> Terminal:
    return Terminal(server, tmp_path)


def test_search_tells_what_is_found_and_how_it_would_run(server: HubServer, terminal: Terminal) -> None:
    tags = ["gguf", "license:apache-2.0"]
    for name, billions in (("Small-GGUF", 8), ("Huge-GGUF", 500)):
        facts = {"gguf": {"total": billions * 10**9, "architecture": "llama"}}
        server.add(Repository(f"ada/{name}", tags=tags, likes=billions, downloads=5, facts=facts))
    server.add(Repository("ada/Original", tags=["safetensors"], likes=9))
    options = ("--sort", "likes", "--machine", CARD, "--json")
    models = terminal.run("search", "ada", *options).document["models"]
    assert [(each["model"], each["verdict"]) for each in models] == [
        ("ada/Huge-GGUF", "too big"),
        ("ada/Small-GGUF", "fits the GPU"),
    ]
    assert models[1]["parameters"] == 8 * 10**9
    assert (models[1]["licence"], models[1]["gated"]) == ("apache-2.0", False)
    some = terminal.run("search", "--no-gguf", "--limit", "1", "--at-most", "10B", *options).document[
        "models"
    ]
    assert [each["model"] for each in some] == ["ada/Small-GGUF"]
    text = terminal.run("search", "small", "--machine", CARD).out
    assert "ada/Small-GGUF" in text
    assert "fits the GPU" in text


def test_search_that_finds_nothing_says_what_to_try(terminal: Terminal) -> None:
    done = terminal.run("search", "nothing", "--machine", CARD)
    assert (done.code, "fewer words" in done.out) == (0, True)


def test_wrong_options_are_wrong_usage(server: HubServer, terminal: Terminal) -> None:
    assert terminal.run("search", "x", "--at-least", "many").code == 2
    assert terminal.run("search", "x", "--sort", "name").code == 2
    assert server.requests == []


def test_inspect_of_a_model_on_the_hub_downloads_no_weights(server: HubServer, terminal: Terminal) -> None:
    model = large_model()
    server.add(Repository("ada/M-GGUF", {"M-Q4_K_M.gguf": model, "M-Q8_0.gguf": large_model(1000)}))
    told = terminal.run("inspect", "ada/M-GGUF:Q4_K_M", "--json").document
    assert (told["architecture"], told["layers"], told["vocabulary_size"]) == ("llama", 2, 128_000)
    assert told["file_bytes"] == model.size
    assert server.sent_bytes() < model.size / 400
    assert told == terminal.run("inspect", "hf.co/ada/M-GGUF", "--json").document


def test_inspect_of_a_split_model_counts_all_parts(server: HubServer, terminal: Terminal) -> None:
    files = {f"Q8_0/{name}": hole for name, hole in split_model("M-Q8_0", 3).items()}
    server.add(Repository("ada/M-GGUF", dict(files)))
    told = terminal.run("inspect", "ada/M-GGUF:q8_0", "--json").document
    assert len(told["files"]) == 3
    assert told["file_bytes"] == sum(hole.size for hole in files.values())


def test_estimate_of_a_model_on_the_hub_is_that_of_the_file(
    server: HubServer, terminal: Terminal, tiny: Path
) -> None:
    server.add(Repository("ada/Tiny-GGUF", {"tiny-F16.gguf": tiny}))
    here = nibble("estimate", tiny, "--context", "512", "--json").document
    remote = terminal.run("estimate", "ada/Tiny-GGUF:F16", "--context", "512", "--json").document
    for key in ("weights_bytes", "kv_bytes", "compute_bytes", "total_bytes", "basis"):
        assert remote[key] == here[key]


def test_exact_estimate_asks_the_runtime_about_a_ghost(
    server: HubServer, terminal: Terminal, tiny: Path, home: Path
) -> None:
    server.add(Repository("ada/Tiny-GGUF", {"tiny-F16.gguf": tiny}))
    options = ("--context", "512", "--exact", "--json")
    here = nibble("estimate", tiny, *options).document
    remote = terminal.run("estimate", "ada/Tiny-GGUF:F16", *options).document
    assert remote["basis"] == "dry run"
    for key in ("weights_bytes", "kv_bytes", "compute_bytes"):
        assert remote[key] == here[key]
    assert server.sent_bytes() < 2 << 20
    assert list(home.rglob("*.gguf")) == []


def test_quantization_that_is_not_there_lists_what_is(server: HubServer, terminal: Terminal) -> None:
    server.add(Repository("ada/M-GGUF", {"M-Q4_0.gguf": b"x", "M-UD-Q4_K_XL.gguf": b"x"}))
    terminal.run("inspect", "ada/M-GGUF:Q6_K").assert_refused("no Q6_K", "Q4_0, UD-Q4_K_XL")


def test_gated_model_names_the_page(server: HubServer, terminal: Terminal) -> None:
    server.add(Repository("ada/Gated", {"M-Q4_0.gguf": large_model(1000)}, gated="manual"))
    terminal.run("inspect", "ada/Gated").assert_refused("gated", f"{server.url}/ada/Gated", "hf auth login")
    server.add_user("hf_secret", access=("ada/Gated",))
    assert terminal.run("inspect", "ada/Gated", HF_TOKEN="hf_secret").code == 0
    refused = terminal.run("inspect", "ada/Gated", HF_TOKEN="hf_wrong")
    refused.assert_refused("access token")
    assert "hf_wrong" not in refused.err


def test_offline_is_said(server: HubServer, terminal: Terminal) -> None:
    for command in (("inspect", "ada/M-GGUF"), ("search", "x", "--machine", CARD)):
        terminal.run(*command, HF_HUB_OFFLINE="1").assert_refused("HF_HUB_OFFLINE")
    assert server.requests == []


def test_a_model_that_is_here_is_not_looked_for_on_the_hub(
    server: HubServer, terminal: Terminal, tiny: Path
) -> None:
    assert terminal.run("inspect", tiny, "--json").document["path"] == str(tiny)
    assert server.requests == []


def test_unknown_repository_is_told(terminal: Terminal) -> None:
    terminal.run("estimate", "ada/None").assert_refused("ada/None", "not on the Hub")
