"""How long a server wishes to be left alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_RESET = re.compile(r"\bt\s*=\s*(\d+)")
"""Seconds in the RateLimit header of draft-ietf-httpapi-ratelimit-headers, which the Hub sends."""
_LONGEST_S = 86_400.0


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds from now, a day at most, by Retry-After (a number or a date) or RateLimit; None where neither tells."""
    told = headers.get("Retry-After", "").strip()
    if told.isdecimal():
        return min(float(told[:9]), _LONGEST_S)
    if told:
        try:
            moment = parsedate_to_datetime(told)
        except ValueError:
            return None
        if moment.tzinfo is not None:
            return min(max((moment - datetime.now(UTC)).total_seconds(), 0.0), _LONGEST_S)
    reset = _RESET.search(headers.get("RateLimit", ""))
    return min(float(reset[1][:9]), _LONGEST_S) if reset else None
