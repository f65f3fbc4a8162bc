"""A disk image of the frozen program for macOS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from installers.commands import require
from installers.macos import notarizing, signing
from installers.macos.bundle import complete
from installers.macos.image import make_image
from installers.release import Release


def require_tools(release: Release) -> None:
    """Raises BuildFault."""
    require("codesign", "hdiutil", "xcrun", "ditto")
    if signing.identity() != signing.AD_HOC:
        notarizing.has_credentials()


def executable_options(release: Release) -> dict[str, Any]:
    """For PyInstaller: of libraries for several processors only what is for this one goes along."""
    return {"target_arch": release.machine}


def package(program: Path, out: Path, release: Release) -> list[Path]:
    """The disk image of the bundle `program`, which is completed and signed in its place; notarized where credentials
    are there. Raises BuildFault."""
    complete(program, release)
    is_signed = signing.identity() != signing.AD_HOC
    is_notarized = is_signed and notarizing.has_credentials()
    signing.sign(program, release)
    if is_notarized:  # also by itself, so that the ticket comes along when it is dragged out of the image
        notarizing.notarize(program)
    image = make_image(program, out, release)
    signing.sign_image(image)
    if is_notarized:
        notarizing.notarize(image)
    print(_said(is_signed=is_signed, is_notarized=is_notarized))
    return [image]


def _said(*, is_signed: bool, is_notarized: bool) -> str:
    if not is_signed:
        return "Signed ad hoc and not notarized: NIBBLE_MACOS_IDENTITY is not set. Other Macs will not open it unasked."
    if not is_notarized:
        return f"Signed by {signing.identity()}, not notarized: NIBBLE_NOTARY_KEY is not set."
    return f"Signed by {signing.identity()} and notarized."
