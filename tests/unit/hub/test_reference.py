"""`owner/repo:QUANT`, and which file it means."""

from __future__ import annotations

import pytest

from app.core.errors import WrongChoice
from app.hub.client import Hub
from app.hub.documents import FileDocument, ModelDocument
from app.hub.reference import HubReference, choose_variant, parse_reference
from app.hub.repository import HubRepository, describe_repository


def repository(*names: str) -> HubRepository:
    files = [FileDocument(name, size=100 + at) for at, name in enumerate(names)]
    return describe_repository(Hub("https://hub.test"), ModelDocument("ada/M-GGUF", siblings=files))


def chosen(choice: str, *names: str) -> str:
    return choose_variant(repository(*names), choice).files[0].path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ada/M-GGUF", HubReference("ada/M-GGUF", "")),
        ("ada/M-GGUF:Q4_K_M", HubReference("ada/M-GGUF", "Q4_K_M")),
        ("hf.co/ada/M-GGUF:ud-q4_k_xl", HubReference("ada/M-GGUF", "ud-q4_k_xl")),
        ("https://huggingface.co/ada/M-GGUF", HubReference("ada/M-GGUF", "")),
        ("ada/M:sub/M-Q4_0.gguf", HubReference("ada/M", "sub/M-Q4_0.gguf")),
        (" https://huggingface.co/ada/M-GGUF/ \n", HubReference("ada/M-GGUF", "")),
        ("https://huggingface.co/ada/M-GGUF/tree/main/sub", HubReference("ada/M-GGUF", "")),
        ("https://huggingface.co/ada/M-GGUF?library=llama.cpp#files", HubReference("ada/M-GGUF", "")),
        ("https://huggingface.co/ada/M/blob/main/README.md", HubReference("ada/M", "")),
        (
            "https://huggingface.co/ada/M/blob/main/sub/M%20x-Q4_0.gguf?a=b",
            HubReference("ada/M", "sub/M x-Q4_0.gguf"),
        ),
        ("https://huggingface.co/ada/M/resolve/main/M-Q4_0.gguf", HubReference("ada/M", "M-Q4_0.gguf")),
    ],
)
def test_reference_is_repository_and_choice(text: str, expected: HubReference) -> None:
    assert parse_reference(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "bard",
            "bard.gguf",
            "models/bard.gguf",
            "a/b/c",
            "../x",
            "./a/b",
            "a/b:",
            "a b/c",
            "C:\\x",
            "/a/b",
        ),
        *("https://example.test/a/b", "https://huggingface.co/datasets/a/b", "https://huggingface.co/ada"),
        *("https://huggingface.co.example.test/a/b", "a/b?c", "https://huggingface.co/../x"),
    ],
)
def test_other_names_are_none(text: str) -> None:
    assert parse_reference(text) is None


def test_without_a_choice_it_is_q4_k_m_or_q8_0_or_the_first_as_in_llama_cpp() -> None:
    assert chosen("", "M-Q2_K.gguf", "M-Q4_K_M.gguf", "M-Q8_0.gguf") == "M-Q4_K_M.gguf"
    assert chosen("", "M-Q2_K.gguf", "M-Q8_0.gguf") == "M-Q8_0.gguf"
    assert chosen("", "M-Q6_K.gguf", "M-Q5_K_M.gguf", "mmproj-F16.gguf") == "M-Q5_K_M.gguf"


def test_choice_in_upper_or_lower_case_prefers_what_is_called_exactly_so() -> None:
    names = ("M-UD-Q4_K_M.gguf", "M-Q4_K_M.gguf")
    assert chosen("q4_k_m", *names) == "M-Q4_K_M.gguf"
    assert chosen("ud-q4_k_m", *names) == "M-UD-Q4_K_M.gguf"
    assert chosen("Q4_K_M", "M.i1-Q4_K_M.gguf", "M.i1-Q6_K.gguf") == "M.i1-Q4_K_M.gguf"


def test_choice_can_be_a_file_s_name() -> None:
    names = ("a/M-Q4_0.gguf", "b/M-Q4_0.gguf")
    assert chosen("b/M-Q4_0.gguf", *names) == "b/M-Q4_0.gguf"
    assert chosen("b/m-q4_0", *names) == "b/M-Q4_0.gguf"


def test_choice_that_fits_several_lists_them() -> None:
    with pytest.raises(WrongChoice) as caught:
        chosen("Q4_0", "Small-Q4_0.gguf", "Large-Q4_0.gguf", "Large-Q8_0.gguf")
    assert "2 files" in caught.value.message
    assert "Large Q4_0, Small Q4_0" in caught.value.hint
    assert "Q8_0" not in caught.value.hint


def test_choice_that_is_not_there_lists_what_is() -> None:
    with pytest.raises(WrongChoice) as caught:
        chosen("Q3_K_M", "M-Q4_0.gguf", "M-Q8_0.gguf", "mmproj-F16.gguf")
    assert "no Q3_K_M" in caught.value.message
    assert caught.value.hint == "There are: Q4_0, Q8_0."


def test_repository_without_gguf_files_says_so() -> None:
    with pytest.raises(WrongChoice, match="no GGUF files"):
        chosen("", "model.safetensors", "config.json")


def test_hostile_names_are_left_out_with_a_note() -> None:
    names = [
        "../../evil-Q4_K_M.gguf",
        "/etc/M-Q4_0.gguf",
        "C:\\M-Q4_0.gguf",
        "c:M-Q5_0.gguf",
        "a/../M-Q4_1.gguf",
        "M-\x1b[2J-Q4_0.gguf",
        f"{'x' * 300}-Q4_0.gguf",
        "CON.gguf",
        "nul/M-Q4_0.gguf",
        "",
    ]
    found = repository(*names, "good-Q8_0.gguf")
    assert [file.path for file in found.files] == ["good-Q8_0.gguf"]
    assert [variant.label for variant in found.variants] == ["Q8_0"]
    assert "'../../evil-Q4_K_M.gguf'" in found.left_out[0]
    assert "5 more" in found.left_out[-1]
    assert not any("\x1b" in note for note in found.left_out)
