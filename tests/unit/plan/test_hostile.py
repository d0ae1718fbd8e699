"""Hostile plans are refused fast and small, whatever bytes they are made of."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hdh_migrate.errors import PlanInvalid
from hdh_migrate.plan.loader import MAX_PROBLEMS
from tests.support.examples import many
from tests.unit.plan.builders import GOOD, as_yaml, full, loaded, problems
from tests.unit.plan.hostile import HOSTILE

NO_ANCHORS = "anchors (`&`) are not allowed; a text that begins with `&` needs quotes"
NO_TAGS = "tags (`!`) are not allowed; a text that begins with `!` needs quotes"
NAMES = "names are 1 to 40 lower-case letters, digits or hyphens"
SECONDS, MEGABYTES = 1.0, 100.0

_MEASURE = """
import json, resource, sys, time
from pathlib import Path
from hdh_migrate.errors import PlanInvalid
from hdh_migrate.plan.loader import load
told = {}
for path in sorted(Path(sys.argv[1]).iterdir()):
    start = time.process_time()
    try:
        load(path)
    except PlanInvalid as refused:
        seconds = time.process_time() - start
        words = [line.removeprefix(f"{path}:") for line in refused.problems]
        placed = all(map(str.__ne__, words, refused.problems))
        told[path.name] = [seconds, placed, len(words), sum(map(len, words))]
peak = [line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line]
print(json.dumps([told, int(peak[0].split()[1]) / 1024]))
"""


@pytest.mark.slow
def test_each_hostile_plan_is_refused_with_bounded_words_at_bounded_cost(tmp_path: Path) -> None:
    names = {f"{number:03}": name for number, name in enumerate(HOSTILE)}
    for number, name in names.items():
        (tmp_path / number).write_bytes(HOSTILE[name])

    # What a coverage tracer costs is not the plan's.
    untraced = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    ran = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(tmp_path)],
        capture_output=True,
        check=True,
        env=untraced,
        text=True,
    )

    refused, megabytes = json.loads(ran.stdout)
    assert [name for number, name in names.items() if number not in refused] == []
    for number, (seconds, placed, problems_told, letters) in refused.items():
        assert seconds <= SECONDS, names[number]
        assert placed, names[number]
        assert 1 <= problems_told <= MAX_PROBLEMS + 1, names[number]
        assert letters < 20_000, names[number]
    assert megabytes <= MEGABYTES


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("an alias bomb", f"1:5: {NO_ANCHORS}"),
        ("deep brackets", "1:17: nested deeper than 16 levels"),
        ("many list entries", "20000:3: more than 20,000 values and keys"),
        ("two documents", "2:1: only one document is allowed"),
        ("a byte order mark", "1:1: begins with a byte order mark: save as plain UTF-8"),
        ("Latin-1", "1:10: not UTF-8 text: save the file as UTF-8"),
        ("broken UTF-8 at the end", "1:1048575: not UTF-8 text: save the file as UTF-8"),
        ("nothing", "1:1: the plan is empty"),
        ("a list", "1:1: a plan is a mapping (lines of `field: value`)"),
        ("a complex key", "1:3: a key must be plain text"),
        ("a null byte", "1:11: character U+0000 is not allowed"),
        ("more than the cap", "1:1: a plan is at most 1 MiB"),
        ("an expansion", f"1:12: migration: {NAMES}"),
        ("a python tag", f"1:4: {NO_TAGS}"),
    ],
)
def test_a_hostile_plan_is_told_what_and_where(name: str, problem: str, tmp_path: Path) -> None:
    assert problem in problems(tmp_path, HOSTILE[name])


_FOLDER_IS_SHARED = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=many(150),
)


def _returns_or_refuses(folder: Path, data: bytes) -> None:
    start = time.process_time()
    try:
        loaded(folder, data)
    except PlanInvalid as refused:
        assert all(line.split(":")[1].isdigit() for line in refused.problems)  # noqa: PT017
    assert time.process_time() - start < SECONDS


@pytest.mark.slow
@_FOLDER_IS_SHARED
@given(data=st.binary(max_size=2_000))
def test_any_bytes_load_or_are_refused(data: bytes, tmp_path: Path) -> None:
    _returns_or_refuses(tmp_path, data)


_MARKS = [*"{}[],:-?&*!|>'\"%@`#\t\n\r ~<", "\n  ", "\n- ", ": ", "---\n", "<<", "\\x00"]
_WORDS = [
    "version",
    "source",
    "kind",
    "name",
    "a",
    "1",
    "012",
    "no",
    "1e999",
    ".inf",
    "é",
    "\u2028",
]
_YAMLISH = st.lists(st.sampled_from(_MARKS + _WORDS), max_size=60).map("".join)


@_FOLDER_IS_SHARED
@given(text=_YAMLISH)
def test_anything_like_yaml_loads_or_is_refused(text: str, tmp_path: Path) -> None:
    _returns_or_refuses(tmp_path, text.encode())


_LEAVES: st.SearchStrategy[object] = st.sampled_from(
    ["a", "azure-blob", "folder", "crypt4gh", "none", "range-md5", "", 0, 1.5, True, None]
)
_VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just("kind"), inner)
)


@pytest.mark.slow
@settings(_FOLDER_IS_SHARED, max_examples=many(60))
@given(data=st.data())
def test_a_whole_plan_with_any_value_in_one_place_loads_or_is_refused(
    data: st.DataObject, tmp_path: Path
) -> None:
    plan = full()
    node: Any = plan
    while True:
        key = data.draw(
            st.sampled_from(sorted(node) if isinstance(node, dict) else [*range(len(node))])
        )
        if not (isinstance(node[key], (dict, list)) and node[key] and data.draw(st.booleans())):
            break
        node = node[key]
    node[key] = data.draw(_VALUES)

    _returns_or_refuses(tmp_path, as_yaml(plan).encode())


@pytest.mark.slow
@_FOLDER_IS_SHARED
@given(data=st.data())
def test_a_good_plan_with_a_piece_cut_or_doubled_loads_or_is_refused(
    data: st.DataObject, tmp_path: Path
) -> None:
    start = data.draw(st.integers(0, len(GOOD)))
    end = data.draw(st.integers(start, min(len(GOOD), start + 80)))
    piece = data.draw(st.sampled_from(["", GOOD[start:end] * 2, "\t", "*a", "&a ", "[", "'"]))

    _returns_or_refuses(tmp_path, (GOOD[:start] + piece + GOOD[end:]).encode())
