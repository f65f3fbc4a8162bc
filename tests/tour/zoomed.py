"""Pages with larger text: 150 %, the most that the smallest window has room for without anything being cut."""

from __future__ import annotations

from tests.tour.stage import SCENES, Play, Stage

PERCENT = 150
ZOOMED = (
    "chat-filled",
    "chat-search",
    "chat-choose-a-model",
    "chat-settings",
    "chat-load-settings",
    "library-filled",
    "library-details",
    "library-result",
    "make-panel-ladder",
    "discover-list",
    "discover-staircase",
    "hub-results",
    "hub-repository",
    "compare-finished",
    "compare-blind-setup",
    "compare-blind-four",
    "compare-blind-results-by-kind",
    "settings-with-folders",
    "settings-packs-to-get",
    "settings-pack-on-its-way",
    "discover-with-a-pack-on-its-way",
    "settings-about-update-found",
    "settings-about-licences",
    "window-palette-all",
    "window-shortcuts",
)


def zoomed(play: Play) -> Play:
    def play_it(stage: Stage) -> None:
        stage.zoom_percent = PERCENT
        play(stage)

    return play_it


for name in ZOOMED:
    SCENES[f"zoomed-{name}"] = zoomed(SCENES[name])
