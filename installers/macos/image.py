"""The disk image: the program beside a link to the folder of applications, to be dragged there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from installers.faults import BuildFault
from installers.release import Release


def settings(app: Path, icon: Path) -> dict[str, Any]:
    """Under dmgbuild's names; lengths in points. `icon`: of the volume."""
    return {
        "files": [str(app)],
        "symlinks": {"Applications": "/Applications"},
        "icon": str(icon),
        "icon_locations": {app.name: (160, 190), "Applications": (480, 190)},
        "window_rect": ((200, 200), (640, 420)),
        "icon_size": 128,
        "text_size": 13,
        "show_toolbar": False,
        "show_status_bar": False,
        "show_sidebar": False,
        # LZFSE: as small as zlib's best and faster to open; known to every macOS that Nibble runs on.
        "format": "ULFO",
        "filesystem": "HFS+",
    }


def make_image(app: Path, out: Path, release: Release) -> Path:
    """Replaces one that is there. Raises BuildFault."""
    from dmgbuild import build_dmg  # macOS alone has what it calls
    from dmgbuild.core import DMGError

    image = out / f"{release.file_stem}.dmg"
    image.unlink(missing_ok=True)
    icon = app / "Contents" / "Resources" / "nibble.icns"
    try:
        build_dmg(str(image), f"{release.name} {release.version}", settings=settings(app, icon))
    except DMGError as error:
        raise BuildFault(f"The disk image cannot be made: {error}.") from error
    return image
