"""What can be said of the bundle for macOS without a Mac. The signature itself is made and verified by the workflow."""

from __future__ import annotations

import json
import os
import plistlib
import re
import sys
from dataclasses import replace
from pathlib import Path

import icnsutil
import msgspec
import pytest

from app.runtime.packs.contents import PackFile, damage
from installers.faults import BuildFault
from installers.macos import notarizing, signing
from installers.macos.bundle import OLDEST_SYSTEM, complete
from installers.macos.image import settings
from installers.macos.machine_code import machine_code_in
from installers.release import Release, read_release
from tests.unit.installers.mac_bundle import for_several, machine_code, make_bundle

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="bundles hold symbolic links")


@pytest.fixture
def release() -> Release:
    return replace(read_release("macos-dmg"), machine="arm64", version="1.2.3")


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return make_bundle(tmp_path)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for programs that are found before others."""
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    for name in ("NIBBLE_MACOS_IDENTITY", *notarizing._VARIABLES):
        monkeypatch.delenv(name, raising=False)
    return folder


def stand_in(folder: Path, name: str, script: str) -> Path:
    """A program that writes what it was called with, a line each, and does what `script` says; the file of calls."""
    calls = folder / f"{name}.calls"
    (folder / name).write_text(f'#!/bin/sh\necho "$*" >> "{calls}"\n{script}\n')
    (folder / name).chmod(0o755)
    return calls


def test_the_bundle_says_what_the_release_says(app: Path, release: Release) -> None:
    complete(app, release)
    info = plistlib.loads((app / "Contents" / "Info.plist").read_bytes())
    assert info["CFBundleIdentifier"] == release.identifier == "app.nibble.Nibble"
    assert info["CFBundleShortVersionString"] == info["CFBundleVersion"] == "1.2.3"
    assert (app / "Contents" / "MacOS" / info["CFBundleExecutable"]).is_file()
    assert info["CFBundlePackageType"] == "APPL"
    assert info["NSHighResolutionCapable"] is True
    assert info["NSRequiresAquaSystemAppearance"] is False
    assert info["LSMinimumSystemVersion"] == "15.0"
    assert not [key for key in info if key.endswith("UsageDescription")]


def test_names_in_the_information_are_of_the_form_that_apple_asks_for(app: Path, release: Release) -> None:
    complete(app, release)
    info = plistlib.loads((app / "Contents" / "Info.plist").read_bytes())
    uniform_type = re.compile(r"[A-Za-z][A-Za-z0-9-]*(\.[A-Za-z0-9-]+)+")
    assert uniform_type.fullmatch(info["CFBundleIdentifier"])
    assert re.fullmatch(r"\d+(\.\d+){0,2}", info["CFBundleVersion"])
    assert re.fullmatch(r"public\.app-category\.[a-z-]+", info["LSApplicationCategoryType"])
    assert len(info["CFBundleName"]) < 16
    for declared in info["UTImportedTypeDeclarations"]:
        assert uniform_type.fullmatch(declared["UTTypeIdentifier"])


def test_models_are_opened_by_nibble_and_kept_by_whoever_has_them(app: Path, release: Release) -> None:
    complete(app, release)
    info = plistlib.loads((app / "Contents" / "Info.plist").read_bytes())
    (document,) = info["CFBundleDocumentTypes"]
    (declared,) = info["UTImportedTypeDeclarations"]
    assert document["LSItemContentTypes"] == [declared["UTTypeIdentifier"]] == ["app.nibble.gguf"]
    assert declared["UTTypeTagSpecification"]["public.filename-extension"] == ["gguf"]
    assert (document["LSHandlerRank"], document["CFBundleTypeRole"]) == ("Alternate", "Viewer")


def test_every_icon_that_is_named_is_there_and_no_other(app: Path, release: Release) -> None:
    complete(app, release)
    info = plistlib.loads((app / "Contents" / "Info.plist").read_bytes())
    named = {
        info["CFBundleIconFile"],
        *(entry["CFBundleTypeIconFile"] for entry in info["CFBundleDocumentTypes"]),
        *(entry["UTTypeIconFile"] for entry in info["UTImportedTypeDeclarations"]),
    }
    resources = app / "Contents" / "Resources"
    assert {path.name for path in resources.glob("*.icns")} == named
    for name in named:
        assert list(icnsutil.IcnsFile.verify(str(resources / name))) == []


def test_links_that_lead_nowhere_go_and_none_leads_out_of_the_bundle(app: Path, release: Release) -> None:
    frameworks = app / "Contents" / "Frameworks"
    (frameworks / "QtPdf").symlink_to("PySide6/Qt/lib/QtPdf.framework/QtPdf")
    complete(app, release)
    assert not (frameworks / "QtPdf").is_symlink()
    assert (frameworks / "guide.bin").read_bytes() == b"\xca\xfe"
    (frameworks / "zlib").symlink_to("/usr/lib/libz.dylib")
    with pytest.raises(BuildFault, match="leads out of the bundle: Contents/Frameworks/zlib"):
        complete(app, release)


def test_a_bundle_without_its_executable_is_refused(app: Path, release: Release) -> None:
    (app / "Contents" / "MacOS" / "nibble").unlink()
    with pytest.raises(BuildFault, match="no executable nibble"):
        complete(app, release)


def test_a_library_for_another_processor_is_refused(app: Path, release: Release) -> None:
    (app / "Contents" / "Frameworks" / "libother.dylib").write_bytes(machine_code("x86_64"))
    with pytest.raises(BuildFault, match=r"Not for arm64: Contents/Frameworks/libother\.dylib\."):
        complete(app, release)


def test_a_library_for_a_newer_system_than_is_promised_is_refused(app: Path, release: Release) -> None:
    newer = (OLDEST_SYSTEM[0] + 11, 0)
    (app / "Contents" / "Frameworks" / "libnew.dylib").write_bytes(machine_code("arm64", newer))
    with pytest.raises(BuildFault, match=r"newer macOS than 15\.0: Contents/Frameworks/libnew\.dylib\."):
        complete(app, release)


def test_machine_code_is_known_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "both").write_bytes(
        for_several(machine_code("x86_64", (13, 0)), machine_code("arm64", (11, 0)))
    )
    (tmp_path / "Class.class").write_bytes(b"\xca\xfe\xba\xbe\x00\x00\x00\x41" + bytes(100))
    (tmp_path / "notes.txt").write_text("text")
    (tmp_path / "empty").write_bytes(b"")
    (found,) = machine_code_in(tmp_path)
    assert found.path.name == "both"
    assert found.machines == {"x86_64", "arm64"}
    assert found.minimum_system == (13, 0)


def test_what_is_inside_is_signed_before_what_is_around_it(app: Path, release: Release, tools: Path) -> None:
    calls = stand_in(tools, "codesign", "")
    complete(app, release)
    signing.sign(app, release)
    *signed, verified = calls.read_text().splitlines()
    assert "--verify" in verified
    paths = [Path(call.split()[-1]) for call in signed]
    assert paths[-1] == app
    for place, path in enumerate(paths):
        assert not any(later.is_relative_to(path) for later in paths[place + 1 :])
    names = [path.name for path in paths]
    assert sorted(names) == [
        "Nibble.app",
        "QtCore",
        "QtCore.abi3.so",
        "QtCore.framework",
        "libllama.dylib",
        "libllama.dylib",
    ]


def test_packs_are_whole_where_the_program_looks_for_them_after_they_were_signed(
    app: Path, release: Release, tools: Path
) -> None:
    # A signature becomes a part of the file.
    stand_in(
        tools, "codesign", 'for path; do :; done; [ "${path%.dylib}" = "$path" ] || echo signature >> "$path"'
    )
    complete(app, release)
    signing.sign(app, release)
    for place in ("MacOS/packs/metal", "Frameworks/llama_cpp/lib"):
        folder = app / "Contents" / place
        assert (folder / "libllama.dylib").read_bytes().endswith(b"signature\n")
        files = msgspec.convert(json.loads((folder / "pack.json").read_bytes())["files"], list[PackFile])
        assert len(files) == 2
        assert damage(folder, files) == ""


def test_data_lie_where_bundles_have_them(app: Path, release: Release) -> None:
    complete(app, release)
    (app / "Contents" / "MacOS" / "notes.txt").write_text("of nobody")
    with pytest.raises(BuildFault, match=r"cannot be signed: Contents/MacOS/notes\.txt\."):
        complete(app, release)


def test_the_hardened_runtime_is_on_everywhere_and_exceptions_only_for_the_program(
    app: Path, release: Release, tools: Path
) -> None:
    calls = stand_in(tools, "codesign", "")
    complete(app, release)
    signing.sign(app, release)
    *signed, _ = calls.read_text().splitlines()
    for call in signed:
        assert "--options runtime" in call
        assert ("--entitlements" in call) == call.endswith("Nibble.app")


def test_without_a_certificate_the_signature_is_ad_hoc(app: Path, release: Release, tools: Path) -> None:
    calls = stand_in(tools, "codesign", "")
    complete(app, release)
    signing.sign(app, release)
    assert "--sign - --options runtime --timestamp=none" in calls.read_text().splitlines()[0]


def test_with_a_certificate_the_signature_has_a_time_stamp(
    app: Path, release: Release, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIBBLE_MACOS_IDENTITY", "Developer ID Application: Somebody (ABCDE12345)")
    calls = stand_in(tools, "codesign", "")
    complete(app, release)
    signing.sign(app, release)
    first = calls.read_text().splitlines()[0]
    assert "--sign Developer ID Application: Somebody (ABCDE12345) --options runtime --timestamp /" in first


def test_a_signature_that_fails_ends_the_build_with_what_was_said(
    app: Path, release: Release, tools: Path
) -> None:
    stand_in(tools, "codesign", "echo errSecInternalComponent >&2; exit 1")
    complete(app, release)
    with pytest.raises(BuildFault, match="errSecInternalComponent"):
        signing.sign(app, release)


def test_exceptions_from_the_hardened_runtime_are_those_that_are_explained() -> None:
    libraries = "com.apple.security.cs.disable-library-validation"
    memory = "com.apple.security.cs.allow-unsigned-executable-memory"
    assert signing.entitlements("arm64") == {libraries: True}
    assert signing.entitlements("x86_64") == {libraries: True, memory: True}


def set_notary_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "key.p8").write_text("key")
    monkeypatch.setenv("NIBBLE_NOTARY_KEY", str(folder / "key.p8"))
    monkeypatch.setenv("NIBBLE_NOTARY_KEY_ID", "KEYID")
    monkeypatch.setenv("NIBBLE_NOTARY_ISSUER", "issuer")


def test_notarization_needs_all_of_its_credentials(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not notarizing.has_credentials()
    monkeypatch.setenv("NIBBLE_NOTARY_KEY_ID", "KEYID")
    with pytest.raises(BuildFault, match="NIBBLE_NOTARY_KEY, NIBBLE_NOTARY_ISSUER"):
        notarizing.has_credentials()
    set_notary_key(tmp_path, monkeypatch)
    assert notarizing.has_credentials()


def test_the_ticket_is_fixed_to_what_apple_accepted(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_notary_key(tmp_path, monkeypatch)
    answer = json.dumps({"id": "1-2-3", "status": "Accepted"})
    calls = stand_in(tools, "xcrun", f"[ $1 = notarytool ] && echo '{answer}' || true")
    notarizing.notarize(tmp_path / "nibble.dmg")
    submitted, stapled, _ = calls.read_text().splitlines()
    assert "--wait" in submitted
    assert stapled == f"stapler staple {tmp_path / 'nibble.dmg'}"


def test_what_apple_does_not_accept_ends_the_build_with_its_log(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_notary_key(tmp_path, monkeypatch)
    answer = json.dumps({"id": "1-2-3", "status": "Invalid"})
    calls = stand_in(
        tools, "xcrun", f"[ $2 = submit ] && echo '{answer}'; [ $2 = log ] && echo 'not signed' || true"
    )
    with pytest.raises(BuildFault, match=r"nibble\.dmg \(Invalid\):\nnot signed"):
        notarizing.notarize(tmp_path / "nibble.dmg")
    assert "stapler" not in calls.read_text()


def test_the_disk_image_shows_the_program_beside_the_folder_it_belongs_into(app: Path) -> None:
    found = settings(app, app / "Contents" / "Resources" / "nibble.icns")
    assert found["files"] == [str(app)]
    assert found["symlinks"] == {"Applications": "/Applications"}
    (width, height), half = found["window_rect"][1], found["icon_size"] / 2
    assert set(found["icon_locations"]) == {app.name, "Applications"}
    for x, y in found["icon_locations"].values():
        assert half <= x <= width - half
        assert half <= y <= height - half - 2 * found["text_size"]
