"""One text in a YAML or JSON document is replaced, and nothing besides."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from hdh_migrate.errors import Missing, Permanent
from hdh_migrate.pointers.documents import path_of, read, replaced

NEW = "s3://hds-emc2/pmsi/"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: {url: old}  # why\n", "a: {url: s3://hds-emc2/pmsi/}  # why\n"),
        ("# top\na:\n  url:   old   # why\n", "# top\na:\n  url:   s3://hds-emc2/pmsi/   # why\n"),
        ("a:\r\n  url: 'old'\r\nb: 1\r\n", "a:\r\n  url: 's3://hds-emc2/pmsi/'\r\nb: 1\r\n"),
        ('"a": {"url": "old", z: [1, 2]}\n', '"a": {"url": "s3://hds-emc2/pmsi/", z: [1, 2]}\n'),
        ("---\na:\n  url: !!str old\n...\n", "---\na:\n  url: s3://hds-emc2/pmsi/\n...\n"),
        ("a:\n  url: https://é\U0001f600/old\n", "a:\n  url: s3://hds-emc2/pmsi/\n"),
        ("\ufeffa:\n  url: old\n", "\ufeffa:\n  url: s3://hds-emc2/pmsi/\n"),
    ],
)
def test_a_yaml_value_is_replaced_and_every_other_byte_stays(before: str, after: str) -> None:
    assert replaced(before, "a.url", "yaml", NEW) == after
    assert read(after, "a.url", "yaml").value == NEW


@pytest.mark.parametrize(
    ("new", "written"),
    [
        ("yes", '"yes"'),
        ("2026-01-01", '"2026-01-01"'),
        ("7", '"7"'),
        ("a: b", '"a: b"'),
        ("a #b", '"a #b"'),
        ("{x}", '"{x}"'),
        ("*x", '"*x"'),
        ("é", "é"),
    ],
)
def test_a_yaml_value_that_would_read_as_something_else_is_quoted(new: str, written: str) -> None:
    assert replaced("a: {url: old, b: 1}\n", "a.url", "yaml", new) == (
        f"a: {{url: {written}, b: 1}}\n"
    )


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("a: [old, older]\n", 'a."²"'),  # a digit that is no place in a list
        ("a: {url: 7}\n", "a.url"),  # a number: what it was could not be brought back
        ("a: {url: null}\n", "a.url"),
        ("a: {url: [x]}\n", "a.url"),
        ("a: {url: x, url: y}\n", "a.url"),
        ("a: &m {url: x}\nb: *m\n", "b.url"),  # an alias: the other place would change as well
        ("a: &m {url: x}\nb: *m\n", "a.url"),
        ("a: &v x\nb: *v\n", "a"),
        ("a: x\n---\na: y\n", "a"),
        ("a: |\n  x\n  y\n", "a"),
        ("a: [\n", "a"),
        ("", "a"),
        ("a: &x [*x]\n", "a.0"),
    ],
)
def test_a_yaml_document_in_which_more_would_change_is_refused(text: str, key: str) -> None:
    with pytest.raises(Permanent):
        replaced(text, key, "yaml", NEW)


def test_a_document_of_nested_aliases_costs_no_time() -> None:
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    for n in range(1, 12):
        text += f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n"

    with pytest.raises(Permanent, match="too many"):
        replaced(text + "url: old\n", "url", "yaml", NEW)


def test_a_json_value_is_replaced_and_every_other_byte_stays() -> None:
    before = '{ "a":\t[ {"url" : "x\\u00e9\\/" , "n": 1.50}, -1e5, null ],\r\n "url": "old" }\n'

    after = replaced(before, "a.0.url", "json", 'é"quoted"')

    assert after == before.replace('"x\\u00e9\\/"', '"é\\"quoted\\""')
    assert read(before, "a.0.url", "json").value == "xé/"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('{"a": 7}', "a"),
        ('{"a": "x", "a": "y"}', "a"),
        ("{'a': 'x'}", "a"),
        ('{"a": "x"} {}', "a"),
        ("[" * 100_000, "a"),
    ],
)
def test_a_json_document_in_which_more_would_change_is_refused(text: str, key: str) -> None:
    with pytest.raises(Permanent):
        replaced(text, key, "json", NEW)


@pytest.mark.parametrize("kind", ["yaml", "json"])
@pytest.mark.parametrize("key", ["b", "a.c", "a.url.x", "l.2", "l.x", "l.-1"])
def test_a_key_that_is_not_there_is_missing(kind: str, key: str) -> None:
    with pytest.raises(Missing):
        read('{"a": {"url": "x"}, "l": ["x", "y"]}', key, kind)


def test_names_with_dots_are_quoted() -> None:
    assert path_of('a."b.c".0') == ("a", "b.c", "0")
    assert read('{"a": {"b.c": ["x"]}}', 'a."b.c".0', "json").value == "x"


_NAMES = st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=6)
_TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=12,
)
_LINES = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=30
)


@given(_TREES, _LINES, _LINES)
@example({"x": "old"}, "old", "~")
@pytest.mark.slow
def test_whatever_the_document_and_the_value_the_way_back_is_exact(
    tree: Any, old: str, new: str
) -> None:
    document = {"before": tree, "pointer": {"url": old}, "after": tree}
    for kind, text in (
        ("json", json.dumps(document, indent=1)),
        ("yaml", yaml.safe_dump(document, allow_unicode=True, width=10_000)),
    ):
        there = replaced(text, "pointer.url", kind, new)
        back = replaced(there, "pointer.url", kind, old)

        load = json.loads if kind == "json" else yaml.safe_load
        assert load(there) == {**load(text), "pointer": {"url": new}}
        assert load(back) == load(text)
