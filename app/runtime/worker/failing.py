"""What went wrong, as a reply."""

from __future__ import annotations

import traceback

from app.core.errors import Cancelled, EnvironmentFault
from app.runtime.protocol import Crashed, Failed, Reply, Stopped


def failed(error: Exception) -> Reply:
    """`error` is being handled."""
    if isinstance(error, Cancelled):
        return Stopped()
    if isinstance(error, EnvironmentFault):
        from app.runtime.worker.log import recent_lines  # loads llama.cpp, which may be what went wrong

        return Failed(
            kind=type(error).__name__, message=error.message, hint=error.hint, log=error.log or recent_lines()
        )
    return Crashed(report=traceback.format_exc())
