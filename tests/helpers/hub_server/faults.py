"""What goes wrong, as told by a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class Fault:
    """For the next `times` requests (-1: all from now on) to `host` ("hub", "cdn", "" for both) by `method` whose
    path contains `where`.

    With `status` nothing else is sent but that, `headers` and `body`. Offsets count bytes of the body: `reset_at`
    resets the connection there, `truncate_at` closes it as if all were well, `stall_at` sends nothing more for
    `stall_s`. `wrong_at` turns the byte of the file at that offset. `ignores_range`: the whole file is sent.
    `hides_etag`: neither ETag nor X-Linked-ETag.
    """

    where: str = ""
    host: str = ""
    method: str = ""
    times: int = 1
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    reset_at: int | None = None
    truncate_at: int | None = None
    stall_at: int | None = None
    stall_s: float = 60.0
    wrong_at: int | None = None
    ignores_range: bool = False
    hides_etag: bool = False

    def meets(self, host: str, method: str, target: str) -> bool:
        return (
            self.times != 0
            and self.host in ("", host)
            and self.method in ("", method)
            and self.where in target
        )


NO_FAULT = Fault(times=0)
