"""What the Hugging Face cache, LM Studio, GPT4All and Jan have, as those programs lay it out."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from app.library import EntryState, LibraryEntry, Place, find_model, scan
from app.library.sources import PROGRAMS, Program
from app.storage import data_folder
from tests.helpers.other_programs import cached_file, cached_main, put
from tests.helpers.raw_gguf import STRING, UINT32, RawGguf, llama_header
from tests.helpers.tiny_gguf import write_tiny_model

BY_ID = {program.id: program for program in PROGRAMS}
WEIGHTS = llama_header().to_bytes()
OTHER_WEIGHTS = WEIGHTS + bytes(32)
PROJECTOR = (
    RawGguf()
    .key("general.architecture", STRING, "clip")
    .key("general.type", STRING, "mmproj")
    .key("clip.vision.projection_dim", UINT32, 64)  # the embedding length of `llama_header`
    .tensor("v.patch_embd.weight", (4,), data_bytes=16)
    .to_bytes()
)

needs_links = pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")


def look(program: str, folder: Path) -> list[LibraryEntry]:
    return scan([Place(BY_ID[program], folder)], data_folder().database)


def names(entries: list[LibraryEntry]) -> list[str]:
    return [entry.name for entry in entries]


# Hugging Face


@needs_links
def test_cached_file_is_named_after_itself_and_knows_its_repository(tmp_path: Path) -> None:
    link = cached_file(
        tmp_path, "bartowski/Llama-3.2-1B-Instruct-GGUF", "a1", "Llama-3.2-1B-Instruct-Q4_K_M.gguf", WEIGHTS
    )
    (entry,) = look("huggingface", tmp_path)
    assert (entry.path, entry.name) == (link, "Llama-3.2-1B-Instruct-Q4_K_M")
    assert entry.origin == "bartowski/Llama-3.2-1B-Instruct-GGUF"
    assert entry.state is EntryState.OK


@needs_links
def test_file_of_a_repository_is_found_by_repository_and_quantization(tmp_path: Path) -> None:
    repository = "bartowski/Llama-3.2-1B-Instruct-GGUF"
    wanted = cached_file(tmp_path, repository, "a1", "Llama-3.2-1B-Instruct-Q4_K_M.gguf", WEIGHTS)
    cached_file(tmp_path, repository, "a1", "Llama-3.2-1B-Instruct-Q8_0.gguf", OTHER_WEIGHTS)
    place = Place(BY_ID["huggingface"], tmp_path)
    assert find_model(f"{repository}:q4_k_m", [place], data_folder().database).path == wanted


@needs_links
def test_revisions_of_a_file_are_one_model_that_of_main(tmp_path: Path) -> None:
    old = cached_file(tmp_path, "a/b", "1111", "b.gguf", WEIGHTS)
    cached_file(tmp_path, "a/b", "2222", "b.gguf", OTHER_WEIGHTS)
    cached_file(tmp_path, "a/b", "3333", "only-there.gguf", OTHER_WEIGHTS + bytes(32))
    cached_main(tmp_path, "a/b", "1111")
    entries = look("huggingface", tmp_path)
    assert names(entries) == ["b", "only-there"]
    assert entries[0].path == old


@needs_links
def test_newest_revision_counts_where_main_is_unknown(tmp_path: Path) -> None:
    for number, content in enumerate((WEIGHTS, OTHER_WEIGHTS)):
        link = cached_file(tmp_path, "a/b", str(number), "b.gguf", content)
        os.utime(link.parent, (1000 + number, 1000 + number))
    (entry,) = look("huggingface", tmp_path)
    assert entry.path.parent.name == "1"


@needs_links
def test_split_model_in_a_folder_of_a_snapshot_is_one(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    write_tiny_model(tmp_path / "made" / "Big.gguf", tensors_per_part=8)
    for part in (tmp_path / "made").iterdir():
        cached_file(tmp_path / "hub", "a/b", "1", f"Q4/{part.name}", part.read_bytes())
    (entry,) = look("huggingface", tmp_path / "hub")
    assert entry.facts is not None
    assert (entry.name, entry.facts.files) == ("Big", 3)


@needs_links
def test_link_to_a_blob_that_is_gone_is_incomplete(tmp_path: Path) -> None:
    link = cached_file(tmp_path, "a/b", "1", "b.gguf", WEIGHTS)
    link.resolve().unlink()
    (entry,) = look("huggingface", tmp_path)
    assert entry.state is EntryState.INCOMPLETE
    assert "only a link" in str(entry.fault)


@needs_links
def test_links_of_a_snapshot_in_a_circle_or_out_of_the_cache_end(tmp_path: Path) -> None:
    hub = tmp_path / "hub"
    cached_file(hub, "a/b", "1", "b.gguf", WEIGHTS)
    snapshot = hub / "models--a--b" / "snapshots" / "1"
    (snapshot / "circle.gguf").symlink_to("circle.gguf")
    (snapshot / "up").symlink_to(tmp_path, target_is_directory=True)
    put(tmp_path / "private.gguf", OTHER_WEIGHTS)
    entries = look("huggingface", hub)
    assert [entry.name for entry in entries if entry.facts] == ["b"]


def test_cache_without_links_as_on_windows_is_read(tmp_path: Path) -> None:
    put(tmp_path / "models--a--b" / "snapshots" / "1" / "b.gguf", WEIGHTS)
    put(tmp_path / "datasets--a--c" / "snapshots" / "1" / "c.gguf", WEIGHTS)
    put(tmp_path / "models--a--empty" / "refs" / "main", "1")
    assert names(look("huggingface", tmp_path)) == ["b"]


# LM Studio


def test_lm_studio_model_knows_publisher_and_repository_and_its_projector(tmp_path: Path) -> None:
    folder = tmp_path / "lmstudio-community" / "gemma-3-4b-it-GGUF"
    put(folder / "gemma-3-4b-it-Q4_K_M.gguf", WEIGHTS)
    projector = put(folder / "mmproj-model-f16.gguf", PROJECTOR)
    put(tmp_path / "stray.gguf", OTHER_WEIGHTS)
    model, mmproj, stray = look("lmstudio", tmp_path)
    assert model.origin == "lmstudio-community/gemma-3-4b-it-GGUF"
    assert model.companions == (projector,)
    assert not mmproj.can_chat
    assert stray.origin == ""


def test_projector_of_another_model_in_the_folder_is_no_companion(tmp_path: Path) -> None:
    put(tmp_path / "a" / "Poet-Q4_K_M.gguf", llama_header().key("x", UINT32, 1).to_bytes())
    other = (
        RawGguf().key("general.architecture", STRING, "clip").key("clip.vision.projection_dim", UINT32, 4096)
    )
    put(tmp_path / "a" / "mmproj-llava-f16.gguf", other.tensor("v", (4,), data_bytes=16).to_bytes())
    assert [entry.companions for entry in look("lmstudio", tmp_path)] == [(), ()]


def test_half_precision_projector_is_preferred(tmp_path: Path) -> None:
    put(tmp_path / "a" / "Poet-Q4_K_M.gguf", WEIGHTS)
    for name, file_type in (("mmproj-Poet-F32", 0), ("mmproj-Poet-F16", 1), ("mmproj-Poet-Q8_0", 7)):
        raw = (
            RawGguf().key("general.architecture", STRING, "clip").key("general.file_type", UINT32, file_type)
        )
        put(tmp_path / "a" / f"{name}.gguf", raw.tensor("v", (4,), data_bytes=16).to_bytes())
    model = next(entry for entry in look("lmstudio", tmp_path) if entry.can_chat)
    assert [path.stem for path in model.companions] == ["mmproj-Poet-F16"]


# GPT4All


def test_gpt4all_download_under_way_is_incomplete(tmp_path: Path) -> None:
    put(tmp_path / "Meta-Llama-3-8B-Instruct.Q4_0.gguf", WEIGHTS)
    put(tmp_path / "incomplete-qwen2.5-coder-7b-instruct-q4_0.gguf", WEIGHTS[:100])
    put(tmp_path / "localdocs_v3.db", "x")
    whole, half = look("gpt4all", tmp_path)
    assert (whole.name, whole.state) == ("Meta-Llama-3-8B-Instruct.Q4_0", EntryState.OK)
    assert (half.name, half.state) == ("qwen2.5-coder-7b-instruct-q4_0", EntryState.INCOMPLETE)
    assert "GPT4All" in str(half.fault)


# Jan


def test_jan_model_is_named_by_its_folder_and_has_its_projector(tmp_path: Path) -> None:
    folder = tmp_path / "llamacpp" / "models" / "unsloth" / "gemma-3-4b-it-IQ4_XS"
    put(folder / "model.gguf", WEIGHTS)
    projector = put(folder / "mmproj.gguf", PROJECTOR)
    put(
        folder / "model.yml",
        "name: gemma-3-4b-it-IQ4_XS\n"
        "model_path: llamacpp/models/unsloth/gemma-3-4b-it-IQ4_XS/model.gguf\n"
        "mmproj_path: llamacpp/models/unsloth/gemma-3-4b-it-IQ4_XS/mmproj.gguf\n"
        "size_bytes: 2279000000\nembedding: false\n",
    )
    entries = {entry.name: entry for entry in look("jan", tmp_path)}
    model = entries["unsloth/gemma-3-4b-it-IQ4_XS"]
    assert (model.path, model.companions) == (folder / "model.gguf", (projector,))
    assert not entries["mmproj"].can_chat


def test_jan_model_that_was_imported_lies_elsewhere(tmp_path: Path) -> None:
    file = put(tmp_path / "mine" / "Poet-Q4_K_M.gguf", WEIGHTS)
    put(
        tmp_path / "data/llamacpp/models/poet/model.yml", f"name: poet\nmodel_path: '{file}'\nsize_bytes: 1\n"
    )
    (entry,) = look("jan", tmp_path / "data")
    assert (entry.name, entry.path, entry.program.id) == ("poet", file, "jan")


def test_jan_models_of_earlier_versions_are_found(tmp_path: Path) -> None:
    put(tmp_path / "models" / "tinyllama-1.1b" / "tinyllama-1.1b-chat.Q4_K_M.gguf", WEIGHTS)
    settings = {"llama_model_path": "tinyllama-1.1b-chat.Q4_K_M.gguf", "ctx_len": 4096}
    put(
        tmp_path / "models/tinyllama-1.1b/model.json",
        json.dumps({"id": "tinyllama-1.1b", "settings": settings}),
    )
    put(tmp_path / "models" / "cortex.so" / "llama3.2" / "1b" / "model.gguf", OTHER_WEIGHTS)
    put(
        tmp_path / "models/cortex.so/llama3.2/1b/model.yml",
        "name: x\nfiles:\n- models/cortex.so/llama3.2/1b/model.gguf\n",
    )
    assert names(look("jan", tmp_path)) == ["cortex.so/llama3.2/1b", "tinyllama-1.1b"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "\0",
        "model_path: ../../../etc/passwd\n",
        "model_path: /nowhere/x.gguf\n",
        "model_path: [1]\n",
        "- a\n" * 1000,
    ],
)
def test_jan_description_that_leads_nowhere_leaves_what_is_beside_it(tmp_path: Path, content: str) -> None:
    put(tmp_path / "llamacpp/models/poet/model.yml", content)
    put(tmp_path / "llamacpp/models/poet/model.gguf", WEIGHTS)
    assert names(look("jan", tmp_path)) == ["poet"]


# All of them


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.id)
def test_empty_folder_has_no_models(program: Program, tmp_path: Path) -> None:
    assert scan([Place(program, tmp_path)], data_folder().database) == []


@needs_links
def test_file_that_two_programs_have_is_one_model_of_the_first(tmp_path: Path) -> None:
    cached = cached_file(tmp_path / "hub", "a/b", "1", "b.gguf", WEIGHTS)
    link = tmp_path / "lms" / "a" / "b" / "b.gguf"
    link.parent.mkdir(parents=True)
    link.symlink_to(cached)
    places = [Place(BY_ID["huggingface"], tmp_path / "hub"), Place(BY_ID["lmstudio"], tmp_path / "lms")]
    (entry,) = scan(places, data_folder().database)
    assert entry.program.id == "huggingface"
