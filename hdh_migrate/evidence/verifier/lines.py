"""The lines of a bundle in one pass each: order, plan, inventories, findings, and their sums.

Used by verify.py (which see). It needs Python 3.9 and nothing else.
"""

from __future__ import annotations

import hashlib
import heapq
import os
from array import array
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Optional

from hdh_migrate.evidence.verifier import forms
from hdh_migrate.evidence.verifier.accounts import DatasetAccount, Past, findings_digest
from hdh_migrate.evidence.verifier.counts import STATES, Sums, summed
from hdh_migrate.evidence.verifier.journal import Journal
from hdh_migrate.evidence.verifier.members import (
    DatasetSection,
    ExclusionRecord,
    FindingRecord,
    Line,
    ManifestRecord,
    Predicate,
)
from hdh_migrate.evidence.verifier.planned import StatedPlan

Order = tuple[bytes, bytes]
Begin = tuple[str, int, int]
"""A dataset, where its lines begin in the manifest, and how many lines stand before."""
VANISHED = "vanished"
NO_NUMBER, ROWS = -1, 1 << 13


class NamedObjects:
    """The objects that findings are about, in some fifty bytes each: there may be a million.

    Of each object half of a digest is kept, which a secret goes into, so that nobody can make two
    objects that look alike here. They stand in many short rows, each of which is searched whole.
    """

    def __init__(self) -> None:
        self._secret = os.urandom(32)
        self._rows: dict[int, bytearray] = {}
        """Of each object, 32 bytes: of its digest, of the journal's number for it, and of the
        first line that names it, 0 once its own line was met."""
        self._numbers: dict[int, array[int]] = {}
        """The numbers that stand in the rows."""

    def __bool__(self) -> bool:
        return bool(self._rows)

    def add(self, order: Order, number: int, line: int) -> bool:
        """Take the object of a finding; False: the number is another's, or it has another one."""
        index, digest = self._digest(order)
        row = self._rows.setdefault(index, bytearray())
        place = _place(row, digest)
        if place is not None:
            return int.from_bytes(row[place + 16 : place + 24], "big", signed=True) == number
        row += digest + number.to_bytes(8, "big", signed=True) + line.to_bytes(8, "big")
        numbers = self._numbers.setdefault(hash((self._secret, number)) % ROWS, array("q"))
        if number == NO_NUMBER:
            return True
        there = number in numbers
        numbers.append(number)
        return not there

    def met(self, order: Order) -> None:
        """Take an object's own line."""
        index, digest = self._digest(order)
        row = self._rows.get(index)
        place = None if row is None else _place(row, digest)
        if row is not None and place is not None:
            row[place + 24 : place + 32] = bytes(8)

    def unmet(self) -> int:
        """Return the first line about an object whose own line was not met; 0: there is none."""
        lines = (
            int.from_bytes(row[place + 24 : place + 32], "big")
            for row in self._rows.values()
            for place in range(0, len(row), 32)
        )
        return min(filter(None, lines), default=0)

    def _digest(self, order: Order) -> tuple[int, bytes]:
        """Return in which row an object stands, and half of its digest."""
        named = b"%b%d:%b%b" % (self._secret, len(order[0]), *order)
        digest = hashlib.sha256(named).digest()
        return int.from_bytes(digest[16:20], "big") % ROWS, digest[:16]


def _place(row: bytearray, digest: bytes) -> Optional[int]:  # noqa: UP045 - Python 3.9 reads this
    place = row.find(digest)
    while place % 32 and place > 0:  # what two entries have beside each other
        place = row.find(digest, place + 1)
    return place if place >= 0 else None


class Lines:
    """Reads findings, exclusions and manifest, in little memory; the last two side by side."""

    def __init__(self, predicate: Predicate, planned: StatedPlan, journal: Journal) -> None:
        self.said, self.plan, self.journal = predicate["datasets"], planned, journal
        self.version = planned.version
        self.sums = Sums(self.said, self.version)
        taken = predicate["verification"]
        self.taken = taken["sha256_taken_in_transfer"] + taken["sha256_taken_in_verify"]
        self.written = forms.instant(predicate["times"]["written"])
        self.begins: dict[str, Begin] = {}
        self.offset = 0
        looks = self.version > 1 and not planned.keyed
        self.inventories = {
            dataset["name"]: CountedInventory(journal.datasets[dataset["name"]])
            for dataset in self.said
            if looks and dataset["closed"]
        }
        self.barred: tuple[Order, str, ExclusionRecord] | None = None
        self.named = NamedObjects()
        self.seen: dict[str, str] = {}
        """The digests of what was read."""

    def read(self, folder: Path) -> None:
        """Read all lines; raise Wrong at the first that is not as it must be."""
        exclusion, finding = forms.LINE_FIELDS[self.version]
        found = partial(forms.lines, seen=self.seen)
        self._findings(found(folder / "findings.jsonl", finding, ordered=False))
        excluded = found(folder / "exclusions.jsonl", exclusion, ordered=True)
        self._next(excluded)
        for where, raw, line in found(folder / "manifest.jsonl", forms.RECORD, ordered=True):
            order = (line["dataset"].encode(), forms.key_of(line))
            self._left_before(order, excluded)
            if self.named:
                self.named.met(order)
            if self.barred is not None and self.barred[0] == order:
                raise forms.Wrong(f"{where}: the object is recorded and excluded at once")
            self._record(line, raw, where)
            self.offset += len(raw) + 1
        self._left_before(None, excluded)
        if (unmet := self.named.unmet()) > 0:
            raise forms.Wrong(f"findings.jsonl line {unmet}: about an object that has no line")

    def _next(self, excluded: Iterator[tuple[str, bytes, ExclusionRecord]]) -> None:
        found = next(excluded, None)
        self.barred = None
        if found is not None:
            where, _, line = found
            self.barred = (line["dataset"].encode(), forms.key_of(line)), where, line

    def _left_before(
        self, order: Order | None, excluded: Iterator[tuple[str, bytes, ExclusionRecord]]
    ) -> None:
        """Take the exclusions that stand before some place in the order of all lines."""
        while self.barred is not None and (order is None or self.barred[0] < order):
            left, where, line = self.barred
            if self.named:
                self.named.met(left)
            self.sums.exclusion(line, where)
            self.plan.exclusion(line, where)
            if (inventory := self.inventories.get(line["dataset"])) is not None:
                inventory.add(line, where, excluded=True)
            self._next(excluded)

    def _record(self, line: ManifestRecord, raw: bytes, where: str) -> None:
        dataset = line["dataset"]
        begin = (dataset, self.offset, self.sums.tree.count)
        planned = self.plan.datasets.get(dataset)
        claims = planned is not None and planned.claims
        self.sums.record(line, raw, where, claims=claims)
        self.plan.record(line, where)
        self.begins.setdefault(dataset, begin)
        if (inventory := self.inventories.get(dataset)) is not None:
            inventory.add(line, where, excluded=False)

    def _findings(self, lines: Iterator[tuple[str, bytes, FindingRecord]]) -> None:
        last = -1
        for place, (where, _, line) in enumerate(lines, 1):
            self.sums.finding(line)
            if self.version == 1:
                continue
            named = {} if self.journal.keyed else {"of_object": line["key"] is not None}
            opened = self.journal.findings.pop(line["number"])
            if line["number"] <= last or opened != findings_digest(line, **named):
                raise forms.Wrong(f"{where}: not a finding that is open by the journal")
            last = line["number"]
            if line["at"] is not None and forms.instant(line["at"]) > self.written:
                raise forms.Wrong(f"{where}: from after the statement")
            if line["dataset"] not in (None, *self.sums.batch_of):
                raise forms.Wrong(f"{where}: of a dataset that the plan does not name")
            if line["key"] is not None:
                if line["dataset"] is None:
                    raise forms.Wrong(f"{where}: about an object that has no line")
                order = (line["dataset"].encode(), forms.key_of(line))
                number = self.journal.findings.object_of(line["number"])
                if not self.named.add(order, NO_NUMBER if number is None else number, place):
                    raise forms.Wrong(f"{where}: about another object than the journal tells")

    def problems(self, folder: Path) -> Iterator[str]:
        """Say what the lines contradict besides the statement's counts."""
        if self.taken != self.sums.read_whole:
            yield "statement.json: more or fewer digests were taken than there are"
        for crowd in self.plan.crowds() if not self.plan.keyed else ():
            begins = [self.begins[name] for name in crowd if name in self.begins]
            suffix = len(self.plan.suffix.encode())
            yield from meeting(folder / "manifest.jsonl", begins, suffix)
        if self.version == 1:
            return
        if self.journal.findings.left:
            yield "findings.jsonl: findings are missing that are open by the journal"
        for dataset in self.said:
            yield from self._uncounted(dataset)
        for inventory in self.inventories.values():
            yield from inventory.problems()

    def _uncounted(self, dataset: DatasetSection) -> Iterator[str]:
        """Compare the counts of a dataset with those that the journal adds up to."""
        account, tally = self.journal.datasets[dataset["name"]], self.sums.states[dataset["name"]]
        inventoried = dataset["tally"]["inventoried"]
        if dataset["closed"] is not bool(account.seals):
            yield "statement.json: closed is not what the journal tells of a dataset"
        counts = [tally["verified"]["objects"]]
        known = [account.verified]
        if account.seals:
            counts += [inventoried["objects"], tally["excluded"]["objects"]]
            known += [account.objects, account.excluded]
            if not account.changed:
                last = account.seals[-1]
                counts += [inventoried["bytes"], tally["excluded"]["bytes"]]
                known += [last.whole["bytes"], last.left["bytes"]]
            whole = summed(tally[state] for state in STATES)  # not only closes
            counts += [whole["objects"], whole["bytes"]]
            known += [inventoried["objects"], inventoried["bytes"]]
        counts.append(tally["failed"]["objects"] if account.seals else 0)
        known.append(account.failed)
        if counts != known:
            yield "journal.jsonl: the lines of a dataset are not as many as the journal tells"


class CountedInventory:
    """The inventories of one dataset in the journal, counted again from the bundle's lines."""

    def __init__(self, account: DatasetAccount) -> None:
        self.account = account
        self.trees = [(forms.Tree(), forms.Tree()) for _ in account.seals]
        self.seen = 0

    def add(self, line: Line, where: str, *, excluded: bool) -> None:
        """Take the lines of manifest and exclusions, in the order of their keys."""
        now = hashlib.sha256(
            b"\0%b\0%d\0%b" % (forms.key_of(line), line["size"], line["source_version"].encode())
        ).digest()
        past = self.account.pasts.get(now)
        if excluded and line.get("rule") == VANISHED and not _vanished(past, now):
            raise forms.Wrong(f"{where}: the journal does not tell that it vanished")
        if past is None:
            for trees in self.trees:
                _grow(trees, now, excluded=excluded)
            return
        self.seen += 1
        leaf: bytes | None = now
        for seal, trees in zip(reversed(self.account.seals), reversed(self.trees)):  # noqa: B905 - Python 3.9
            while past is not None and past.seq > seal.seq:
                if past.excluded is not excluded:
                    raise forms.Wrong(f"{where}: not what the journal says of this object")
                leaf, excluded, past = past.was, past.was_excluded, past.before
            if leaf is None:
                return  # it came later
            _grow(trees, leaf, excluded=excluded)

    def problems(self) -> Iterator[str]:
        """Say which events the lines contradict."""
        if self.seen != len(self.account.pasts):
            yield "journal.jsonl: objects that joined or changed have no line"
        for seal, (whole, left) in zip(self.account.seals, self.trees):  # noqa: B905 - Python 3.9
            found = [whole.count, whole.root(), left.count, left.root()]
            root, root_left = seal.roots
            if found != [seal.whole["objects"], root, seal.left["objects"], root_left]:
                yield f"journal.jsonl line {seal.seq}: the lines are not what was inventoried"


def _vanished(past: Optional[Past], now: bytes) -> bool:  # noqa: UP045 - Python 3.9 reads this
    """Say whether the last that became of a row is that it was left behind as it was."""
    return past is not None and past.excluded and past.was == now


def _grow(trees: tuple[forms.Tree, forms.Tree], leaf: bytes, *, excluded: bool) -> None:
    whole, left = trees
    whole.add(leaf)
    if excluded:
        left.add(leaf)


def meeting(path: Path, begins: Iterable[Begin], suffix: int) -> Iterator[str]:
    """Say where verified objects of some datasets have one key at the target.

    Without the `suffix` (so many bytes) these keys ascend in each dataset, as its keys do.
    """
    last = b""
    for key, where in heapq.merge(*(_verified(path, begin, suffix) for begin in begins)):
        if key == last:
            yield f"{where}: another object has this key at the target"
            return
        last = key


def _verified(path: Path, begin: Begin, suffix: int) -> Iterator[tuple[bytes, str]]:
    dataset, offset, number = begin
    last = None
    found = forms.lines(path, forms.RECORD, ordered=False, begin=offset, number=number)
    for where, _, line in found:
        if line["dataset"] != dataset:
            return
        if line["verdict"] == "match":
            key = forms.key_of(line, "target_key")
            if key != last:  # versions of one name have one key there
                yield b"=" + key[: len(key) - suffix], where
            last = key
