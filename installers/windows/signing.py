"""Signatures by Microsoft's signtool.

`NIBBLE_WINDOWS_SIGN` is what stands between `signtool sign` and the files: how the certificate is found, and who tells
the time. For one in the store: `/sha1 THUMBPRINT /fd SHA256 /tr http://timestamp.digicert.com /td SHA256`. For one in
Microsoft's cloud: `/dlib PATH /dmdf PATH /fd SHA256 /tr … /td SHA256`. Without it nothing is signed, and Windows warns
of the installer until it has become known.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from pathlib import Path

from installers.commands import require, run

INNO_NAME = "nibble"
"""Of the tool in `setup.iss`."""


def is_wanted() -> bool:
    return bool(os.environ.get("NIBBLE_WINDOWS_SIGN"))


def require_tool() -> None:
    """Raises BuildFault."""
    if is_wanted():
        require("signtool")


def sign(files: Iterable[Path]) -> None:
    """Raises BuildFault."""
    if is_wanted():
        run(["signtool", "sign", *_arguments(), *files])
        run(["signtool", "verify", "/pa", *files])


def inno_options() -> list[str]:
    """With which Inno Setup's compiler signs the installer and what it installs for removing it again."""
    if not is_wanted():
        return []
    command = " ".join(
        ["signtool", "sign", *(f"$q{part}$q" if " " in part else part for part in _arguments()), "$f"]
    )
    return ["/DSigned", f"/S{INNO_NAME}={command}"]


def _arguments() -> list[str]:
    # Backslashes stay: they are of paths.
    parts = shlex.split(os.environ["NIBBLE_WINDOWS_SIGN"], posix=False)
    return [part.strip('"') for part in parts]
