"""Count the records while they are written: tallies, tree and order, from the lines alone.

The bundle's verifier counts again, by itself (counts.py); what both must agree on stands there. An
object is *verified* when its verdict is "match", *pending* while it has none, *failed* with any
other verdict (a waived difference is still not a verified object).

There is one tree over all records, and one for each batch: an approval binds a batch's root, so
that another batch which goes on does not void it.

Memory: one tally per dataset, one sum per exclusion rule and finding code, O(log n) for the trees.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from hdh_migrate.errors import EvidenceDamaged
from hdh_migrate.evidence.lines.facts import ObjectCounts
from hdh_migrate.evidence.lines.records import order_of
from hdh_migrate.evidence.verifier.counts import OWN, SIZES, STATES, summed, totals
from hdh_migrate.evidence.verifier.members import (
    ExclusionRecord,
    FindingRecord,
    ManifestRecord,
    ObjectSum,
    StatedTally,
    States,
)
from hdh_migrate.evidence.verifier.members import Line as SourceLine
from hdh_migrate.fixity import MerkleTree, leaf_digest
from hdh_migrate.jsonform import CanonicalPlan
from hdh_migrate.model import Verdict

UNDECIDED = "none"
"""Stands in the sums by verdict for objects that were not compared yet."""

Order = tuple[bytes, bytes]
Sums = ObjectSum


class RecordSums:
    """What records come to, and what is left out beside them."""

    def __init__(self, batches: Mapping[str, str]) -> None:
        self.digests = dict.fromkeys(("sha256", "source_md5", "stored_sha256"), 0)
        self.claimed = _sums()
        """Of those whose bytes have the MD5 that the source claims of them."""
        self.sizes = [_sums() for _ in range(len(SIZES) + 1)]
        self.largest: int | None = None
        """The size of the largest object, None where there is none."""
        self.by_verdict: dict[str, Sums] = {}
        self.by_level: dict[str, Sums] = {}
        self.levels: dict[str, set[str]] = {batch: set() for batch in batches.values()}
        """Levels of verified objects, by batch."""
        self.states = {name: {state: _sums() for state in STATES} for name in batches}
        """By dataset."""
        self.own = {name: _sums() for name in batches}
        """Of these the files that the tool puts beside the objects, by dataset."""
        self.own_verified = {name: _sums() for name in batches}

    def tally(self, dataset: str, inventoried: ObjectCounts) -> StatedTally:
        """Return one dataset's sums by state beside its inventory, and whether they close."""
        listed: ObjectSum = {"objects": inventoried.objects, "bytes": inventoried.bytes}
        states = self.states[dataset]
        return {
            "inventoried": listed,
            "verified": states["verified"],
            "failed": states["failed"],
            "pending": states["pending"],
            "excluded": states["excluded"],
            "closes": summed(states.values()) == listed,
        }


class _AlikeRows(NamedTuple):
    """What decides how a record counts."""

    dataset: str
    verdict: str | None
    level: str | None
    size_class: int
    no_sha256: bool
    no_claim: bool
    no_stored_sha256: bool
    own: bool


class Recount:
    """Add up a bundle's lines: first all exclusions, then all records; findings at any time."""

    def __init__(
        self,
        batches: Mapping[str, str],
        excluded: Iterator[Order],
        *,
        unclaimed: Iterable[str] = (),
    ) -> None:
        """Prepare for datasets, given with the batch of each.

        `excluded` gives the exclusions' orders a second time; `unclaimed` are the datasets of which
        the plan says to ignore the source's MD5 values.

        The second pass goes along with the records, so that an object which is both excluded and
        moved is noticed in one pass and without memory.
        """
        self.tree = MerkleTree()
        self.trees = {batch: MerkleTree() for batch in batches.values()}
        if len(self.trees) == 1:  # its lines are all lines
            self.trees = dict.fromkeys(self.trees, self.tree)
        self._unclaimed = frozenset(unclaimed)
        self.by_rule: dict[tuple[str, str, str], Sums] = {}
        self.by_code: Counter[str] = Counter()
        self._batches = dict(batches)
        self._largest: int | None = None
        self._alike: dict[_AlikeRows, Sums] = {}
        """Sums of records that count alike in everything."""
        self._left_out = {name: _sums() for name in batches}
        self._last_exclusion: Order | None = None
        self._last_record: Order | None = None
        self._excluded = excluded
        self._next_excluded: Order | None = None

    def add_exclusion(self, exclusion: ExclusionRecord) -> None:
        """Count one excluded object.

        Raises:
            EvidenceDamaged: it is out of order, a duplicate, or of an unknown dataset.
        """
        self._last_exclusion = _later(self._last_exclusion, order_of(exclusion))
        self._demand_known(exclusion)
        rule = (exclusion["dataset"], exclusion["rule"], exclusion["reason"])
        one: Sums = {"objects": 1, "bytes": exclusion["size"]}
        _add(self.by_rule.setdefault(rule, _sums()), one)
        _add(self._left_out[exclusion["dataset"]], one)

    def add_finding(self, finding: FindingRecord) -> None:
        """Count one finding under its code."""
        self.by_code[finding["code"]] += 1

    def add_record(self, record: ManifestRecord, line: bytes) -> None:
        """Count one record and append its line, without the line feed, to the tree.

        Raises:
            EvidenceDamaged: it is out of order, a duplicate, excluded too, or of an unknown
                dataset.
        """
        order = order_of(record)
        self._last_record = _later(self._last_record, order)
        self._refuse_excluded(order)
        dataset, size = record["dataset"], record["size"]
        alike = _AlikeRows(
            dataset, record["verdict"], record["level"], bisect_right(SIZES, size),
            record["sha256"] is None, record["source_md5"] is None, record["stored_sha256"] is None,
            record["source_version"].startswith(OWN),
        )  # fmt: skip
        sums = self._alike.get(alike)
        if sums is None:
            self._demand_known(record)
            sums = self._alike[alike] = _sums()
        sums["objects"] += 1
        sums["bytes"] += size
        if self._largest is None or size > self._largest:
            self._largest = size
        leaf = leaf_digest(line[:-1])
        self.tree.append(leaf)
        if (own := self.trees[self._batches[dataset]]) is not self.tree:
            own.append(leaf)

    @property
    def records(self) -> RecordSums:
        """What the records come to so far, of which there may be some hundred unlike ones."""
        found = RecordSums(self._batches)
        found.largest = self._largest
        for one, sums in self._alike.items():
            _add(found.by_verdict.setdefault(one.verdict or UNDECIDED, _sums()), sums)
            state = "failed" if one.verdict else "pending"
            if one.verdict == Verdict.MATCH and one.level is not None:  # or it was not written
                state = "verified"
                _add(found.by_level.setdefault(one.level, _sums()), sums)
                found.levels[self._batches[one.dataset]].add(one.level)
                claims = not one.no_claim and one.dataset not in self._unclaimed
                if claims and one.level == "full":
                    _add(found.claimed, sums)
            _add(found.states[one.dataset][state], sums)
            if one.own:
                _add(found.own[one.dataset], sums)
                if state == "verified":
                    _add(found.own_verified[one.dataset], sums)
            _add(found.sizes[one.size_class], sums)
            lacking = (one.no_sha256, one.no_claim, one.no_stored_sha256)
            for name, lacks in zip(found.digests, lacking, strict=True):
                found.digests[name] += 0 if lacks else sums["objects"]
        for dataset, sums in self._left_out.items():
            _add(found.states[dataset]["excluded"], sums)
        return found

    def _demand_known(self, line: SourceLine) -> None:
        if line["dataset"] not in self._batches:
            raise EvidenceDamaged("the line is of a dataset that the plan does not name")

    def _refuse_excluded(self, order: Order) -> None:
        while self._next_excluded is None or self._next_excluded < order:
            self._next_excluded = next(self._excluded, None)
            if self._next_excluded is None:
                return
        if self._next_excluded == order:
            raise EvidenceDamaged("the object is recorded and excluded at once")


def by_state(sums: States | StatedTally) -> dict[str, ObjectSum]:
    """Return sums of a statement by the state in which objects ended, the inventory first."""
    return {
        "inventoried": sums["inventoried"],
        "verified": sums["verified"],
        "failed": sums["failed"],
        "pending": sums["pending"],
        "excluded": sums["excluded"],
    }


def unclaimed(plan: CanonicalPlan) -> list[str]:
    """Return the datasets of a plan whose source's MD5 values are ignored."""
    return [one["name"] for one in plan.get("datasets", ()) if one.get("ignore_md5") is not None]


def add_up(tallies: Iterable[StatedTally]) -> StatedTally:
    """Return the sum of several tallies; it closes only if every one of them does."""
    some = list(tallies)
    return {**totals(some), "closes": all(tally["closes"] for tally in some)}


def _sums() -> Sums:
    return {"objects": 0, "bytes": 0}


def _add(sums: Sums, more: Sums) -> None:
    sums["objects"] += more["objects"]
    sums["bytes"] += more["bytes"]


def _later(last: Order | None, order: Order) -> Order:
    if last is not None and order <= last:
        what = "the same object twice" if order == last else "not in the order of dataset and key"
        raise EvidenceDamaged(f"the line is {what}")
    return order
