"""Finding a model: on Hugging Face in the browser, as long as Nibble does not search there itself."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication

from app.ui import links
from app.ui.notice import Action, Kind, NoticeArea

ADDRESS = "https://huggingface.co/models?library=gguf"


def find_a_model(notices: NoticeArea, open_models_folder: Callable[[], object]) -> None:
    """Asks before the browser opens, and then says what to do with what is found there."""

    def say_what_is_next() -> None:
        notices.show_message(
            Kind.INFO,
            _tr("Download a .gguf file there, then drop it on this window."),
            _tr("Q4_K_M is the usual choice. A file in your models folder appears here by itself."),
            Action(_tr("Open models folder"), open_models_folder, closes=False),
        )

    question = _tr("Open the list of GGUF models on Hugging Face in your browser?")
    links.ask_to_open(notices, ADDRESS, question, say_what_is_next)


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryPage", text)
