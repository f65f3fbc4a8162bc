import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QIcon, QPalette

from app.storage.settings import Appearance
from app.ui import icons, theme
from app.ui.theme import Theme, load_tokens, make_style_sheet


@pytest.mark.parametrize("name", ["light", "dark"])
def test_the_style_sheet_has_a_value_for_every_token(name):
    sheet = make_style_sheet(load_tokens(name, 13))
    assert "$" not in sheet
    assert load_tokens(name, 13).colours["accent"] in sheet


def test_no_two_kinds_of_token_share_a_name():
    tokens = load_tokens("light", 13)
    assert not set(tokens.colours) & set(tokens.lengths)


def test_type_sizes_follow_the_systems_text_size():
    small, large = load_tokens("light", 13), load_tokens("light", 20)
    assert small.sizes["title"] < large.sizes["title"]
    assert small.sizes["caption"] < small.sizes["body"] < small.sizes["heading"] < small.sizes["title"]


def test_choosing_an_appearance_changes_palette_and_tells(qtbot, qapp):
    chosen = Theme(qapp, Appearance.LIGHT)
    assert theme.current().name == "light"
    with qtbot.waitSignal(chosen.changed):
        chosen.set_appearance(Appearance.DARK)
    assert theme.current().name == "dark"
    assert qapp.palette().color(QPalette.ColorRole.Window) == theme.current().colour("window")
    chosen.set_appearance(Appearance.LIGHT)


def test_icons_take_the_themes_colour_when_they_are_painted(qtbot, qapp):
    chosen = Theme(qapp, Appearance.LIGHT)
    made = icons.icon("stack", "text")
    light = made.pixmap(QSize(32, 32), QIcon.Mode.Normal).toImage()
    chosen.set_appearance(Appearance.DARK)
    dark = made.pixmap(QSize(32, 32), QIcon.Mode.Normal).toImage()
    chosen.set_appearance(Appearance.LIGHT)
    assert light != dark


def test_an_icon_that_is_not_in_the_font_is_a_bug(qtbot):
    with pytest.raises(KeyError):
        icons.icon("no-such-glyph")


def test_an_icon_is_asked_for_without_any_room(qtbot, qapp):
    Theme(qapp, Appearance.LIGHT)
    assert icons.icon("stack").pixmap(QSize(0, 16)).isNull()  # and Qt warns of nothing
