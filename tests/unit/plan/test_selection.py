"""Rules of `include` and `exclude`: what they may ask, and what a list of keys is bound by."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.clocks import seconds_of
from hdh_migrate.errors import Refused
from hdh_migrate.model import ObjectInfo
from hdh_migrate.pipeline.rules.ruling import KeyList, Rules
from hdh_migrate.plan.lists import ListUnreadable, keys_in, read_list
from hdh_migrate.wiring import moments_of, rules_of
from tests.unit.plan.builders import GOOD, as_yaml, full, loaded, problems

NOW = "2026-03-02T00:00:00Z"
NOTHING = (
    "asks for nothing: give it a glob, a prefix, a size, a date, a tier, tags, a type or"
    " `keys_from`"
)
SLASH = "a glob is not empty and does not begin with `/`: keys have no leading slash"
TIER = "must be the name of an access tier in lower case, such as hot, cool, cold or archive"
TYPES = (
    "must be one of: object, append-blob, page-blob, archived, customer-key, symlink,"
    " special-file, unknown-blob-type"
)


def ruled(folder: Path, **rules: Any) -> Rules:
    """Return the compiled rules of the first dataset, whose prefix is `pmsi/`."""
    plan = full()
    plan["datasets"][0] |= {"include": [], "exclude": [], **rules}
    given = loaded(folder, as_yaml(plan))
    return rules_of(given.plan, folder, moments_of(given.plan, {}, NOW))["pmsi"].rules


def an(key: str, **more: Any) -> ObjectInfo:
    return ObjectInfo(key=f"pmsi/{key}", version="v", **{"size": 1, **more})


def takes(rules: Rules, obj: ObjectInfo) -> bool:
    return rules.decide(obj.key.removeprefix("pmsi/"), obj).reason is None


@pytest.mark.parametrize(
    ("rule", "taken", "left"),
    [
        ({"prefix": "a*/"}, an("a*/x"), an("ab/x")),
        ({"larger_than": "1KiB"}, an("a", size=1025), an("a", size=1024)),
        ({"smaller_than": "1B"}, an("a", size=0), an("a", size=1)),
        (
            {"older_than": "1d"},
            an("a", modified="2026-02-28T23:59:59Z"),
            an("a", modified="2026-03-01T00:00:00Z"),
        ),
        (
            {"newer_than": "1d"},
            an("a", modified="2026-03-01T00:00:00Z"),
            an("a", modified="2026-02-28T23:59:59Z"),
        ),
        (
            {"modified_before": "2024-01-01"},
            an("a", modified="2023-12-31T23:59:59Z"),
            an("a", modified="2024-01-01T00:00:00Z"),
        ),
        (
            {"modified_since": "2024-01-01"},
            an("a", modified="2024-01-01T00:00:00Z"),
            an("a", modified="2023-12-31T23:59:59Z"),
        ),
        ({"tier": ["archive", "cool"]}, an("a", tier="Cool"), an("a", tier=None)),
        ({"tags": {"a": "1"}}, an("a", tags={"a": "1", "b": "2"}), an("a", tags={"a": "2"})),
        ({"type": ["page-blob"]}, an("a", kind="page-blob"), an("a")),
        ({"glob": "*.csv", "larger_than": "1B"}, an("a.csv", size=2), an("a.csv", size=1)),
    ],
)
def test_all_that_a_rule_asks_must_hold(
    tmp_path: Path, rule: dict[str, Any], taken: ObjectInfo, left: ObjectInfo
) -> None:
    included = ruled(tmp_path, include=[rule])
    assert takes(included, taken)
    assert not takes(included, left)
    excluded = ruled(tmp_path, exclude=[{**rule, "reason": "why"}])
    assert not takes(excluded, taken)
    assert takes(excluded, left)


@pytest.mark.parametrize("rule", [{"older_than": "1d"}, {"modified_since": "2024-01-01"}])
def test_an_object_without_a_date_is_not_left_behind_for_its_age(
    tmp_path: Path, rule: dict[str, Any]
) -> None:
    assert takes(ruled(tmp_path, include=[rule]), an("a"))
    assert takes(ruled(tmp_path, exclude=[{**rule, "reason": "why"}]), an("a"))


def test_ages_count_from_an_instant_that_is_kept(tmp_path: Path) -> None:
    plan = full()
    plan["datasets"][0]["exclude"] = [{"older_than": "30d", "reason": "kept elsewhere"}]
    given = loaded(tmp_path, as_yaml(plan)).plan
    assert moments_of(given, {}, NOW) == {"pilot": NOW}
    assert moments_of(given, {"pilot": "2026-01-01T00:00:00Z"}, NOW) == {
        "pilot": "2026-01-01T00:00:00Z"
    }
    assert moments_of(loaded(tmp_path, GOOD).plan, {}, NOW) == {}
    assert seconds_of(NOW) > 0


# --- lists of keys --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", [b"pmsi/a\npmsi/b\n", b"pmsi/a\r\n\r\npmsi/b", b"pmsi/a\0pmsi/b\0"]
)
def test_a_list_has_a_key_a_line_or_zero_bytes_between(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "list").write_bytes(text)
    rules = ruled(tmp_path, include=[{"keys_from": "list"}])
    assert [takes(rules, an(key)) for key in ("a", "b", "c")] == [True, True, False]


def test_in_a_list_with_zero_bytes_a_line_feed_belongs_to_a_key() -> None:
    assert list(keys_in(b"a\nb\0c\0")) == [(1, b"a\nb"), (2, b"c")]


def test_another_list_is_another_plan(tmp_path: Path) -> None:
    plan = full()
    plan["datasets"][0]["include"] = [{"keys_from": "list"}]
    digests = []
    for text in (b"a\n", b"b\n"):
        (tmp_path / "list").write_bytes(text)
        digests.append(loaded(tmp_path, as_yaml(plan)).digest)
        assert sha256(text).hexdigest() in loaded(tmp_path, as_yaml(plan)).canonical.decode()
    assert digests[0] != digests[1]


def test_a_list_that_changes_under_a_command_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(b"pmsi/secret name\n")
    rules = ruled(tmp_path, include=[{"keys_from": "list"}])
    (tmp_path / "list").write_bytes(b"pmsi/other\n")
    with pytest.raises(Refused, match="not the one of `keys_sha256`") as refused:
        takes(rules, an("a"))
    assert "other" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there is no such file"),
        (b"", "the list has no key"),
        (b"\n\r\n\0", "the list has no key"),
        (b"\xef\xbb\xbfa\n", "begins with a byte order mark: save the list as plain UTF-8"),
    ],
)
def test_a_list_that_cannot_be_used_is_told_with_its_place(
    tmp_path: Path, text: bytes | None, message: str
) -> None:
    if text is not None:
        (tmp_path / "list").write_bytes(text)
    told = problems(
        tmp_path,
        GOOD.replace(
            'exclude: [{glob: "**/_temporary/**", reason: "Spark scratch"}]',
            "include: [{keys_from: list}]",
        ),
    )
    assert told == [f"19:27: datasets[0].include[0].keys_from: {message}"]


def test_a_list_of_another_digest_or_kind_or_size_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(b"a\n")
    with pytest.raises(ListUnreadable, match="not the one of"):
        read_list(tmp_path / "list", "0" * 64)
    with pytest.raises(ListUnreadable, match="is a directory or a device"):
        read_list(tmp_path)
    with (tmp_path / "huge").open("wb") as file:
        file.truncate((64 << 20) + 1)
    with pytest.raises(ListUnreadable, match="at most 64 MiB"):
        read_list(tmp_path / "huge")


def test_keys_that_were_not_seen_are_told_by_their_places() -> None:
    listed = KeyList(lambda: keys_in(b"c\na\n\na\nb\nelsewhere/x\n"))
    assert [listed.find(key) is not None for key in (b"a", b"b", b"d", b"")] == [
        True, True, False, False,
    ]  # fmt: skip
    seen = {number for key in (b"a",) if (number := listed.find(key)) is not None}
    assert listed.lacking(seen, lambda key: not key.startswith(b"elsewhere/")) == [1, 5]


def test_a_key_of_a_shared_list_is_expected_where_its_prefix_is(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(b"pmsi/a\nscans/a\nnowhere/a\n")
    plan = full()
    for dataset in plan["datasets"]:
        dataset["include"] = [{"keys_from": "list"}]
    given = loaded(tmp_path, as_yaml(plan))
    rules = rules_of(given.plan, tmp_path, {})
    expected = {
        name: [key for key in (b"pmsi/a", b"scans/a", b"nowhere/a")
               if one.rules.include[0].expects(key)]
        for name, one in rules.items()
    }  # fmt: skip
    assert expected == {
        "pmsi": [b"pmsi/a", b"nowhere/a"], "scans": [b"scans/a", b"nowhere/a"],
    }  # fmt: skip


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("{}", NOTHING),
        ("{glub: a}", "unknown field; did you mean `glob`?"),
        ("5", "must be text: put it in quotes"),
        ("{glob: /a}", SLASH),
        ("/a", SLASH),
        ("{larger_than: 5}", "must be text: put it in quotes"),
        ("{larger_than: 5PiB}", "must be a size from 0B to 1000TiB, such as 1B, 16KiB or 5TiB"),
        ("{older_than: 5y}", "must be a period from 1s to 3650d, such as 90m, 72h or 30d"),
        ("{tier: []}", "must have at least one entry"),
        ("{tier: [Hot]}", TIER),
        ("{tags: {}}", "must have at least one entry"),
        ("{type: [block]}", TYPES),
        (f"{{glob: a, keys_sha256: {'a' * 64}}}", "there is no `keys_from` that it is of"),
    ],
)  # fmt: skip
def test_a_rule_that_asks_wrongly_is_told(tmp_path: Path, rule: str, message: str) -> None:
    told = problems(
        tmp_path,
        GOOD.replace(
            'exclude: [{glob: "**/_temporary/**", reason: "Spark scratch"}]',
            f"include: [{rule}]",
        ),
    )
    assert [line.partition(": ")[2].partition(": ")[2] for line in told] == [message]
    assert all("datasets[0].include[0]" in line for line in told)


def test_files_have_no_tiers_and_no_tags(tmp_path: Path) -> None:
    plan = full()
    plan["source"] = {"kind": "folder"}
    plan["datasets"] = [
        {
            "name": name, "source": {"path": name}, "target": {"bucket": "hds", "prefix": name},
            "exclude": [{"tier": ["hot"], "reason": "r"}, {"tags": {"a": "b"}, "reason": "r"}],
        }
        for name in ("pmsi", "scans")
    ]  # fmt: skip
    told = problems(tmp_path, as_yaml(plan))
    assert len([one for one in told if one.endswith("files have no tiers and no tags: leave this"
                                                    " out")]) == 4  # fmt: skip
