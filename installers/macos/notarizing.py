"""Notarization: Apple looks at what is signed and gives a ticket, which is fixed to it.

`NIBBLE_NOTARY_KEY` (the path of a .p8 file), `NIBBLE_NOTARY_KEY_ID` and `NIBBLE_NOTARY_ISSUER` are a key of App Store
Connect. Done where all three are set.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from installers.commands import run
from installers.faults import BuildFault

_VARIABLES = ("NIBBLE_NOTARY_KEY", "NIBBLE_NOTARY_KEY_ID", "NIBBLE_NOTARY_ISSUER")


def has_credentials() -> bool:
    """Raises BuildFault where some are set and others are not, and where the key is no file."""
    missing = [name for name in _VARIABLES if not os.environ.get(name)]
    if missing and len(missing) < len(_VARIABLES):
        raise BuildFault(f"For notarization these variables are missing: {', '.join(missing)}.")
    if not missing and not Path(os.environ["NIBBLE_NOTARY_KEY"]).is_file():
        raise BuildFault("NIBBLE_NOTARY_KEY is not the path of a file.")
    return not missing


def notarize(path: Path) -> None:
    """A bundle or a disk image. Takes minutes. Raises BuildFault with Apple's log where it is not accepted."""
    with TemporaryDirectory() as folder:
        handed_in = path
        if path.is_dir():  # handed in as an archive; the ticket is fixed to the bundle
            handed_in = Path(folder) / f"{path.name}.zip"
            run(["ditto", "-c", "-k", "--keepParent", path, handed_in])
        answer = run(["xcrun", "notarytool", "submit", handed_in, *_key(), "--wait", "--timeout", "45m",
                      "--output-format", "json"])  # fmt: skip
    submission = json.loads(answer)
    # Its exit status is 0 for what Apple refuses, too.
    if submission.get("status") != "Accepted":
        log = run(["xcrun", "notarytool", "log", str(submission.get("id")), *_key()])
        raise BuildFault(f"Apple does not accept {path.name} ({submission.get('status')}):\n{log}")
    run(["xcrun", "stapler", "staple", path])
    run(["xcrun", "stapler", "validate", path])


def _key() -> list[str]:
    key, key_id, issuer = (os.environ[name] for name in _VARIABLES)
    return ["--key", key, "--key-id", key_id, "--issuer", issuer]
