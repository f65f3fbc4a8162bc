"""How long an idle model is kept, by a clock that the test turns."""

from __future__ import annotations

from app.memory import Rest


def test_model_rests_from_the_end_of_its_last_answer_on() -> None:
    now = [100.0]
    rest = Rest(lambda: now[0])
    assert rest.left_s is None  # without end, unless somebody says for how long
    rest.keep_s = 300
    rest.begin(after_answer=True)
    now[0] = 150
    assert rest.left_s == 250
    rest.begin(after_answer=True)
    assert rest.left_s == 300
    now[0] = 1000
    assert rest.left_s == -550


def test_model_that_was_only_loaded_is_kept_for_a_minute_at_least() -> None:
    now = [0.0]
    rest = Rest(lambda: now[0])
    rest.keep_s = 0
    rest.begin(after_answer=False)
    assert rest.left_s == 60
    rest.begin(after_answer=True)
    assert rest.left_s == 0
