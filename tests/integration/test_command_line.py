"""`nibble` as scripts use it: one JSON document, exit codes, and a sentence for everything that goes wrong."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from app import __version__
from app.convert import quantize
from app.core.jobs import CancelToken, JobControl
from app.hardware import probe, read_profile
from tests.helpers.command_line import (
    COMMAND,
    KILLED,
    hear_interrupts,
    nibble,
    obey_permissions,
    person_environment,
    start_nibble,
)
from tests.helpers.raw_gguf import F16, STRING, UINT32, RawGguf, llama_header
from tests.helpers.tiny_gguf import CHATML, write_tiny_model

SHARED_MODELS = Path(__file__).resolve().parents[3] / "shared" / "models"
NUMBER = (int, float)


@pytest.fixture
def library(home: Path, tiny: Path) -> Path:
    """Nibble's own models folder with one model, `tiny-f32`."""
    folder = home / "models"
    folder.mkdir(parents=True)
    shutil.copy(tiny, folder)
    return folder


@pytest.fixture(scope="module")
def pair(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The tiny model in F32 and in Q8_0."""
    control = JobControl(CancelToken(), lambda event: None)
    return tiny, quantize(tiny, "Q8_0", tmp_path_factory.mktemp("pair"), control, threads=1)


def has(document: dict, **types: object) -> bool:
    """Every key is there with a value of its type; a bool is no number."""
    return all(
        isinstance(document[key], kind)  # type: ignore[arg-type]
        and (kind is bool or not isinstance(document[key], bool))
        for key, kind in types.items()
    )


# What the commands say


def test_doctor_describes_the_machine_it_runs_on() -> None:
    outcome = nibble("doctor", "--json")
    assert outcome.code == 0
    document = outcome.document
    assert has(document["cpu"], name=str, physical_cores=int, logical_cores=int, features=list)
    assert has(document["memory"], total_bytes=int, available_bytes=int, unified=bool)
    assert has(document["runtime"], version=str, backends=list)
    assert isinstance(document["accelerators"], list)
    for accelerator in document["accelerators"]:
        assert has(accelerator, name=str, backend=str, total_bytes=int, free_bytes=int)
    assert document["cpu"]["logical_cores"] == psutil.cpu_count()
    assert document["memory"]["total_bytes"] <= psutil.virtual_memory().total
    assert 0 < document["memory"]["available_bytes"] <= document["memory"]["total_bytes"]
    assert document["runtime"]["backends"]


def test_what_doctor_prints_is_a_profile_of_this_machine(tmp_path: Path) -> None:
    profile = tmp_path / "profile.json"
    profile.write_text(nibble("doctor", "--json").out)
    machine = read_profile(profile)
    assert machine.cpu == probe().cpu
    assert machine.memory.total_bytes == probe().memory.total_bytes


def test_inspect_tells_the_header_facts(tiny: Path) -> None:
    outcome = nibble("inspect", tiny, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    document = outcome.document
    assert has(document, bits_per_weight=NUMBER, parameters=int)
    assert document["architecture"] == "llama"
    assert document["quantization"] == "F32"
    assert document["layers"] == 2
    assert document["context_length"] == 4096
    assert document["tensors"] == 2 * 9 + 3
    assert document["file_bytes"] == tiny.stat().st_size
    assert document["bits_per_weight"] == 32
    assert "tiny" in nibble("inspect", tiny).out


def test_list_shows_models_and_what_cannot_be_read(library: Path) -> None:
    (library / "broken.gguf").write_bytes(b"no model")
    outcome = nibble("list", "--json")
    assert outcome.code == 0
    (model,) = outcome.document["models"]
    assert has(model, name=str, path=str, quantization=str, parameters=int, file_bytes=int)
    assert (model["name"], model["path"]) == ("tiny-f32", str(library / "tiny-f32.gguf"))
    (problem,) = outcome.document["problems"]
    assert problem["name"] == "broken"
    text = nibble("list").out
    assert "tiny-f32" in text
    assert "broken" in text


def test_list_of_empty_library_says_where_to_put_models(home: Path) -> None:
    outcome = nibble("list")
    assert outcome.code == 0
    assert str(home / "models") in outcome.out
    assert nibble("list", "--json").document["models"] == []


def test_chat_gives_one_answer_with_its_figures(library: Path) -> None:
    command = [
        "chat",
        "tiny-f32",
        "-p",
        "hello",
        "--system",
        "Be brief.",
        "--seed",
        5,
        "--max-tokens",
        12,
        "--json",
    ]
    outcome = nibble(*command)
    assert (outcome.code, outcome.err) == (0, "")
    document = outcome.document
    assert has(document, text=str, prompt_tokens=int, tokens=int, finish_reason=str)
    assert has(document, time_to_first_token_s=NUMBER, tokens_per_s=NUMBER)
    assert (document["tokens"], document["finish_reason"], document["seed"]) == (12, "length", 5)
    again = nibble(*command).document
    assert again["text"] == document["text"]


def test_chat_without_json_streams_the_answer_to_stdout_and_figures_to_stderr(tiny: Path) -> None:
    options = [tiny, "-p", "hello", "--temperature", 0, "--max-tokens", 20]
    text = nibble("chat", *options, "--json").document["text"]
    outcome = nibble("chat", *options)
    assert outcome.out == text + "\n"
    assert "20 tokens" in outcome.err


def test_chat_without_prompt_holds_a_conversation_line_by_line(tiny: Path) -> None:
    outcome = nibble("chat", tiny, "--temperature", 0, "--max-tokens", 5, input="hello\n\nAnd then?\n")
    assert outcome.code == 0
    first = nibble("chat", tiny, "-p", "hello", "--temperature", 0, "--max-tokens", 5, "--json").document[
        "text"
    ]
    assert outcome.out.startswith(first + "\n")
    assert len(outcome.out) > len(first) + 2
    assert outcome.err.count("[5 tokens") == 2


def test_conversation_goes_on_after_a_prompt_that_is_too_long(tiny: Path) -> None:
    long = "hello " * 5000
    outcome = nibble("chat", tiny, "--temperature", 0, "--max-tokens", 5, input=f"{long}\nhello\n")
    assert outcome.code == 0
    assert "nibble: This conversation has" in outcome.err
    assert outcome.err.count("[5 tokens") == 1
    alone = nibble("chat", tiny, "--temperature", 0, "--max-tokens", 5, input="hello\n")
    assert outcome.out == alone.out


def test_conversation_that_outgrows_the_context_goes_on_without_its_oldest_turns_or_stops_as_was_asked(
    tiny: Path,
) -> None:
    lines = "".join(f"Turn {turn}: {'hello world ' * 20}\n" for turn in range(6))
    options = ["chat", tiny, "--context", 256, "--temperature", 0, "--max-tokens", 5]
    going_on = nibble(*options, "--when-full", "drop-oldest", input=lines)
    assert going_on.code == 0
    assert going_on.err.count("[5 tokens") == 6
    notes = re.findall(
        r"^\[the first (\d+) messages were left out: the context is full]$", going_on.err, re.M
    )
    assert notes
    assert all(int(note) % 2 == 0 for note in notes)  # a turn is a question and its answer
    assert sorted(notes, key=int) == notes

    stopping = nibble(*options, input=lines)
    assert stopping.code == 0
    assert stopping.err.count("[5 tokens") < 6
    assert "nibble: This conversation has" in stopping.err
    assert "left out: the context is full" not in stopping.err


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_interrupt_in_a_conversation_stops_the_answer_and_takes_the_next_prompt(tiny: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "chat", str(tiny), "--temperature", "0"],
        env=person_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        preexec_fn=hear_interrupts,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(2):
            process.stdin.write("hello\n")
            process.stdin.flush()
            assert process.stdout.read(1)
            process.send_signal(signal.SIGINT)
            while process.stdout.read(1) != "\n":  # its answers have no line breaks
                pass
        process.stdin.close()
        assert process.wait(timeout=20) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_names_in_files_reach_the_terminal_as_text(library: Path) -> None:
    escape = "\x1b]0;owned\x07"
    write_tiny_model(library / "[red]m.gguf", name=f"Bard{escape}\nFile          forged")
    (library / f"bad{escape}.gguf").write_bytes(b"no model")
    listed, inspected = nibble("list"), nibble("inspect", "[red]m")
    assert "[red]m" in listed.out
    assert "bad�]0;owned�" in listed.out
    assert inspected.out.splitlines()[0] == "Name          Bard�]0;owned� File          forged"
    assert escape in nibble("inspect", "[red]m", "--json").document["name"]
    assert "\x1b" not in listed.out + inspected.out


def test_compare_gives_each_model_the_same_prompt_and_seed(pair: tuple[Path, Path]) -> None:
    outcome = nibble("compare", *pair, "-p", "hello", "--seed", 9, "--max-tokens", 15, "--json")
    assert outcome.code == 0
    document = outcome.document
    assert (document["prompt"], document["seed"]) == ("hello", 9)
    panes = document["panes"]
    assert [pane["quantization"] for pane in panes] == ["F32", "Q8_0"]
    for pane, path in zip(panes, pair, strict=True):
        assert has(
            pane, model=str, text=str, tokens_per_s=NUMBER, time_to_first_token_s=NUMBER, memory_bytes=int
        )
        assert (pane["tokens"], pane["file_bytes"], pane["problem"]) == (15, path.stat().st_size, None)
        assert (
            pane["text"]
            == nibble("chat", path, "-p", "hello", "--seed", 9, "--max-tokens", 15, "--json").document["text"]
        )
    divergence = document["divergence"]
    assert divergence["same_text"] == (panes[0]["text"] == panes[1]["text"])
    (position,) = divergence["first_difference_characters"]
    if position is not None:
        assert panes[0]["text"][:position] == panes[1]["text"][:position]
        assert panes[0]["text"][position : position + 1] != panes[1]["text"][position : position + 1]
    (model,) = divergence["models"]
    assert (model["model"], model["same_vocabulary"], model["problem"]) == (panes[1]["model"], True, None)
    assert "".join(token["text"] for token in model["tokens"]) == panes[0]["text"]
    each = [token["kl_divergence"] for token in model["tokens"]]
    assert (model["kl_divergence"]["mean"], model["kl_divergence"]["max"]) == (
        pytest.approx(sum(each) / len(each)),
        max(each),
    )
    assert len(model["tokens"][0]["reference"]["likeliest"]) == 10


def test_compare_of_a_model_with_itself_finds_no_difference(tiny: Path) -> None:
    outcome = nibble("compare", tiny, tiny, "-p", "hello", "--max-tokens", 15, "--json")
    assert outcome.code == 0
    divergence = outcome.document["divergence"]
    assert divergence["same_text"] is True
    (model,) = divergence["models"]
    assert (model["kl_divergence"]["max"], model["flips"], model["same_top_token"]) == (0, 0, 1)


def test_compare_asks_each_prompt_of_a_list_by_itself(pair: tuple[Path, Path], tmp_path: Path) -> None:
    prompts = tmp_path / "mine.toml"
    prompts.write_text('[[prompt]]\ntext = "hello"\n[[prompt]]\ntext = "again"\nfacts = [[""]]\n', "utf-8")
    options = ("--seed", 9, "--max-tokens", 8, "--json")
    document = nibble("compare", *pair, "--prompts", prompts, *options).document
    first, second = document["prompts"]
    alone = nibble("compare", *pair, "-p", "hello", *options).document
    assert [pane["text"] for pane in first["panes"]] == [pane["text"] for pane in alone["panes"]]
    assert first["divergence"]["models"] == alone["divergence"]["models"]
    assert (second["prompt"], [pane["right"] for pane in second["panes"]]) == ("again", [True, True])
    assert (document["judged"], document["right"]) == (1, [1, 1])


def test_compare_wants_one_prompt_or_a_list(pair: tuple[Path, Path], tmp_path: Path) -> None:
    assert nibble("compare", *pair).code == 2
    assert nibble("compare", *pair, "-p", "hello", "--prompts", "code").code == 2
    nibble("compare", *pair, "--prompts", tmp_path / "none.txt", "--json").assert_refused("none.txt")


def test_compare_with_one_model_that_fails_still_gives_the_other_answer(tiny: Path, models: Path) -> None:
    odd = write_tiny_model(models / "odd.gguf", architecture="nosucharch")
    outcome = nibble("compare", tiny, odd, "-p", "hello", "--max-tokens", 5, "--json")
    outcome.assert_refused("nosucharch")
    good, bad = outcome.document["panes"]
    assert (good["tokens"], good["problem"]) == (5, None)
    assert "nosucharch" in bad["problem"]
    assert "nosucharch" in outcome.document["divergence"]["models"][0]["problem"]


def test_version_and_help_are_told() -> None:
    assert nibble("--version").out == f"nibble {__version__}\n"
    overview = nibble("--help")
    assert overview.code == 0
    for command in ("doctor", "inspect", "list", "remove", "convert", "chat", "compare"):
        assert command in overview.out
    assert "--max-tokens" in nibble("chat", "--help").out


@pytest.mark.parametrize(
    "arguments",
    [
        ("nosuchcommand",),
        ("inspect",),
        ("list", "--nosuchoption"),
        ("chat", "x.gguf", "--json"),
        ("chat", "x.gguf", "-p", "x", "--temperature", "-1"),
        ("chat", "x.gguf", "-p", "x", "--temperature", "nan"),
        ("chat", "x.gguf", "-p", "x", "--max-tokens", "many"),
        ("chat", "x.gguf", "-p", "x", "--max-tokens", "99999999999999999999"),
        ("convert", "x.gguf"),
        ("convert", "x.gguf", "--to", ","),
        ("compare", "x.gguf", "y.gguf"),
    ],
)
def test_wrong_usage_exits_2_with_what_is_right(arguments: tuple[str, ...]) -> None:
    outcome = nibble(*arguments)
    assert outcome.code == 2
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    assert outcome.err


# What can be wrong with a model


def not_gguf(path: Path) -> str:
    path.write_text("<html>Please log in to download</html>" * 10)
    return "not a GGUF"


def empty(path: Path) -> str:
    path.write_bytes(b"")
    return "bad.gguf"


def truncated(path: Path) -> str:
    content = write_tiny_model(path).read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return "truncated"


def truncated_header(path: Path) -> str:
    path.write_bytes(write_tiny_model(path).read_bytes()[:500])
    return "truncated"


def version_1(path: Path) -> str:
    path.write_bytes(RawGguf(version=1).key("general.architecture", STRING, "llama").to_bytes())
    return "convert it again"


def larger_than_memory(path: Path) -> str:
    """Claims four times this machine's memory, and is that long: a hole that takes no space."""
    rows = 1 << 20
    columns = 4 * psutil.virtual_memory().total // (2 * rows)
    raw = RawGguf().key("general.architecture", STRING, "llama").key("llama.block_count", UINT32, 1)
    raw.tensor("token_embd.weight", (columns // 32 * 32, rows), F16)
    header = raw.to_bytes()
    path.write_bytes(header)
    try:
        os.truncate(path, len(header) + columns // 32 * 32 * rows * 2)
    except OSError:
        pytest.skip("this file system has no files that large")
    return "are free"


def deleted(path: Path) -> str:
    return "not there"


def a_folder(path: Path) -> str:
    path.mkdir()
    return "folder"


def unknown_architecture(path: Path) -> str:
    write_tiny_model(path, architecture="nosucharch", chat_template=CHATML)
    return "nosucharch"


def no_model(path: Path) -> str:
    raw = RawGguf().key("general.type", STRING, "imatrix").tensor("a", (4,), data_bytes=16)
    path.write_bytes(raw.to_bytes())
    return "importance matrix"


def big_endian(path: Path) -> str:
    path.write_bytes(llama_header(order=">").to_bytes())
    return "byte order"


@pytest.mark.parametrize("make", [no_model, big_endian], ids=lambda make: make.__name__)
def test_file_nobody_can_chat_with_is_refused_with_what_it_is(tmp_path: Path, tiny: Path, make) -> None:
    path = tmp_path / "bad.gguf"
    word = make(path)
    nibble("chat", path, "-p", "x").assert_refused("bad", word)
    nibble("compare", tiny, path, "-p", "x", "--json").assert_refused("bad", word)


WRONG_IN_THE_HEADER = [not_gguf, empty, truncated, truncated_header, version_1, deleted, a_folder]


@pytest.mark.parametrize("make", WRONG_IN_THE_HEADER, ids=lambda make: make.__name__)
@pytest.mark.parametrize(
    "command",
    [("inspect",), ("chat", "-p", "x"), ("convert", "--to", "Q8_0")],
    ids=lambda command: command[0],
)
def test_bad_file_is_refused_with_one_sentence_and_a_next_step(
    tmp_path: Path, command: tuple[str, ...], make
) -> None:
    path = tmp_path / "bad.gguf"
    word = make(path)
    name, *options = command
    outcome = nibble(name, path, *options, "--json")
    outcome.assert_refused("bad.gguf", word)
    assert outcome.out == ""


@pytest.mark.parametrize("make", [unknown_architecture, larger_than_memory], ids=lambda make: make.__name__)
def test_model_that_cannot_run_here_is_refused_with_one_sentence_and_a_next_step(
    tmp_path: Path, make
) -> None:
    path = tmp_path / "bad.gguf"
    word = make(path)
    outcome = nibble("chat", path, "-p", "x", "--json")
    outcome.assert_refused(word)
    assert outcome.out == ""
    assert nibble("inspect", path, "--json").document["architecture"] in ("llama", "nosucharch")


@pytest.mark.skipif(not (SHARED_MODELS / "gguf-v1").exists(), reason="no ../shared here")
def test_real_file_of_version_1_is_refused_with_what_to_do() -> None:
    for path in sorted((SHARED_MODELS / "gguf-v1").rglob("*.gguf")):
        nibble("inspect", path).assert_refused("convert it again")
        return
    pytest.skip("no file of version 1 in ../shared")


@pytest.mark.parametrize("command", ["inspect", "chat"])
def test_name_that_is_in_no_library_is_refused_with_those_that_are(library: Path, command: str) -> None:
    options = ["-p", "x"] if command == "chat" else []
    nibble(command, "nobody", *options).assert_refused("nobody", "tiny-f32")


@pytest.mark.skipif(sys.platform != "linux", reason="permissions as on Linux")
def test_file_that_may_not_be_read_is_refused(tiny: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(tiny, tmp_path / "secret.gguf"))
    path.chmod(0)
    nibble("inspect", path, before=obey_permissions).assert_refused("secret.gguf", "not allowed to read")


@pytest.mark.skipif(sys.platform != "linux", reason="permissions as on Linux")
def test_folder_that_may_not_be_read_is_told_and_the_rest_is_listed(library: Path) -> None:
    locked = library / "locked"
    locked.mkdir()
    shutil.copy(library / "tiny-f32.gguf", locked / "inside.gguf")
    locked.chmod(0)
    try:
        outcome = nibble("list", "--json", before=obey_permissions)
        assert outcome.code == 0
        assert [model["name"] for model in outcome.document["models"]] == ["tiny-f32"]
        (problem,) = outcome.document["problems"]
        assert "not allowed to read" in problem["problem"]
        assert "permissions" in problem["problem"]
        text = nibble("list", before=obey_permissions)
        assert str(locked) in text.out
        nibble("inspect", locked / "inside.gguf", before=obey_permissions).assert_refused(
            "not allowed to read"
        )
    finally:
        locked.chmod(0o700)


def test_damaged_settings_are_set_aside_and_the_command_goes_on(library: Path, home: Path) -> None:
    (home / "settings.toml").write_bytes(b"= broken")
    assert nibble("list", "--json").document["models"][0]["name"] == "tiny-f32"


# What can happen on the way


def wait_for_worker(process: subprocess.Popen[str]) -> psutil.Process:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for child in psutil.Process(process.pid).children():
            return child
        time.sleep(0.01)
    raise AssertionError("no worker was started")


def test_worker_killed_during_an_answer_gives_a_sentence_and_keeps_the_text(heavy: Path) -> None:
    with start_nibble("chat", heavy, "-p", "hello", "--temperature", 0) as process:
        assert process.stdout is not None
        start = process.stdout.read(3)
        wait_for_worker(process).kill()
        rest, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "Traceback" not in errors
    assert KILLED in errors
    assert "Try again" in errors
    whole = nibble("chat", heavy, "-p", "hello", "--temperature", 0, "--max-tokens", 5, "--json").document[
        "text"
    ]
    assert (start + rest)[:3] == whole[:3]


def test_worker_killed_during_a_comparison_leaves_the_other_pane(
    pair: tuple[Path, Path], heavy: Path
) -> None:
    with start_nibble("compare", heavy, pair[1], "-p", "hello", "--max-tokens", 600, "--json") as process:
        deadline = time.monotonic() + 30
        killed = False
        while not killed and time.monotonic() < deadline and process.poll() is None:
            for child in psutil.Process(process.pid).children():
                with contextlib.suppress(psutil.Error):
                    maps = [entry.path for entry in child.memory_maps()]
                    if str(heavy) in maps and child.cpu_times().user > 0.5:
                        child.kill()
                        killed = True
            time.sleep(0.02)
        output, errors = process.communicate(timeout=60)
    assert killed
    assert process.returncode == 1
    assert "Traceback" not in errors
    assert KILLED in errors
    assert '"problem": null' in output


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("options", [(), ("--json",)], ids=["text", "json"])
def test_interrupt_during_an_answer_exits_130_and_ends_the_worker(
    heavy: Path, options: tuple[str, ...]
) -> None:
    with start_nibble("chat", heavy, "-p", "hello", *options) as process:
        worker = wait_for_worker(process)
        if options:
            while worker.cpu_times().user < 1.5 and process.poll() is None:
                time.sleep(0.01)
        else:
            assert process.stdout is not None
            process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in errors
    if options:
        assert output == ""
    assert psutil.wait_procs([worker], timeout=10)[1] == []


def into_closed_pipe(*arguments: object) -> tuple[int, str]:
    """As in `nibble … | head -0`, but without waiting for luck: nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env=person_environment(),
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    os.close(writing)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("list",),
        ("list", "--json"),
        ("inspect", "tiny-f32"),
        ("inspect", "tiny-f32", "--json"),
        ("chat", "tiny-f32", "-p", "hello", "--max-tokens", "50"),
        ("--help",),
        ("--version",),
    ],
    ids=" ".join,
)
def test_output_that_nobody_reads_ends_the_command_quietly(library: Path, arguments: tuple[str, ...]) -> None:
    code, errors = into_closed_pipe(*arguments)
    assert code == 1
    assert errors == ""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has file names that are no text")
def test_file_name_that_is_no_text_does_not_end_the_list(library: Path) -> None:
    odd = os.fsencode(library) + b"/m\xff\xe4.gguf"
    shutil.copy(library / "tiny-f32.gguf", odd)
    outcome = nibble("list", "--json")
    assert outcome.code == 0
    assert os.fsencode(outcome.document["models"][0]["path"]) == odd
    assert nibble("list").code == 0
    missing = nibble("inspect", os.fsdecode(odd) + "x")
    assert missing.code == 1
    assert "Traceback" not in missing.err


def test_answer_with_any_characters_is_written_whatever_the_terminal_can_show(tiny: Path) -> None:
    options = ["chat", tiny, "-p", "hello", "--temperature", 0, "--max-tokens", 60]
    plain = nibble(*options, "--json").document["text"]
    assert not plain.isascii()
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert nibble(*options, "--json", environment=ascii_only).document["text"] == plain
    assert nibble(*options, environment=ascii_only).out == plain + "\n"
