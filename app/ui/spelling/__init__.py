"""Spell-check of what a person writes (prompts, changed messages, system prompts), by the system's dictionaries.

They are reached through Enchant (pyenchant): on Linux the distribution's, with the dictionaries of Hunspell, Nuspell or
Aspell that are installed; on Windows the one that comes with pyenchant, with English; on a Mac one that was installed
with Homebrew. Where there is none, nothing is checked and the settings say so. The checkers of macOS (NSSpellChecker)
and Windows (ISpellChecker) themselves cannot be reached without Objective-C and COM.

`dictionaries` speaks to Enchant, `speller` asks it on a thread and remembers, `words` says what is a word to check,
`marks` underlines in a field, `choice` is the row of the settings.
"""

from app.ui.spelling.speller import Speller

__all__ = ["Speller"]
