"""How long to wait before asking a server again, and when to give up."""

from __future__ import annotations

from app.core.errors import NoConnection

FIRST_WAIT_S = 0.25
LONGEST_WAIT_S = 30.0
IN_ALL_S = 60.0


class Patience:
    """Of one connection since its last byte."""

    def __init__(self) -> None:
        self._next_s = FIRST_WAIT_S
        self._waited_s = 0.0

    def wait_s(self, reason: str, wished_s: float) -> float:
        """Seconds to wait now; `wished_s`: the least, as the server asks. Raises NoConnection after a minute of it."""
        if self._waited_s >= IN_ALL_S:
            raise NoConnection(
                f"The download cannot go on: {reason}.",
                "What has arrived is kept, and it goes on from there.",
            )
        wait_s = max(self._next_s, wished_s)
        self._next_s = min(2 * self._next_s, LONGEST_WAIT_S)
        self._waited_s += min(wait_s, LONGEST_WAIT_S)
        return wait_s
