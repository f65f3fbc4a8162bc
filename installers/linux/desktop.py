"""What a desktop shows of Nibble: its entry, its icons, the type of models' files, what a software centre says."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from installers.icons import PNG_PIXELS, write_icons
from installers.release import ROOT, Release

FILES = Path(__file__).parent / "files"
MIME_TYPE = "application/x-gguf"
"""The name that programs use which know such files; shared-mime-info has none for them yet."""


def filled(name: str, release: Release) -> str:
    """The text of one of FILES with what the release says in its places."""
    text = (FILES / name).read_text(encoding="utf-8")
    date = time.strftime("%Y-%m-%d", time.gmtime(release.made_at))
    for place, said in (("HOMEPAGE", release.homepage), ("VERSION", release.version), ("DATE", date)):
        text = text.replace(f"@{place}@", said)
    return text


def write_share(share: Path, release: Release) -> None:
    """Entry, icons and types below `share`, as they lie in /usr/share or in ~/.local/share."""
    for folder, name in (
        ("applications", "nibble.desktop"),
        ("mime/packages", "nibble.xml"),
        ("metainfo", f"{release.identifier}.metainfo.xml"),
    ):
        _write(share / folder / name, filled(name, release))
    icons = share / "icons" / "hicolor"
    with TemporaryDirectory() as drawn:
        write_icons(Path(drawn))
        for pixels in PNG_PIXELS:
            of_size = icons / f"{pixels}x{pixels}"
            _copy(Path(drawn) / f"nibble-{pixels}.png", of_size / "apps" / "nibble.png")
            _copy(Path(drawn) / f"gguf-{pixels}.png", of_size / "mimetypes" / f"{_icon_name(MIME_TYPE)}.png")
    _copy(ROOT / "resources" / "icons" / "nibble.svg", icons / "scalable" / "apps" / "nibble.svg")


def _icon_name(mime_type: str) -> str:
    return mime_type.replace("/", "-")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())
