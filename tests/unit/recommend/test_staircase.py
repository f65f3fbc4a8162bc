"""The fast way to a staircase against the plain one, and what it must not do twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.core.errors import Cancelled, FileGone
from app.core.jobs import CancelToken, JobControl, Progress
from app.hardware import read_profile
from app.recommend.budget import Budget, budget_of
from app.recommend.catalogue import CatalogueModel, read_catalogue
from app.recommend.fit import Verdict
from app.recommend.ranking import rank
from app.recommend.speed import Learned
from app.recommend.staircase import Staircase, keep_staircases, parts_of, staircases_of
from app.runtime.protocol import LoadSettings
from tests.helpers.plain_recommendation import choices_for, recommend_model

MACHINES = Path(__file__).parents[2] / "data" / "machines"
KINDS = (
    "llama-3.2-1b",
    "qwen3-30b-a3b",
    "gemma-3-4b",
    "deepseek-v2-lite",
    "granite-4.0-h-tiny",
    "gpt-oss-20b",
)
"""Dense, of experts, with windows, with latent attention, hybrid, and published in few bits."""


def model(id: str) -> CatalogueModel:
    return next(each for each in read_catalogue() if each.id == id)


def staircase(id: str) -> Staircase:
    (made,) = staircases_of([model(id)])
    return made


def budget(name: str) -> Budget:
    return budget_of(read_profile(MACHINES / f"{name}.json"))


@pytest.mark.parametrize("id", KINDS)
@pytest.mark.parametrize(
    ("machine", "context"), [("desktop-8gb-card", 4096), ("mac-64gb", 32_768), ("laptop-16gb", 2048)]
)
def test_it_says_what_the_plain_way_says(id: str, machine: str, context: int) -> None:
    settings = LoadSettings(context_length=context)
    plain = recommend_model(model(id), budget(machine), settings)
    assert staircase(id).choice(budget(machine), settings) == plain


def test_the_list_is_the_plain_one() -> None:
    models, settings = read_catalogue()[::23], LoadSettings(context_length=8192)
    here = budget("desktop-12gb-card")
    choices = rank(each.choice(here, settings) for each in staircases_of(models))
    assert choices == choices_for(models, here, settings)


def test_runs_on_this_machine_correct_the_speed() -> None:
    here, settings = budget("laptop-16gb"), LoadSettings()
    slower = replace(here, learned=Learned(processor=0.5))
    before = staircase("llama-3.2-1b").choice(here, settings).recommendation.steps
    after = staircase("llama-3.2-1b").choice(slower, settings).recommendation.steps
    for one, other in zip(before, after, strict=True):
        assert one.fit.gpu_layers == 0
        assert other.fit.speed.middle == pytest.approx(one.fit.speed.middle / 2)


def test_cache_of_a_context_by_hand() -> None:
    # Llama 3.1 8B: 32 layers, keys and values of 8 heads x 128 numbers of 2 bytes
    settings = LoadSettings(context_length=8192)
    for step in staircase("llama-3.1-8b").choice(budget("mac-64gb"), settings).recommendation.steps:
        assert step.need.kv_bytes == 32 * 2 * 8 * 128 * 2 * 8192


def test_a_context_is_ready_once_it_was_asked_for() -> None:
    made = staircase("llama-3.2-1b")
    short, long = LoadSettings(context_length=2048), LoadSettings(context_length=16_384)
    made.choice(budget("laptop-16gb"), short)
    assert made.is_ready(short)
    assert not made.is_ready(long)


def test_models_of_one_geometry_share_what_was_worked_out() -> None:
    one, other = staircases_of([model("qwen3-4b-instruct-2507"), model("qwen3-4b-thinking-2507")])
    settings = LoadSettings()
    one.choice(budget("laptop-16gb"), settings)
    assert other.is_ready(settings)
    assert other.choice(budget("laptop-16gb"), settings).model.id == "qwen3-4b-thinking-2507"


def test_a_context_is_never_longer_than_what_the_model_was_trained_for() -> None:
    made = staircase("gemma-2-2b")
    assert made.longest_context == 8192
    assert made.settings(131_072).context_length == 8192
    assert made.settings(2048).context_length == 2048


def test_a_model_whose_tensors_are_not_known_is_left_out(change: Callable[..., CatalogueModel]) -> None:
    unknown = change(model("llama-3.2-1b"), architecture="not-an-architecture")
    (known,) = staircases_of([unknown, model("llama-3.2-1b")])
    assert known.model.architecture == "llama"


def test_it_tells_how_far_it_is_and_ends_when_cancelled() -> None:
    told: list[object] = []
    token = CancelToken()
    staircases_of([model("llama-3.2-1b")], JobControl(token, told.append))
    assert [(each.done, each.total) for each in told if isinstance(each, Progress)] == [(0, 1)]
    token.cancel()
    with pytest.raises(Cancelled):
        staircases_of([model("llama-3.2-1b")], JobControl(token, told.append))


def test_what_is_kept_is_not_worked_out_again(tmp_path: Path) -> None:
    models, settings = [model(id) for id in KINDS], LoadSettings(context_length=8192)
    made = staircases_of(models)
    for each in made:
        each.prepare(settings)
    keep_staircases(made, tmp_path / "sizes")
    again = staircases_of(models, kept=tmp_path / "sizes")
    here = budget("desktop-8gb-card")
    assert all(each.is_ready(settings) for each in again)
    assert [each.choice(here, settings) for each in again] == [each.choice(here, settings) for each in made]


def test_what_another_nibble_has_kept_counts_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = staircases_of([model("llama-3.2-1b")])
    made[0].prepare(LoadSettings())
    keep_staircases(made, tmp_path / "sizes")
    monkeypatch.setattr("app.__version__", "0.0.0")
    (again,) = staircases_of([model("llama-3.2-1b")], kept=tmp_path / "sizes")
    assert not again.is_ready(LoadSettings())


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: b"\xff" * 100,
        lambda content: content.replace(b"kv_bytes", b"no_bytes"),
        lambda content: b"\x91" * 100_000,
    ],
)
def test_a_damaged_file_of_what_was_kept_counts_for_nothing(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    made = staircases_of([model("llama-3.2-1b")])
    made[0].prepare(LoadSettings())
    keep_staircases(made, tmp_path / "sizes")
    (tmp_path / "sizes").write_bytes(damage((tmp_path / "sizes").read_bytes()))
    (again,) = staircases_of([model("llama-3.2-1b")], kept=tmp_path / "sizes")
    assert not again.is_ready(LoadSettings())


def test_a_folder_that_is_not_there_cannot_keep_anything(tmp_path: Path) -> None:
    with pytest.raises(FileGone):
        keep_staircases(staircases_of([model("llama-3.2-1b")]), tmp_path / "gone" / "sizes")


@pytest.mark.parametrize("machine", ["desktop-8gb-card", "mac-64gb", "laptop-16gb", "desktop-two-24gb-cards"])
def test_parts_add_up_to_what_is_in_use(machine: str) -> None:
    verdicts = set()
    for each in staircases_of([model(id) for id in (*KINDS, "llama-3.3-70b")]):
        for step in each.choice(budget(machine), LoadSettings()).recommendation.steps:
            on_gpu, in_memory = parts_of(step.need, step.fit)
            assert on_gpu.total_bytes == step.fit.accelerator_bytes
            assert in_memory.total_bytes == step.fit.memory_bytes
            verdicts.add(step.fit.verdict)
    assert Verdict.TOO_BIG in verdicts
    assert len(verdicts) > 1


@pytest.fixture
def change() -> Callable[..., CatalogueModel]:
    import msgspec

    return msgspec.structs.replace
