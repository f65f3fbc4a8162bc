"""What a repository holds: variants, the original checkpoint, the card."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from app.core.errors import HubFault
from app.hub import Hub, OriginalCheckpoint, open_repository, read_card, read_original
from app.hub.card import card_of
from tests.helpers.hub_server import Content, Fault, HubServer, Repository

WEIGHTS = b"w" * 100


def test_repository_tells_its_files_with_sizes_and_digests(server: HubServer, hub: Hub) -> None:
    files: dict[str, Content] = {
        ".gitattributes": b"*.gguf filter=lfs",
        "README.md": b"# M",
        "M-Q4_K_M.gguf": b"a" * 300,
        "BF16/M-BF16-00001-of-00002.gguf": b"b" * 500,
        "BF16/M-BF16-00002-of-00002.gguf": b"c" * 400,
        "mmproj-F16.gguf": b"d" * 50,
        "imatrix.dat": b"e" * 20,
        "../../../../tmp/evil-Q8_0.gguf": b"f",
    }
    ours = Repository("ada/M-GGUF", files, tags=["gguf", "license:mit"], gated="auto")
    server.add(ours)
    found = open_repository(hub, "ada/M-GGUF")
    assert [(each.label, each.size) for each in found.variants] == [("BF16", 900), ("Q4_K_M", 300)]
    assert [file.digest for file in found.variants[0].files] == [
        ours.stored(f"BF16/M-BF16-0000{part}-of-00002.gguf").sha256 for part in (1, 2)
    ]
    assert [each.label for each in found.grouped.projectors] == ["F16"]
    assert [each.name for each in found.grouped.importance_matrices] == ["imatrix.dat"]
    assert (found.commit, found.licence, found.is_gated) == (ours.commit, "mit", True)
    assert found.page == f"{server.url}/ada/M-GGUF"
    readme = found.file("README.md")
    assert readme is not None
    assert (readme.digest, readme.is_lfs) == (ours.stored("README.md").blob_id, False)
    (note,) = found.left_out
    assert "evil" in note
    assert len(server.requests) == 1


def test_files_without_sizes_are_taken_as_they_come(server: HubServer, hub: Hub) -> None:
    odd = [
        {"rfilename": "M-Q4_0.gguf", "size": -5, "lfs": {"sha256": "none", "size": -1}},
        {"rfilename": "M-Q8_0.gguf"},
    ]
    body = json.dumps({"id": "ada/M", "siblings": odd}).encode()
    server.faults.append(Fault(status=200, body=body))
    assert {(each.label, each.size) for each in open_repository(hub, "ada/M").variants} == {
        ("Q4_0", 0),
        ("Q8_0", 0),
    }


@pytest.mark.parametrize(
    "body", [b'{"id": "a/b", "siblings": 1}', b'{"siblings": []}', b'{"id": "\\ud800"}', b"x"]
)
def test_answer_that_is_none_is_a_fault(server: HubServer, hub: Hub, body: bytes) -> None:
    server.faults.append(Fault(status=200, body=body))
    with pytest.raises(HubFault):
        open_repository(hub, "ada/M")


def original(
    server: HubServer, hub: Hub, config: Any, types: dict[str, int] | None = None, *names: str
) -> OriginalCheckpoint | None:
    files: dict[str, Content] = dict.fromkeys(names or ("model.safetensors",), WEIGHTS)
    if config is not None:
        files["config.json"] = config if isinstance(config, bytes) else json.dumps(config).encode()
    facts = {"safetensors": {"parameters": types, "total": sum(types.values())}} if types else {}
    server.add(Repository("ada/M", files, facts=facts))
    return read_original(hub, open_repository(hub, "ada/M"))


LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}


@pytest.mark.parametrize(
    ("config", "types", "form"),
    [
        ({"torch_dtype": "bfloat16"}, {"BF16": 100}, "BF16"),
        ({}, {"F32": 5, "BF16": 100}, "BF16"),
        ({}, {"F16": 100}, "F16"),
        ({"dtype": "float32"}, None, "F32"),
        ({"text_config": {"torch_dtype": "float16"}}, None, "F16"),
        ({}, {"F8_E4M3": 100, "BF16": 9}, "FP8"),
        # as in Qwen3-8B-FP8, TheBloke's GPTQ and AWQ, unsloth's bnb-4bit, gpt-oss-20b and RedHatAI's
        ({"quantization_config": {"quant_method": "fp8", "fmt": "e4m3"}}, {"F8_E4M3": 1}, "FP8"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, {"I32": 1}, "GPTQ, 4 bits"),
        ({"quantization_config": {"quant_method": "awq", "bits": 4}}, {"I32": 1}, "AWQ, 4 bits"),
        (
            {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
            {"U8": 1},
            "bitsandbytes, 4 bits",
        ),
        (
            {"quantization_config": {"load_in_8bit": True, "load_in_4bit": False}},
            None,
            "bitsandbytes, 8 bits",
        ),
        ({"quantization_config": {"quant_method": "mxfp4"}}, {"BF16": 1, "U8": 9}, "MXFP4"),
        ({"quantization_config": {"quant_method": "compressed-tensors"}}, {"I32": 1}, "compressed-tensors"),
        ({"quantization_config": {}}, {"BF16": 1}, "quantized"),
        ({}, None, None),
    ],
)
def test_form_of_the_original_checkpoint(
    server: HubServer, hub: Hub, config: dict[str, Any], types: dict[str, int] | None, form: str | None
) -> None:
    found = original(server, hub, LLAMA | config, types)
    assert found is not None
    assert (found.architecture, found.model_type, found.form) == ("LlamaForCausalLM", "llama", form)
    assert not found.is_pickled


def test_pickled_weights_are_told(server: HubServer, hub: Hub) -> None:
    found = original(server, hub, LLAMA, None, "pytorch_model-00001-of-00002.bin", "training_args.bin")
    assert found is not None
    assert found.is_pickled
    assert [file.name for file in found.files] == ["pytorch_model-00001-of-00002.bin"]


def test_safetensors_beside_pickles_count_alone(server: HubServer, hub: Hub) -> None:
    names = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "pytorch_model.bin")
    found = original(server, hub, LLAMA, None, *names)
    assert found is not None
    assert (found.is_pickled, found.size) == (False, 2 * len(WEIGHTS))


def test_repository_with_gguf_alone_has_no_original(server: HubServer, hub: Hub) -> None:
    assert original(server, hub, LLAMA, None, "M-Q4_0.gguf") is None


def test_adapter_is_told(server: HubServer, hub: Hub) -> None:
    found = original(server, hub, None, None, "adapter_model.safetensors", "adapter_config.json")
    assert found is not None
    assert found.is_adapter


@pytest.mark.parametrize(
    "config",
    [b"", b"[]", b'"x"', b"{" * 100_000, b"\xff", b'{"architectures": 5}', b'{"architectures": [[]]}'],
)
def test_config_that_makes_no_sense_leaves_the_architecture_open(
    server: HubServer, hub: Hub, config: bytes
) -> None:
    found = original(server, hub, config, {"BF16": 1})
    assert found is not None
    assert (found.architecture, found.form) == (None, "BF16")


CARD = """---
license: other
license_name: gemma
base_model:
- google/gemma-3-12b-it
language: en
extra: &a [*a]
---
# Gemma

<script>alert(1)</script>
"""


def test_card_is_front_matter_and_markdown(server: HubServer, hub: Hub) -> None:
    server.add(Repository("ada/M", {"README.md": CARD.encode()}, gated="manual"))
    card = read_card(hub, open_repository(hub, "ada/M"))
    assert card is not None
    assert card.text.strip().startswith("# Gemma")
    assert (card.licence, card.base_models, card.languages) == ("gemma", ("google/gemma-3-12b-it",), ("en",))


def test_repository_without_a_card_has_none(server: HubServer, hub: Hub) -> None:
    server.add(Repository("ada/M", {"M.gguf": b""}))
    assert read_card(hub, open_repository(hub, "ada/M")) is None


BOMB = "---\na: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}, *{a}]\n" for a, b in pairwise("abcdefghi"))


@pytest.mark.parametrize(
    "front",
    [
        "---\n[\n---\n",
        "---\n- a\n- b\n---\n",
        "---\nlicense: [5, {a: b}]\n---\n",
        "---\nx: !!python/object/apply:os.system ['true']\n---\n",
        "---\nx: 2024-99-99\n---\n",
        "---\n" + "[" * 5000 + "\n---\n",
        "---\n? {a: b}\n: c\n---\n",
        BOMB + "---\n",
        "---\n\x00\n---\n",
    ],
)
def test_front_matter_of_a_stranger_leaves_the_text(front: str) -> None:
    card = card_of(front + "Text \ud800")
    assert card.text == "Text ?"
    assert card.licence is None


def test_card_without_front_matter_is_all_text() -> None:
    assert card_of("# M\n---\nx: y\n---\n").text == "# M\n---\nx: y\n---\n"


@pytest.mark.parametrize("id", ["../../x", "ada/..", "ada", "/etc/passwd", "ada/M/x", ""])
def test_a_name_that_is_no_repository_s_is_a_fault(server: HubServer, hub: Hub, id: str) -> None:
    """It becomes the folder that downloads go to."""
    body = json.dumps({"id": id, "sha": "x", "siblings": []}).encode()
    server.faults.append(Fault(where="/api/models/ada/M", status=200, body=body))
    with pytest.raises(HubFault, match="not what a Hub answers"):
        open_repository(hub, "ada/M")
