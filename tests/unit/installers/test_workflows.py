"""The workflows name what is there, may do no more than they need, and end by themselves."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from installers.release import ROOT, TARGETS
from kernels.native.recipes import RECIPES

FOLDER = ROOT / ".github" / "workflows"
NAMES = ("installers", "tests")
TEXTS = {name: (FOLDER / f"{name}.yml").read_text(encoding="utf-8") for name in NAMES}
WORKFLOWS: dict[str, dict[str, Any]] = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
JOBS = [(name, job) for name, workflow in WORKFLOWS.items() for job in workflow["jobs"]]
ON = True
"""The key "on", which YAML 1.1 takes for a truth."""


def job(workflow: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = WORKFLOWS[workflow]["jobs"][name]
    return found


def commands(workflow: str) -> Iterator[tuple[str, str]]:
    """The names of jobs and what their steps run."""
    for name, each in WORKFLOWS[workflow]["jobs"].items():
        for step in each["steps"]:
            if "run" in step:
                yield name, step["run"]


def matrix_values(each: dict[str, Any], key: str) -> list[str]:
    matrix = each["strategy"]["matrix"]
    return [str(entry[key]) for entry in matrix.get("include", [])] or [str(value) for value in matrix[key]]


def test_every_workflow_is_looked_at() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {f"{name}.yml" for name in NAMES}


@pytest.mark.parametrize(("workflow", "name"), JOBS)
def test_every_job_ends_by_itself(workflow: str, name: str) -> None:
    assert 0 < job(workflow, name)["timeout-minutes"] < 360  # GitHub's own limit


@pytest.mark.parametrize("workflow", NAMES)
def test_workflows_may_only_read_but_for_the_draft(workflow: str) -> None:
    assert WORKFLOWS[workflow]["permissions"] == {"contents": "read"}
    writing = [name for name, each in WORKFLOWS[workflow]["jobs"].items() if "permissions" in each]
    assert writing == (["release"] if workflow == "installers" else [])
    assert "pull_request_target" not in WORKFLOWS[workflow][ON]
    assert "group" in WORKFLOWS[workflow]["concurrency"]


def test_a_draft_is_made_of_tags_alone_and_after_everything_was_tried() -> None:
    release = job("installers", "release")
    assert release["permissions"] == {"contents": "write"}
    assert "github.ref_type == 'tag'" in release["if"]
    assert {"linux", "bare-debian", "macos", "windows", "index"} <= set(release["needs"])
    (draft,) = [run for name, run in commands("installers") if "gh release create" in run]
    assert "--draft" in draft


@pytest.mark.parametrize("workflow", NAMES)
def test_actions_are_githubs_own_and_cannot_change(workflow: str) -> None:
    used = re.findall(r"uses: (.+)", TEXTS[workflow])
    assert used
    for action in used:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)


@pytest.mark.parametrize("workflow", NAMES)
def test_no_token_stays_in_a_checkout(workflow: str) -> None:
    for each in WORKFLOWS[workflow]["jobs"].values():
        for step in each["steps"]:
            if "actions/checkout@" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("workflow", NAMES)
def test_nothing_from_outside_is_put_into_commands(workflow: str) -> None:
    # It comes in variables, which the shell does not read as commands.
    for name, run in commands(workflow):
        assert "${{" not in run, name


def test_secrets_reach_only_the_steps_that_sign() -> None:
    for name, each in WORKFLOWS["installers"]["jobs"].items():
        assert "secrets." not in str(each.get("env", {}))
        for step in each["steps"]:
            if "secrets." in str(step):
                assert name in ("macos", "windows")
                assert step["name"] in ("A keychain for the certificate", "The certificate")
                assert "release" in each["environment"]


def test_what_was_put_in_for_signing_is_removed_whatever_happens() -> None:
    for name, step_name in (("macos", "Remove the keychain"), ("windows", "Remove the certificate")):
        (step,) = [step for step in job("installers", name)["steps"] if step.get("name") == step_name]
        assert step["if"] == "always()"


@pytest.mark.parametrize("workflow", NAMES)
def test_modules_and_files_that_are_run_are_there(workflow: str) -> None:
    elsewhere = {"pip", "zipfile"}
    for _, run in commands(workflow):
        for module in re.findall(r"python[\d.]* -m ([\w.]+)", run):
            assert module in elsewhere or importlib.util.find_spec(module) is not None, module
        for file in re.findall(r"(?<=\s)(?:[\w/]+\.py|\.ci/\w+)\b", run):
            assert (ROOT / file).is_file(), file


def test_all_targets_are_built_where_they_can_be() -> None:
    built: dict[str, set[str]] = {}
    for name, run in commands("installers"):
        for words in re.findall(r"installers/build\.py --target ((?:[a-z]+-[a-z]+ )+)", run):
            built.setdefault(name, set()).update(words.split())
    assert {target for targets in built.values() for target in targets} == set(TARGETS)
    for system, targets in built.items():
        assert {TARGETS[target] for target in targets} == {system}
    assert set(matrix_values(job("installers", "macos"), "machine")) == {"arm64", "x86_64"}


def test_packs_are_built_by_names_that_there_are() -> None:
    systems = {recipe.name: recipe.systems for recipe in RECIPES}
    packs = job("installers", "packs")["strategy"]["matrix"]["include"]
    asked = [(entry["name"].partition("-")[0], entry["backends"]) for entry in packs]
    asked += [
        ("linux", backends)
        for name, run in commands("installers")
        if name == "packs-linux"
        for backends in re.findall(r"--backend (\S+)", run)
    ]
    assert len(asked) == 4
    for system, words in asked:
        for backend in words.split(","):
            assert system in systems[backend]
    for name in ("cuda-linux", "cuda-windows"):
        for major in matrix_values(job("installers", name), "major"):
            assert f"cuda-{major}" in systems


def test_packs_that_go_along_are_built_and_the_others_are_offered() -> None:
    text = TEXTS["installers"]
    (removed,) = re.findall(r"rm (archives/.*)", text)
    assert set(re.findall(r"nibble-pack-(\w+)-", removed)) == {"cpu", "vulkan", "metal"}
    assert '--address "$RELEASE_ADDRESS" > packs.toml' in text


@pytest.mark.parametrize("workflow", NAMES)
def test_what_a_job_takes_another_one_has_left(workflow: str) -> None:
    jobs = WORKFLOWS[workflow]["jobs"]
    left = {pattern for each in jobs.values() for pattern in _artifacts(each, "upload")}
    for name, each in jobs.items():
        for taken in _artifacts(each, "download"):
            assert any(re.fullmatch(re.sub(r"\*", ".*", taken), made) for made in left), (name, taken)
        for needed in each.get("needs", []):
            assert needed in jobs


def _artifacts(each: dict[str, Any], verb: str) -> Iterator[str]:
    for step in each["steps"]:
        if f"actions/{verb}-artifact@" in step.get("uses", ""):
            name = step["with"].get("name") or step["with"].get("pattern", "*")
            key = re.search(r"\$\{\{ matrix\.(\w+) \}\}", name)
            for value in matrix_values(each, key[1]) if key else [""]:
                yield name.replace(key[0], value) if key else name
