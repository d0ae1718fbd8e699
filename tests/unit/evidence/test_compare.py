"""A later bundle must not take back what an earlier one said."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import UsageError
from hdh_migrate.evidence.bundle import Bundle, write_bundle
from hdh_migrate.evidence.compare import Comparison, compare_bundles
from hdh_migrate.evidence.lines.records import order_of
from hdh_migrate.evidence.signatures.signing import Signer
from hdh_migrate.fixity import canonical_json
from tests.unit.evidence.builders import (
    consistent,
    dataset,
    facts,
    failed,
    in_first_format,
    pending,
    record,
    replanned,
    reseal_sums,
    signer,
)

Lines = Sequence[dict[str, Any]]
Told = Sequence[tuple[str, dict[str, Any]]]
"""Kinds of events, and what they say."""
KEYED = "k:" + "0" * 64
OLD, NEW = "2026-03-02T10:00:00Z", "2026-03-03T10:00:00Z"


class Archive:
    """Bundles of one migration, each at the state that a test gives it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key: Signer = signer(folder)
        self._made = 0

    def bundle(
        self,
        records: Lines,
        *,
        previous: Bundle | str | None = None,
        events: int | str | Told = 3,
        written: str = OLD,
        closed: bool = True,
        names: str = "plain",
        stated: Any = None,
        **changes: Any,
    ) -> Bundle:
        self._made += 1
        previous = previous.statement_sha256 if isinstance(previous, Bundle) else previous
        about = facts(
            dataset(len(records), sum(line["size"] for line in records), closed=closed),
            written_at=written,
            ended_at=OLD,
            previous_statement=previous,
            names=names,
            **(stated or {}),
        )
        made = write_bundle(
            self.folder / f"bundle-{self._made}",
            records=sorted(records, key=order_of),
            facts=consistent(replanned(about, **changes), records),
            findings=[],
            exclusions=[],
            journal=_journal("run" * events if isinstance(events, int) else events),
            signer=self.key,
            languages=(),
            checked=False,
        )
        # Of this format the journal is not looked into, so a test may have any.
        return in_first_format(made, self.key)

    def pair(self, old: Lines, new: Lines) -> tuple[Bundle, Bundle]:
        """Two bundles that follow each other, with these records."""
        first = self.bundle(old)
        return first, self.bundle(new, previous=first, events=5, written=NEW)

    def compare(self, old: Bundle, new: Bundle, **options: Any) -> Comparison:
        return compare_bundles(old.folder, new.folder, [self.key.verifier], **options)


def _journal(events: str | Told) -> Any:
    head = bytes(32)
    told = [(kind, {}) for kind in events] if isinstance(events, str) else events
    for seq, (kind, says) in enumerate(told, start=1):
        body = canonical_json(says).decode()
        head = sha256(head + canonical_json([seq, "t", kind, body])).digest()
        yield seq, "t", kind, body, head


def codes(found: Comparison) -> list[str]:
    return [code for code, _ in found.contradictions]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


def test_a_bundle_that_goes_on_from_another_is_consistent(archive: Archive) -> None:
    old, new = archive.pair(
        [record("a"), pending("b"), failed("c")],
        [record("a"), record("b"), failed("c"), record("d")],
    )
    found = archive.compare(old, new)

    assert found.contradictions == []
    assert [code for code, _ in found.notes] == [
        *("follows", "journal", "kept", "newly-verified", "open", "new")
    ]
    assert found.kinds.keys() == {"kept", "newly-verified", "open", "new"}
    assert {kind.objects for kind in found.kinds.values()} == {1}
    assert found.kinds["newly-verified"].lines == [{"old": 2, "new": 2}]
    assert found.kinds["new"].lines == [{"old": None, "new": 4}]


@pytest.mark.parametrize(
    ("became", "after"),
    [
        ("gone", []),
        ("changed", [record("b", sha256="99" * 32)]),
        ("changed", [record("b", size=7)]),
        ("changed", [record("b", source_version="0x2")]),
        ("unverified", [failed("b")]),
        ("unverified", [record("b", verdict=None, level=None, verified_at=None)]),
        ("stored-anew", [record("b", stored_sha256="99" * 32)]),
        ("stored-anew", [record("b", target_etag="another")]),
    ],
)
def test_what_became_of_a_verified_object_is_told_apart(
    archive: Archive, became: str, after: Lines
) -> None:
    old, new = archive.pair([record("a"), record("b"), record("c")],
                            [record("a"), *after, record("c")])  # fmt: skip
    found = archive.compare(old, new)

    assert codes(found) == [became]
    assert found.kinds[became].objects == 1
    assert found.kinds[became].lines == [{"old": 2, "new": 2 if after else None}]
    assert found.kinds["kept"].objects == 2


def test_an_unverified_object_may_vanish_only_while_the_inventory_is_open(
    archive: Archive,
) -> None:
    listed, left = [record("a"), pending("b")], [record("a")]
    old, new = archive.pair(listed, left)
    assert codes(archive.compare(old, new)) == ["dropped"]

    old = archive.bundle(listed, closed=False)
    new = archive.bundle(left, previous=old, written=NEW)
    found = archive.compare(old, new)
    assert codes(found) == []
    assert found.kinds["forgotten"].objects == 1


def test_names_are_shown_only_when_asked(archive: Archive) -> None:
    old, new = archive.pair([record("DUPONT.csv")], [failed("DUPONT.csv")])

    assert "DUPONT" not in repr(archive.compare(old, new))
    found = archive.compare(old, new, show_names=True)
    assert found.kinds["unverified"].lines[0]["key"] == "DUPONT.csv"


def test_a_hundred_objects_are_listed_and_all_counted(archive: Archive) -> None:
    names = [f"{number:03}" for number in range(120)]
    old, new = archive.pair([record(name) for name in names], [failed(name) for name in names])

    kind = archive.compare(old, new).kinds["unverified"]
    assert (kind.objects, len(kind.lines)) == (120, 100)


# --- replays, swaps and forks --------------------------------------------------------------


def test_the_same_bundle_twice_shows_nothing(archive: Archive) -> None:
    old = archive.bundle([record("a")])
    assert codes(archive.compare(old, old)) == ["same"]


def test_swapped_bundles_are_told(archive: Archive) -> None:
    old, new = archive.pair([pending("a")], [record("a")])
    assert codes(archive.compare(new, old)) == ["swapped"]


def test_swapped_bundles_with_others_between_are_told(archive: Archive) -> None:
    old = archive.bundle([pending("a")], previous="01" * 32)
    new = archive.bundle([record("a")], previous="02" * 32, events=5, written=NEW)
    assert codes(archive.compare(new, old)) == ["earlier", "swapped"]


def test_other_bundles_may_lie_between(archive: Archive) -> None:
    old = archive.bundle([record("a")])
    new = archive.bundle([record("a")], previous="02" * 32, written=NEW)
    found = archive.compare(old, new)
    assert codes(found) == []
    assert ("between" in dict(found.notes)) is True


def test_a_bundle_that_knows_of_none_before_it_does_not_follow(archive: Archive) -> None:
    old = archive.bundle([record("a")])
    new = archive.bundle([record("a")], written=NEW)
    assert codes(archive.compare(old, new)) == ["first"]


def test_a_rewritten_journal_is_told(archive: Archive) -> None:
    old = archive.bundle([record("a")], events="abc")
    new = archive.bundle([record("a")], previous=old, events="abdefg", written=NEW)
    assert codes(archive.compare(old, new)) == ["journal-forked"]


def test_a_journal_that_is_shorter_and_other_is_forked_not_swapped(archive: Archive) -> None:
    old = archive.bundle([record("a")], events="abc")
    new = archive.bundle([record("a")], previous=old, events="ax", written=NEW)
    assert codes(archive.compare(old, new)) == ["journal-forked"]


def test_a_journal_may_have_grown_and_may_stand_still(archive: Archive) -> None:
    old = archive.bundle([record("a")], events="x")
    new = archive.bundle([record("a")], previous=old, events="xb", written=NEW)
    newer = archive.bundle([record("a")], previous=new, events="xb", written=NEW)
    assert codes(archive.compare(old, new)) == []
    assert codes(archive.compare(new, newer)) == []


def test_what_an_adopting_ledger_tells_came_since(archive: Archive) -> None:
    """Its journal is another one: what it dropped stands where the old one has other events."""
    was, now = record("scans/a"), record("scans/a", target_etag="another")
    first = archive.bundle([was], events=9)
    seen = {"ledger": "a", "events": 3, "head": "0" * 64, "statement": first.statement_sha256}
    body = {"number": 1, "batch": "pilot", "journals": [seen], "user": "u"}
    adopting = ("adopting", body)
    dropped = ("superseded", {"dropped": [1], "dropped_datasets": {was["dataset"]: 1}})
    told: dict[str, Told] = {"dropped": [adopting, dropped], "kept": [adopting]}
    found = {}
    for name, events in told.items():
        second = archive.bundle([now], previous=first, events=events, written=NEW)
        found[name] = archive.compare(first, second)
        assert "adopted" in [code for code, _ in found[name].notes]
    assert codes(found["dropped"]) == []
    assert codes(found["kept"]) == ["stored-anew"]


def test_other_migrations_and_plans_are_told(archive: Archive) -> None:
    old = archive.bundle([record("a")])
    other = archive.bundle([record("a")], migration="another", previous=old, written=NEW)
    changed = archive.bundle([record("a")], engine={}, previous=old, written=NEW)
    assert codes(archive.compare(old, other)) == ["other-migration"]
    assert codes(archive.compare(old, changed)) == ["other-plan"]


def test_keyed_bundles_are_ordered_by_journal_and_time_only(archive: Archive) -> None:
    old = archive.bundle([record(KEYED, target_key=KEYED)], names="keyed", previous="01" * 32)
    new = archive.bundle(
        [record(KEYED, target_key=KEYED)], names="keyed", previous="01" * 32, events=5, written=NEW
    )
    assert codes(archive.compare(old, new)) == []
    assert codes(archive.compare(new, old)) == ["earlier", "swapped"]


def test_plain_and_keyed_names_cannot_be_compared(archive: Archive) -> None:
    old = archive.bundle([record("a")])
    new = archive.bundle(
        [record(KEYED, target_key=KEYED)], names="keyed", previous=old, written=NEW
    )
    with pytest.raises(UsageError, match="plain names"):
        archive.compare(old, new)


# --- bundles that do not check -------------------------------------------------------------


@pytest.mark.parametrize(("side", "code"), [(0, "old-damaged"), (1, "new-damaged")])
def test_a_damaged_bundle_is_compared_with_nothing(archive: Archive, side: int, code: str) -> None:
    pair = archive.pair([record("a")], [record("a")])
    manifest = pair[side].folder / "manifest.jsonl"
    manifest.write_bytes(manifest.read_bytes().replace(b'"match"', b'"waived"'))
    reseal_sums(pair[side].folder)

    found = archive.compare(*pair)
    assert set(codes(found)) == {code}
    assert found.kinds == {}


def test_a_threshold_that_is_not_met_is_damage_of_both(archive: Archive, tmp_path: Path) -> None:
    old, new = archive.pair([record("a")], [record("a")])
    keys = [archive.key.verifier, signer(tmp_path, "witness").verifier]
    found = compare_bundles(old.folder, new.folder, keys, threshold=2)
    assert codes(found) == ["old-damaged", "new-damaged"]


def test_what_is_no_bundle_is_a_usage_error(archive: Archive, tmp_path: Path) -> None:
    old = archive.bundle([record("a")])
    with pytest.raises(UsageError, match="no bundle"):
        compare_bundles(old.folder, tmp_path, [archive.key.verifier])


def test_the_version_of_a_sidecar_that_is_keyed_by_now_is_the_same(archive: Archive) -> None:
    """Keyed bundles of an earlier version have its digest as it is."""

    def beside(version: str) -> list[dict[str, Any]]:
        return [record(KEYED, target_key=KEYED, source_version=version)]

    old = archive.bundle(beside("sidecar:" + "12" * 32), names="keyed", previous="01" * 32)
    now = {"names": "keyed", "previous": "01" * 32, "events": 5, "written": NEW}
    new = archive.bundle(beside("sidecar:k:" + "11" * 32), **now)
    other = archive.bundle(beside("0x8DC0"), **now)
    assert codes(archive.compare(old, new)) == []
    assert codes(archive.compare(old, other)) == ["changed"]
