"""Workers on runtime packs: real libraries, and such as fail in every way a library can."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from app.core.errors import Cancelled, WorkerCrashed
from app.core.jobs import CancelToken
from app.hardware import ask_runtime
from app.runtime import LoadedModel, LoadSettings, packs_set_aside, start_worker
from app.runtime.packs import Pack, RuntimePacks, choice, runtime_packs
from app.runtime.protocol import Describe
from app.storage import DataFolder
from tests.helpers.answers import ask, greedy
from tests.helpers.command_line import nibble
from tests.helpers.packs import good_pack, named_files, pack_of, truncated_pack, write_manifest

SETTINGS = LoadSettings(context_length=512, threads=1)


@pytest.fixture
def places(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for packs in the person's data folder."""
    monkeypatch.delenv("LLAMA_CPP_LIB_PATH", raising=False)
    folder = DataFolder(home).packs
    folder.mkdir(parents=True)
    return folder


def fault_of(folder: Path) -> str | None:
    return next(state.fault for state in runtime_packs().states() if state.pack.folder == folder)


def libraries_of(pid: int) -> set[Path]:
    return {Path(each.path).parent for each in psutil.Process(pid).memory_maps() if "libllama" in each.path}


def test_without_packs_the_plain_build_is_used_and_nothing_is_remembered(home: Path, tiny: Path) -> None:
    assert [state.pack for state in runtime_packs().states()] == [runtime_packs().chosen()]
    with start_worker() as worker:
        assert worker.runtime_folder is None
        assert worker.call_for(Describe())
    assert not (home / "nibble.db").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="libraries of a process are read from /proc")
def test_model_answers_on_a_pack_as_on_the_plain_build(places: Path, tiny: Path) -> None:
    with LoadedModel.load(tiny, SETTINGS) as model:
        plain = ask(model, "hello", greedy(20)).text
    folder = good_pack(places, "Good")
    with LoadedModel.load(tiny, SETTINGS) as model:
        assert libraries_of(model.worker_pid) == {folder}
        assert ask(model, "hello", greedy(20)).text == plain
    assert fault_of(folder) == ""


def test_pack_that_names_its_files_and_has_them_works_until_one_is_changed(places: Path) -> None:
    folder = good_pack(places, "Good")
    write_manifest(folder, "Good", files=named_files(folder))
    assert runtime_packs().chosen().folder == folder
    assert fault_of(folder) == ""
    library = next(folder.glob("*llama*"))
    content = library.read_bytes()
    library.unlink()  # it may be a link to the one that is in use
    library.write_bytes(content + b"!")
    assert runtime_packs().chosen().folder is None
    assert "is not the one that was built" in (fault_of(folder) or "")


def test_devices_of_a_pack_are_told(places: Path) -> None:
    good_pack(places, "Good")
    described, notes = ask_runtime(within_s=60)
    assert described is not None
    assert "CPU" in described.backends
    assert notes == ()


def broken(kind: str, places: Path) -> Path:
    match kind:
        case "empty":
            return write_manifest(places / kind, kind)
        case "truncated":
            return truncated_pack(places, kind)
        case "aborts":
            return pack_of(places, kind, "abort();")
        case "exits":
            return pack_of(places, kind, "_exit(3);")
        case "lacks functions":
            return pack_of(places, kind, "")
        case "illegal instruction":
            return pack_of(places, kind, "__builtin_trap();")
        case "hangs":
            return pack_of(places, kind, "sleep(600);")
        case "old":
            return good_pack(places, kind, built_from="0.2.0")
        case "no device":
            return good_pack(places, kind, backend="cuda")
        case "foreign":
            return write_manifest(places / kind, kind, system="windows", machine="x86_64")
        case "changed":
            folder = pack_of(places, kind, "")
            write_manifest(folder, kind, files=named_files(folder))
            return pack_of(
                places, kind, "abort();", files=json.loads((folder / "pack.json").read_text())["files"]
            )
        case "smuggled":
            folder = good_pack(places, kind)
            write_manifest(folder, kind, files=named_files(folder))
            (folder / "libggml-blas.so").write_bytes(b"")
            return folder
        case "outside":
            outside = places.parent / "outside.so"
            outside.write_bytes(b"")
            file = {"path": "../../outside.so", "bytes": 0, "sha256": "0" * 64}
            return write_manifest(places / kind, kind, files=[file])
    folder = write_manifest(places / kind, kind)
    (folder / "pack.json").write_text("{")
    return folder


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("empty", "cannot be loaded"),
        ("truncated", "cannot be (loaded|started)"),
        ("aborts", "cannot be started.*SIGABRT"),
        ("exits", "cannot be started.*exit code 3"),
        ("lacks functions", "cannot be loaded"),
        ("illegal instruction", "cannot be started"),
        ("hangs", "did nothing for 2 seconds"),
        ("old", "built from llama-cpp-python 0.2.0"),
        ("no device", "no device"),
        ("foreign", "built for Windows on x86-64; this Nibble is for"),
        ("changed", "libllama.so is not the one that was built"),
        ("smuggled", "libggml-blas.so does not belong to it"),
        ("outside", "outside.so is not inside it"),
        ("damaged", "description.*damaged"),
    ],
)
def test_pack_that_cannot_be_used_is_set_aside_with_its_reason_and_the_next_one_taken(
    kind: str, reason: str, places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "PATIENCE_S", 2.0)
    folder = broken(kind, places)
    assert runtime_packs().chosen().folder is None
    fault = fault_of(folder)
    assert fault is not None
    assert re.search(reason, fault), fault
    assert "Traceback" not in fault
    assert fault.endswith(".")
    (note,) = packs_set_aside()
    assert kind in note
    assert note.endswith(fault)


def test_pack_that_came_with_the_program_and_has_no_device_here_is_no_news(
    places: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_program = tmp_path / "program"
    broken("no device", of_program)
    packs = RuntimePacks((places, of_program), DataFolder(home))
    monkeypatch.setattr("app.runtime.packs.runtime_packs", lambda: packs)
    assert packs.chosen().folder is None
    assert [bool(state.fault) for state in packs.states()] == [True, False]
    assert packs_set_aside() == []
    broken("aborts", of_program)
    assert packs.chosen().folder is None
    (note,) = packs_set_aside()
    assert "aborts" in note


def test_model_loads_on_the_plain_build_where_no_pack_works(places: Path, tiny: Path) -> None:
    folder = pack_of(places, "aborts", "abort();")
    with LoadedModel.load(tiny, SETTINGS) as model:
        assert ask(model, "hello", greedy(3)).statistics.tokens == 3
    assert fault_of(folder)
    described, notes = ask_runtime(within_s=60)
    assert described is not None
    assert any("aborts is set aside" in note for note in notes)


def test_pack_set_aside_is_not_started_again_until_its_files_change_or_a_person_asks(places: Path) -> None:
    marker = places.parent / "started"
    folder = pack_of(places, "aborts", f'if (system("echo x >> {marker}")) abort(); abort();')

    def starts() -> int:
        start_worker().close()
        return len(marker.read_text().splitlines())

    assert starts() == 1
    assert starts() == 1
    os.utime(folder / "libllama.so", ns=(1, 1))
    assert starts() == 2
    assert starts() == 2
    runtime_packs().try_again()
    assert fault_of(folder) is None
    assert starts() == 3


def test_pack_that_worked_is_not_tried_again(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = good_pack(places, "Good")
    assert runtime_packs().chosen().folder == folder

    def fail(packs: RuntimePacks, pack: Pack) -> bool:
        raise AssertionError("tried again")

    monkeypatch.setattr(RuntimePacks, "_try", fail)
    assert runtime_packs().chosen().folder == folder


def test_new_driver_is_a_reason_to_try_again(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = good_pack(places, "Card", backend="cuda")
    assert runtime_packs().chosen().folder is None
    assert fault_of(folder)
    monkeypatch.setattr("app.runtime.packs.pack.drivers", lambda: ("580.1",))
    assert fault_of(folder) is None


def test_best_pack_that_works_is_taken(places: Path) -> None:
    good_pack(places, "a card", backend="cuda")  # finds none
    pack_of(places, "b", "abort();")
    last = good_pack(places, "c")
    assert [state.pack.name for state in runtime_packs().states()] == ["a card", "b", "c", "Plain"]
    assert runtime_packs().chosen().folder == last


def pack_named(name: str) -> Pack:
    return next(state.pack for state in runtime_packs().states() if state.pack.name == name)


def test_pack_that_a_person_chose_is_used_until_the_best_is_wanted_again(places: Path) -> None:
    good_pack(places, "a")
    last = good_pack(places, "b")
    runtime_packs().choose(pack_named("b"))
    with start_worker() as worker:
        assert worker.runtime_folder == last
    assert [state.pack.name for state in runtime_packs().states() if state.is_chosen] == ["b"]
    runtime_packs().choose(pack_named("Plain"))
    with start_worker() as worker:
        assert worker.runtime_folder is None
    runtime_packs().choose(None)
    assert runtime_packs().chosen().name == "a"
    assert not any(state.is_chosen for state in runtime_packs().states())


def test_chosen_pack_that_fails_or_is_gone_gives_way_to_the_best(places: Path) -> None:
    best = good_pack(places, "a")
    folder = pack_of(places, "b", "abort();")
    runtime_packs().choose(pack_named("b"))
    assert runtime_packs().chosen().folder == best
    assert fault_of(folder)
    shutil.rmtree(folder)
    assert runtime_packs().chosen().folder == best


def test_last_lines_of_a_pack_that_failed_are_kept_with_its_reason(places: Path) -> None:
    words = "no driver\\nbadly wrong\\n"
    folder = pack_of(
        places, "talks", f'if (write(2, "{words}", {len("no driver badly wrong ")}) > 0) abort();'
    )
    assert runtime_packs().chosen().folder is None
    (state,) = [state for state in runtime_packs().states() if state.pack.folder == folder]
    assert state.log[-2:] == ("no driver", "badly wrong")
    assert state.tried_at == pytest.approx(time.time(), abs=60)


def test_trial_that_a_person_stops_says_nothing_of_the_pack(places: Path) -> None:
    folder = pack_of(places, "hangs", "sleep(600);")
    cancel = CancelToken()
    threading.Timer(0.5, cancel.cancel).start()
    with pytest.raises(Cancelled):
        runtime_packs().try_now(pack_named("hangs"), cancel)
    assert fault_of(folder) is None


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_pack_whose_instructions_the_processor_lacks_gives_way_while_a_model_loads(
    places: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It describes itself and fails when something is computed."""
    folder = good_pack(places, "too new")
    assert runtime_packs().chosen().folder == folder
    code = TRAPS_ON_PACK.format(folder=str(folder))
    monkeypatch.setattr("app.runtime.client.worker_command", lambda: [sys.executable, "-c", code])
    with LoadedModel.load(tiny, SETTINGS) as model:
        assert ask(model, "hello", greedy(3)).statistics.tokens == 3
    fault = fault_of(folder)
    assert fault is not None
    assert "instruction" in fault


TRAPS_ON_PACK = """
import os, signal
from app.runtime.worker import loading
from app.runtime.worker.main import run_worker
if os.environ.get("LLAMA_CPP_LIB_PATH") == {folder!r}:
    loading._warm_up = lambda loaded: os.kill(os.getpid(), signal.SIGILL)
run_worker()
"""


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize("is_the_packs_fault", [False, True])
def test_pack_on_which_loading_crashes_is_tried_again_and_kept_where_it_runs_other_models(
    places: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch, is_the_packs_fault: bool
) -> None:
    folder = good_pack(places, "Driver")
    assert runtime_packs().chosen().folder == folder
    doomed = "" if is_the_packs_fault else os.fspath(tiny)
    code = CRASHES_ON_PACK.format(folder=str(folder), doomed=doomed)
    monkeypatch.setattr("app.runtime.client.worker_command", lambda: [sys.executable, "-c", code])
    if is_the_packs_fault:
        with LoadedModel.load(tiny, SETTINGS) as model:
            assert ask(model, "hello", greedy(3)).statistics.tokens == 3
        assert "SIGSEGV" in (fault_of(folder) or "")
    else:
        with pytest.raises(WorkerCrashed, match="SIGSEGV"):
            LoadedModel.load(tiny, SETTINGS)
        assert fault_of(folder) == ""


CRASHES_ON_PACK = """
import os, signal
from app.runtime.worker import loading
from app.runtime.worker.main import run_worker
load_weights = loading._load_weights
def load(request, *others):
    if os.environ.get("LLAMA_CPP_LIB_PATH") == {folder!r} and request.path.decode().startswith({doomed!r}):
        os.kill(os.getpid(), signal.SIGSEGV)
    return load_weights(request, *others)
loading._load_weights = load
run_worker()
"""


def test_database_that_cannot_be_used_does_not_keep_workers_from_starting(home: Path, places: Path) -> None:
    folder = good_pack(places, "Good")
    (home / "nibble.db").write_bytes(b"this is no database" * 100)
    with start_worker() as worker:
        assert worker.runtime_folder == folder
        assert worker.call_for(Describe())


def test_library_path_a_person_set_is_used_whatever_packs_there_are(
    places: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack_of(places, "aborts", "abort();")
    own = good_pack(tmp_path, "own")
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(own))
    with start_worker() as worker:
        assert worker.call_for(Describe())
    assert fault_of(places / "aborts") is None


def test_doctor_lists_packs_their_devices_and_why_one_is_set_aside(places: Path) -> None:
    good_pack(places, "Good")
    pack_of(places, "Bad", "abort();")
    document = nibble("doctor", "--json").document
    bad, good, plain = sorted(document["runtime"]["packs"], key=lambda pack: str(pack["name"]))
    assert (good["used"], bad["used"], plain["used"]) == (True, False, False)
    assert "SIGABRT" in bad["fault"]
    assert [device["kind"] for device in good["devices"]] == ["cpu"]
    assert [device["kind"] for device in plain["devices"]] == ["cpu"]
    assert any("Bad is set aside" in note for note in document["notes"])


def test_doctor_chooses_a_pack(places: Path) -> None:
    good_pack(places, "First")
    good_pack(places, "Second")
    assert "Second: in use, as chosen" in nibble("doctor", "--use-pack", "second").out
    nibble("doctor", "--use-pack", "third").assert_refused("no runtime pack third")
    assert "First: in use;" in nibble("doctor", "--use-pack", "automatic").out


def test_doctor_tries_packs_again_when_asked(places: Path) -> None:
    marker = places.parent / "mended"
    folder = pack_of(places, "Bad", f'if (access("{marker}", F_OK) != 0) abort(); else _exit(9);')
    assert runtime_packs().chosen().folder is None
    marker.touch()
    assert runtime_packs().chosen().folder is None
    assert "SIGABRT" in (fault_of(folder) or "")
    assert "Bad: set aside." in nibble("doctor", "--retry-packs").out
    assert "exit code 9" in (fault_of(folder) or "")
