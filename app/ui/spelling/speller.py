"""Asks the dictionary on a thread of its own, one question after the other, and remembers what it said."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QLocale, QObject, Signal

from app.core.errors import EnvironmentFault
from app.core.jobs import JobControl
from app.ui import jobs
from app.ui.preferences import Preferences
from app.ui.spelling.dictionaries import Dictionary, offered

OFF = "off"
MOST_REMEMBERED = 20_000
AT_ONCE = 500
"""Words of one question, so that others come between."""

Question = tuple[str, Callable[[], Any], Callable[[Any], object]]


class Speller(QObject):
    """Rests until `start`. `judged` carries the words that are now known to be right or wrong; `changed`: all is to be
    judged again, or the languages are known now."""

    judged = Signal(object)
    changed = Signal()
    failed = Signal(object)
    """EnvironmentFault."""

    def __init__(self, preferences: Preferences, own_words: Path) -> None:
        super().__init__(preferences)
        self._preferences = preferences
        self._own_words = own_words
        self._has_started = False
        self._offered: tuple[str, ...] | None = None
        self._dictionary: Dictionary | None = None
        self._language: str | None = None
        self._verdicts: dict[str, bool] = {}
        self._wanted: dict[str, None] = {}
        self._questions: deque[Question] = deque()
        self._is_asking = False

    @property
    def languages(self) -> tuple[str, ...] | None:
        """That can be checked; None while nobody has looked."""
        return self._offered

    @property
    def language(self) -> str | None:
        """The one that is checked; None where nothing is."""
        return self._language

    @property
    def is_on(self) -> bool:
        return self._dictionary is not None

    def start(self) -> None:
        """Looks for what the system offers, the first time it is called."""
        if not self._has_started:
            self._has_started = True
            self._preferences.changed.connect(self._choose)
            self._ask("Look for dictionaries", offered, self._take_offer)

    def is_wrong(self, word: str) -> bool:
        """As far as that is known; what is not known is `judged` soon."""
        verdict = self._verdicts.get(word)
        if verdict is None and self._dictionary is not None:
            if not self._wanted:
                self._ask("Check the spelling", lambda: None, lambda _: self._judge())
            self._wanted[word] = None
        return verdict is False

    def suggest(self, word: str, show: Callable[[list[str]], object]) -> None:
        """Calls `show` with what might be meant, when that is found."""
        dictionary = self._dictionary
        if dictionary is not None:
            self._ask("Suggest words", lambda: dictionary.suggest(word), show)

    def learn(self, word: str) -> None:
        """It is the person's own from now on."""
        dictionary = self._dictionary
        if dictionary is not None:
            self._ask("Keep a word", lambda: dictionary.add(word), lambda _: self._forget())

    def _take_offer(self, languages: tuple[str, ...]) -> None:
        self._offered = languages
        self._choose()
        self.changed.emit()

    def _choose(self) -> None:
        if self._offered is None:
            return
        language = language_of(self._preferences.settings.spelling, self._offered)
        if language == self._language:
            return
        self._language, self._dictionary = language, None
        if language is None:
            self._forget()
            return
        own = self._own_words

        def take(dictionary: Dictionary) -> None:
            if self._language == language:
                self._dictionary = dictionary
                self._forget()

        self._ask("Open a dictionary", lambda: Dictionary(language, own), take)

    def _forget(self) -> None:
        self._verdicts.clear()
        self._wanted.clear()
        self.changed.emit()

    def _judge(self) -> None:
        dictionary = self._dictionary
        words = list(self._wanted)[:AT_ONCE]
        if dictionary is None or not words:
            return
        for word in words:
            del self._wanted[word]
        more = bool(self._wanted)

        def take(verdicts: dict[str, bool]) -> None:
            if dictionary is self._dictionary:
                if len(self._verdicts) > MOST_REMEMBERED:
                    self._verdicts.clear()
                self._verdicts |= verdicts
                self.judged.emit({word for word, is_right in verdicts.items() if not is_right})

        self._ask("Check the spelling", lambda: {word: dictionary.knows(word) for word in words}, take)
        if more:
            self._ask("Check the spelling", lambda: None, lambda _: self._judge())

    # One question at a time: Enchant is not made for more

    def _ask(self, name: str, work: Callable[[], Any], take: Callable[[Any], object]) -> None:
        self._questions.append((name, work, take))
        self._go_on()

    def _go_on(self) -> None:
        if self._is_asking or not self._questions:
            return
        self._is_asking = True
        name, work, take = self._questions.popleft()

        def run(control: JobControl) -> Any:
            return work()

        def done(result: Any) -> None:
            take(result)

        jobs.run(self, name, run, on_done=done, on_failed=self._fail, on_end=self._ended)

    def _fail(self, fault: EnvironmentFault) -> None:
        self.failed.emit(fault)

    def _ended(self) -> None:
        self._is_asking = False
        self._go_on()


def language_of(chosen: str, offered: tuple[str, ...], system: str = "") -> str | None:
    """`chosen` as in the settings: a language, `off`, or empty for the one of the system. None where it is not there:
    nothing at all is better than every word in red."""
    if chosen == OFF or not offered:
        return None
    if chosen:
        return chosen if chosen in offered else None
    system = system or QLocale.system().name()
    if system in ("", "C"):
        system = "en_US"
    same = [each for each in offered if each.split("_")[0] == system.split("_")[0]]
    return system if system in offered else min(same, default=None)
