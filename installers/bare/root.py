"""A Debian system in a folder, with nothing in it but what a system cannot do without."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from installers.commands import run
from installers.faults import BuildFault

_PLACE = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NOT_LOOKED_AT = (
    "proc",
    "dev",
    "sys",
    "tmp",
    "run",
    "var/cache/apt",
    "var/lib/apt",
    "var/log",
    "var/lib/dpkg",
)
"""Where the system keeps accounts of its own, and what is there no longer after its next start."""


@dataclass(frozen=True)
class BareRoot:
    path: Path

    def run(
        self,
        command: Sequence[str],
        user: str = "root",
        environment: Mapping[str, str] | None = None,
        *,
        check: bool = True,
        timeout_s: float = 900,
    ) -> subprocess.CompletedProcess[str]:
        """Raises BuildFault where it fails and is not expected to (`check`)."""
        done = subprocess.run(
            self.command(command, user), env=self.environment(user, environment), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, errors="replace", timeout=timeout_s, check=False,
        )  # fmt: skip
        if check and done.returncode:
            raise BuildFault(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr).strip()[-2000:]}")
        return done

    def command(self, command: Sequence[str], user: str = "root") -> list[str]:
        return ["chroot", f"--userspec={user}:{user}", str(self.path), *command]

    def environment(self, user: str, more: Mapping[str, str] | None = None) -> dict[str, str]:
        home = "/root" if user == "root" else f"/home/{user}"
        own = {
            "PATH": _PLACE,
            "HOME": home,
            "USER": user,
            "LANG": "C.UTF-8",
            "DEBIAN_FRONTEND": "noninteractive",
        }
        return {**own, **(more or {})}

    def install(self, *packages: str) -> list[str]:
        """Without what they only recommend; returns what came along."""
        before = self.packages()
        self.run(["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *packages])
        return sorted(self.packages() - before)

    def purge(self, package: str) -> None:
        """And what was only there for it."""
        self.run(["apt-get", "purge", "--yes", "--quiet", package])
        self.run(["apt-get", "autoremove", "--purge", "--yes", "--quiet"])

    def packages(self) -> set[str]:
        return set(self.run(["dpkg-query", "--show", "--showformat", "${Package}\\n"]).stdout.split())

    def take_in(self, file: Path) -> str:
        """A copy in /tmp; its path in there."""
        shutil.copy(file, self.path / "tmp" / file.name)
        return f"/tmp/{file.name}"

    def everything(self) -> set[str]:
        """All paths in it."""
        found = set()
        for folder, folders, files in os.walk(self.path):
            place = os.path.relpath(folder, self.path)
            folders[:] = [
                name for name in folders if os.path.normpath(f"{place}/{name}") not in _NOT_LOOKED_AT
            ]
            found |= {os.path.normpath(f"/{place}/{name}") for name in (*folders, *files)}
        return found


@contextmanager
def bare_root(base: Path | None, suite: str) -> Iterator[BareRoot]:
    """Gone afterwards. `base`: one that was made before, of which a copy is used."""
    with TemporaryDirectory(prefix="bare-debian-") as folder, ExitStack() as mounts:
        path = Path(folder) / "root"
        if base is None:
            run(["debootstrap", "--variant=minbase", suite, path])
        else:
            run(["cp", "-a", base, path])
        shutil.copy("/etc/resolv.conf", path / "etc" / "resolv.conf")
        for kind, source, place in (
            (["-t", "proc"], "proc", "proc"),
            (["--rbind", "--make-rslave"], "/dev", "dev"),
            (["--bind"], "/tmp/.X11-unix", "tmp/.X11-unix"),
        ):
            Path("/tmp/.X11-unix").mkdir(mode=0o1777, exist_ok=True)
            (path / place).mkdir(exist_ok=True)
            run(["mount", *kind, source, path / place])
            mounts.callback(run, ["umount", "--recursive", "--lazy", path / place])
        root = BareRoot(path)
        root.run(["apt-get", "update", "--quiet"])
        yield root
