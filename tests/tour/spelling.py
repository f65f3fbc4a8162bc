"""Spell-check, where this computer's Enchant offers it: with a dictionary that knows few words."""

from __future__ import annotations

import os

from app.ui.pages.chat import ChatPage
from tests.tour.props import put_models
from tests.tour.stage import CannotPlay, Stage, scene

WORDS = "Please\nwrite\nme\na\nletter\nto\nthe\nsea\nabout\nships\nand\nlighthouses\n"


@scene
def chat_misspelt(stage: Stage) -> None:
    page = _write(stage)
    stage.wait(lambda: bool(page.spelling.marked()))


@scene
def chat_misspelt_menu(stage: Stage) -> None:
    page = _write(stage)
    stage.wait(lambda: bool(page.spelling.marked()))
    field = page.composer.field
    menu = page.spelling.menu_at(field.toPlainText().index("lettre") + 2)
    stage.wait(lambda: any(action.text() == "letter" for action in menu.actions()))
    menu.popup(field.mapToGlobal(field.rect().topRight()) / 2)


@scene
def settings_languages(stage: Stage) -> None:
    _put_dictionary(stage)
    window = stage.open()
    window.show_page("settings")
    stage.wait(lambda: bool(window.services.speller.languages))


def _write(stage: Stage) -> ChatPage:
    _put_dictionary(stage)
    put_models(stage)
    window = stage.open()
    window.services.preferences.set_spelling("en_GB")
    page = window.show_page("chat")
    assert isinstance(page, ChatPage)
    page.composer.set_text("Please write me a lettre to the sea about shipps and lighthouses")
    return page


def _put_dictionary(stage: Stage) -> None:
    folder = stage.root / "enchant" / "hunspell"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "en_GB.dic").write_text(f"{WORDS.count(chr(10))}\n{WORDS}")
    (folder / "en_GB.aff").write_text("SET UTF-8\nTRY esianrtolcdugmphbyfvkw\n")
    os.environ["ENCHANT_CONFIG_DIR"] = str(folder.parent)
    stage.around.callback(os.environ.pop, "ENCHANT_CONFIG_DIR", None)
    try:
        import enchant
    except ImportError:
        raise CannotPlay("there is no Enchant here") from None
    if "en_GB" not in enchant.Broker().list_languages():
        raise CannotPlay("Enchant has no Hunspell here")
