import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt

from app.runtime import Sampling
from app.ui.application import open_window, prepare_application
from app.ui.fuzzy import fit
from app.ui.pages.chat import ChatPage
from app.ui.palette import Entry, Palette
from tests.helpers.tiny_gguf import write_tiny_model
from tests.ui.conftest import settle

CONTROL = Qt.KeyboardModifier.ControlModifier


def test_letters_fit_in_their_order_only():
    assert fit("nc", "new chat") is not None
    assert fit("cn", "new chat") is None


@pytest.mark.parametrize(
    ("query", "better", "worse"),
    [("chat", "chat", "a c h a t"), ("chat", "new chat", "purchaties"), ("sd", "show downloads", "resold")],
)
def test_words_as_typed_and_beginnings_of_words_fit_better(query, better, worse):
    assert (fit(query, better) or 0) > (fit(query, worse) or -1_000_000)


def test_palette_opens_from_the_prompt_and_gives_the_focus_back(qtbot, open_nibble):
    window = open_nibble()
    field = window.show_page("chat").composer.field
    field.setFocus()
    field.setPlainText("half a thought")
    field.moveCursor(field.textCursor().MoveOperation.Start)
    qtbot.keyClick(field, Qt.Key.Key_K, CONTROL)
    assert window.palette_.isVisible()
    qtbot.keyClick(window.palette_.field, Qt.Key.Key_Escape)
    assert not window.palette_.isVisible()
    assert field.hasFocus()
    assert field.toPlainText() == "half a thought"


def test_theme_can_change_when_a_window_with_its_palette_has_gone(qtbot, qapp, folder):
    """The palette is made, and then the page of chats for what it offers; both go with the window. Where Qt still knows
    one of their parts, the next style sheet ends the process."""
    prepare_application(qapp)
    for _ in range(3):
        window = open_window(qapp, folder)
        window.show()
        settle(qtbot)
        window.open_palette()
        settle(qtbot)
        window.grab()
        window.leave()
        window.services.close()
        window.deleteLater()
        QCoreApplication.processEvents()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def test_a_page_is_reached_by_a_few_letters(qtbot, open_nibble):
    window = open_nibble()
    window.open_palette()
    qtbot.keyClicks(window.palette_.field, "setti")
    assert window.palette_.found[0].keys.endswith("5")
    qtbot.keyClick(window.palette_.field, Qt.Key.Key_Return)
    assert window.show_page("settings").isVisible()
    assert not window.palette_.isVisible()


def test_nothing_found_says_so_and_enter_does_nothing(qtbot, open_nibble):
    window = open_nibble()
    window.open_palette()
    qtbot.keyClicks(window.palette_.field, "zzzzqqqq")
    assert window.palette_.found == []
    qtbot.keyClick(window.palette_.field, Qt.Key.Key_Return)
    assert window.palette_.isVisible()


def test_conversations_and_models_are_found(qtbot, open_nibble, folder):
    path = write_tiny_model(folder.models / "half.gguf", type="f16", name="Half")
    window = open_nibble()
    chat = window.show_page("chat")
    assert isinstance(chat, ChatPage)
    store = window.services.conversations
    wanted = store.create(path, Sampling())
    store.add_prompt(wanted.id, "Why is the sky blue?")
    chat._show_list()
    qtbot.waitUntil(lambda: bool(chat.known.entries), timeout=20_000)
    window.open_palette()
    qtbot.keyClicks(window.palette_.field, "half")
    assert [entry.kind for entry in window.palette_.found][:1] == ["Model for this chat"]
    window.palette_.field.setText("sky blue")
    qtbot.keyClick(window.palette_.field, Qt.Key.Key_Return)
    assert chat.conversation is not None
    assert chat.conversation.id == wanted.id
    settle(qtbot)


def test_the_best_of_5000_come_first(qtbot, open_nibble):
    palette = Palette(open_nibble())
    palette.open([Entry(f"Conversation number {n}", "Conversation", lambda: None) for n in range(5000)])
    palette.field.setText("number 4321")
    assert palette.found[0].text == "Conversation number 4321"


def test_models_are_known_although_nobody_has_been_in_chat(qtbot, open_nibble, folder):
    write_tiny_model(folder.models / "half.gguf", type="f16", name="Half")
    window = open_nibble()  # on the library
    window.open_palette()
    window.palette_.field.setText("half")
    qtbot.waitUntil(lambda: bool(window.palette_.found), timeout=20_000)
    assert [entry.kind for entry in window.palette_.found] == ["Model for this chat"]
    assert window.palette_.field.text() == "half"
    settle(qtbot)


def test_palette_is_no_higher_than_what_it_found(qtbot, open_nibble):
    palette = Palette(open_nibble())
    palette.open([Entry(f"Number {n}", "Action", lambda: None) for n in range(20)])
    whole = palette.height()
    palette.field.setText("number 7")
    one = palette.height()
    assert one < whole / 2
    assert palette.list.viewport().height() >= palette.list.sizeHintForRow(0)
    palette.field.setText("number 1")  # and 10 to 19
    assert one < palette.height() <= whole


def test_what_is_chosen_stays_when_more_is_found_out(qtbot, open_nibble):
    palette = Palette(open_nibble())
    entries = [Entry(text, "Action", lambda: None) for text in ("alpha", "beta", "gamma")]
    palette.open(entries)
    qtbot.keyClick(palette.field, Qt.Key.Key_Down)
    palette.renew([Entry("first of all", "Model", lambda: None), *entries])
    assert palette.found[palette.list.currentIndex().row()].text == "beta"
