"""Spell-check of the prompt, by a small dictionary of our own that the system's real Enchant and Hunspell read."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtGui import QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QPlainTextEdit

from app.chat import Message, MessageState
from app.storage import load_settings
from app.ui.pages.chat import ChatPage
from app.ui.pages.chat_actions import MessageEditor
from app.ui.spelling.choice import SpellingChoice
from app.ui.spelling.marks import RESTING_MS
from app.ui.spelling.speller import language_of
from app.ui.spelling.words import words_in
from tests.ui.conftest import settle

LANGUAGE = "eo"
WORDS = "saluton/j\nmondo/j\nmaro\nla\nkaj\nbela\n"
AFFIXES = "SET UTF-8\nTRY aeioujn\nSFX j Y 1\nSFX j 0 j .\n"


@pytest.fixture
def dictionary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """One that knows six words of Esperanto; the language's tag."""
    folder = tmp_path / "enchant" / "hunspell"
    folder.mkdir(parents=True)
    (folder / f"{LANGUAGE}.dic").write_text(f"{WORDS.count(chr(10))}\n{WORDS}")
    (folder / f"{LANGUAGE}.aff").write_text(AFFIXES)
    monkeypatch.setenv("ENCHANT_CONFIG_DIR", str(folder.parent))
    try:
        import enchant
    except ImportError:
        pytest.skip("this system has no Enchant")
    if LANGUAGE not in enchant.Broker().list_languages():
        pytest.skip("Enchant has no Hunspell here")
    return LANGUAGE


@pytest.fixture
def checked(open_nibble, dictionary: str, qtbot) -> ChatPage:
    """The chat with that language chosen."""
    window = open_nibble()
    window.services.preferences.set_spelling(dictionary)
    page = window.show_page("chat")
    assert isinstance(page, ChatPage)
    page.composer.field.setFocus()
    return page


def rest(qtbot) -> None:
    """Until what is written has been looked at."""
    qtbot.wait(2 * RESTING_MS)
    settle(qtbot)


def write(page: ChatPage, text: str, qtbot) -> None:
    QTest.keyClicks(page.composer.field, text)
    rest(qtbot)


# What is a word


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't panic, it's fine.", ["Don't", "panic", "it's", "fine"]),
        ("see https://a.example/page and ~/notes.txt", ["see", "and"]),
        ("call `do_it now` or obj.method() in camelCase", ["call", "or", "in"]),
        ("NASA has 3rd R2D2 x_y me@home.org", ["has"]),
        ("naïve Straße привет", ["naïve", "Straße", "привет"]),
        ("well-known (really)", ["well", "known", "really"]),
    ],
)
def test_only_prose_is_checked(text, words):
    assert [word.text for word in words_in(text)] == words


def test_places_are_told_in_qts_units():
    """An emoji counts two there and one in Python."""
    (word,) = words_in("\U0001f600\U0001f600 sea")
    assert (word.start, word.length) == (5, 3)


def test_language_is_the_one_chosen_or_that_of_the_system_and_never_another_one():
    assert language_of("de_DE", ("de_DE", "en_GB")) == "de_DE"
    assert language_of("", ("de_AT", "de_DE"), system="de_DE") == "de_DE"
    assert language_of("", ("en_AU", "en_GB"), system="en_NZ") == "en_AU"
    assert language_of("", ("en_GB",), system="fr_FR") is None
    assert language_of("fr_FR", ("en_GB",)) is None
    assert language_of("off", ("en_GB",)) is None


# In the window


def test_a_wrong_word_is_underlined_when_it_is_finished(checked, qtbot):
    write(checked, "saluton moond", qtbot)
    assert checked.spelling.marked() == []
    write(checked, "o kaj", qtbot)
    assert checked.spelling.marked() == ["moondo"]
    write(checked, " marro", qtbot)
    checked.composer.field.moveCursor(QTextCursor.MoveOperation.Start)
    rest(qtbot)
    assert checked.spelling.marked() == ["moondo", "marro"]


def test_what_is_underlined_changes_neither_text_nor_what_can_be_undone(checked, qtbot):
    field, told = checked.composer.field, []
    field.setPlainText("moondo kaj marro ")
    field.document().clearUndoRedoStacks()
    field.textChanged.connect(lambda: told.append(field.toPlainText()))
    rest(qtbot)
    assert checked.spelling.marked() == ["moondo", "marro"]
    assert told == []  # else a model would be loaded for a draft that nobody touches
    assert not field.document().isUndoAvailable()
    assert field.toPlainText() == "moondo kaj marro "


def test_the_menu_offers_what_is_meant_and_puts_it_there(checked, qtbot):
    write(checked, "bela moondo kaj", qtbot)
    menu = checked.spelling.menu_at(7)
    settle(qtbot)
    suggestion = next(action for action in menu.actions() if action.text() == "mondo")
    assert menu.actions().index(suggestion) < [each.text() for each in menu.actions()].index(
        "Add “moondo” to the dictionary"
    )
    suggestion.trigger()
    assert checked.composer.text == "bela mondo kaj"
    menu.close()
    checked.composer.field.undo()
    assert checked.composer.text == "bela moondo kaj"


def test_a_word_that_was_added_is_right_also_after_the_next_start(checked, qtbot, folder, dictionary):
    write(checked, "nibblo kaj ", qtbot)
    assert checked.spelling.marked() == ["nibblo"]
    menu = checked.spelling.menu_at(2)
    next(action for action in menu.actions() if "nibblo" in action.text()).trigger()
    menu.close()
    rest(qtbot)
    assert checked.spelling.marked() == []
    assert folder.own_words.read_text() == "nibblo\n"
    from app.ui.spelling.dictionaries import Dictionary

    assert Dictionary(dictionary, folder.own_words).knows("nibblo")


def test_a_right_word_has_the_usual_menu(checked, qtbot):
    write(checked, "bela mondo kaj", qtbot)
    menu = checked.spelling.menu_at(7)
    assert not any("dictionary" in action.text() for action in menu.actions())
    menu.close()


def test_settings_offer_the_languages_and_off(checked, qtbot, folder):
    window = checked.window()
    write(checked, "moondo kaj ", qtbot)
    page = window.show_page("settings")
    (choice,) = page.findChildren(SpellingChoice)
    settle(qtbot)
    names = [choice.field.itemText(row) for row in range(choice.field.count())]
    assert names[0] == "Like the system"
    assert names[-1] == "Do not check"
    assert "Esperanto" in names
    choose(choice.field, "Do not check")
    settle(qtbot)
    assert load_settings(folder.settings).spelling == "off"
    qtbot.wait(10)
    assert checked.spelling.marked() == []
    choose(choice.field, "Esperanto")
    rest(qtbot)
    assert checked.spelling.marked() == ["moondo"]


def test_without_dictionaries_nothing_is_marked_and_the_settings_say_so(
    qtbot, open_nibble, tmp_path, monkeypatch
):
    """Where Enchant has none, or is not there itself."""
    monkeypatch.setattr("app.ui.spelling.speller.offered", lambda: ())
    window = open_nibble()
    page = window.show_page("chat")
    QTest.keyClicks(page.composer.field, "moondo kaj ")
    rest(qtbot)
    assert page.spelling.marked() == []
    (choice,) = window.show_page("settings").findChildren(SpellingChoice)
    settle(qtbot)
    assert not choice.field.isVisible()
    assert "No dictionaries" in choice.words.text()


def test_a_long_text_is_left_alone(checked, qtbot):
    checked.composer.field.setPlainText("moondo " * 4000)
    rest(qtbot)
    assert checked.spelling.marked() == []


# In the other fields that people write prose in


def test_the_system_prompt_is_checked(checked, qtbot):
    checked.drawer.prompt_field.setPlainText("bela moondo kaj ")
    rest(qtbot)
    assert underlined(checked.drawer.prompt_field) == ["moondo"]


def test_a_message_that_is_edited_is_checked_and_its_field_can_go(checked, qtbot):
    checked.column.show_messages([Message(1, "user", "bela moondo", MessageState.COMPLETE, 0.0)])
    (bubble,) = checked.column.prompts()
    checked.column.edit(bubble)
    (editor,) = checked.column.findChildren(MessageEditor)
    QTest.keyClicks(editor.field, " kaj marro kaj")
    rest(qtbot)
    assert underlined(editor.field) == ["moondo", "marro"]
    editor.cancel.click()
    write(checked, "nibblo kaj ", qtbot)  # judged after that field has gone
    assert checked.spelling.marked() == ["nibblo"]


def test_the_prompt_of_a_comparison_is_checked(checked, qtbot):
    page = checked.window().show_page("compare")
    page.composer.set_prompt("bela moondo kaj ")
    rest(qtbot)
    assert page.spelling.marked() == ["moondo"]


def underlined(field: QPlainTextEdit) -> list[str]:
    return [each.cursor.selectedText() for each in field.extraSelections()]


def choose(field: QComboBox, name: str) -> None:
    row = field.findText(name)
    field.setCurrentIndex(row)
    field.activated.emit(row)
