"""What can be set about how answers are sampled: names, explanations and ranges, in the order they are shown."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication

MOST_TOKENS = 1_000_000


@dataclass(frozen=True)
class Option:
    """A number of `Sampling`. `decimals` 0: a whole number; `least_text`: what its least value means, and `off` what
    is kept for it where that is another number. `by_mirostat`: mirostat takes its place."""

    field: str
    title: str
    explanation: str
    least: float
    most: float
    step: float
    decimals: int = 0
    least_text: str = ""
    off: float | None = None
    by_mirostat: bool = True


@dataclass(frozen=True)
class Group:
    title: str
    explanation: str
    options: tuple[Option, ...]


def basic_options() -> tuple[Option, ...]:
    return (
        Option(
            "temperature",
            _tr("Temperature"),
            _tr("How daring the choice of words is: 0 always takes the likeliest one, above 1 gets wild."),
            0.0,
            5.0,
            0.05,
            2,
            by_mirostat=False,
        ),
        Option(
            "top_k",
            _tr("Top-k"),
            _tr("Only this many of the likeliest tokens are considered for the next one."),
            0,
            1000,
            1,
            least_text=_tr("Off"),
        ),
        Option(
            "top_p",
            _tr("Top-p"),
            _tr(
                "Only the likeliest tokens that together reach this probability are considered; 1 considers all."
            ),
            0.0,
            1.0,
            0.01,
            2,
        ),
        Option(
            "min_p",
            _tr("Min-p"),
            _tr("Tokens less likely than this share of the likeliest one are left out; 0 leaves none out."),
            0.0,
            1.0,
            0.01,
            2,
        ),
        Option(
            "repeat_penalty",
            _tr("Repeat penalty"),
            _tr("Above 1, tokens that came up recently become less likely; 1 changes nothing."),
            0.5,
            2.0,
            0.05,
            2,
        ),
        Option(
            "max_tokens",
            _tr("Max tokens"),
            _tr("An answer ends after this many tokens, even in the middle of a sentence."),
            0,
            MOST_TOKENS,
            64,
            least_text=_tr("No limit"),
            by_mirostat=False,
        ),
    )


def advanced_groups() -> tuple[Group, ...]:
    return (_repetition(), _dry(), _choice(), _xtc(), _dynamic_temperature(), _mirostat())


def mirostat_choices() -> tuple[str, ...]:
    """By the value of `mirostat`."""
    return (_tr("Off"), _tr("Version 1"), _tr("Version 2"))


def _repetition() -> Group:
    return Group(
        _tr("Repetition"),
        _tr("Makes words that came up lately less likely."),
        (
            Option(
                "repeat_last_n",
                _tr("Look back"),
                _tr("How many tokens of the answer count as recent for the three penalties."),
                0,
                100_000,
                16,
                least_text=_tr("Off"),
            ),
            Option(
                "frequency_penalty",
                _tr("Frequency penalty"),
                _tr("A token becomes less likely by this much each time it came up; 0 changes nothing."),
                -2.0,
                2.0,
                0.05,
                2,
            ),
            Option(
                "presence_penalty",
                _tr("Presence penalty"),
                _tr(
                    "A token that came up becomes less likely by this much, however often; 0 changes nothing."
                ),
                -2.0,
                2.0,
                0.05,
                2,
            ),
        ),
    )


def _dry() -> Group:
    return Group(
        _tr("DRY"),
        _tr("Don't repeat yourself: keeps whole phrases from coming again, while single words may."),
        (
            Option(
                "dry_multiplier",
                _tr("Strength"),
                _tr("How much less likely a token becomes that would extend a repetition; 0.8 is usual."),
                0.0,
                10.0,
                0.1,
                2,
                least_text=_tr("Off"),
            ),
            Option(
                "dry_base",
                _tr("Growth"),
                _tr("For each token that the repetition is longer, that is multiplied by this."),
                1.0,
                4.0,
                0.05,
                2,
            ),
            Option(
                "dry_allowed_length",
                _tr("Allowed length"),
                _tr("Repetitions of up to this many tokens are not touched."),
                0,
                100,
                1,
            ),
            Option(
                "dry_penalty_last_n",
                _tr("Look back"),
                _tr("How many tokens of the answer are searched for repetitions."),
                0,
                100_000,
                16,
                least_text=_tr("Off"),
            ),
        ),
    )


def _choice() -> Group:
    return Group(
        _tr("Which tokens are considered"),
        _tr("Other ways than top-k, top-p and min-p to leave out the unlikely."),
        (
            Option(
                "typical_p",
                _tr("Typical-p"),
                _tr(
                    "Keeps tokens about as surprising as expected here, up to this probability; 1 keeps all."
                ),
                0.0,
                1.0,
                0.01,
                2,
            ),
            Option(
                "top_n_sigma",
                _tr("Top-n-sigma"),
                _tr("Keeps tokens within this many standard deviations of the likeliest; 1 is usual."),
                0.0,
                10.0,
                0.1,
                2,
                least_text=_tr("Off"),
                off=-1.0,
            ),
        ),
    )


def _xtc() -> Group:
    return Group(
        _tr("XTC"),
        _tr("Excludes top choices: now and then skips the obvious words, for livelier stories."),
        (
            Option(
                "xtc_probability",
                _tr("How often"),
                _tr("The share of tokens at which the top choices are left out."),
                0.0,
                1.0,
                0.05,
                2,
                least_text=_tr("Off"),
            ),
            Option(
                "xtc_threshold",
                _tr("Threshold"),
                _tr(
                    "Of all tokens with at least this probability only the least likely stays; above 0.5 is off."
                ),
                0.0,
                1.0,
                0.01,
                2,
            ),
        ),
    )


def _dynamic_temperature() -> Group:
    return Group(
        _tr("Dynamic temperature"),
        _tr("Cooler where the model is sure, hotter where many words would do."),
        (
            Option(
                "dynatemp_range",
                _tr("Range"),
                _tr("The temperature moves between this much below and above the one set."),
                0.0,
                5.0,
                0.05,
                2,
                least_text=_tr("Off"),
            ),
            Option(
                "dynatemp_exponent",
                _tr("Exponent"),
                _tr("Above 1, it stays cool until the model is very unsure; 1 follows evenly."),
                0.0,
                10.0,
                0.1,
                2,
            ),
        ),
    )


def _mirostat() -> Group:
    return Group(
        _tr("Mirostat"),
        _tr("Keeps the text evenly surprising. It takes the place of all above but the temperature."),
        (
            Option(
                "mirostat_tau",
                _tr("Surprise"),
                _tr("The surprise of each token that it aims at, in bits: less is more predictable."),
                0.0,
                20.0,
                0.1,
                2,
                by_mirostat=False,
            ),
            Option(
                "mirostat_eta",
                _tr("Learning rate"),
                _tr("How fast it corrects itself after a token that was off."),
                0.0,
                1.0,
                0.01,
                2,
                by_mirostat=False,
            ),
        ),
    )


def _tr(text: str) -> str:
    return QCoreApplication.translate("ChatPage", text)
