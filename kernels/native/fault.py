"""What keeps a pack from being built or from passing its check, in one sentence for the person."""

from __future__ import annotations


class Fault(Exception):
    """Its text is a sentence and, where there is one, the next step."""
