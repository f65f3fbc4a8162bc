"""`nibble updates`: whether there is a newer Nibble, asked because a person asks."""

from __future__ import annotations

from app import __version__
from app.about import Release, Standing, newest_release, releases_address
from app.cli.running import JsonOption, engine_command, print_json, run_job
from app.cli.terminal import printable


@engine_command
def updates(as_json: JsonOption = False) -> None:
    """Ask which release of Nibble is the newest. Nothing is downloaded or installed.

    One request goes to the server of releases, and tells it no more than the version of this Nibble.
    """
    release = run_job("Ask for the newest release", lambda control: newest_release(control.cancel))
    if as_json:
        print_json(
            {
                "version": __version__,
                "standing": release.standing.value,
                "newest": {
                    "version": release.version,
                    "published": release.published or None,
                    "page": release.page,
                    "notes": release.notes,
                },
                "releases": releases_address(),
            }
        )
        return
    print(printable(_told(release), lines=True))


def _told(release: Release) -> str:
    if release.standing is Standing.CURRENT:
        return f"Nibble {__version__} is the newest release."
    if release.standing is Standing.AHEAD:
        return f"Nibble {__version__} is newer than the newest release, {release.version}."
    day = f", published on {release.published}" if release.published else ""
    parts = [
        f"Nibble {release.version} is available{day}; you have {__version__}.",
        f"Get it at {release.page}",
        release.notes,
    ]
    return "\n\n".join(part for part in parts if part)
