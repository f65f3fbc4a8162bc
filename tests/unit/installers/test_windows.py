"""What the installer for Windows is made of, as far as files tell. Where Inno Setup is, it compiles the script."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image
from platformdirs.windows import Windows

from installers.faults import BuildFault
from installers.icons import write_icons
from installers.release import ROOT, Release, read_release
from installers.windows import package as packaging
from installers.windows import signing
from installers.windows.pictures import write_pictures
from installers.windows.runtime_libraries import bring_runtime_libraries, imported_libraries
from installers.windows.version_info import version_numbers, version_resource
from tests.unit.installers import inno
from tests.unit.installers.windows_code import machine_code

SCRIPT = packaging.SCRIPT.read_text(encoding="utf-8")
FLAGS = {
    "Files": {"ignoreversion", "recursesubdirs", "createallsubdirs"},
    "Registry": {"uninsdeletevalue", "uninsdeletekey", "uninsdeletekeyifempty"},
    "Run": {"nowait", "postinstall", "skipifsilent"},
    "Tasks": {"unchecked"},
}
"""Of Inno Setup's documentation, those that mean what they should here."""


@pytest.fixture
def release() -> Release:
    return replace(read_release("windows-installer"), machine="x86_64", version="1.2.3")


@pytest.fixture(scope="module")
def icons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("icons")
    write_icons(folder)
    write_pictures(folder)
    return folder


@pytest.fixture
def definitions(tmp_path: Path, icons: Path, release: Release) -> dict[str, str]:
    (tmp_path / "program").mkdir()
    options = packaging.compiler_options(tmp_path / "program", icons, tmp_path / "out", release)
    return dict(option[2:].split("=", 1) for option in options if option.startswith("/D"))


@pytest.fixture
def script(definitions: dict[str, str]) -> dict[str, list[str]]:
    return inno.sections(SCRIPT, definitions)


def test_all_names_of_the_script_are_defined_and_no_others(definitions: dict[str, str]) -> None:
    assert set(re.findall(r"\{#(\w+)\}", SCRIPT)) == set(definitions)


def test_the_installer_says_what_the_release_says(script: dict[str, list[str]], release: Release) -> None:
    setup = inno.settings(script["Setup"])
    assert (setup["AppName"], setup["AppVersion"]) == ("Nibble", "1.2.3")
    assert setup["VersionInfoVersion"] == "1.2.3.0"
    assert setup["AppPublisher"] == release.publisher
    assert setup["OutputBaseFilename"] == "nibble-1.2.3-windows-x86_64-setup"
    assert setup["UninstallDisplayIcon"] == "{app}\\nibble.exe"


def test_later_versions_are_known_as_the_same_program(script: dict[str, list[str]]) -> None:
    # If this ever changes, people have two of it: never change this test.
    assert inno.settings(script["Setup"])["AppId"] == "{{6C1D0B7E-3F0A-4B5C-9A43-7A1B5B0E4D21}"


def test_no_administrator_is_needed(script: dict[str, list[str]]) -> None:
    setup = inno.settings(script["Setup"])
    assert setup["PrivilegesRequired"] == "lowest"
    assert "PrivilegesRequiredOverridesAllowed" not in setup
    assert setup["DefaultDirName"].startswith("{autopf}")
    roots = {entry["Root"] for entry in inno.entries(script["Registry"])}
    assert roots == {"HKA"}
    assert not re.search(r"\{(win|sys|commonpf|pf)\}", SCRIPT)


def test_it_is_for_processors_that_run_x64(script: dict[str, list[str]]) -> None:
    setup = inno.settings(script["Setup"])
    assert setup["ArchitecturesAllowed"] == setup["ArchitecturesInstallIn64BitMode"] == "x64compatible"


def test_every_file_that_the_script_names_is_there(
    script: dict[str, list[str]], definitions: dict[str, str]
) -> None:
    setup = inno.settings(script["Setup"])
    named = [setup["LicenseFile"], setup["SetupIconFile"]]
    named += [entry["Source"].removesuffix("\\*") for entry in inno.entries(script["Files"])]
    for path in named:
        assert Path(path.replace("\\", "/")).exists(), path
    assert setup["LicenseFile"] == str(ROOT / "LICENSE")


def test_the_window_has_pictures_for_each_density_of_screens(script: dict[str, list[str]]) -> None:
    setup = inno.settings(script["Setup"])
    # Inno Setup's documentation of the two names them for 100, 150 and 200 percent.
    for key, wanted in (
        ("WizardImageFile", [(164, 314), (246, 459), (328, 628)]),
        ("WizardSmallImageFile", [(55, 55), (83, 83), (110, 110)]),
    ):
        pattern = Path(setup[key].replace("\\", "/"))
        sizes = []
        for path in pattern.parent.glob(pattern.name):
            with Image.open(path) as picture:
                assert (picture.format, picture.mode) == ("BMP", "RGB")
                sizes.append(picture.size)
        assert sorted(sizes) == wanted


@pytest.mark.parametrize("section", FLAGS)
def test_flags_are_those_that_are_meant(script: dict[str, list[str]], section: str) -> None:
    used = {flag for entry in inno.entries(script[section]) for flag in entry.get("Flags", "").split()}
    assert used <= FLAGS[section]


def test_another_program_keeps_its_model_files(script: dict[str, list[str]]) -> None:
    for entry in inno.entries(script["Registry"]):
        if entry["Subkey"].lower() == "software\\classes\\.gguf":
            assert "ValueType" not in entry
            assert "ValueData" not in entry
    offered = [
        entry for entry in inno.entries(script["Registry"]) if entry["Subkey"].endswith("OpenWithProgids")
    ]
    assert [entry["ValueName"] for entry in offered] == ["Nibble.gguf"]


def test_model_files_open_with_their_path_in_quotes(script: dict[str, list[str]]) -> None:
    commands = [entry for entry in inno.entries(script["Registry"]) if entry["Subkey"].endswith("\\command")]
    assert len(commands) == 2
    assert {entry["ValueData"] for entry in commands} == {'"{app}\\nibble.exe" "%1"'}


def test_all_that_is_written_to_the_registry_is_removed_again(script: dict[str, list[str]]) -> None:
    entries = inno.entries(script["Registry"])
    removed = [entry["Subkey"] for entry in entries if "uninsdeletekey" in entry.get("Flags", "").split()]
    for entry in entries:
        is_below = any(f"{entry['Subkey']}\\".startswith(f"{key}\\") for key in removed)
        assert is_below or "uninsdelete" in entry.get("Flags", ""), entry


def test_what_an_earlier_version_left_goes_and_nothing_of_the_person_s(script: dict[str, list[str]]) -> None:
    deleted = {entry["Name"] for entry in inno.entries(script["InstallDelete"])}
    assert deleted == {"{app}\\_internal", "{app}\\packs"}
    assert "UninstallDelete" not in script


def test_the_folder_that_stays_is_the_one_where_data_are(monkeypatch: pytest.MonkeyPatch) -> None:
    # As storage.paths asks; what only Windows knows is put in its place.
    monkeypatch.setattr("platformdirs.windows.get_win_folder", {"CSIDL_LOCAL_APPDATA": "local"}.__getitem__)
    assert Path(Windows("nibble", appauthor=False).user_data_dir) == Path("local/nibble")
    assert "ExpandConstant('{localappdata}\\nibble')" in SCRIPT


def test_every_language_has_every_message_with_its_places(script: dict[str, list[str]]) -> None:
    languages = {entry["Name"] for entry in inno.entries(script["Languages"])}
    messages = inno.settings(script["CustomMessages"])
    names = {key.partition(".")[2] for key in messages}
    assert set(messages) == {f"{language}.{name}" for language in languages for name in names}
    for key, text in messages.items():
        assert ("%1" in text) == key.endswith(".DataStays")
    used = set(re.findall(r"CustomMessage\('(\w+)'\)|\{cm:(\w+)\}", SCRIPT))
    assert names <= {name for pair in used for name in pair}


def test_a_signed_installer_signs_what_removes_it_again(
    definitions: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "NIBBLE_WINDOWS_SIGN",
        '/dlib "C:\\Program Files\\a.dll" /fd SHA256 /tr http://time.example /td SHA256',
    )
    define, tool = signing.inno_options()
    assert define == "/DSigned"
    assert tool == (
        "/Snibble=signtool sign /dlib $qC:\\Program Files\\a.dll$q /fd SHA256 /tr http://time.example /td SHA256 $f"
    )
    setup = inno.settings(inno.sections(SCRIPT, definitions, signed=True)["Setup"])
    assert (setup["SignTool"], setup["SignedUninstaller"]) == ("nibble", "yes")
    assert "SignTool" not in inno.settings(inno.sections(SCRIPT, definitions)["Setup"])


def test_nothing_is_signed_without_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NIBBLE_WINDOWS_SIGN", raising=False)
    signing.sign([tmp_path / "nibble.exe"])  # no such file, no signtool
    assert signing.inno_options() == []


@pytest.mark.parametrize(
    ("version", "numbers"),
    [("0.1.0", (0, 1, 0, 0)), ("1.2", (1, 2, 0, 0)), ("1.2.3rc1", (1, 2, 3, 0)), ("1.2.3.4", (1, 2, 3, 4))],
)
def test_versions_become_windows_four_numbers(version: str, numbers: tuple[int, ...]) -> None:
    assert version_numbers(version) == numbers


@pytest.mark.parametrize("version", ["", "rc1", "1.70000"])
def test_a_version_that_windows_cannot_tell_is_refused(version: str) -> None:
    with pytest.raises(BuildFault, match="no version that Windows can tell"):
        version_numbers(version)


def test_properties_of_the_executable_say_what_the_release_says(release: Release) -> None:
    found = _evaluated(version_resource(replace(release, publisher="Ann's"), "nibble.exe"))
    fixed, kids = found.options["ffi"].options, found.options["kids"]
    assert fixed["filevers"] == fixed["prodvers"] == (1, 2, 3, 0)
    table = kids[0].values[0][0]
    assert table.values[0] == "040904b0"  # U.S. English, Unicode
    strings = {text.values[0]: text.values[1] for text in table.values[1]}
    assert strings["ProductVersion"] == strings["FileVersion"] == "1.2.3"
    assert strings["FileDescription"] == strings["ProductName"] == "Nibble"
    assert strings["OriginalFilename"] == "nibble.exe"
    assert strings["CompanyName"] == "Ann's"
    assert kids[1].values[0][0].values == ("Translation", [0x409, 1200])


def test_the_manifest_asks_for_long_paths_and_the_density_of_each_screen() -> None:
    root = ElementTree.parse(packaging.SCRIPT.parent / "nibble.manifest").getroot()
    texts = {element.tag.rpartition("}")[2]: (element.text or "").strip() for element in root.iter()}
    assert texts["longPathAware"] == "true"
    assert texts["dpiAwareness"] == "PerMonitorV2"
    assert "activeCodePage" not in texts
    levels = [
        element.get("level") for element in root.iter() if element.tag.endswith("}requestedExecutionLevel")
    ]
    assert levels == ["asInvoker"]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A frozen program whose runtime pack needs the C++ runtime."""
    folder = tmp_path / "nibble"
    (folder / "_internal").mkdir(parents=True)
    (folder / "packs" / "vulkan").mkdir(parents=True)
    (folder / "nibble.exe").write_bytes(machine_code("KERNEL32.dll"))
    (folder / "_internal" / "python312.dll").write_bytes(machine_code("VCRUNTIME140.dll", "KERNEL32.dll"))
    (folder / "_internal" / "vcruntime140.dll").write_bytes(machine_code("KERNEL32.dll"))
    (folder / "packs" / "vulkan" / "llama.dll").write_bytes(machine_code("MSVCP140.dll", "ggml.dll"))
    return folder


@pytest.fixture
def redistributed(tmp_path: Path) -> Path:
    folder = tmp_path / "redistributed"
    folder.mkdir()
    (folder / "msvcp140.dll").write_bytes(machine_code("VCRUNTIME140.dll", "VCRUNTIME140_1.dll"))
    (folder / "vcruntime140_1.dll").write_bytes(machine_code("VCRUNTIME140.dll"))
    return folder


def test_libraries_that_machine_code_names_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.dll").write_bytes(machine_code("KERNEL32.dll", "MSVCP140.dll"))
    assert imported_libraries(tmp_path / "a.dll") == {"kernel32.dll", "msvcp140.dll"}
    (tmp_path / "b.dll").write_bytes(b"MZ, and no more")
    with pytest.raises(BuildFault, match=r"b\.dll is no machine code"):
        imported_libraries(tmp_path / "b.dll")


def test_the_c_runtime_comes_along_with_what_it_needs_itself(program: Path, redistributed: Path) -> None:
    brought = bring_runtime_libraries(program, redistributed)
    assert {path.name for path in brought} == {"msvcp140.dll", "vcruntime140_1.dll"}
    assert {path.parent for path in brought} == {program / "_internal"}
    assert bring_runtime_libraries(program, redistributed) == []


def test_a_pack_that_brings_its_own_runtime_keeps_it(program: Path, redistributed: Path) -> None:
    for path in redistributed.iterdir():
        shutil.copy(path, program / "packs" / "vulkan")
    assert bring_runtime_libraries(program, redistributed) == []


def test_a_runtime_library_that_cannot_be_had_ends_the_build(program: Path, redistributed: Path) -> None:
    (program / "_internal" / "ggml-cpu.dll").write_bytes(machine_code("VCOMP140.dll"))
    with pytest.raises(
        BuildFault, match=r"ggml-cpu\.dll needs vcomp140\.dll, which redistributed does not have"
    ):
        bring_runtime_libraries(program, redistributed)


def test_the_portable_archive_is_one_folder_and_the_same_every_time(
    program: Path, tmp_path: Path, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NIBBLE_WINDOWS_SIGN", raising=False)
    for path in (program / "packs" / "vulkan").iterdir():
        path.unlink()
    release = replace(release, target="windows-portable", made_at=1_700_000_000)
    (path,) = packaging.package(program, tmp_path, release)
    assert path.name == "nibble-1.2.3-windows-x86_64-portable.zip"
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
        assert archive.read("Nibble-1.2.3/nibble.exe") == (program / "nibble.exe").read_bytes()
    assert {name.split("/")[0] for name in names} == {"Nibble-1.2.3"}
    first = path.read_bytes()
    os.utime(program / "nibble.exe", (1, 1))
    packaging.package(program, tmp_path, release)
    assert path.read_bytes() == first


def test_the_script_compiles(program: Path, icons: Path, tmp_path: Path, release: Release) -> None:
    try:
        compiler = packaging.compiler()
    except BuildFault:
        pytest.skip("Inno Setup is not installed")
    options = packaging.compiler_options(program, icons, tmp_path, release)
    done = subprocess.run([compiler, *options, packaging.SCRIPT], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "nibble-1.2.3-windows-x86_64-setup.exe").stat().st_size > 1_000_000


def _evaluated(text: str) -> Any:
    """As PyInstaller does it, with plain objects in the place of its classes."""

    def of_class(name: str) -> Callable[..., SimpleNamespace]:
        return lambda *values, **options: SimpleNamespace(name=name, values=values, options=options)

    classes = ("VSVersionInfo", "FixedFileInfo", "StringFileInfo", "StringTable", "StringStruct", "VarFileInfo",
               "VarStruct")  # fmt: skip
    return eval(text, {"__builtins__": {}}, {name: of_class(name) for name in classes})
