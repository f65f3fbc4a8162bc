"""What Linux is told of Nibble: desktop entry, type of files, software centre, manual, packages and libraries."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from installers.linux import debian, libraries
from installers.linux.desktop import FILES, MIME_TYPE, filled, write_share
from installers.linux.elf import newest_version, read_elf
from installers.linux.portable import write_archive
from installers.release import ROOT, Release, read_release
from tests.helpers.tiny_gguf import write_tiny_model

MIME_SPACE = "{http://www.freedesktop.org/standards/shared-mime-info}"
on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="made and used on Linux")


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


def checked(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def release() -> Release:
    return read_release("linux-deb")


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Laid out like a frozen one; what it starts is a real program of this machine."""
    folder = tmp_path / "frozen"
    (folder / "_internal" / "resources" / "licences" / "system" / "libffi8").mkdir(parents=True)
    (folder / "_internal" / "libffi.so.8").write_bytes(b"of the system")
    shutil.copy("/bin/true", folder / "nibble")
    (folder / "_internal" / "link").symlink_to("libffi.so.8")
    return folder


@pytest.fixture
def entry() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment]
    parser.read(FILES / "nibble.desktop", encoding="utf-8")
    return parser["Desktop Entry"]


def test_entry_starts_the_command_with_a_file_of_the_type_that_is_defined(
    entry: configparser.SectionProxy,
) -> None:
    assert entry["Exec"] == "nibble %f"
    assert entry["MimeType"].rstrip(";").split(";") == [MIME_TYPE]
    types = ElementTree.parse(FILES / "nibble.xml").getroot().findall(f"{MIME_SPACE}mime-type")
    assert [each.get("type") for each in types] == [MIME_TYPE]


def test_window_belongs_to_the_entry(entry: configparser.SectionProxy) -> None:
    """The name by which desktops find a window's entry is that of `QGuiApplication.setDesktopFileName`."""
    source = (Path(__file__).parents[3] / "app" / "ui" / "application.py").read_text(encoding="utf-8")
    assert f'setDesktopFileName("{entry["Icon"]}")' in source
    assert entry["StartupWMClass"] == entry["Icon"]


@needs("desktop-file-validate")
def test_entry_is_valid() -> None:
    checked("desktop-file-validate", FILES / "nibble.desktop")


@needs("appstreamcli")
def test_what_software_centres_show_is_valid(tmp_path: Path, release: Release) -> None:
    file = tmp_path / "app.nibble.Nibble.metainfo.xml"
    file.write_text(filled(file.name, release), encoding="utf-8")
    checked("appstreamcli", "validate", "--no-net", file)


def test_what_software_centres_show_is_this_release(release: Release) -> None:
    root = ElementTree.fromstring(filled(f"{release.identifier}.metainfo.xml", release))
    assert root.findtext("id") == release.identifier
    assert root.findtext("launchable") == "nibble.desktop"
    assert root.findtext("project_license") == release.licence
    found = root.find("releases/release")
    assert found is not None
    assert found.get("version") == release.version


@needs("update-mime-database")
def test_models_are_known_by_their_first_bytes_and_by_their_names(tmp_path: Path, release: Release) -> None:
    write_share(tmp_path, release)
    checked("update-mime-database", tmp_path / "mime")
    assert f":{MIME_TYPE}:*.gguf" in (tmp_path / "mime" / "globs2").read_text()
    model = write_tiny_model(tmp_path / "model.gguf")
    magic = (tmp_path / "mime" / "magic").read_bytes()
    assert f"[60:{MIME_TYPE}]\n>0=\0\4".encode() + model.read_bytes()[:4] in magic


def test_icons_lie_where_desktops_look_for_them_in_all_sizes(tmp_path: Path, release: Release) -> None:
    from PySide6.QtGui import QImage

    write_share(tmp_path, release)
    icons = tmp_path / "icons" / "hicolor"
    assert (icons / "scalable" / "apps" / "nibble.svg").is_file()
    for pixels in (16, 32, 48, 64, 128, 256):
        for name in ("apps/nibble.png", "mimetypes/application-x-gguf.png"):
            image = QImage(str(icons / f"{pixels}x{pixels}" / name))
            assert (image.width(), image.height()) == (pixels, pixels)


@needs("man")
def test_manual_is_one(tmp_path: Path, release: Release) -> None:
    page = tmp_path / "nibble.1"
    page.write_text(filled("nibble.1", release), encoding="utf-8")
    done = subprocess.run(
        ["man", "--warnings", "-l", page], capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "MANWIDTH": "100", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert done.stderr == ""
    assert "~/.local/share/nibble" in done.stdout


@on_linux
@needs("dpkg-shlibdeps")
def test_package_holds_the_program_and_names_what_it_needs(
    tmp_path: Path, program: Path, release: Release
) -> None:
    package = debian.write_package(program, tmp_path, release)
    checked("dpkg-deb", "--extract", package, tmp_path / "root")
    usr = tmp_path / "root" / "usr"
    assert (usr / "bin" / "nibble").resolve() == usr / "lib" / "nibble" / "nibble"
    checked(usr / "bin" / "nibble")
    assert not (usr / "lib" / "nibble" / "_internal" / "libffi.so.8").exists()
    assert not (
        usr / "lib" / "nibble" / "_internal" / "resources" / "licences" / "system" / "libffi8"
    ).exists()
    for file in (
        "applications/nibble.desktop",
        "mime/packages/nibble.xml",
        "doc/nibble/copyright",
        "man/man1/nibble.1.gz",
    ):
        assert (usr / "share" / file).is_file(), file
    said = subprocess.run(["dpkg-deb", "--field", package], capture_output=True, text=True, check=True).stdout
    fields = dict(line.split(": ", 1) for line in said.splitlines() if not line.startswith(" "))
    assert fields["Version"] == release.version
    assert fields["Depends"].startswith("libc6 (>= ")
    assert {"libwayland-client0", "xdg-utils"} <= set(fields["Recommends"].split(", "))
    assert "libvulkan1" not in fields["Recommends"]
    modes = subprocess.run(
        ["dpkg-deb", "--contents", package], capture_output=True, text=True, check=True
    ).stdout
    for line in modes.splitlines():
        mode, owner = line.split()[:2]
        assert owner == "root/root"
        assert mode[5] == mode[8] == "-" or mode.startswith("l")


@on_linux
@needs("dpkg-shlibdeps")
def test_same_program_gives_the_same_package(tmp_path: Path, program: Path, release: Release) -> None:
    made = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        made.append(debian.write_package(program, tmp_path / name, release).read_bytes())
        (program / "nibble").touch()
    assert made[0] == made[1]


@on_linux
def test_portable_archive_runs_where_it_is_unpacked(tmp_path: Path, program: Path, release: Release) -> None:
    archive = write_archive(program, tmp_path, release)
    with tarfile.open(archive) as tar:
        assert {member.name.partition("/")[0] for member in tar} == {release.file_stem}
        assert all((member.uid, member.uname, member.mtime) == (0, "", release.made_at) for member in tar)
        tar.extractall(tmp_path / "there", filter="data")
    folder = tmp_path / "there" / release.file_stem
    checked(folder / "nibble")
    assert (folder / "_internal" / "libffi.so.8").exists()
    assert os.access(folder / "desktop-entry.sh", os.X_OK)
    words = (folder / "README.txt").read_text(encoding="utf-8")
    assert release.version in words
    assert "@" not in words


@on_linux
@needs("desktop-file-validate")
@pytest.mark.parametrize(
    "name", ["plain", "with blank", 'quote " dollar $HOME back`tick back\\slash and 100 %']
)
def test_portable_program_comes_into_the_menu_and_out_of_it(
    tmp_path: Path, program: Path, release: Release, name: str
) -> None:
    archive = write_archive(program, tmp_path, release)
    place = tmp_path / name
    with tarfile.open(archive) as tar:
        tar.extractall(place, filter="data")
    script = place / release.file_stem / "desktop-entry.sh"
    home = tmp_path / "home of mine"
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    subprocess.run([script], env=environment, check=True, timeout=60)
    entry = home / ".local" / "share" / "applications" / "nibble.desktop"
    checked("desktop-file-validate", entry)
    line = next(line for line in entry.read_text(encoding="utf-8").splitlines() if line.startswith("Exec="))
    # First the string is unescaped, then the quoted argument (Desktop Entry Specification).
    quoted = line.removeprefix("Exec=").replace("\\\\", "\\").removesuffix(" %f")
    assert quoted[0] == quoted[-1] == '"'
    meant = ""
    characters = iter(quoted[1:-1])
    for character in characters:
        meant += next(characters) if character == "\\" else character
    meant = meant.replace("%%", "%")
    assert Path(meant) == script.with_name("nibble")
    assert (home / ".local" / "share" / "icons" / "hicolor" / "48x48" / "apps" / "nibble.png").exists()
    subprocess.run([script, "--remove"], env=environment, check=True, timeout=60)
    left = [
        path for path in home.rglob("*") if path.is_file() and ("nibble" in path.name or "gguf" in path.name)
    ]
    assert left == []


@on_linux
@needs("objdump")
def test_needs_of_a_library_are_read_as_ldd_reads_them() -> None:
    (read,) = read_elf([Path(sys.executable).resolve()])
    ldd = subprocess.run(["ldd", sys.executable], capture_output=True, text=True, check=True).stdout
    there = {line.split()[0].rpartition("/")[2] for line in ldd.splitlines()}
    assert read.needed
    assert set(read.needed) <= there
    assert newest_version([read], "GLIBC") >= (2, 2)


def test_newest_version_is_by_number() -> None:
    from installers.linux.elf import Elf

    files = [
        Elf(Path("a"), (), "", ("GLIBC_2.9", "GLIBC_2.34", "GLIBCXX_3.4.30")),
        Elf(Path("b"), (), "", ("GLIBC_2.4",)),
    ]
    assert newest_version(files, "GLIBC") == (2, 34)
    assert newest_version(files, "CXXABI") == ()


@pytest.mark.parametrize(
    ("path", "goes_along"),
    [
        ("/usr/lib/x86_64-linux-gnu/libX11.so.6", False),
        ("/lib/x86_64-linux-gnu/libc.so.6", False),
        ("/lib/x86_64-linux-gnu/libssl.so.3", True),
        ("/usr/lib/x86_64-linux-gnu/libxcb-cursor.so.0", True),
        ("/home/me/.venv/lib/python3.11/site-packages/PySide6/Qt/lib/libQt6Core.so.6", True),
        ("/usr/lib/python3.11/lib-dynload/_ssl.cpython-311-x86_64-linux-gnu.so", True),
        ("/usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0", True),
        ("/opt/hostedtoolcache/Python/3.11.9/x64/lib/libpython3.11.so.1.0", True),
    ],
)
def test_what_belongs_to_the_desktop_stays_out(path: str, goes_along: bool) -> None:
    assert libraries.is_brought_along(Path(path)) is goes_along


def test_no_library_is_both_brought_and_expected() -> None:
    assert not set(libraries.BROUGHT_ALONG) & set(libraries.OF_THE_DESKTOP)


@on_linux
@pytest.mark.parametrize(
    ("before", "given_on"), [(None, "nothing"), ("/opt/theirs", "/opt/theirs"), ("", "")]
)
def test_what_the_program_starts_is_not_given_its_libraries(before: str | None, given_on: str) -> None:
    """PyInstaller's starter leaves what it found in LD_LIBRARY_PATH in a variable of its own."""
    code = f"import runpy, os; runpy.run_path({str(ROOT / 'installers' / 'first_steps.py')!r})"
    code += "; os.execlp('sh', 'sh', '-c', 'echo ${LD_LIBRARY_PATH-nothing} ${LD_LIBRARY_PATH_ORIG-gone}')"
    environment = {**os.environ, "LD_LIBRARY_PATH": "/usr/lib/nibble/_internal"}
    environment |= {"LD_LIBRARY_PATH_ORIG": before} if before is not None else {}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{given_on} gone\n".lstrip()
