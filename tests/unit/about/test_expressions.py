"""Licence expressions: what applies, and what may not be used. Examples follow the SPDX specification, Annex D."""

from __future__ import annotations

import pytest

from app.about.expressions import applying, text_names


@pytest.mark.parametrize(
    ("expression", "licences"),
    [
        ("MIT", ("MIT",)),
        ("MIT OR Apache-2.0", ("MIT",)),
        ("GPL-2.0-only OR Apache-2.0", ("Apache-2.0",)),
        ("MIT AND Zlib AND MIT", ("MIT", "Zlib")),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", ("MIT", "Unicode-3.0")),
        # AND binds closer than OR
        ("GPL-3.0-only AND MIT OR ISC", ("ISC",)),
        ("GPL-3.0-only AND (MIT OR ISC)", None),
        ("LGPL-3.0-only OR GPL-2.0-only OR GPL-3.0-only", ("LGPL-3.0-only",)),
        ("GPL-3.0-or-later WITH GCC-exception-3.1", ("GPL-3.0-or-later WITH GCC-exception-3.1",)),
        ("GPL-3.0-or-later WITH Classpath-exception-2.0", None),
        ("Apache-2.0 WITH LLVM-exception OR MIT", ("Apache-2.0 WITH LLVM-exception",)),
    ],
)
def test_of_alternatives_the_first_that_may_be_used_applies(expression, licences):
    assert applying(expression) == licences


@pytest.mark.parametrize("licence", ["GPL-3.0-only", "AGPL-3.0-or-later", "SSPL-1.0", "Proprietary"])
def test_licences_that_reach_over_to_the_whole_program_and_unknown_ones_may_not_be_used(licence):
    assert applying(licence) is None


@pytest.mark.parametrize(
    "nonsense", ["", "MIT OR", "AND MIT", "(MIT", "MIT)", "MIT Zlib", "MIT WITH", "WITH", "()"]
)
def test_what_is_no_expression_may_not_be_used(nonsense):
    assert applying(nonsense) is None


def test_the_lesser_licence_comes_with_the_one_that_it_adds_to():
    assert text_names("LGPL-3.0-or-later") == ("LGPL-3.0-only", "GPL-3.0-only")
    assert text_names("LGPL-2.1-or-later") == ("LGPL-2.1-only",)
    assert text_names("GPL-3.0-or-later WITH GCC-exception-3.1") == ("GPL-3.0-only", "GCC-exception-3.1")
