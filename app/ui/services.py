"""What pages are given to work with; put together once, in `application`."""

from __future__ import annotations

from dataclasses import dataclass

from app.storage import DataFolder
from app.ui.preferences import Preferences


@dataclass(frozen=True)
class Services:
    """The engine's long-lived parts, for every page's constructor."""

    folder: DataFolder
    preferences: Preferences
