"""README.md's front matter: what is kept of it, and that no file costs more than its first kilobytes."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.convert.checkpoint.model_card import KEYS, MOST_BYTES, read_model_card


def read(path: Path, text: str) -> dict[str, str | list[str]]:
    (path / "README.md").write_bytes(text.encode())
    return read_model_card(path / "README.md")


def test_licence_origin_and_languages_are_kept_and_nothing_else(tmp_path: Path) -> None:
    text = (
        "---\r\nlicense: other  # really\r\nlicense_name: 'the bard''s'\r\nlicense_name: \"Bard's own\"\r\n"
        "license_link: https://bard.org/l#2\r\ntags:\r\n- a\r\n- b\r\nbase_model:\r\n  - somebody/Bard-7B\r\n"
        "  - 'https://huggingface.co/somebody/Bard-8B'\r\nlanguage: [en, no, \"de\"]\r\nname: Mine\r\n---\r\n"
        "license: mit\r\n"
    )
    assert read(tmp_path, text) == {
        "license": "other",
        "license_name": "Bard's own",
        "license_link": "https://bard.org/l#2",
        "base_model": ["somebody/Bard-7B", "https://huggingface.co/somebody/Bard-8B"],
        "language": ["en", "no", "de"],
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "---",
        "# Bard\n",
        "---\nlicense: mit\n",
        "\n---\nlicense: mit\n---\n",
        "license: mit\n---\n",
        "---\n---\n",
    ],
)
def test_file_without_front_matter_says_nothing(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == {}


@pytest.mark.parametrize(
    "value",
    [
        "&a mit",
        "*a",
        "!!python/object:os.system mit",
        "{a: b}",
        "[[a]]",
        "[*a, *a]",
        "|\n  mit",
        ">\n  mit",
        "<<",
        "'mit",
        '"\\x00"',
        "a: b",
        "null",
        "~",
        "m" * 201,
        "mit\x00",
        "",
    ],
)
def test_what_means_more_than_text_to_yaml_is_left_out(tmp_path: Path, value: str) -> None:
    assert read(tmp_path, f"---\nlicense: {value}\nlanguage: en\n---\n") == {"language": "en"}


def test_aliases_lead_nowhere(tmp_path: Path) -> None:
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10))
    text = f"---\na0: &a0 [x]\n{levels}base_model: *a9\nlanguage:\n- *a9\n<<: *a9\nlicense: mit\n---\n"
    assert read(tmp_path, text) == {"license": "mit"}


def test_front_matter_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    body = "a: b\n" * (MOST_BYTES // 5)
    assert read(tmp_path, f"---\nlicense: mit\n{body}---\n") == {}
    sparse = tmp_path / "README.md"
    os.truncate(sparse, 1 << 40)
    assert read_model_card(sparse) == {}


@pytest.mark.parametrize(
    "line", ["- a\n", "language: [" + "a, " * 20_000 + "]\n", " " * 60_000, "-" * 60_000, "a: b\n"]
)
def test_worst_front_matter_takes_milliseconds(tmp_path: Path, line: str) -> None:
    body = line * ((MOST_BYTES - 40) // len(line))
    started = time.process_time()
    card = read(tmp_path, f"---\nbase_model:\n{body}\n---\n")
    assert time.process_time() - started < 0.5  # 30 ms on an idle machine
    assert all(len(found) <= 100 for found in card.values())


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from([*KEYS, ":", ": ", "-", "- ", "[", "]", ",", "'", '"', "\\", "a", "\n", "&", "\x85"])
    )
)
def test_any_front_matter_gives_texts(tmp_path: Path, parts: list[str]) -> None:
    for key, found in read(tmp_path, f"---\n{''.join(parts)}\n---\n").items():
        assert key in KEYS
        assert all(isinstance(text, str) and text for text in ([found] if isinstance(found, str) else found))
