"""Where a file's bytes are at the moment, and whether the server still has what was chosen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from app.core.errors import WrongContent
from app.downloads.content import Content, kind_of


@dataclass(frozen=True, slots=True)
class Location:
    """`url` may be signed and expire; `headers` go with each request to it (a token only to the Hub itself).

    `content` as the server tells it.
    """

    url: str
    content: Content
    headers: Mapping[str, str] = field(default_factory=dict)


class Locator:
    """Asks when an address is first needed, and again where one has expired. `wanted` is what is to be there; `name` is
    what sentences call it. For several threads: one asks, the others take what it found.

    Its methods raise WrongContent, and what `locate` raises.
    """

    def __init__(self, locate: Callable[[], Location], wanted: Content, name: str) -> None:
        self._locate = locate
        self._wanted = wanted
        self._name = name
        self._lock = threading.Lock()
        self._location: Location | None = None

    def location(self) -> Location:
        return self.renew(None)

    def renew(self, stale: Location | None) -> Location:
        """Another one than `stale`."""
        with self._lock:
            if self._location is None or self._location is stale:
                self._location = self._ask()
            return self._location

    def _ask(self) -> Location:
        location = self._locate()
        wanted, told = self._wanted, location.content
        # A server that is no Hub may have ETags of its own; what arrives is checked in any case.
        is_other = told.etag != wanted.etag and kind_of(told.etag) == kind_of(wanted.etag)
        if is_other or told.size != wanted.size:
            raise WrongContent(
                f"The server has another {self._name} now than was chosen: it was {wanted}, and is {told}.",
                "Look at the model's page, then download it again.",
            )
        return location
