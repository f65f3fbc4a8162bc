"""Data beside the checkout that is not part of it; tests which use it are skipped where it is absent."""

from __future__ import annotations

from pathlib import Path

SHARED_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
