"""What keeps an installer from being built."""

from __future__ import annotations


class BuildFault(Exception):
    """One sentence for whoever builds; nothing but that is shown of it."""
