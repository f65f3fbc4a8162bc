"""Titles of conversations in the list: by the model, unless the person gave one or does not want that."""

from __future__ import annotations

import pytest

from app.ui.pages.chat_titles import AFTER_MS
from tests.helpers.scripted_gguf import write_scripted_model
from tests.helpers.tiny_gguf import CHATML
from tests.ui.conftest import settle
from tests.ui.test_chat_page import ask


@pytest.fixture
def page(open_nibble, folder, qtbot):
    path = write_scripted_model(folder.models / "titler.gguf", "Say it", chat_template=CHATML, name="Titler")
    page = open_nibble().show_page("chat")
    page.open_model(path)
    settle(qtbot)
    page.window().services.preferences.set_titles_by_model(True)
    return page


def titles(page):
    return [line.title for line in page.list.lines]


def test_new_conversation_is_called_as_the_model_says(page, qtbot):
    ask(page, "Hello, who are you?", max_tokens=20)
    settle(qtbot)
    assert titles(page) == ["Hello, who are you?"]
    qtbot.waitUntil(lambda: titles(page) == ["Say it"])
    settle(qtbot)


@pytest.mark.parametrize("reason", ["renamed", "switched off"])
def test_first_words_or_the_person_s_own_stay(page, qtbot, reason):
    ask(page, "Hello", max_tokens=20)
    settle(qtbot)
    if reason == "renamed":
        page.window().services.conversations.rename(page.conversation.id, "Mine")
    else:
        page.window().services.preferences.set_titles_by_model(False)
    qtbot.wait(AFTER_MS + 200)
    settle(qtbot)
    page._show_list()
    assert titles(page) == ["Mine" if reason == "renamed" else "Hello"]


def test_settings_page_lets_the_person_choose(page, qtbot):
    window = page.window()
    settings = window.show_page("settings")
    assert settings.titles.isChecked()
    settings.titles.click()
    assert not window.services.preferences.settings.titles_by_model
    settle(qtbot)
