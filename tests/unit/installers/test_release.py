"""What an installer says of the version it brings."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from importlib.metadata import metadata
from pathlib import Path

import pytest

from installers.faults import BuildFault
from installers.release import ROOT, TARGETS, read_release

PROJECT = """
[project]
version = "9.8.7"
description = "Does something."
license = "Apache-2.0"

[project.urls]
Homepage = "https://example.org/nibble"
"""


def test_release_says_what_the_installed_project_says() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    release = read_release("linux-deb")
    assert (release.version, release.description) == (project["version"], project["description"])
    assert release.licence == metadata("nibble")["License-Expression"]
    assert release.homepage.startswith("https://")
    assert release.command in project["scripts"]


@pytest.mark.parametrize("target", TARGETS)
def test_files_are_named_after_version_system_and_machine(target: str) -> None:
    release = replace(read_release(target), version="0.1.0", machine="arm64")
    assert release.file_stem == f"nibble-0.1.0-{target.partition('-')[0]}-arm64"


def test_everything_is_read_from_the_project_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    release = read_release("linux-deb", tmp_path)
    assert release.version == "9.8.7"
    assert release.description == "Does something."
    assert release.homepage == "https://example.org/nibble"
    assert release.made_at == 1_700_000_000


@pytest.mark.parametrize(
    ("missing", "said"),
    [("version", "version"), ("license", "license"), ("Homepage", "Homepage"), ("[project.urls]", "urls")],
)
def test_what_the_project_does_not_say_is_told_in_a_sentence(tmp_path: Path, missing: str, said: str) -> None:
    lines = [line for line in PROJECT.splitlines() if not line.startswith(missing)]
    (tmp_path / "pyproject.toml").write_text("\n".join(lines))
    with pytest.raises(BuildFault, match=f"pyproject.toml does not say the project's {said}"):
        read_release("linux-deb", tmp_path)


def test_time_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(BuildFault, match="SOURCE_DATE_EPOCH"):
        read_release("linux-deb")


def test_time_is_that_of_the_last_commit_where_none_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import subprocess

    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2024-02-03T04:05:06Z")
    for command in (
        ["init", "-q"],
        ["-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-q", "--allow-empty", "-m", "x"],
    ):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    assert read_release("linux-deb", tmp_path).made_at == 1_706_933_106
