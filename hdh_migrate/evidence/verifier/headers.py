"""What a journal tells of headers, exchanged and erased, and what lines tell of their packs.

Used by verify.py (which see). It needs Python 3.9 and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Optional

from hdh_migrate.evidence.verifier import forms, shapes
from hdh_migrate.evidence.verifier.accounts import changed_lines
from hdh_migrate.evidence.verifier.bindings import fingerprints
from hdh_migrate.evidence.verifier.members import HeadersSection, ManifestRecord, StatedRotation


class ExchangedKeys:
    """One rotation, as events tell it one after another; of data keys it has no names."""

    def __init__(self, number: int, names: Sequence[Optional[str]], began: str) -> None:  # noqa: UP045
        self.number, self.names, self.began = number, names, began
        self.ended: Optional[str] = None  # noqa: UP045 - Python 3.9 reads this
        self.objects = self.left = self.lost = self.removed = 0
        self.remaining: dict[str, int] = {}
        self.headers: Optional[int] = None  # noqa: UP045
        """Those that are kept apart; None: none are."""
        self.stays: set[int] = set()
        """What was told to stay as it was, and is verified as it was."""
        self.shut = 0
        """Of headers that are kept apart, those that did not open."""
        self.unseen = 0
        """Verified ones, more than were left, of which no event tells that they were gone through.

        They are some only where all that is verified has its header in front of its body.
        """

    def facts(self) -> dict[str, object]:
        """Return what the statement tells of it."""
        return {
            "number": self.number, "old": self.names[0], "new": self.names[1],
            "began": self.began, "ended": self.ended, "objects": self.objects, "left": self.left,
            "lost": self.lost, "removed": self.removed, "remaining": self.remaining,
            **({} if self.headers is None else {"headers": self.headers}),
        }  # fmt: skip


class RotationLedger:
    """Every exchange of a key that a journal tells of, and how far each has come."""

    def __init__(self, *, keyed: bool) -> None:
        self._keyed = keyed
        self._all: list[ExchangedKeys] = []
        self._before = 0
        """What was verified when the last one began, less all that lost its verdict since."""

    def facts(self) -> list[dict[str, object]]:
        """Return what the statement tells of them, the first one first."""
        return [one.facts() for one in self._all]

    def begin(self, at: str, body: forms.Body, verified: int) -> None:
        """Take a `keys-rotating`, when so many objects are verified."""
        keys = [body["old"], body["new"]]
        names = [forms.TEXT.text(one) for one in keys] if self._keyed else fingerprints(keys)
        self._add(at, body, names, verified)

    def begin_data_keys(self, at: str, body: forms.Body, verified: int) -> None:
        """Take a `data-keys-rotating`, when so many objects are verified."""
        self._add(at, body, (None, None), verified)

    def _add(
        self,
        at: str,
        body: forms.Body,
        names: Sequence[Optional[str]],  # noqa: UP045
        verified: int,
    ) -> None:
        """Begin one: not before the one before went through all objects."""
        number = forms.whole(body["number"])
        forms.must(number == len(self._all) + 1)
        forms.must(not self._all or self._all[-1].ended is not None)
        self._all.append(ExchangedKeys(number, names, at))
        self._before = verified

    def dropped(self, many: int, ids: Iterable[int]) -> None:
        """Take objects that are verified no more: none of them stays as it was."""
        self._before -= many
        if self._all:
            self._all[-1].stays.difference_update(ids)

    def forget(self) -> None:
        """Take that what stays may be gone without a word, or another's: it counts no more."""
        if self._all:
            self._all[-1].stays.clear()
            self._all[-1].shut = 0

    def understated(self, *, detached: bool) -> bool:
        """Say whether less was gone through, or other headers, than a plan's seal has."""
        if detached:
            return any(one.headers is not None and one.names[0] is None for one in self._all)
        return any(one.headers is not None or one.unseen > 0 for one in self._all)

    def exchanged(self, body: forms.Body, many: int, lost: int) -> None:
        """Take a `headers-exchanged`."""
        now = self._now(body)
        now.objects += many
        now.lost += lost
        if not self._keyed:
            now.stays.difference_update(map(forms.whole, forms.array(body["ids"])))
            now.stays.update(map(forms.whole, forms.array(body.get("left", []))))

    def rewrapped(self, body: forms.Body) -> None:
        """Take a `headers-rewrapped`: it counts all of them, and the last one counts."""
        now = self._now(body)
        now.headers, now.shut = forms.count(body["headers"]), forms.count(body["left"])

    def end(self, at: str, body: forms.Body) -> None:
        """Take a `keys-rotated`: it counts what the events before it tell."""
        now = self._now(body)
        told = (forms.count(body["objects"]), forms.count(body["lost"]))
        forms.must(told == (now.objects, now.lost))
        now.left, now.removed = forms.count(body["left"]), forms.count(body["removed"])
        now.remaining, now.ended = forms.counts(body["remaining"]), at
        forms.must(now.left >= len(now.stays) + now.shut)
        now.unseen = max(now.unseen, self._before - now.left)

    def _now(self, body: forms.Body) -> ExchangedKeys:
        forms.must(bool(self._all) and forms.whole(body["number"]) == len(self._all))
        return self._all[-1]


CLOCKS = 3600
"""Seconds by which the clock of a machine that reads objects may be behind."""


class SealedBefore:
    """The verified lines that one rotation cannot have gone through: they were verified before."""

    def __init__(self, stated: StatedRotation, *, detached: bool) -> None:
        self._left = stated["left"] if stated["ended"] is not None else None
        self._anew, self._detached = stated["old"] is None, detached
        since = max(0, forms.seconds(stated["began"]) - CLOCKS)
        self._since = (datetime(1, 1, 1) + timedelta(seconds=int(since))).isoformat()  # noqa: DTZ001
        self._lines = 0

    def add(self, line: ManifestRecord) -> None:
        """Count a verified line of a dataset that was not erased.

        Where headers are apart, keys are exchanged in the tool's own files, data keys in all
        others.
        """
        own = line["source_version"].startswith("sidecar:")
        if not (self._detached and own is self._anew):
            self._lines += (line["verified_at"] or "")[:19] < self._since

    def understated(self) -> bool:
        """Say whether fewer are told to be left."""
        return self._left is not None and self._left < self._lines


class ErasureLedger:
    """Every dataset whose headers were erased, as a journal tells it."""

    def __init__(self) -> None:
        self._all: dict[str, dict[str, object]] = {}
        self.of_lines: dict[str, Mapping[str, object]] = {}
        """By dataset: what was told of its lines, while no event since tells of others."""

    def facts(self) -> list[dict[str, object]]:
        """Return what the statement tells of them, the first one first."""
        return list(self._all.values())

    def passed(self, kind: str, body: forms.Body) -> None:
        """Take any event: it may tell of other lines."""
        for name in {*changed_lines(kind, body, self.of_lines)} & self.of_lines.keys():
            del self.of_lines[name]

    def begin(self, at: str, body: forms.Body) -> None:
        """Take a `headers-erasing`: once for a dataset."""
        told = forms.picked(
            body, "dataset", "batch", "objects", "bytes", "packs", "root", "versions", "copies",
            "headers", "although", "approvals",
        )  # fmt: skip
        made = {**told, "began": at, "ended": None, "remaining": {}}
        forms.must(shapes.ill_formed(made, shapes.ERASURE, "") is None)
        about = forms.picked(
            body, "dataset", "batch", "objects", "bytes", "packs", "root", "although"
        )
        about["pack_bytes"] = forms.count(body["pack_bytes"])
        forms.must(body["request"] == forms.sha256(forms.canonical(about)))
        forms.must(told["dataset"] not in self._all)
        packs = forms.count(told["packs"])
        forms.must(packs <= min(forms.count(told["versions"]), forms.count(told["copies"])))
        forms.must(forms.count(told["objects"]) <= forms.count(told["headers"]))
        self._all[forms.TEXT.text(body["dataset"])] = made
        self.of_lines[forms.TEXT.text(body["dataset"])] = forms.picked(
            body, "objects", "bytes", "packs", "pack_bytes", "root"
        )

    def end(self, at: str, body: forms.Body) -> None:
        """Take a `headers-erased`: of one that began; the last one counts."""
        now = self._all[forms.TEXT.text(body["dataset"])]
        now["ended"], now["remaining"] = at, forms.counts(body["remaining"])


class Packs:
    """The header packs of the lines: how many, and a root over what they are at the target."""

    def __init__(self) -> None:
        self._bytes, self._tree = 0, forms.Tree()

    def add(self, line: ManifestRecord) -> None:
        """Count one pack that is verified."""
        told = {name: line[name] for name in ("stored_sha256", "stored_size")}
        self._tree.add(bytes.fromhex(forms.sha256(b"\0" + forms.canonical(told))))
        self._bytes += line["stored_size"] or 0

    def sums(self) -> HeadersSection:
        """Return the members of the statement that these lines lead to."""
        return {"packs": self._tree.count, "bytes": self._bytes, "root": self._tree.root()}


class Erasable:
    """What the lines of one dataset have for an erasure: what is verified, packs apart."""

    def __init__(self) -> None:
        self.packs, self.rest = Packs(), forms.zero()

    def told(self) -> dict[str, object]:
        """Return the members of a `headers-erasing` that these lines lead to."""
        packs = self.packs.sums()
        return {
            **self.rest, "packs": packs["packs"], "pack_bytes": packs["bytes"],
            "root": packs["root"],
        }  # fmt: skip
