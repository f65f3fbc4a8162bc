"""Models that Ollama has: manifests, blobs and names; and manifests that lie."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from app.core.errors import DamagedGguf, FileGone
from app.core.jobs import CancelToken
from app.library import EntryState, LibraryEntry, Place, find_model, scan
from app.library.sources import PROGRAMS, Walk
from app.library.sources.ollama import read_layers
from app.storage import data_folder
from tests.helpers.other_programs import LAYER, ollama_blob, ollama_model, put
from tests.helpers.raw_gguf import llama_header

OLLAMA = next(program for program in PROGRAMS if program.id == "ollama")
WEIGHTS = llama_header().to_bytes()
OTHER_WEIGHTS = WEIGHTS + bytes(32)
LIBRARY = "registry.ollama.ai/library"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "ollama-models"


def look(models: Path) -> list[LibraryEntry]:
    return scan([Place(OLLAMA, models)], data_folder().database)


def only(models: Path) -> LibraryEntry:
    (entry,) = look(models)
    return entry


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (f"{LIBRARY}/llama3.2/3b", "llama3.2:3b"),
        (f"{LIBRARY}/llama3.2/latest", "llama3.2:latest"),
        ("registry.ollama.ai/ann/poet/q8", "ann/poet:q8"),
        (
            "hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF/Q4_K_M",
            "hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M",
        ),
    ],
)
def test_model_is_named_as_ollama_names_it_and_found_by_that_name(
    models: Path, place: str, name: str
) -> None:
    ollama_model(models, place, WEIGHTS)
    entry = only(models)
    assert (entry.name, entry.program.id, entry.state) == (name, "ollama", EntryState.OK)
    assert entry.path == ollama_blob(models, WEIGHTS)
    assert entry.can_chat
    assert find_model(name, [Place(OLLAMA, models)], data_folder().database).path == entry.path


def test_model_without_a_tag_is_the_latest(models: Path) -> None:
    ollama_model(models, f"{LIBRARY}/llama3.2/latest", WEIGHTS)
    ollama_model(models, f"{LIBRARY}/llama3.2/1b", OTHER_WEIGHTS)
    found = find_model("llama3.2", [Place(OLLAMA, models)], data_folder().database)
    assert found.name == "llama3.2:latest"


def test_tags_of_the_same_weights_are_one_model_that_goes_by_all_names(models: Path) -> None:
    ollama_model(models, f"{LIBRARY}/llama3.2/latest", WEIGHTS)
    ollama_model(models, f"{LIBRARY}/llama3.2/3b", WEIGHTS)
    entry = only(models)
    assert (entry.name, entry.aliases) == ("llama3.2:3b", ("llama3.2:latest",))


def test_layers_are_understood(models: Path) -> None:
    licence = "LLAMA 3.2 COMMUNITY LICENSE AGREEMENT\nVersion of September"
    ollama_model(
        models,
        f"{LIBRARY}/llava/7b",
        WEIGHTS,
        projector=b"a projector",
        adapter=b"an adapter",
        template="{{ .Prompt }}",
        system="You are a poet.",
        params='{"stop": ["<|eot_id|>"]}',
        license=licence,
    )
    entry = only(models)
    assert entry.companions == (ollama_blob(models, b"a projector"), ollama_blob(models, b"an adapter"))
    assert entry.licence == "LLAMA 3.2 COMMUNITY LICENSE AGREEMENT"
    layers = read_layers(str(models), "llava:7b")
    assert (layers.template, layers.system) == ("{{ .Prompt }}", "You are a poet.")
    assert json.loads(layers.parameters) == {"stop": ["<|eot_id|>"]}
    assert layers.licence == licence


def test_model_that_runs_elsewhere_is_left_out(models: Path) -> None:
    ollama_model(models, f"{LIBRARY}/gpt-oss/120b-cloud", None)
    assert look(models) == []


def test_missing_weights_are_incomplete(models: Path) -> None:
    ollama_model(models, f"{LIBRARY}/llama3.2/3b", WEIGHTS)
    ollama_blob(models, WEIGHTS).unlink()
    entry = only(models)
    assert entry.state is EntryState.INCOMPLETE
    assert isinstance(entry.fault, FileGone)
    assert "llama3.2:3b" in entry.fault.message


def test_cut_weights_are_incomplete(models: Path) -> None:
    ollama_model(models, f"{LIBRARY}/llama3.2/3b", WEIGHTS)
    os.truncate(ollama_blob(models, WEIGHTS), 100)
    entry = only(models)
    assert entry.state is EntryState.INCOMPLETE
    assert entry.fault is not None
    assert "100 B" in entry.fault.message


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no JSON",
        b"[]",
        b'{"layers": 7}',
        b'{"layers": [{"mediaType": 1}]}',
        b'{"layers": ' + b"[" * 100_000,
        b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"\xff\xfe\x00",
    ],
    ids=["empty", "text", "list", "number", "wrong type", "deep", "deep elsewhere", "bytes"],
)
def test_manifest_that_is_none_is_told_by_its_name(models: Path, content: bytes) -> None:
    put(models / "manifests" / LIBRARY / "odd" / "1b", content)
    entry = only(models)
    assert entry.name == "odd:1b"
    assert entry.state is EntryState.DAMAGED
    assert isinstance(entry.fault, DamagedGguf)
    assert "ollama pull odd:1b" in entry.fault.hint


def test_manifest_of_gigabytes_is_not_read(models: Path) -> None:
    with ollama_model(models, f"{LIBRARY}/huge/1b", WEIGHTS).open("r+b") as file:
        file.truncate(5_000_000_000)
    assert only(models).state is EntryState.DAMAGED


@pytest.mark.parametrize(
    "digest",
    [
        "sha256:../../secret",
        "sha256:" + "A" * 64,
        "sha256:" + "0" * 63,
        "md5:00",
        "",
        "/etc/passwd",
        "sha256:" + "0" * 64 + "\n",
    ],
)
def test_digest_that_is_none_leads_nowhere(models: Path, digest: str) -> None:
    put(models / "secret", WEIGHTS)
    layers = [{"mediaType": f"{LAYER}model", "digest": digest, "size": len(WEIGHTS)}]
    put(models / "manifests" / LIBRARY / "odd" / "1b", json.dumps({"layers": layers}))
    entry = only(models)
    assert entry.state is EntryState.DAMAGED
    assert "digest" in str(entry.fault)


def test_projector_with_such_a_digest_is_none(models: Path) -> None:
    manifest = ollama_model(models, f"{LIBRARY}/llava/7b", WEIGHTS, projector=b"p")
    document = json.loads(manifest.read_text())
    document["layers"][1]["digest"] = "sha256:../../secret"
    manifest.write_text(json.dumps(document))
    assert only(models).companions == ()


def test_manifest_with_huge_and_negative_sizes_is_an_entry(models: Path) -> None:
    manifest = ollama_model(models, f"{LIBRARY}/llama3.2/3b", WEIGHTS)
    for size in (-1, 1 << 62):
        document = json.loads(manifest.read_text())
        document["layers"][0]["size"] = size
        manifest.write_text(json.dumps(document))
        assert only(models).state is EntryState.INCOMPLETE


def test_folders_of_other_shape_and_no_manifests_are_empty(models: Path) -> None:
    put(models / "manifests" / "stray", "x")
    put(models / "manifests" / LIBRARY / "stray", "x")
    put(models / "blobs" / "sha256-x", "x")
    assert look(models) == []


def test_nothing_is_written_where_ollama_keeps_its_models(models: Path) -> None:
    ollama_model(models, f"{LIBRARY}/llama3.2/3b", WEIGHTS, template="x")
    before = {path: path.stat().st_mtime_ns for path in models.rglob("*")}
    look(models)
    assert {path: path.stat().st_mtime_ns for path in models.rglob("*")} == before


def test_finding_opens_no_weights(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ollama_model(models, f"{LIBRARY}/llama3.2/3b", WEIGHTS)
    blob = ollama_blob(models, WEIGHTS)
    blob.chmod(0)
    blob.unlink()
    (found,) = OLLAMA.find(str(models), Walk(CancelToken()))
    assert (found.path, found.size) == (str(blob), len(WEIGHTS))
