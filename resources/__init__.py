"""What the program brings along besides code; this module is the only way to it.

Files are found beside this package, so Nibble runs from a checkout, a wheel or a frozen program, but not from
inside a zip archive.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

THEMES = ("light", "dark")


@cache
def theme(name: str) -> dict[str, Any]:
    """The tokens of a theme (`light` or `dark`): tables of colours by name, `#rrggbb`."""
    return _toml(f"theme/{name}.toml")


@cache
def shape() -> dict[str, Any]:
    """The measures both themes share: lengths in logical pixels, type sizes relative to the body text."""
    return _toml("theme/shape.toml")


def style_sheet() -> str:
    """The Qt style sheet, with `$token` where a token's value goes."""
    return _root().joinpath("theme/style.qss").read_text(encoding="utf-8")


def icon_path(name: str = "nibble") -> Path:
    """An icon that is not in the icon font, as an SVG file; the application's own by default."""
    return _root() / "icons" / f"{name}.svg"


def translations_folder() -> Path:
    """Where compiled Qt translations (`nibble_de.qm`) lie; need not exist."""
    return _root() / "translations"


def licences_folder() -> Path:
    """Texts and tables of licences (`app.about` reads them; README.md in it says where they are from)."""
    return _root() / "licences"


def guide_checkpoint() -> Path:
    """The folder with the built-in model's checkpoint; may be missing or damaged (`app.guide` tells)."""
    return _root() / "guide" / "model"


def guide_answers() -> list[str]:
    """What the built-in model has learnt to say, each answer once: some eleven thousand words of plain prose."""
    topics = ("nibble", "quantization", "running", "talk")
    items = [item for topic in topics for item in _toml(f"guide/corpus/{topic}.toml")["item"]]
    return list(dict.fromkeys(item["answer"] for item in items))


def calibration_text() -> str:
    """Code, several languages, mathematics and prose, to take importance matrices over: some 100,000 characters."""
    parts = sorted((_root() / "calibration").glob("*.txt"))
    return "\n\n".join(path.read_text(encoding="utf-8").strip() for path in parts)


def prompt_set_names() -> list[str]:
    """Of the lists of prompts to compare models by, in order."""
    return sorted(path.stem for path in (_root() / "prompts").glob("*.toml"))


def prompt_set(name: str) -> dict[str, Any]:
    """One of them (`app.compare.prompt_sets` says what it holds)."""
    return _toml(f"prompts/{name}.toml")


def catalogue() -> list[dict[str, Any]]:
    """The models of the catalogue as its files have them (`app.recommend.catalogue` says what an entry holds)."""
    names = sorted(path.name for path in (_root() / "catalogue").glob("*.toml"))
    return [entry for name in names for entry in _toml(f"catalogue/{name}")["model"]]


def bandwidths() -> list[dict[str, Any]]:
    """Memory bandwidths of accelerators and Apple chips (`app.hardware.bandwidth` reads them)."""
    rows: list[dict[str, Any]] = _toml("hardware/bandwidth.toml")["device"]
    return rows


def published_quality() -> list[dict[str, Any]]:
    """What llama.cpp has published about its quantizations (`app.recommend.quality` says what a row holds)."""
    rows: list[dict[str, Any]] = _toml("quality/llamacpp.toml")["measurement"]
    return rows


def packs() -> list[dict[str, Any]]:
    """The runtime packs that this release offers for download (see `app.runtime.packs.offered`)."""
    rows: list[dict[str, Any]] = _toml("packs.toml").get("pack", [])
    return rows


def _root() -> Path:
    return Path(__file__).parent


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads(_root().joinpath(name).read_text(encoding="utf-8"))
