"""All that keys do in Nibble, by page: what actions, the palette and the page of shortcuts are made of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QKeySequence

Keys = str | QKeySequence.StandardKey
"""As `Ctrl+K`, where "Ctrl" is Command on a Mac; or what each system has its own keys for."""
_Standard = QKeySequence.StandardKey


class Place(Enum):
    """Where the keys do it."""

    ANYWHERE = "anywhere"
    CHAT = "chat"
    WRITING = "writing"
    COMPARE = "compare"
    BLIND = "blind test"
    LIBRARY = "library"
    DISCOVER = "discover"


@dataclass(frozen=True)
class Deed:
    """What is done by any of these keys. The first of them is the one that is shown."""

    name: str
    place: Place
    text: str
    keys: tuple[Keys, ...]

    def sequences(self) -> list[QKeySequence]:
        """As this system has them, each once."""
        made: list[QKeySequence] = []
        for each in self.keys:
            made += [sequence for sequence in _bound(each) if sequence not in made]
        return made

    def shown_keys(self) -> list[str]:
        """The first two that people have, in the system's way of writing them: of what the system has keys of its own
        for, only the usual one, since others are on few keyboards."""
        usual = [bound[0] for each in self.keys if (bound := _bound(each))]
        native = QKeySequence.SequenceFormat.NativeText
        # What Qt calls Backtab, keyboards call Tab.
        texts = (sequence.toString(native).replace("Backtab", "Tab") for sequence in usual)
        return list(dict.fromkeys(texts))[:2]


def _bound(keys: Keys) -> list[QKeySequence]:
    return [QKeySequence(keys)] if isinstance(keys, str) else QKeySequence.keyBindings(keys)


def deed(name: str) -> Deed:
    return next(each for each in all_deeds() if each.name == name)


def all_deeds() -> list[Deed]:
    """In the person's language, once the translator is installed."""
    anywhere, chat, writing = Place.ANYWHERE, Place.CHAT, Place.WRITING
    compare, library, discover = Place.COMPARE, Place.LIBRARY, Place.DISCOVER
    blind = Place.BLIND
    return [
        Deed("palette", anywhere, _tr("Command palette"), ("Ctrl+K",)),
        Deed("new-chat", anywhere, _tr("New chat"), ("Ctrl+N",)),
        Deed("downloads", anywhere, _tr("Show the downloads"), ("Ctrl+J",)),
        Deed("larger", anywhere, _tr("Larger text"), ("Ctrl++", "Ctrl+=")),
        Deed("smaller", anywhere, _tr("Smaller text"), ("Ctrl+-",)),
        Deed("usual-size", anywhere, _tr("Text in its usual size"), ("Ctrl+0",)),
        Deed("shortcuts", anywhere, _tr("Keyboard shortcuts"), ("F1", "Ctrl+?", "Ctrl+Shift+?", "Ctrl+/")),
        Deed("about", anywhere, _tr("About Nibble"), ("Ctrl+F1",)),
        Deed("quit", anywhere, _tr("Quit Nibble"), ("Ctrl+Q",)),
        Deed("send", writing, _tr("Send the message"), ("Return", "Ctrl+Return")),
        Deed("new-line", writing, _tr("New line"), ("Shift+Return",)),
        Deed("edit-last-above", writing, _tr("Edit the last prompt, from an empty message"), ("Up",)),
        Deed("attach", writing, _tr("Attach files"), ("Ctrl+Shift+A",)),
        Deed("stop", chat, _tr("Stop the answer"), ("Esc",)),
        Deed("again", chat, _tr("Answer again"), ("Ctrl+R",)),
        Deed("edit-last", chat, _tr("Edit the last prompt"), ("Ctrl+E",)),
        Deed("copy-code", chat, _tr("Copy the last code block"), ("Ctrl+Shift+C",)),
        Deed("find", chat, _tr("Find in chats"), ("Ctrl+Shift+F", _Standard.Find)),
        Deed("next-chat", chat, _tr("Next conversation"), ("Ctrl+PgDown", _Standard.NextChild)),
        Deed("previous-chat", chat, _tr("Previous conversation"), ("Ctrl+PgUp", _Standard.PreviousChild)),
        Deed("choose-model", chat, _tr("Choose the model"), ("Ctrl+L",)),
        Deed("loading", chat, _tr("How the model is loaded"), ("Ctrl+Shift+L",)),
        Deed("compare-chat", chat, _tr("Compare this chat with another model"), ("Ctrl+Shift+M",)),
        Deed("chat-settings", chat, _tr("Settings of this chat"), ("Ctrl+I",)),
        Deed("rename-chat", chat, _tr("Rename the conversation, in the list"), ("F2",)),
        Deed("delete-chat", chat, _tr("Delete the conversation, in the list"), ("Del",)),
        Deed("compare-send", compare, _tr("Send to all panes"), ("Return",)),
        Deed("compare-stop", compare, _tr("Stop all panes; else ask all of them again"), ("Esc",)),
        *(
            Deed(
                f"compare-alone-{number}",
                compare,
                _tr("Ask only {n}").format(n=letter),
                (f"Ctrl+Alt+{number}",),
            )
            for number, letter in enumerate("ABCDE", 1)
        ),
        Deed("compare-system", compare, _tr("System prompt"), ("Ctrl+Shift+P",)),
        Deed("compare-new", compare, _tr("New comparison"), ("Ctrl+Shift+N",)),
        Deed("compare-add", compare, _tr("Add a model"), ("Ctrl+Shift+A",)),
        Deed("compare-presets", compare, _tr("Models that belong side by side"), ("Ctrl+P",)),
        Deed("compare-link", compare, _tr("Scroll all panes together"), ("Ctrl+L",)),
        Deed("compare-next-difference", compare, _tr("Next place that differs"), ("F3",)),
        Deed("compare-previous-difference", compare, _tr("Previous place that differs"), ("Shift+F3",)),
        Deed("compare-lines", compare, _tr("Answers line by line"), ("Ctrl+Shift+D",)),
        Deed("compare-fair", compare, _tr("One model after the other"), ("Ctrl+Shift+O",)),
        Deed("compare-same", compare, _tr("The same settings for every pane"), ("Ctrl+Shift+S",)),
        Deed("compare-history", compare, _tr("Earlier comparisons"), ("Ctrl+H",)),
        Deed("compare-seed", compare, _tr("Another seed"), ("Ctrl+D",)),
        Deed("compare-blind", compare, _tr("Blind test"), ("Ctrl+B",)),
        Deed("blind-a", blind, _tr("Vote for A"), ("A", "1")),
        Deed("blind-b", blind, _tr("Vote for B"), ("B", "2")),
        Deed("blind-c", blind, _tr("Vote for C"), ("C", "3")),
        Deed("blind-d", blind, _tr("Vote for D"), ("D", "4")),
        Deed("blind-e", blind, _tr("Vote for E"), ("E", "5")),
        Deed("blind-tie", blind, _tr("A tie"), ("T", "0")),
        Deed("blind-bad", blind, _tr("None is good"), ("N",)),
        Deed("blind-skip", blind, _tr("Skip the prompt"), ("S",)),
        Deed("blind-before", blind, _tr("The prompt before"), ("Left",)),
        Deed("blind-after", blind, _tr("The next prompt"), ("Right",)),
        Deed("blind-undo", blind, _tr("Take the last vote back"), (_Standard.Undo,)),
        Deed("blind-finish", blind, _tr("Finish, and show which is which"), ("Ctrl+Return",)),
        Deed("blind-leave", blind, _tr("Stop the models; without votes, back to Compare"), ("Esc",)),
        Deed("library-search", library, _tr("Search the library"), (_Standard.Find,)),
        Deed("library-look", library, _tr("Look again"), (_Standard.Refresh,)),
        Deed("library-open", library, _tr("Add models"), (_Standard.Open,)),
        Deed("library-mark", library, _tr("Choose the model for comparing"), ("Ctrl+D",)),
        Deed("library-compare", library, _tr("Compare those chosen"), ("Ctrl+Return",)),
        Deed("library-make", library, _tr("Make another quantization"), ("Ctrl+M",)),
        Deed("library-rename", library, _tr("Rename the model"), ("F2",)),
        Deed("library-delete", library, _tr("Delete the model, in the list"), ("Del",)),
        Deed("library-copy", library, _tr("Copy the facts that are selected"), (_Standard.Copy,)),
        Deed("discover-search", discover, _tr("Search models"), (_Standard.Find,)),
        Deed("discover-back", discover, _tr("Back to the list"), ("Esc",)),
    ]


def _tr(text: str) -> str:
    return QCoreApplication.translate("Actions", text)
