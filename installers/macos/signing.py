"""The signature of a bundle, from the inside out, with the hardened runtime.

`NIBBLE_MACOS_IDENTITY` is the name of a "Developer ID Application" certificate in the keychain. Without it the
signature is ad hoc: it runs on the Mac where it was made, elsewhere only after a person has allowed it. The hardened
runtime is on in both cases, so that what it forbids is noticed without a certificate, too.
"""

from __future__ import annotations

import hashlib
import json
import os
import plistlib
from pathlib import Path
from tempfile import TemporaryDirectory

from installers.commands import run
from installers.macos.machine_code import machine_code_in
from installers.release import Release

AD_HOC = "-"
_BUNDLES = (".framework", ".app", ".bundle", ".xpc", ".appex")


def identity() -> str:
    return os.environ.get("NIBBLE_MACOS_IDENTITY") or AD_HOC


def entitlements(machine: str) -> dict[str, bool]:
    """What the hardened runtime is asked to allow, and why.

    - Libraries that others have signed, or nobody but the linker: a runtime pack that a person has built, or was given,
      is loaded into the worker, which is this same executable. Those that Nibble downloads are loaded only when their
      SHA-256 is the one it brings along. An ad hoc signature needs it, too: there, no two files are of one team.
    - On Intel processors, memory that is written and then executed: libffi makes the functions there through which
      llama.cpp calls back into Python (ctypes: the log, the end of an answer, importance matrices). On Apple silicon
      it takes them from tables of code that is signed.

    Not needed, and so not asked for: code that a compiler makes at run time (QRegularExpression does without where it
    may not; shaders of Metal are compiled by a process of the system), variables that tell the loader of libraries, the
    debugger, and all that concerns devices and data of a person's.
    """
    wanted = {"com.apple.security.cs.disable-library-validation": True}
    if machine == "x86_64":
        wanted["com.apple.security.cs.allow-unsigned-executable-memory"] = True
    return wanted


def sign(app: Path, release: Release) -> None:
    """All machine code in the bundle, the bundles within it, and at last itself; then has it verified. Raises
    BuildFault."""
    with TemporaryDirectory() as folder:
        allowed = Path(folder) / "entitlements.plist"
        allowed.write_bytes(plistlib.dumps(entitlements(release.machine)))
        for path in signing_order(app):
            if path == app:
                _renew_manifests(app)
            is_program = path == app or path.parent == app / "Contents" / "MacOS"
            exceptions = ["--entitlements", str(allowed)] if is_program else []
            run(["codesign", *_options(), *exceptions, path])
    run(["codesign", "--verify", "--deep", "--strict", "--verbose=2", app])


def _renew_manifests(app: Path) -> None:
    """The signature is a part of each library: the manifests of runtime packs have to tell the files as they are now,
    since a pack is used only where they agree."""
    for manifest in (app / "Contents" / "Resources").rglob("pack.json"):
        pack = json.loads(manifest.read_bytes())
        for entry in pack.get("files", []):
            content = (manifest.parent / entry["path"]).read_bytes()
            entry.update(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        manifest.write_text(json.dumps(pack, indent=2) + "\n", encoding="utf-8")


def sign_image(image: Path) -> None:
    """Disk images hold no code of their own: no hardened runtime. Raises BuildFault."""
    run(["codesign", "--force", "--sign", identity(), _time_stamp(), image])


def signing_order(app: Path) -> list[Path]:
    """The machine code and the bundles of `app`, what is inside another one before it; `app` itself is the last. Its
    main executable is left out: it gets its signature with the bundle."""
    main = plistlib.loads((app / "Contents" / "Info.plist").read_bytes())["CFBundleExecutable"]
    code = {file.path for file in machine_code_in(app)} - {app / "Contents" / "MacOS" / main}
    bundles = {
        path for path in app.rglob("*") if path.suffix in _BUNDLES and path.is_dir() and not path.is_symlink()
    }
    return [*sorted(code | bundles, key=lambda path: (-len(path.parts), path)), app]


def _options() -> list[str]:
    return ["--force", "--sign", identity(), "--options", "runtime", _time_stamp()]


def _time_stamp() -> str:
    """Apple's, which notarization demands; an ad hoc signature has none."""
    return "--timestamp=none" if identity() == AD_HOC else "--timestamp"
