from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from hdh_migrate.errors import EvidenceDamaged
from hdh_migrate.evidence.lines.facts import ObjectCounts
from hdh_migrate.evidence.lines.records import manifest_line, order_of
from hdh_migrate.evidence.lines.recount import Recount, add_up
from hdh_migrate.fixity import MerkleTree, leaf_digest
from tests.support.every import every
from tests.unit.evidence.builders import exclusion, failed, pending, record

# The eight leaves and roots of the Certificate Transparency reference test data.
CT_LEAVES = (
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
)
CT_ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def naive_root(leaves: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(
        b"\x01" + naive_root(leaves[:split]) + naive_root(leaves[split:])
    ).digest()


def counted(
    records: Iterable[Mapping[str, Any]],
    exclusions: Iterable[Mapping[str, Any]] = (),
    *,
    unclaimed: Iterable[str] = (),
) -> Recount:
    exclusions = list(exclusions)
    recount = Recount(
        {"pmsi": "pilot", "scans": "rest"},
        (order_of(each) for each in exclusions),
        unclaimed=unclaimed,
    )
    for each in exclusions:
        recount.add_exclusion(each)
    for each in records:
        recount.add_record(each, manifest_line(each))
    return recount


def test_the_tree_gives_the_published_certificate_transparency_roots() -> None:
    tree = MerkleTree()
    for leaf, root in zip(CT_LEAVES, CT_ROOTS, strict=True):
        tree.append(leaf_digest(bytes.fromhex(leaf)))
        assert tree.root() == root


@every("count", [*range(34), 63, 64, 65, 100])
def test_the_tree_of_a_manifest_is_the_recursive_definition_over_its_lines(count: int) -> None:
    records = [record(f"{number:03}") for number in range(count)]

    lines = [manifest_line(each).removesuffix(b"\n") for each in records]

    assert counted(records).tree.root() == naive_root(lines).hex()


def test_each_batch_has_a_tree_over_its_own_lines() -> None:
    records = [record("a"), record("b"), record("a", dataset="scans", level="head")]
    lines = [manifest_line(each).removesuffix(b"\n") for each in records]

    found = counted(records)

    assert found.trees["pilot"].root() == naive_root(lines[:2]).hex()
    assert found.trees["rest"].root() == naive_root(lines[2:]).hex()
    assert found.records.levels == {"pilot": {"full"}, "rest": {"head"}}


def test_sizes_fall_into_classes_and_known_digests_are_counted() -> None:
    found = counted(
        [
            record("a", size=0),
            record("b", size=4095, source_md5="00" * 16),
            record("c", size=4096),
            pending("d", size=1 << 40),
        ]
    )

    assert [sums["objects"] for sums in found.records.sizes] == [2, 1, 0, 0, 0, 0, 0, 1]
    assert found.records.digests == {"sha256": 3, "source_md5": 1, "stored_sha256": 3}
    assert found.records.largest == 1 << 40
    assert counted([]).records.largest is None


def test_what_the_source_had_a_digest_of_is_counted_in_objects_and_bytes() -> None:
    md5 = "00" * 16
    records = [
        record("a", size=10),
        record("b", size=20, source_md5=md5),
        record("c", size=40, source_md5=md5, level="stored"),  # nobody read the plaintext back
        failed("d", source_md5=md5),
        pending("e", size=80, source_md5=md5),
        record("f", dataset="scans", size=160, source_md5=md5),
    ]

    assert counted(records).records.claimed == {"objects": 2, "bytes": 180}
    assert counted(records, unclaimed=["scans"]).records.claimed == {"objects": 1, "bytes": 20}


def test_every_record_ends_in_one_state_and_every_exclusion_under_its_rule() -> None:
    recount = counted(
        [record("a"), failed("b"), pending("c", size=5), record("d", verdict="waived")],
        [exclusion("x"), exclusion("y"), exclusion("z", rule="*.tmp", reason="leftover")],
    )

    assert recount.records.tally("pmsi", ObjectCounts(7, 3035)) == {
        "inventoried": {"objects": 7, "bytes": 3035},
        "verified": {"objects": 1, "bytes": 1000},
        "failed": {"objects": 2, "bytes": 2000},
        "pending": {"objects": 1, "bytes": 5},
        "excluded": {"objects": 3, "bytes": 30},
        "closes": True,
    }
    assert recount.records.by_verdict.keys() == {"match", "mismatch", "waived", "none"}
    assert recount.by_rule["pmsi", "*.tmp", "leftover"] == {"objects": 1, "bytes": 10}


def test_a_tally_closes_only_when_objects_and_bytes_both_do() -> None:
    recount = counted([record("a")])

    assert recount.records.tally("pmsi", ObjectCounts(1, 1000))["closes"]
    assert not recount.records.tally("pmsi", ObjectCounts(2, 1000))["closes"]
    assert not recount.records.tally("pmsi", ObjectCounts(1, 999))["closes"]


def test_two_datasets_whose_errors_cancel_out_do_not_close_together() -> None:
    recount = counted([record("a"), record("b", dataset="scans")])
    tallies = [
        recount.records.tally("pmsi", ObjectCounts(2, 2000)),
        recount.records.tally("scans", ObjectCounts(0, 0)),
    ]

    assert not add_up(tallies)["closes"]


@pytest.mark.parametrize(
    ("records", "exclusions", "why"),
    [
        ([record("b"), record("a")], [], "not in the order"),
        ([record("a"), record("a")], [], "the same object twice"),
        ([record("a", dataset="scans"), record("a")], [], "not in the order"),
        # In the order of characters the second would come first, in that of bytes it does not.
        ([record("\U00010000"), record("\uffff")], [], "not in the order"),
        ([record("a", dataset="other")], [], "does not name"),
        ([], [exclusion("b"), exclusion("a")], "not in the order"),
        ([record("a"), record("c")], [exclusion("b"), exclusion("", key="c")], "excluded at once"),
    ],
)
def test_lines_that_cannot_be_are_refused(
    records: list[dict[str, Any]], exclusions: list[dict[str, Any]], why: str
) -> None:
    with pytest.raises(EvidenceDamaged, match=why):
        counted(records, exclusions)
