"""A comparison's session as a file: a page for people, or all of it as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from app.compare import report_html, report_json
from app.compare.session import Session
from app.core.errors import WrongChoice, from_os_error
from app.storage.atomic import finished_file


def _json(session: Session) -> Iterator[str]:
    yield json.dumps(report_json.session_document(session), ensure_ascii=False, indent=1) + "\n"


_WRITERS: dict[str, Callable[[Session], Iterator[str]]] = {
    ".html": report_html.report,
    ".htm": report_html.report,
    ".json": _json,
}


def write_report(session: Session, target: Path) -> None:
    """In the form that the ending of `target`'s name tells; an earlier file is replaced once the new one is whole.

    Raises WrongChoice, DiskFull and what else writing raises.
    """
    writer = _WRITERS.get(target.suffix.lower())
    if writer is None:
        raise WrongChoice(
            f"{target.name} does not say what it should be.",
            "End its name in .html for a report, or in .json.",
        )
    with finished_file(target) as partial:
        try:
            with open(partial, "w", encoding="utf-8", errors="replace", newline="\n") as file:
                file.writelines(writer(session))
        except OSError as error:
            raise from_os_error(error, target, writing=True) from error
