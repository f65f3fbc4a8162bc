"""The tokens are complete and can be read: WCAG contrast of every pair of text and ground that is in use."""

import pytest

import resources

TEXT_ON_GROUND = [
    *((text, ground) for text in ("text", "muted") for ground in ("window", "rail", "surface", "hover")),
    ("text", "chip"),
    ("muted", "chip"),
    ("text", "accent_soft"),
    ("muted", "accent_soft"),
    ("text", "good_soft"),
    ("text", "warning_soft"),
    ("text", "danger_soft"),
    ("accent", "surface"),
    ("accent", "accent_soft"),
    ("on_accent", "accent"),
    ("on_accent", "accent_hover"),
    ("on_accent_soft", "accent_soft"),
    ("good", "surface"),
    ("good", "hover"),
    ("good", "accent_soft"),
    ("good", "good_soft"),
    ("warning", "surface"),
    ("warning", "hover"),
    ("warning", "accent_soft"),
    ("warning", "warning_soft"),
    ("danger", "surface"),
    ("danger", "danger_soft"),
    ("danger", "hover"),
    ("danger", "accent_soft"),
]
PARTS_ON_GROUND = [
    ("control", "surface"),
    ("control", "window"),
    ("accent", "window"),
    ("accent", "track"),
    ("accent", "rail"),
    *((part, "track") for part in ("part_weights", "part_context", "part_working", "danger")),
]


@pytest.mark.parametrize("name", resources.THEMES)
@pytest.mark.parametrize(("text", "ground"), TEXT_ON_GROUND)
def test_text_has_a_contrast_of_4_5(name, text, ground):
    colours = resources.theme(name)["colours"]
    assert contrast(colours[text], colours[ground]) >= 4.5


@pytest.mark.parametrize("name", resources.THEMES)
@pytest.mark.parametrize(("part", "ground"), PARTS_ON_GROUND)
def test_edges_and_levels_have_a_contrast_of_3(name, part, ground):
    colours = resources.theme(name)["colours"]
    assert contrast(colours[part], colours[ground]) >= 3


def test_both_themes_name_the_same_colours():
    light, dark = (set(resources.theme(name)["colours"]) for name in resources.THEMES)
    assert light == dark


def test_contrast_is_computed_as_wcag_defines_it():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("name", ["nibble", "chevron-light", "chevron-dark", "check-light", "check-dark"])
def test_icons_are_there(name):
    assert resources.icon_path(name).read_text(encoding="utf-8").lstrip().startswith("<svg")


def contrast(one, other):
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour):
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
