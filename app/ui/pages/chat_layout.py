"""How the Chat page is laid out, and its keys; what happens in it is in `chat`."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QKeySequence, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.memory import Spread
from app.ui import links, theme
from app.ui.notice import NoticeArea
from app.ui.pages.chat_column import WIDTH_PX, MessageColumn
from app.ui.pages.chat_composer import Composer
from app.ui.pages.chat_context_meter import ContextMeter
from app.ui.pages.chat_conversations import ConversationList
from app.ui.pages.chat_models import ChatHead, ModelPicker
from app.ui.pages.chat_overview import ListControls
from app.ui.pages.chat_settings import SettingsDrawer
from app.ui.pages.chat_states import State
from app.ui.pages.load_settings import LoadSettingsPanel
from app.ui.parts import button, label, with_keys

SIDE_PX = 240
ROOM_FOR_ALL_PX = 1000
"""In a narrower page the drawer takes the place of the list."""


class ChatLayout(QWidget):
    """The parts of the page in their places; `show_state` chooses what is in the middle."""

    new_asked = Signal()
    library_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.head = ChatHead()
        self.list = ConversationList()
        self.list_controls = ListControls()
        self.column = MessageColumn()
        self.composer = Composer()
        self.meter = ContextMeter()
        self.drawer = SettingsDrawer()
        self.load_panel = LoadSettingsPanel()
        self.picker = ModelPicker(self)
        self.notices = NoticeArea()
        self._make_states()
        self._lay_out()
        self._wire()

    def show_state(self, state: QWidget) -> None:
        """`column`, `ready`, `no_choice`, `no_models` or `blank`."""
        self._middle.setCurrentWidget(state)
        self.composer.setVisible(state is not self.no_models)

    def show_ready(self, title: str) -> None:
        self.ready.set_title(title)
        self.show_state(self.ready)

    def show_spread(self, spread: Spread | None) -> None:
        """Where the model runs."""
        self.head.show_spread(spread)
        self.drawer.show_spread(spread)

    @property
    def state(self) -> QWidget | None:
        return self._middle.currentWidget()

    def pick_model(self) -> None:
        """Opens the list of models."""
        self.picker.pop_up(self.head.model_button)

    def show_drawer(self, shown: bool) -> None:
        """The settings of the chat, or nothing in their place."""
        self._show_right(self.drawer if shown else None)

    def show_list(self) -> None:
        """Where the list has given its place to what is on the right, that goes."""
        if self._side.isHidden():
            self._show_right(None)

    def show_load_panel(self, shown: bool) -> None:
        """How the model is loaded, or nothing in its place."""
        self._show_right(self.load_panel if shown else None)

    def _show_right(self, part: QWidget | None) -> None:
        self.drawer.setVisible(part is self.drawer)
        self.load_panel.setVisible(part is self.load_panel)
        self.head.settings_button.setChecked(part is self.drawer)
        self.head.loading_button.setChecked(part is self.load_panel)
        self._share_room()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._share_room()

    def _make_states(self) -> None:
        self.blank = QWidget()
        self.ready = State(
            "chat-circle",
            "",
            self.tr("Everything you write and everything it answers stays on this computer."),
        )
        self.no_choice = State(
            "chat-circle",
            self.tr("Choose a model to chat with"),
            self.tr("Each conversation keeps its model; you can change it at any time."),
            (self.tr("Choose a model"), "stack", self.pick_model),
        )
        self.no_models = State(
            "stack",
            self.tr("No models here yet"),
            self.tr("A chat needs a model. The library finds one for you, or shows those you have."),
            (self.tr("Go to the library"), "stack", self.library_asked.emit),
        )
        self._middle = QStackedWidget()
        for state in (self.blank, self.column, self.ready, self.no_choice, self.no_models):
            self._middle.addWidget(state)

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._make_side())
        row.addLayout(self._make_centre(), 1)
        for part in (self.drawer, self.load_panel):
            row.addWidget(part)
            part.hide()
        self.setFocusProxy(self.composer.field)  # what the page is for
        theme.follow(self, self._share_room)

    def _make_side(self) -> QWidget:
        self._new = button(
            self.tr("New chat"),
            self.new_asked.emit,
            glyph="note-pencil",
            # The window has the shortcut, from everywhere; a second one would make both ambiguous.
            tip=with_keys(self.tr("New chat"), QKeySequence("Ctrl+N")),
        )
        self._side = QFrame()
        self._side.setProperty("role", "side")
        column = QVBoxLayout(self._side)
        column.setContentsMargins(12, 16, 12, 12)
        column.setSpacing(12)
        column.addWidget(label(self.tr("Chat"), "title"))
        column.addWidget(self._new)
        column.addWidget(self.list_controls)
        column.addWidget(self.list, 1)
        return self._side

    def _make_centre(self) -> QVBoxLayout:
        within = QWidget()
        theme.follow(within, lambda: within.setMaximumWidth(theme.px(WIDTH_PX)))
        below = QVBoxLayout(within)
        below.setContentsMargins(0, 0, 0, 0)
        below.setSpacing(8)
        below.addWidget(self.notices)
        below.addWidget(self.composer)
        below.addWidget(self.meter)
        across = QHBoxLayout()
        across.setContentsMargins(24, 0, 24, 16)
        across.addStretch(1)
        across.addWidget(within, 1000)
        across.addStretch(1)
        column = QVBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.head)
        column.addWidget(self._middle, 1)
        column.addLayout(across)
        return column

    def _wire(self) -> None:
        self.head.pick_asked.connect(self.pick_model)
        self.head.settings_asked.connect(lambda: self.show_drawer(self.drawer.isHidden()))
        self.head.loading_asked.connect(lambda: self.show_load_panel(self.load_panel.isHidden()))
        self.load_panel.close_asked.connect(lambda: self.show_load_panel(False))
        self.drawer.close_asked.connect(lambda: self.show_drawer(False))
        self.column.link_asked.connect(self._ask_about_link)

    def _share_room(self) -> None:
        is_alone = self.drawer.isHidden() and self.load_panel.isHidden()
        self._side.setVisible(is_alone or self.width() >= theme.px(ROOM_FOR_ALL_PX))
        # Larger text gets more room where there is more than the messages need.
        self._side.setFixedWidth(max(SIDE_PX, min(theme.px(SIDE_PX), self.width() // 4)))

    def _ask_about_link(self, address: str) -> None:
        links.ask_about_written(self.notices, address)
