"""Colours, measures and fonts: Fusion with a palette and a style sheet made from the tokens in `resources`.

Follows the system's light or dark setting while the program runs, unless the person chose one. The size of text is the
system's, times the zoom. All fonts come from here; a length that must hold text is `px`, and what has been given such
a length once for all has it set again by `follow`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import Template

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontInfo, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QWidget

import resources
from app.storage.settings import Appearance


@dataclass(frozen=True)
class Tokens:
    """One theme. Colours by name as `#rrggbb`; lengths in logical pixels; type sizes in pixels by role, which are
    `zoom` times the usual ones."""

    name: str
    colours: Mapping[str, str]
    lengths: Mapping[str, int]
    sizes: Mapping[str, int]
    zoom: float = 1.0

    @property
    def looks(self) -> tuple[str, float]:
        """What a document that has fonts and colours of its own was made for."""
        return self.name, self.zoom

    def colour(self, name: str) -> QColor:
        return QColor(self.colours[name])


class Theme(QObject):
    """The theme in use, once `dress` has put its style sheet on. `changed` comes after widgets have new colours."""

    changed = Signal()

    def __init__(
        self,
        application: QApplication,
        appearance: Appearance = Appearance.SYSTEM,
        zoom_percent: int = 100,
    ) -> None:
        super().__init__(application)
        self._application = application
        self._appearance = appearance
        self._zoom = zoom_percent / 100
        self._is_dressed = False
        self._body_px = _usual_px()
        application.styleHints().colorSchemeChanged.connect(self._apply)
        self.set_appearance(appearance)

    def dress(self) -> None:
        """To be called when the window is made: while it is put together, with the style sheet each part that goes
        into another is styled once more, which takes longer than all the rest.

        Once only. Where a style sheet is taken off and put on again while there are parts that were never shown, Qt
        keeps pointers to them after they are gone, and the next change of the theme ends the process.
        """
        self._is_dressed = True
        self._application.setStyleSheet(make_style_sheet(_current))

    def set_appearance(self, appearance: Appearance) -> None:
        self._appearance = appearance
        # The native title bar and file dialogs follow this; platforms without support ignore it.
        self._application.styleHints().setColorScheme(_SCHEMES[appearance])
        self._apply()

    def set_zoom(self, percent: int) -> None:
        self._zoom = percent / 100
        self._apply()

    def _apply(self) -> None:
        global _current
        tokens = load_tokens(self._name(), self._body_px, self._zoom)
        if tokens == _current and self._is_dressed:
            return
        is_resized = tokens.sizes != _current.sizes
        _current = tokens
        self._application.setPalette(make_palette(tokens))
        self._application.setFont(_body_font(tokens.sizes["body"]))
        if self._is_dressed:
            self._application.setStyleSheet(make_style_sheet(tokens))
        if is_resized:
            _sizes.changed.emit()
        self.changed.emit()

    def _name(self) -> str:
        if self._appearance is not Appearance.SYSTEM:
            return "dark" if self._appearance is Appearance.DARK else "light"
        dark = QGuiApplication.styleHints().colorScheme() is Qt.ColorScheme.Dark
        return "dark" if dark else "light"


def current() -> Tokens:
    """The tokens in use; for what paints itself."""
    return _current


def font(role: str, *, strong: bool = False) -> QFont:
    """The font of a role (`body`, `prose`, `caption`, `heading`, `title`), for what paints itself."""
    made = QFont(QGuiApplication.font())
    made.setPixelSize(_current.sizes[role])
    if strong:
        made.setWeight(QFont.Weight.DemiBold)
    return made


def px(length: float) -> int:
    """A length that was drawn for text of the usual size, for text of the size in use."""
    return round(length * _current.zoom)


def follow(widget: QWidget, fit: Callable[[], object]) -> None:
    """Calls `fit` now and whenever text gets another size, for as long as there is the widget."""
    fit()
    _sizes.changed.connect(_Follower(widget, fit).fit)


class _Sizes(QObject):
    changed = Signal()


class _Follower(QObject):
    """Goes with its widget, and its connection with it."""

    def __init__(self, widget: QWidget, fit: Callable[[], object]) -> None:
        super().__init__(widget)
        self._fit = fit

    @Slot()
    def fit(self) -> None:
        self._fit()


def load_tokens(name: str, body_px: int, zoom: float = 1.0) -> Tokens:
    """The tokens of the theme `name` for a body text of usually `body_px` pixels."""
    shape = resources.shape()
    relative = {"body": 1.0, **shape["type"]}
    roles = ("body", "caption", "prose", "heading", "title")
    sizes = {role: round(body_px * zoom * relative[role]) for role in roles}
    return Tokens(name, resources.theme(name)["colours"], shape["lengths"], sizes, zoom)


def make_style_sheet(tokens: Tokens) -> str:
    lengths = {name: f"{length}px" for name, length in tokens.lengths.items()}
    sizes = {f"{role}_size": f"{size}px" for role, size in tokens.sizes.items()}
    images = {name: resources.icon_path(f"{name}-{tokens.name}").as_posix() for name in ("chevron", "check")}
    made = Template(resources.style_sheet()).substitute({**tokens.colours, **lengths, **sizes, **images})
    return _LINE_HEIGHT.sub(lambda found: f"{found[1]}{round(int(found[2]) * tokens.zoom)}px", made)


def make_palette(tokens: Tokens) -> QPalette:
    """For what the style sheet leaves to Fusion, and for native parts."""
    role = QPalette.ColorRole
    palette = QPalette()
    for name, roles in {
        "window": (role.Window,),
        "surface": (role.Base, role.Button, role.ToolTipBase),
        "hover": (role.AlternateBase, role.Light, role.Midlight),
        "text": (role.WindowText, role.Text, role.ButtonText, role.ToolTipText, role.BrightText),
        "muted": (role.PlaceholderText,),
        "border": (role.Mid, role.Dark),
        "control": (role.Shadow,),
        "accent": (role.Accent, role.Highlight, role.Link, role.LinkVisited),
        "on_accent": (role.HighlightedText,),
    }.items():
        for each in roles:
            palette.setColor(each, tokens.colour(name))
    faint = blend(tokens.colour("text"), tokens.colour("surface"), 0.5)
    for each in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, each, faint)
    return palette


def blend(over: QColor, under: QColor, share: float) -> QColor:
    """`share` of the first colour mixed into the second."""
    return QColor.fromRgbF(
        over.redF() * share + under.redF() * (1 - share),
        over.greenF() * share + under.greenF() * (1 - share),
        over.blueF() * share + under.blueF() * (1 - share),
    )


def _system_font() -> QFont:
    # Not the application's, which the theme of an earlier window may have set.
    return QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)


def _usual_px() -> int:
    """The size of the system's text, or one that can be read."""
    return max(QFontInfo(_system_font()).pixelSize(), int(resources.shape()["type"]["body_minimum_px"]))


def _body_font(size_px: int) -> QFont:
    made = _system_font()
    made.setPixelSize(size_px)
    # Counters and columns of numbers must not jump; fonts without the feature ignore it.
    made.setFeature(QFont.Tag("tnum"), 1)
    return made


_SCHEMES = {
    Appearance.SYSTEM: Qt.ColorScheme.Unknown,
    Appearance.LIGHT: Qt.ColorScheme.Light,
    Appearance.DARK: Qt.ColorScheme.Dark,
}

_LINE_HEIGHT = re.compile(r"(min-height: )(\d{2,})px")
"""In the style sheet: of controls that hold a line of text."""

_sizes = _Sizes()
_current = load_tokens("light", resources.shape()["type"]["body_minimum_px"])
