"""What presets are called in the window, and what is said about them."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.chat.presets import BALANCED, BUILT_IN, CODE, CREATIVE, DEFAULT, OWN, PRECISE
from app.runtime import Sampling
from app.ui.pages.chat_saved_names import Named


def preset_items(own: dict[str, Sampling], by_maker: Sampling | None) -> tuple[Named, ...]:
    """Where the maker recommends something, that comes first; elsewhere the default is Balanced."""
    first = () if by_maker is None else (_item(DEFAULT),)
    built_in = tuple(_item(key) for key in BUILT_IN)
    return (*first, *built_in, *(Named(OWN + name, name, is_own=True) for name in own))


def shown_key(key: str, own: dict[str, Sampling], by_maker: Sampling | None) -> str:
    """That of the item for a preset: the default is Balanced where nothing is recommended, and so is one that is not
    there any more."""
    if key == DEFAULT and by_maker is not None:
        return DEFAULT
    is_there = key in BUILT_IN or (key.startswith(OWN) and key.removeprefix(OWN) in own)
    return key if is_there else BALANCED


def _item(key: str) -> Named:
    title, tip = {
        DEFAULT: (_tr("Recommended"), _tr("As the model's maker recommends, in the model's file.")),
        BALANCED: (_tr("Balanced"), _tr("For most chats: the defaults of llama.cpp.")),
        PRECISE: (
            _tr("Precise"),
            _tr("For questions with one right answer: stays with the likeliest words."),
        ),
        CREATIVE: (_tr("Creative"), _tr("For stories and ideas: daring words, but no senseless ones.")),
        CODE: (_tr("Code"), _tr("For programs: close to the likeliest, and free to repeat itself.")),
    }[key]
    return Named(key, title, tip)


def _tr(text: str) -> str:
    return QCoreApplication.translate("ChatPage", text)
