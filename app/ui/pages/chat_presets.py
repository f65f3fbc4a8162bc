"""Presets in the chat's settings: which one a conversation has, what is otherwise than it says, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from PySide6.QtCore import QCoreApplication, QObject
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.chat import RANDOM_SEED
from app.chat.presets import DEFAULT, OWN, applied, changes, fitting, recommended, values_of
from app.chat.saved_settings import SavedSettings
from app.core.errors import EnvironmentFault
from app.gguf import ModelSummary
from app.runtime import Sampling
from app.ui.notice import NoticeArea
from app.ui.pages.chat_preset_words import preset_items, shown_key
from app.ui.pages.chat_samplers import SamplersPanel
from app.ui.pages.chat_saved_names import Named, SavedNames
from app.ui.pages.chat_undo import Undo
from app.ui.parts import icon_button, label

MOST_CHANGES_TOLD = 5


class PresetSettings(QWidget):
    """The part of the chat's settings about them. `back`: puts all back to what the preset says."""

    def __init__(self) -> None:
        super().__init__()
        self.names = SavedNames(
            _tr("Preset"),
            _tr("How answers are sampled, under a name; the numbers are below."),
            _tr("Save, rename or delete presets"),
        )
        self.back = icon_button("arrow-counter-clockwise", _tr("Back to the preset"), lambda: None)
        self.back.clicked.connect(self.names.field.setFocus)  # it goes, and with it would the focus
        self.names.row.insertWidget(1, self.back)
        self._about = label("", "caption", wrap=True)
        self._changed = label("", "caption", wrap=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 8)
        column.setSpacing(8)
        column.addWidget(self.names)
        column.addWidget(self._about)
        column.addWidget(self._changed)

    @property
    def changes_text(self) -> str:
        return self._changed.text()

    def show_preset(self, items: Sequence[Named], key: str, differences: Sequence[str]) -> None:
        """`differences`: in words, what is otherwise than the preset has it."""
        item = next(item for item in items if item.key == key)
        words = _tr("{preset}, changed").format(preset=item.title) if differences else ""
        self.names.show_items(items, key, words)
        self._about.setText(item.tip)
        self._about.setVisible(bool(item.tip))
        told = list(differences[:MOST_CHANGES_TOLD])
        if len(differences) > MOST_CHANGES_TOLD:
            told.append(_tr("{n} more").format(n=len(differences) - MOST_CHANGES_TOLD))
        self._changed.setText("\n".join(f"\N{BULLET} {each}" for each in told))
        self._changed.setVisible(bool(told))
        self.back.setVisible(bool(told))


class ChatPresets(QObject):
    """Keeps which preset the open conversation has, and shows it. `saved` is asked when something is to be read."""

    def __init__(
        self,
        saved: Callable[[], SavedSettings],
        settings: PresetSettings,
        samplers: SamplersPanel,
        notices: NoticeArea,
    ) -> None:
        super().__init__()
        self._saved, self._settings, self._samplers, self._notices = saved, settings, samplers, notices
        self._undo = Undo(notices)
        self._conversation: int | None = None
        self._key: str | None = DEFAULT
        self._own: dict[str, Sampling] = {}
        self._by_maker: Sampling | None = None
        self._knows_model = False
        samplers.changed.connect(self._settle)
        settings.back.clicked.connect(samplers.reset)
        names = settings.names
        names.chosen.connect(self.choose)
        names.saved.connect(self.save)
        names.renamed.connect(self.rename)
        names.deleted.connect(self.delete)
        self._settle()

    @property
    def key(self) -> str:
        """Of the preset that the open conversation has."""
        return self._key or fitting(self._samplers.sampling, self._own, self._by_maker)

    def open(self, conversation: int | None) -> None:
        """Another conversation is shown, or a new one (None)."""
        self._undo.forget()
        self._conversation, self._key = conversation, DEFAULT
        self._by_maker, self._knows_model = None, False
        self._try(self._read)
        self._settle()

    def show_model(self, facts: ModelSummary | None) -> None:
        """What the header of the open conversation's model says; None: not known (yet). A chat that never left the
        default follows to that of another model."""
        if facts is None:
            return
        before = values_of(DEFAULT, {}, self._by_maker)
        self._by_maker = recommended(facts.sampling)
        follows = self._key == DEFAULT and (self._knows_model or self._conversation is None)
        self._knows_model = True
        present = self._samplers.sampling
        if follows and applied(DEFAULT, before, present) == present:
            self._samplers.take(applied(DEFAULT, values_of(DEFAULT, {}, self._by_maker), present))
        self._settle()

    def keep(self, conversation: int) -> None:
        """The new chat is now this conversation."""
        self._conversation = conversation
        self._try(self._write_key)

    # What a person asks for

    def choose(self, key: str) -> None:
        present, before = self._samplers.sampling, self.key
        lost = applied(before, self._values(before), present) != present
        self._take(key, applied(key, self._values(key), present))
        if lost:
            self._undo.offer(
                _tr("The preset took the place of what you had changed"),
                "",
                lambda: self._take(before, present),
            )

    def save(self, name: str) -> None:
        """The settings as they are, under this name."""
        self._samplers.flush()
        before = next((each for each in self._own if each.casefold() == name.casefold()), None)
        old = self._own[before] if before is not None else self._samplers.sampling
        kept = msgspec.structs.replace(self._samplers.sampling, seed=RANDOM_SEED)
        if before == name and old == kept:
            return

        def save() -> None:
            self._saved().save_preset(name, kept)
            self._key = OWN + name
            self._write_key()
            self._read_own()

        if self._try(save) and before is not None:
            self._undo.offer(
                _tr("Saved over another preset"), name, lambda: self._put_back(before, old), stays=True
            )
        self._settle()

    def rename(self, name: str) -> None:
        old = self.key.removeprefix(OWN)

        def rename() -> None:
            self._saved().rename_preset(old, name)
            self._key = OWN + name
            self._write_key()
            self._read_own()

        self._try(rename)
        self._settle()

    def delete(self) -> None:
        """The preset that is chosen; the numbers stay as they are."""
        key, name = self.key, self.key.removeprefix(OWN)
        if (sampling := self._own.get(name)) is None:
            return

        def delete() -> None:
            self._saved().delete_preset(name)
            self._read_own()

        if self._try(delete):
            self._key = key  # conversations keep it as well, so that the way back finds all as it was
            self._undo.offer(_tr("Preset deleted"), name, lambda: self._put_back(name, sampling), stays=True)
        self._settle()

    def _put_back(self, name: str, sampling: Sampling) -> None:
        self._try(lambda: self._saved().save_preset(name, sampling))
        self._try(self._read_own)
        self._settle()

    # Keeping and showing

    def _take(self, key: str, sampling: Sampling) -> None:
        self._key = key
        self._try(self._write_key)
        self._samplers.take(sampling)
        self._settle()

    def _values(self, key: str) -> Sampling:
        return values_of(key, self._own, self._by_maker)

    def _read(self) -> None:
        self._read_own()
        if self._conversation is not None:
            self._key = self._saved().preset_of(self._conversation)

    def _read_own(self) -> None:
        self._own = self._saved().presets()

    def _write_key(self) -> None:
        if self._conversation is not None:
            self._saved().choose_preset(self._conversation, self.key)

    def _try(self, work: Callable[[], object]) -> bool:
        try:
            work()
        except EnvironmentFault as fault:
            self._notices.show_fault(fault)
            return False
        return True

    def _settle(self) -> None:
        key = shown_key(self.key, self._own, self._by_maker)
        items = preset_items(self._own, self._by_maker)
        values = self._values(key)
        self._samplers.show_base(values, next(item.title for item in items if item.key == key))
        differences = [self._samplers.describe(change) for change in changes(values, self._samplers.sampling)]
        self._settings.show_preset(items, key, differences)


def _tr(text: str) -> str:
    return QCoreApplication.translate("ChatPage", text)
