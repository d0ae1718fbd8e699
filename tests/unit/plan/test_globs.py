"""What other tools' globs know and ours do not is refused, with the way to write it here."""

from __future__ import annotations

import re

import pytest

from hdh_migrate.plan.globs import SHAPE, compiled, objection


@pytest.mark.parametrize(
    ("glob", "told"),
    [
        ("*.{csv,txt}", "write one glob for each"),
        ("*.[ct]s[vx]", "write one glob for each"),
        ("[!a]*", "write one glob for each"),
        ("a{b", "`\\{`"),
        ("a]", "`\\[`"),
        ("!*.csv", "use `exclude` beside `include`"),
        (r"a\b", "a backslash stands only before"),
        ("a\\", "a backslash stands only before"),
        (r"\\\{a}", "write one glob for each"),
        ("", "not empty"),
        ("/a", "no leading slash"),
        ("a" * 8193, "more than 8,192 characters"),
        ("a**/b**/c**/d**/e**/f", "more than 4 times"),
    ],
)
def test_a_glob_that_is_not_ours_is_refused_with_the_way_to_write_it(glob: str, told: str) -> None:
    assert told in str(objection(glob))


@pytest.mark.parametrize(
    ("glob", "name"),
    [
        (r"a\{1,2\}", "a{1,2}"),
        (r"\[draft\] *", "[draft] x"),
        (r"\!x", "!x"),
        ("x!", "x!"),
        (r"a\\b", "a\\b"),
        (r"\*", "*"),
        (r"\**", "*a"),
        (r"\?", "?"),
        ("a,b", "a,b"),
        ("~a(b)|c^d$", "~a(b)|c^d$"),
    ],
)
def test_a_backslash_takes_the_next_character_as_it_is(glob: str, name: str) -> None:
    assert objection(glob) is None
    assert compiled(glob).match(name)
    assert re.fullmatch(SHAPE, glob)


def test_the_shape_that_editors_know_refuses_the_same() -> None:
    for glob in ["*.{csv,txt}", "*.[ct]s[vx]", "!a", r"a\b", "a\\", "", "/a"]:
        assert not re.fullmatch(SHAPE, glob), glob
