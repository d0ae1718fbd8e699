"""What events of a journal come to: of datasets, findings, drills, receipts and traffic.

Used by verify.py (which see). It needs Python 3.9 and nothing else.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Optional

from hdh_migrate.evidence.verifier import forms, shapes
from hdh_migrate.evidence.verifier.addresses import is_address

LEAVES, PAIRS = [forms.DIGEST], [[forms.DIGEST]]
PASSED = dict.fromkeys(("new", "changed", "vanished", "left"), shapes.SUM)
COVERED = {**shapes.SUM, "root": forms.DIGEST}
OPENED = {
    "number": forms.is_count, "at": forms.TIME, "code": forms.TEXT,
    "severity": forms.FINDING["severity"], "dataset": forms.TEXT_OR_NULL, "message": forms.TEXT,
}  # fmt: skip

SHAPES: dict[bool, dict[str, Any]] = {
    False: {
        "inventoried": {"dataset": forms.TEXT, **COVERED, "excluded": COVERED},
        "inventory-changed": {
            "dataset": forms.TEXT, "joined": LEAVES, "joined_excluded": LEAVES,
            "changed": PAIRS, "changed_excluded": PAIRS, "changed_included": PAIRS,
        },
        "opened": [{**OPENED, "object": forms.SIZE_OR_NULL}],
    },
    True: {
        "inventoried": {"dataset": forms.TEXT, **shapes.SUM, "excluded": shapes.SUM},
        "inventory-changed": {
            "dataset": forms.TEXT, "joined": forms.is_count, "joined_excluded": forms.is_count,
            "changed": forms.is_count, "changed_excluded": forms.is_count,
            "changed_included": forms.is_count,
        },
        "opened": [OPENED],
    },
}  # fmt: skip
"""By whether names are keyed: the members of an event's body that are counted."""
LEFT = "left_out"

CHANGES = {"changed_included": True, "changed": False, "changed_excluded": False}
"""Lists of pairs of leaves, with whether the row was left behind before the change."""


JUDGED = {
    **dict.fromkeys(("verified", "failed", "retried", "headers-exchanged"), "datasets"),
    "superseded": "dropped_datasets",
}
"""Events that give or take a verdict, with the member that counts objects by dataset."""


def changed_lines(kind: str, body: forms.Body, datasets: Collection[str]) -> Collection[str]:
    """Return of which datasets an event tells that lines of the manifest are others from then on.

    What was listed of a dataset before its first `inventoried` no event tells.
    """
    if kind == "ledger-upgraded":
        return datasets
    if kind in ("inventoried", "inventory-changed"):
        return [name for name in datasets if name == body.get("dataset")]  # early ones lack it
    if kind in JUDGED:
        counts = forms.mapping(body.get(JUDGED[kind], dict.fromkeys(datasets)))
        return [name for name in datasets if name in counts]
    return ()


class Past(NamedTuple):
    """What a row was before an event changed it; `was` None: it was not there."""

    seq: int
    was: Optional[bytes]  # noqa: UP045 - Python 3.9 reads this
    excluded: bool
    """Whether the row is left behind after this event."""
    was_excluded: bool
    """Whether it was before."""
    before: Optional[Past]  # noqa: UP045


class Seal(NamedTuple):
    """One `inventoried` event."""

    seq: int
    whole: Mapping[str, int]
    left: Mapping[str, int]
    """Of what rules leave behind."""
    roots: Sequence[object]
    """Of both; of keyed names none."""


WAYS = {"kept", "sidecar", "dropped"}
ALWAYS = {"directories", "overflow"}
"""What every fidelity contract says something of."""


class DatasetAccount:
    """What the events of a journal say of one dataset, added up."""

    def __init__(self) -> None:
        self.clear()
        self.contract: Optional[Mapping[str, str]] = None  # noqa: UP045 - Python 3.9 reads this
        """What becomes of each feature; None: no contract is told, or not what it says."""
        self.contracted = False

    def clear(self) -> None:
        """Forget everything: from here on the journal counts from nothing again."""
        self.seals: list[Seal] = []
        self.pasts: dict[bytes, Past] = {}
        self.objects = self.excluded = self.verified = self.failed = 0
        self.new = self.left = self.came = self.went = 0
        """What listings again told of, and what rows tell of that at most."""
        self.changed = False  # since the last seal

    def choose(self, ways: Optional[Mapping[str, str]]) -> None:  # noqa: UP045
        """Take with which contract it is closed from here on; None: of keyed names, untold."""
        chosen = {} if ways is None else ways
        forms.must(ways is None or chosen.keys() >= ALWAYS)
        forms.must(set(chosen.values()) <= WAYS)
        self.contract, self.contracted = ways, True

    def kept(self, what: str) -> Optional[str]:  # noqa: UP045
        """Return where a feature is kept that the target does not hold; None: nothing tells.

        Of one that by the contract the target holds whatever happens: nowhere, an empty text.
        """
        if not self.contracted:
            return "ledger"
        if self.contract is None:
            return None
        way = self.contract.get(what, "dropped")
        way = self.contract["overflow"] if way == "kept" else way
        return {"sidecar": "sidecar", "dropped": "ledger"}.get(way, "")

    def seal(self, seq: int, body: forms.Body, *, keyed: bool) -> None:
        """Take an `inventoried`: after the first it says nothing but what changes came to."""
        _demand_shape("inventoried", body, keyed=keyed)
        left = forms.mapping(body["excluded"])
        whole, behind = (
            {unit: forms.count(one[unit]) for unit in shapes.SUM} for one in (body, left)
        )
        self.seals.append(Seal(seq, whole, behind, (body.get("root"), left.get("root"))))
        if len(self.seals) > 1:
            forms.must(self.objects == whole["objects"])
            forms.must(self.excluded == behind["objects"])
        self.objects, self.excluded = whole["objects"], behind["objects"]
        self.changed = False

    def change(self, seq: int, body: forms.Body, *, keyed: bool) -> None:
        """Take an `inventory-changed`; of keyed names it has counts, otherwise leaves."""
        _demand_shape("inventory-changed", body, keyed=keyed, some=True)
        forms.must(bool(self.seals) and body.keys() - {LEFT} > {"dataset"})
        told = {name: value for name, value in body.items() if name not in ("dataset", LEFT)}
        if keyed:
            counts = forms.counts(told)
        else:
            forms.must(self._follows(seq, body))
            counts = {name: len(forms.array(value)) for name, value in told.items()}
        self.objects += counts.get("joined", 0) + counts.get("joined_excluded", 0)
        self.excluded += counts.get("joined_excluded", 0) + counts.get("changed_excluded", 0)
        self.excluded -= counts.get("changed_included", 0)
        self.came += counts.get("joined", 0) + counts.get("changed_included", 0)
        self.went += counts.get("changed_excluded", 0)
        forms.must(self.excluded >= 0)
        self.changed = self.changed or any(counts.values())

    def pass_over(self, body: forms.Body) -> None:
        """Take a `refreshed`: what a pass over its source found."""
        told = forms.picked(body, *PASSED)
        forms.must(shapes.ill_formed(told, PASSED, "") is None and bool(self.seals))
        sums = {name: forms.counts(one) for name, one in told.items()}
        forms.must(any(one["objects"] for one in sums.values()))
        forms.must(all(sums["left"][unit] <= sums["vanished"][unit] for unit in shapes.SUM))
        self.new += sums["new"]["objects"]
        self.left += sums["left"]["objects"]

    def _follows(self, seq: int, body: Mapping[str, Any]) -> bool:
        """Apply leaves that joined or changed; False: they contradict what came before."""
        for name, excluded in (("joined", False), ("joined_excluded", True)):
            for leaf in body.get(name, ()):
                if not self._becomes(Past(seq, None, excluded, False, None), bytes.fromhex(leaf)):
                    return False
        for name, was_excluded in CHANGES.items():
            excluded = name == "changed_excluded"
            for was, now in body.get(name, ()):
                old = bytes.fromhex(was)
                past = Past(seq, old, excluded, was_excluded, self.pasts.pop(old, None))
                if past.before is not None and past.before.excluded is not was_excluded:
                    return False  # only what is left behind comes back, and it does nothing else
                if not self._becomes(past, bytes.fromhex(now)):
                    return False
        return True

    def _becomes(self, past: Past, leaf: bytes) -> bool:
        return self.pasts.setdefault(leaf, past) is past


def _demand_shape(kind: str, body: forms.Body, *, keyed: bool, some: bool = False) -> None:
    """Demand that an event has what is counted of it: all members, or `some` of them."""
    shape = SHAPES[keyed][kind]
    members = {name: value for name, value in body.items() if name != LEFT or not keyed}
    if some:
        forms.must(members.keys() <= shape.keys())
        shape = {name: shape[name] for name in members}
    forms.must(shapes.ill_formed(members, shape, "") is None)
    if not keyed:
        pairs = [pair for name in CHANGES for pair in forms.array(members.get(name, []))]
        forms.must(all(len(forms.array(pair)) == 2 for pair in pairs))


_CLOSED, _OPEN, _TOLD = range(3)
_DIGEST = 32
_ROOM = 1 << 63
"""Numbers have eight bytes."""


class HeldFinding(NamedTuple):
    """An open finding that is no note: it holds a switch up unless somebody waives it."""

    dataset: Optional[str]  # noqa: UP045 - Python 3.9 reads this
    code: str
    at: str


class OpenFindings:
    """The findings that are open, by their numbers, in some fifty bytes each.

    There may be as many as objects. Numbers only rise, so what is known of one stands at its place.
    """

    def __init__(self) -> None:
        self._numbers, self._objects = array("q"), array("q")
        self._digests, self._states = bytearray(), bytearray()
        self._held: list[Optional[HeldFinding]] = []  # noqa: UP045 - Python 3.9 reads this
        self._alike: Optional[HeldFinding] = None  # noqa: UP045
        """The last one that is no note: most are like the one before, and are kept once."""
        self.left = 0
        """How many there are that no line told of yet."""

    def take(self, body: forms.Body, *, keyed: bool) -> None:
        """Take a `findings`: each that opens has a number that none had before it."""
        forms.must({"opened", "closed"} & body.keys() != set())
        forms.must(body.keys() <= {"opened", "closed", *([LEFT] if keyed else ())})
        shape = SHAPES[keyed]["opened"]
        forms.must(shapes.ill_formed(body.get("opened", []), shape, "") is None)
        for finding in map(forms.mapping, forms.array(body.get("opened", []))):
            number, found = forms.count(finding["number"]), finding.get("object")
            forms.must((self._numbers[-1] if self._numbers else -1) < number < _ROOM)
            of = -1 if found is None else forms.count(found)
            forms.must(of < _ROOM)
            of_object = {} if keyed else {"of_object": finding["object"] is not None}
            held = None
            if finding["severity"] != "note":
                dataset = finding["dataset"]
                held = HeldFinding(
                    forms.string(dataset) if dataset is not None else None,
                    forms.string(finding["code"]), forms.string(finding["at"]),
                )  # fmt: skip
                held = self._alike = self._alike if held == self._alike else held
            self._held.append(held)
            self._digests += bytes.fromhex(findings_digest(finding, **of_object))
            self._numbers.append(number)
            self._objects.append(of)
            self._states.append(_OPEN)
            self.left += 1
        for number in numbers(body.get("closed", [])):
            place = self._at(number)
            if place is None or self._states[place] != _OPEN:
                raise KeyError(number)
            self._states[place] = _CLOSED
            self.left -= 1

    def pop(self, number: int) -> Optional[str]:  # noqa: UP045
        """Return the digest of a finding that is open, once; None: it is not."""
        place = self._at(number)
        if place is None or self._states[place] != _OPEN:
            return None
        self._states[place] = _TOLD
        self.left -= 1
        return self._digests[place * _DIGEST : (place + 1) * _DIGEST].hex()

    def object_of(self, number: int) -> Optional[int]:  # noqa: UP045
        """Return the object that a finding is of, None where it is of none."""
        place = self._at(number)
        return None if place is None or self._objects[place] < 0 else self._objects[place]

    def held(self) -> Iterator[HeldFinding]:
        """Yield those that are no notes, in their order."""
        for place, one in enumerate(self._held):
            if one is not None and self._states[place] != _CLOSED:
                yield one

    def _at(self, number: int) -> Optional[int]:  # noqa: UP045
        place = bisect_left(self._numbers, number)
        there = place < len(self._numbers) and self._numbers[place] == number
        return place if there else None


def findings_digest(finding: Mapping[str, object], **more: bool) -> str:
    """Return what a finding's opening and its line have in common, as a digest."""
    opened = {name: finding[name] for name in OPENED}
    return forms.sha256(forms.canonical({**opened, **more}))


def numbers(value: object) -> list[int]:
    """Return the numbers of objects or findings; raise ValueError for anything else."""
    return [forms.whole(number) for number in forms.array(value)]


class DrillAccount:
    """When each recipient's private key was last tried, by its fingerprint."""

    def __init__(self) -> None:
        self._opened: dict[str, str] = {}
        self._stored: dict[str, Mapping[str, object]] = {}
        """What it opened when it was last tried on stored objects."""

    def take(self, at: str, body: forms.Body, sent: int) -> None:
        """Take a `drilled`, before which so many objects were sent."""
        fingerprint = forms.string(body["fingerprint"])
        self._opened[fingerprint] = at
        if "stored" in body:
            told = forms.mapping(body["stored"])
            found = {name: told[name] for name in ("objects", "opened", "whole", "bytes")}
            objects, opened, whole, _ = map(forms.count, found.values())
            forms.must(objects > 0 and whole <= opened <= objects <= sent)
            self._stored[fingerprint] = found | {"at": at}

    def facts(self, recipients: Sequence[str]) -> list[dict[str, object]]:
        """Return what the statement tells of those of these keys that were seen to open."""
        stored = {one: {"stored": told} for one, told in self._stored.items()}
        return [
            {"recipient": one, "at": self._opened[one], **stored.get(one, {})}
            for one in recipients
            if one in self._opened
        ]


class FenceAccount:
    """The fences that this ledger put up, told by events one after another."""

    def __init__(self) -> None:
        self._put: dict[str, tuple[int, str]] = {}
        """By bucket: epoch and nonce of the last that was to be put up."""
        self._epoch = 0
        """The latest in which it was seen to hold one."""

    def take(self, kind: str, body: forms.Body) -> None:
        """Take one of its events: of the last fence of its bucket, whose epoch never goes back."""
        bucket = forms.TEXT.text(body["bucket"])
        told = (forms.count(body["epoch"]), forms.TEXT.text(body["nonce"]))
        if kind == "fence-taking":
            self._put[bucket] = told
            forms.must(told[0] >= self._epoch + ("reason" in body))  # over somebody begins another
            if "over" in body:
                forms.string(body["reason"])
                forms.must(forms.count(forms.mapping(body["over"])["epoch"]) < told[0])
        forms.must(self._put.get(bucket) == told)
        if kind == "fence-taken":
            self._epoch = max(self._epoch, told[0])


class ToldTraffic(NamedTuple):
    """What one command exchanged with one endpoint, as a `run-ended` tells it."""

    side: str
    endpoint: str
    bytes_read: int
    bytes_written: int
    requests: int
    addresses: Sequence[str]
    tls: Sequence[str]


def told_traffic(entry: forms.Body) -> ToldTraffic:
    """Return an entry of a `run-ended`; raise ValueError where it is none."""
    secured = [shapes.HANDSHAKE.text(one) for one in forms.array(entry.get("tls", []))]
    found = ToldTraffic(
        side=forms.TEXT.text(entry["side"]), endpoint=forms.TEXT.text(entry["endpoint"]),
        bytes_read=forms.count(entry["bytes_read"]), tls=secured,
        bytes_written=forms.count(entry["bytes_written"]),
        requests=forms.count(entry["requests"]),
        addresses=forms.all_of(entry["addresses"], is_address),
    )  # fmt: skip
    forms.must("tls" not in entry or bool(secured))
    forms.must(not secured or found.endpoint.startswith("https://"))
    return found


class Receipts:
    """The events of one kind that acknowledge objects: how many objects, and when."""

    def __init__(self) -> None:
        self.objects = 0
        self.first = self.last = ""
        self.begun = ""
        """When it was first told of a large object that was under way."""
        self.passed = 0
        """Bytes of such ones, as they were told before their ends."""

    def acknowledge(self, at: str, many: int) -> None:
        """Take one event that acknowledges so many objects."""
        self.objects += many
        self.first = self.first or at
        self.last = at
