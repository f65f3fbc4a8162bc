"""System prompts to choose from, and the person's own."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QObject

from app.chat.presets import OWN
from app.chat.saved_settings import SavedSettings
from app.chat.system_prompts import SYSTEM_PROMPTS
from app.core.errors import EnvironmentFault
from app.ui.notice import NoticeArea
from app.ui.pages.chat_saved_names import Named
from app.ui.pages.chat_settings import SettingsDrawer
from app.ui.pages.chat_undo import Undo

NONE, WRITTEN = "", "written"
MOST_TIP_CHARACTERS = 300


class PromptLibrary(QObject):
    """What is chosen is what is in the field: a text that is in the library, or another one."""

    def __init__(
        self, saved: Callable[[], SavedSettings], drawer: SettingsDrawer, notices: NoticeArea
    ) -> None:
        super().__init__()
        self._saved, self._drawer, self._notices = saved, drawer, notices
        self._names = drawer.prompt_names
        self._undo = Undo(notices)
        self._own: dict[str, str] = {}
        drawer.system_prompt_edited.connect(self._settle)
        self._names.chosen.connect(self.choose)
        self._names.saved.connect(self.save)
        self._names.renamed.connect(self.rename)
        self._names.deleted.connect(self.delete)
        self._settle()

    def open(self) -> None:
        """Another conversation is shown, or a new one."""
        self._undo.forget()
        self._try(self._read)
        self._settle()

    @property
    def key(self) -> str:
        """Of what is in the field."""
        text = self._drawer.system_prompt
        if not text:
            return NONE
        return next((key for key, each in self._texts().items() if each.strip() == text), WRITTEN)

    # What a person asks for

    def choose(self, key: str) -> None:
        if key == WRITTEN:
            return
        before = self._drawer.system_prompt
        is_lost = self.key == WRITTEN
        self._drawer.take_system_prompt(self._texts().get(key, ""))
        if is_lost:
            self._undo.offer(
                _tr("The system prompt that you had written was replaced"),
                "",
                lambda: self._drawer.take_system_prompt(before),
            )

    def save(self, name: str) -> None:
        """What is in the field, under this name."""
        text = self._drawer.system_prompt
        before = next((each for each in self._own if each.casefold() == name.casefold()), None)
        old = self._own[before] if before is not None else None
        if not text or (old == text and before == name):
            return
        if self._change(lambda: self._saved().save_system_prompt(name, text)) and before is not None:
            kept = old or ""
            self._undo.offer(
                _tr("Saved over another system prompt"),
                name,
                lambda: self._change(lambda: self._saved().save_system_prompt(before, kept)),
                stays=True,
            )

    def rename(self, name: str) -> None:
        old = self.key.removeprefix(OWN)
        self._change(lambda: self._saved().rename_system_prompt(old, name))

    def delete(self) -> None:
        """The one that is chosen; the text stays in this chat."""
        name = self.key.removeprefix(OWN)
        if (text := self._own.get(name)) is None:
            return
        if self._change(lambda: self._saved().delete_system_prompt(name)):
            self._undo.offer(
                _tr("System prompt deleted from the library"),
                name,
                lambda: self._change(lambda: self._saved().save_system_prompt(name, text)),
                stays=True,
            )

    # Keeping and showing

    def _texts(self) -> dict[str, str]:
        """The person's own first: one may have saved a built-in text under another name."""
        return {OWN + name: text for name, text in self._own.items()} | SYSTEM_PROMPTS

    def _change(self, work: Callable[[], object]) -> bool:
        done = self._try(work)
        self._try(self._read)
        self._settle()
        return done

    def _read(self) -> None:
        self._own = self._saved().system_prompts()

    def _try(self, work: Callable[[], object]) -> bool:
        try:
            work()
        except EnvironmentFault as fault:
            self._notices.show_fault(fault)
            return False
        return True

    def _settle(self) -> None:
        key = self.key
        items = [Named(NONE, _tr("None"))]
        if key == WRITTEN:
            items.append(Named(WRITTEN, _tr("As written below")))
        items += [
            Named(each, _title(each), text[:MOST_TIP_CHARACTERS]) for each, text in SYSTEM_PROMPTS.items()
        ]
        items += [
            Named(OWN + name, name, text[:MOST_TIP_CHARACTERS], is_own=True)
            for name, text in self._own.items()
        ]
        self._names.show_items(items, key, can_save=bool(self._drawer.system_prompt))


def _title(key: str) -> str:
    return {
        "brief": _tr("Brief"),
        "careful": _tr("Careful with facts"),
        "teacher": _tr("Teacher"),
        "programmer": _tr("Programmer"),
        "editor": _tr("Editor"),
        "translator": _tr("Translator"),
    }[key]


def _tr(text: str) -> str:
    return QCoreApplication.translate("ChatPage", text)
