"""A glob means what it always meant, for every glob and every key; only the time differs."""

from __future__ import annotations

import re
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdh_migrate.evidence.verifier.selection import LONG_NAME, matcher
from hdh_migrate.plan.globs import compiled, objection
from tests.support.examples import many

PIECES = st.sampled_from(["a", "b", "_", ".", "/", "?", "*", "**", "**/", "é", "\n"])
GLOBS = st.lists(PIECES, min_size=1, max_size=9).map("".join)
KEYS = st.text(alphabet="ab_./é\n", max_size=14)


def plainly(glob: str) -> re.Pattern[str]:
    """Say what a glob means, in the shortest way; some keys take it for ever."""
    meanings = {"**/": "(?:[^/]*/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    found = re.findall(r"\*\*/|\*\*|\*|\?|[\s\S]", glob)
    return re.compile("".join(meanings.get(x) or re.escape(x) for x in found) + r"\Z", re.DOTALL)


@pytest.mark.slow
@settings(max_examples=many(1500), deadline=None)
@given(GLOBS, st.lists(KEYS, max_size=20))
def test_a_glob_matches_what_its_words_say(glob: str, keys: list[str]) -> None:
    if objection(glob) is not None:
        return
    meant, made = plainly(glob), compiled(glob)
    for key in keys:
        assert bool(made.match(key)) == bool(meant.match(key)), (key, made.pattern)


@given(st.text(alphabet="ab*?[]{}!\\/é", min_size=1, max_size=12))
def test_any_name_can_be_written_with_backslashes(name: str) -> None:
    glob = re.sub(r"([*?\[\]{}!\\])", r"\\\1", name)
    if name.startswith("/"):
        assert objection(glob) is not None
        return
    assert objection(glob) is None
    assert compiled(glob).match(name)
    assert not compiled(glob).match(name + "a")


@pytest.mark.parametrize(
    ("glob", "key"),
    [
        ("**/*_*_*_*.tmp", "_" * 1000),
        ("*a*a*a*a*a*a*b", "a" * 1000),
        ("**a**a**a**a**b", "a" * 1000),
        ("**/a*/**/a*/**/a*/**/b", "a/" * 500),
        ("**a*a*a*a*b", "a" * 1000),
        ("a**/a**/a**/a**/b", "a" * 500 + "/a" * 250),
        ("**/?*?*?*?*x", ("a" * 99 + "/") * 10),
    ],
)
def test_no_key_of_a_source_can_stall_an_inventory(glob: str, key: str) -> None:
    """300 bytes took half a second of the old matcher, 1,000 bytes twenty."""
    assert objection(glob) is None
    made, began = compiled(glob), process_time()
    assert not made.match(key)
    assert process_time() - began < 0.5  # some 3 ms are needed; the old one takes minutes


@given(GLOBS, KEYS)
def test_the_verifier_takes_a_long_name_as_it_takes_a_short_one(glob: str, key: str) -> None:
    """Two ways to match: by a pattern, and of a name that no store has by steps."""
    if objection(glob) is None:
        long = key + "a" * LONG_NAME
        assert matcher(glob, 2)(long) == bool(compiled(glob).match(long))


@pytest.mark.slow
@pytest.mark.parametrize(
    "glob", ["**a**b", "*a*b", "**/a**b", "**" * 4000 + "b", "**/" * 2000 + "b", "*a" * 200 + "b"]
)
def test_no_name_in_a_bundle_can_stall_a_verifier(glob: str) -> None:
    """As long as a line may be; a pattern of two wildcards takes half an hour."""
    assert not matcher(glob, 2)("a" * 1_000_000)
