"""What the lines of a bundle add up to, and what may be said of it.

Used by verify.py (which see). It needs Python 3.9 and nothing else. docs/evidence-format.md,
sections 7.1 and 7.2, gives the rules in words.
"""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hdh_migrate.evidence.verifier import forms
from hdh_migrate.evidence.verifier.members import (
    DatasetSection,
    ExclusionRecord,
    FindingRecord,
    Line,
    ManifestRecord,
    ObjectSum,
    Predicate,
    StatedExclusion,
    StatedTally,
    States,
    StrongWords,
)
from hdh_migrate.evidence.verifier.selection import LOST, VANISHED

STATES = ("verified", "failed", "pending", "excluded")
"""Where each inventoried object ends; together they must be all of them."""

SIZES = tuple(1 << power for power in (12, 16, 20, 24, 28, 32, 36))
"""The bounds between the classes of object sizes, in bytes: 4 KiB, 64 KiB ... 64 GiB."""

OWN = "sidecar:"
"""What versions of the tool's own files begin with: no source writes an ETag so."""

SUMMED = (
    *("migration", "rehearsal", "names", "tool", "times", "verification"),
    *("manifest", "datasets", "batches", "outcome", "exclusions", "findings"),
)
MARK = b'<meta name="statement-predicate-sha256"'


class Sums:
    """What the lines add up to: a tree over the manifest and one for each batch, and counts."""

    def __init__(self, datasets: Sequence[DatasetSection], version: int) -> None:
        self.said, self.version = datasets, version
        self.batch_of = {dataset["name"]: dataset["batch"] for dataset in datasets}
        self.tree = forms.Tree()
        self.trees = {batch: forms.Tree() for batch in self.batch_of.values()}
        if len(self.trees) == 1:  # its lines are all lines
            self.trees = dict.fromkeys(self.trees, self.tree)
        self.batch_levels: dict[str, set[str]] = {batch: set() for batch in self.trees}
        self.digests = dict.fromkeys(("sha256", "source_md5", "stored_sha256"), 0)
        self.claimed = forms.zero()
        self.sizes = [forms.zero() for _ in range(len(SIZES) + 1)]
        self.largest: int | None = None
        self.verdicts: dict[str, ObjectSum] = {}
        self.levels: dict[str, ObjectSum] = {}
        self.rules: dict[tuple[str, str, str], ObjectSum] = {}
        self.codes: dict[str, int] = {}
        self.states = {name: {state: forms.zero() for state in STATES} for name in self.batch_of}
        self.own = {name: forms.zero() for name in self.batch_of}
        self.own_verified = {name: forms.zero() for name in self.batch_of}
        self.read_whole = 0

    def exclusion(self, line: ExclusionRecord, where: str) -> None:
        """Add an object that a rule left behind; raise Wrong for one of an unknown dataset."""
        rule = (line["dataset"], line["rule"], line["reason"])
        forms.add(self.rules.setdefault(rule, forms.zero()), line["size"])
        forms.add(self._state(line, where)["excluded"], line["size"])

    def finding(self, line: FindingRecord) -> None:
        """Add a finding."""
        self.codes[line["code"]] = self.codes.get(line["code"], 0) + 1

    def record(self, line: ManifestRecord, raw: bytes, where: str, *, claims: bool) -> None:
        """Add a line of the manifest; raise Wrong for one that has not what its verdict rests on.

        `claims` says whether the source's MD5 values are compared in its dataset.
        """
        states, verdict, size = self._state(line, where), line["verdict"], line["size"]
        members: Mapping[str, object] = line
        batch = self.batch_of[line["dataset"]]
        forms.add(self.verdicts.setdefault(verdict or "none", forms.zero()), size)
        state = "failed" if verdict else "pending"
        if verdict == "match":
            state, level = "verified", line["level"]
            if level is None or any(members[name] is None for name in grounds(level)):
                raise forms.Wrong(f'{where}: verdict "match" without its grounds')
            forms.add(self.levels.setdefault(level, forms.zero()), size)
            self.batch_levels[batch].add(level)
            self.read_whole += line["sha256"] is not None or self.version == 1
            if claims and line["source_md5"] is not None and level == "full":
                forms.add(self.claimed, size)
        forms.add(states[state], size)
        if line["source_version"].startswith(OWN):
            forms.add(self.own[line["dataset"]], size)
            if state == "verified":
                forms.add(self.own_verified[line["dataset"]], size)
        forms.add(self.sizes[bisect.bisect_right(SIZES, size)], size)
        if self.largest is None or size > self.largest:
            self.largest = size
        for name in self.digests:
            self.digests[name] += members[name] is not None
        leaf = hashlib.sha256(b"\x00" + raw).digest()
        self.tree.add(leaf)
        if (own := self.trees[batch]) is not self.tree:
            own.add(leaf)

    def _state(self, line: Line, where: str) -> dict[str, ObjectSum]:
        try:
            return self.states[line["dataset"]]
        except KeyError:
            raise forms.Wrong(f"{where}: of a dataset that the plan does not name") from None

    def _dataset(self, said: DatasetSection) -> DatasetSection:
        states, inventoried = self.states[said["name"]], said["tally"]["inventoried"]
        tally: StatedTally = {
            "inventoried": inventoried, "verified": states["verified"],
            "failed": states["failed"], "pending": states["pending"],
            "excluded": states["excluded"], "closes": summed(states.values()) == inventoried,
        }  # fmt: skip
        found: DatasetSection = {**said, "tally": tally}
        if "own" in said:  # earlier ones do not
            found["own"] = self.own[said["name"]]
        if "own_verified" in said:
            found["own_verified"] = self.own_verified[said["name"]]
        return found

    def parts(self, *, largest: bool = True) -> dict[str, Any]:
        """Return the predicate's parts that follow from the lines.

        `largest` says whether the statement has that member: earlier ones do not.
        """
        datasets = [self._dataset(said) for said in self.said]
        return {
            "datasets": datasets,
            "manifest": {
                "records": self.tree.count, "merkle_root": self.tree.root(),
                "tree": "rfc9162-sha256", "digests": self.digests,
                **({} if self.version == 1 else {"claimed": self.claimed}),
                **({"largest": self.largest} if largest and self.version > 1 else {}),
                "sizes": [
                    {"below": bound, **sums} for bound, sums in zip((*SIZES, None), self.sizes)  # noqa: B905 - Python 3.9
                ],
            },
            "batches": [
                {
                    "name": name, "records": tree.count, "merkle_root": tree.root(),
                    **judged(
                        [each for each in datasets if each["batch"] == name],
                        self.batch_levels[name], self.version,
                    ),
                }
                for name, tree in self.trees.items()
            ],
            "outcome": {
                **judged(datasets, set(self.levels), self.version),
                "states": totals([dataset["tally"] for dataset in datasets]),
                "verdicts": self.verdicts, "levels": self.levels,
            },
            "exclusions": [
                {"dataset": dataset, "rule": rule, "reason": reason, **sums}
                for (dataset, rule, reason), sums in sorted(self.rules.items())
            ],
            "findings": {"total": sum(self.codes.values()), "codes": self.codes},
        }  # fmt: skip


def grounds(level: str | None) -> tuple[str, ...]:
    """Return the fields that verdict "match" at this level rests on."""
    return _GROUNDS.get(level, _GROUNDS["stored"])


_ALWAYS = ("level", "verified_at")
_GROUNDS: dict[str | None, tuple[str, ...]] = {
    "head": _ALWAYS,
    "stored": (*_ALWAYS, "stored_size", "stored_sha256"),
    "full": (*_ALWAYS, "stored_size", "stored_sha256", "sha256"),
}


def totals(tallies: Sequence[States | StatedTally]) -> States:
    """Add up the tallies of some datasets."""
    return {
        "inventoried": summed(tally["inventoried"] for tally in tallies),
        "verified": summed(tally["verified"] for tally in tallies),
        "failed": summed(tally["failed"] for tally in tallies),
        "pending": summed(tally["pending"] for tally in tallies),
        "excluded": summed(tally["excluded"] for tally in tallies),
    }


def summed(sums: Iterable[ObjectSum]) -> ObjectSum:
    """Add up some sums."""
    total = forms.zero()
    for one in sums:
        total["objects"] += one["objects"]
        total["bytes"] += one["bytes"]
    return total


def judged(datasets: Sequence[DatasetSection], levels: set[str], version: int) -> StrongWords:
    """Return which strong words these datasets allow, verified at these levels."""
    total = totals([dataset["tally"] for dataset in datasets])
    closed = all(dataset["closed"] is True for dataset in datasets)
    closes = all(dataset["tally"]["closes"] for dataset in datasets)
    unfinished = total["failed"]["objects"] + total["pending"]["objects"]
    some = (total["inventoried"] if version == 1 else total["verified"])["objects"] > 0
    complete = closed and closes and some and not unfinished
    return {
        "inventory_closed": closed,
        "counts_close": closes,
        "complete": complete,
        "proven": complete and levels == {"full"},
    }


# --- what repeats it ------------------------------------------------------------------------


SUMMARIES = (1, 2)
"""The forms of summary.json; a bundle has one of them."""


def summary(
    predicate: Predicate, signer: str | None, version: int = SUMMARIES[-1]
) -> dict[str, Any]:
    """Return the short form for programs that stands in summary.json."""
    said: Mapping[str, object] = predicate
    return {
        "version": version,
        "draft": signer is None,
        "signed_by": signer,
        "plan_digest": predicate["plan"]["digest"]["sha256"],
        **({} if version == SUMMARIES[0] else {"counts": apart(predicate)}),
        **{name: said[name] for name in SUMMED},
    }


def apart(predicate: Predicate) -> dict[str, ObjectSum]:
    """Return what a rule left behind, what is gone, and what the target should hold.

    The states of a statement count what is gone as excluded: nobody chose that.
    """
    datasets = predicate["datasets"]
    states = totals([one["tally"] for one in datasets])
    gone = gone_in(predicate["exclusions"])
    by_rule = less(states["excluded"], summed(gone.values()))
    return {
        "expected": less(states["inventoried"], summed((by_rule, gone["vanished"]))),
        "own": summed(one["own"] for one in datasets if "own" in one),
        "by_rule": by_rule,
        **gone,
    }


def less(one: ObjectSum, other: ObjectSum) -> ObjectSum:
    """Take one sum from another."""
    return {"objects": one["objects"] - other["objects"], "bytes": one["bytes"] - other["bytes"]}


def gone_in(exclusions: Iterable[StatedExclusion]) -> dict[str, ObjectSum]:
    """Return how much of what was left behind no rule left: lost once moved, or vanished before."""
    unruled = [one for one in exclusions if one["rule"] == VANISHED[0]]
    lost = [one for one in unruled if one["reason"] == LOST[1]]
    return {
        "lost": _of(lost),
        "vanished": _of(one for one in unruled if one not in lost),
    }


def _of(exclusions: Iterable[StatedExclusion]) -> ObjectSum:
    return summed({"objects": one["objects"], "bytes": one["bytes"]} for one in exclusions)


def unlike_pages(folder: Path, predicate: Predicate) -> Iterator[str]:
    """Say which pages do not name the digest of this predicate, at the one place for it."""
    mark = page_mark(predicate)
    for path in sorted(folder.glob("report.*.html")):
        page = forms.document(path)
        begin = page.partition(b"<title>")[0]
        if mark not in begin or page.count(MARK) != 1:
            yield f"{path.name}: the page of another statement"


def page_mark(predicate: Predicate) -> bytes:
    """Return the line of a page that names the digest of the predicate that it shows."""
    return b'%s content="%s">' % (MARK, forms.sha256(forms.canonical(predicate)).encode())
