import subprocess
import sys

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QAbstractButton, QLabel, QLineEdit, QPushButton, QWidget

from app.storage import data_folder, load_settings
from app.storage.settings import Appearance
from app.ui import bugs
from app.ui.application import open_window
from app.ui.window import PAGES, MainWindow, PageSpec, Route
from tests.helpers.tiny_gguf import write_tiny_model
from tests.ui.conftest import settle


def test_the_window_opens_on_the_library_and_shows_this_computer(open_nibble):
    window = open_nibble()
    page = window.show_page("library")
    words = " ".join(label.text() for label in page.findChildren(QLabel))
    assert "Memory" in words
    assert " free of " in words
    assert "core" in words


NOT_NEEDED_AT_FIRST = (
    *(
        "numpy",
        "gguf",
        "llama_cpp",
        "psutil",
        "qtawesome",
        "jinja2",
        "msgspec",
        "huggingface_hub",
        "markdown_it",
    ),
    *(
        "pygments",
        "ziamath",
        "keyring",
        "rich",
        "typer",
        "email",
        "http",
        "subprocess",
        "json",
        "logging.handlers",
    ),
    *(
        "hashlib",
        "PySide6.QtNetwork",
        "PySide6.QtSvg",
        "app.library",
        "app.chat",
        "app.hub",
        "app.gguf",
        "app.memory",
    ),
    *("app.hardware", "app.runtime", "app.recommend", "app.downloads", "app.ui.palette", "app.ui.pages.chat"),
    *(
        "app.ui.pages.library_details",
        "app.ui.pages.library_space",
        "app.ui.pages.discover",
        "app.ui.shortcuts",
    ),
)


def test_what_the_first_page_does_not_need_is_not_loaded_and_not_begun_before_it_is_painted():
    code = (
        "import os, sys, threading\n"
        "from app.ui import application\n"
        "wait_for_paint = application.after_first_paint\n"
        "def look():\n"
        f"    print(sorted(set({NOT_NEEDED_AT_FIRST!r}) & set(sys.modules)))\n"
        "    print([thread.name for thread in threading.enumerate()], flush=True)\n"
        "    os._exit(0)\n"
        "application.after_first_paint = lambda window, do: wait_for_paint(window, look)\n"
        "application.run_application(['nibble'])\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines() == ["[]", "['MainThread']"]


@pytest.mark.skipif(sys.platform == "win32", reason="there, nobody is asked to end by a signal")
def test_nibble_that_is_asked_to_end_while_its_window_opens_ends():
    code = (
        "import os, signal, sys\n"
        "from app.ui import application\n"
        "show = application.MainWindow.show\n"
        "def show_and_be_told_to_end(window):\n"
        "    show(window)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "application.MainWindow.show = show_and_be_told_to_end\n"
        "sys.exit(application.run_application(['nibble']))\n"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_crash_ends_with_its_own_words_and_no_others():
    """Qt then deletes what is left in an order that differs each time."""
    code = (
        "from PySide6.QtWidgets import QApplication\n"
        "from app.storage import data_folder\n"
        "from app.ui.application import open_window\n"
        "application = QApplication([])\n"
        "window = open_window(application, data_folder())\n"
        "window.show()\n"
        "assert window.services.downloads\n"
        "application.processEvents()\n"
        "raise RuntimeError('a bug of ours')\n"
    )
    command = [sys.executable, "-c", code]
    crashes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    for crash in crashes:
        _, told = crash.communicate(timeout=60)
        assert crash.returncode == 1
        assert told.count("Traceback") == 1, told


@pytest.mark.parametrize("number", range(1, len(PAGES) + 1))
def test_ctrl_and_a_number_show_the_page_of_that_place(qtbot, open_nibble, number):
    window = open_nibble()
    qtbot.keyClick(window, Qt.Key(Qt.Key.Key_0 + number), Qt.KeyboardModifier.ControlModifier)
    assert window.show_page(window.page_keys()[number - 1]).isVisible()


def test_a_route_carries_a_signal_to_another_page(qtbot, qapp, open_nibble):
    from PySide6.QtCore import Signal

    class Asking(QWidget):
        asked = Signal(object)

    class Answering(QWidget):
        def answer(self, what):
            self.heard = what

    services = open_nibble()._services
    pages = (
        PageSpec("asking", lambda: "Asking", "stack", lambda services: Asking()),
        PageSpec("answering", lambda: "Answering", "stack", lambda services: Answering()),
    )
    window = MainWindow(services, pages, (Route("asking", "asked", "answering", "answer"),))
    qtbot.addWidget(window)
    window.show()
    window.show_page("asking").asked.emit("the way")
    answering = window.show_page("answering")
    assert answering.heard == "the way"
    assert answering.isVisible()


def test_dropping_a_model_anywhere_adds_it_to_the_library_and_selects_it(qtbot, open_nibble, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    dropped = write_tiny_model(outside / "dropped.gguf", name="Dropped")
    write_tiny_model(outside / "other.gguf", name="Other")
    window = open_nibble()
    window.show_page("settings")
    drop(window, dropped)
    settle(qtbot)
    library = window.show_page("library")
    assert [row.title for row in library.rows] == ["Dropped"]
    assert library.list.current_row().path == dropped


def test_dropping_a_folder_adds_what_is_in_it_and_is_remembered(qtbot, open_nibble, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    write_tiny_model(outside / "one.gguf", name="One")
    window = open_nibble()
    drop(window, outside)
    settle(qtbot)
    assert [row.title for row in window.show_page("library").rows] == ["One"]
    assert load_settings(data_folder().settings).model_folders == (str(outside),)


def test_dragging_something_else_over_the_window_is_not_taken(qtbot, open_nibble, tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("no model")
    window = open_nibble()
    event = drag_of(text)
    window.dragEnterEvent(event)
    assert window.veil.isHidden()


def test_a_bug_shows_a_notice_whose_button_copies_the_report(qtbot, open_nibble):
    window = open_nibble()
    try:
        raise ZeroDivisionError("made for the test")
    except ZeroDivisionError as error:
        bugs.reporter().report(error, "Test")
    (bar,) = window.notices.bars()
    assert "Something went wrong in Nibble" in bar.sentence
    (copy,) = bar.findChildren(QPushButton)
    copy.click()
    assert "made for the test" in QGuiApplication.clipboard().text()
    assert not bar.isHidden()


def test_geometry_is_kept(qtbot, open_nibble):
    window = open_nibble()
    window.resize(1000, 700)
    window.close()
    again = open_nibble()
    assert (again.width(), again.height()) == (1000, 700)


def test_a_data_folder_that_cannot_be_used_costs_a_message_and_not_the_window(qtbot, qapp, home):
    home.parent.mkdir(exist_ok=True)
    home.write_text("a file where the folder should be")
    window = open_window(qapp, data_folder())
    qtbot.addWidget(window)
    with qtbot.waitExposed(window):
        window.show()
    settle(qtbot)
    assert any(str(home) in bar.sentence for bar in window.notices.bars())


def test_choosing_dark_in_the_settings_takes_effect_and_is_saved(qtbot, qapp, open_nibble):
    from app.ui import theme

    page = open_nibble().show_page("settings")
    dark = next(choice for choice in page.findChildren(QPushButton) if choice.text() == "Dark")
    dark.click()
    settle(qtbot)
    assert theme.current().name == "dark"
    assert dark.isChecked()
    assert load_settings(data_folder().settings).appearance is Appearance.DARK


def test_settings_that_cannot_be_saved_are_told(qtbot, open_nibble, folder):
    window = open_nibble()
    folder.settings.unlink()
    folder.settings.mkdir()
    page = window.show_page("settings")
    next(choice for choice in page.findChildren(QPushButton) if choice.text() == "Light").click()
    settle(qtbot)
    assert len(window.notices.bars()) == 1


@pytest.mark.parametrize("key", [spec.key for spec in PAGES])
def test_every_control_has_a_name_and_can_be_reached_by_keyboard(open_nibble, key):
    window = open_nibble()
    window.show_page(key)
    for control in [*window.findChildren(QAbstractButton), *window.findChildren(QLineEdit)]:
        if control.isVisible() and not isinstance(control.parent(), QLineEdit):
            text = control.text() if isinstance(control, QAbstractButton) else ""
            assert control.accessibleName() or text, control
            assert control.toolTip() or text or isinstance(control, QLineEdit), control
            assert takes_focus(control), control.accessibleName() or text


def takes_focus(control):
    group = control.group() if isinstance(control, QAbstractButton) else None
    # Tab goes to the one that is on, arrow keys from there.
    alternatives = group.buttons() if group else [control]
    return any(each.focusPolicy() & Qt.FocusPolicy.TabFocus for each in alternatives)


def drag_of(path):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    event = QDragEnterEvent(
        QPoint(10, 10),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    event.kept = mime  # Qt does not own it
    return event


def drop(window, path):
    window.dragEnterEvent(drag_of(path))
    assert window.veil.isVisible()
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    window.dropEvent(
        QDropEvent(
            QPointF(10, 10),
            Qt.DropAction.CopyAction,
            mime,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
    )
    assert not window.veil.isVisible()
