"""The journal of a bundle: its chain, and the order and form of its events.

Used by verify.py (which see). It needs Python 3.9 and nothing else. The journal is read once.
docs/evidence-format.md, section 8, gives the rules.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from hdh_migrate.evidence.verifier import forms
from hdh_migrate.evidence.verifier.events import EventAccount
from hdh_migrate.evidence.verifier.members import EventRecord

LATER = (
    "failed", "findings", "inventory-changed", "ledger-upgraded", "retried", "headers-exchanged",
)  # fmt: skip
"""Kinds that no ledger of the first format had."""


class Journal(EventAccount):
    """Reads a journal; `version` is the format's number, `keyed` whether names are."""

    def __init__(self, batches: Mapping[str, str], version: int, *, keyed: bool) -> None:
        super().__init__(batches, keyed=keyed)
        self.looks = version > 1
        self.events, self.head, self.last_at = 0, bytes(32), ""
        self.seen: dict[str, str] = {}
        """The digest of what was read of it."""
        self.descends = ""  # where an event is before the one before it, and no upgrade came yet

    def read(self, path: Path) -> None:
        """Walk the chain: each digest covers the one before it. Count what the events say."""
        for where, raw, line in forms.lines(path, forms.EVENT, ordered=False, seen=self.seen):
            self.events += 1
            covered = forms.canonical([line["seq"], line["at"], line["kind"], line["body"]])
            self.head = hashlib.sha256(self.head + covered).digest()
            if line["seq"] != self.events or self.head.hex() != line["digest"]:
                raise forms.Wrong(f"{where}: an event was edited, removed or moved")
            self.passed(raw)
            self.approvals.passed(self.head)
            if self.looks:
                self._event(line, where)
            elif line["kind"] in LATER or (
                line["kind"] == "inventoried" and '"excluded":' in line["body"]
            ):
                raise forms.Wrong(f"{where}: no event of the first format")
        if not self.events:
            raise forms.Wrong(f"{path.name}: empty, though nothing is reported before a run")
        if self.old_form and not self.upgraded:
            raise forms.Wrong(f"{path.name}: its events are of the first format")
        if self.unsettled():
            raise forms.Wrong(
                f"{path.name}: more was listed, adopted or tried again than rows tell of"
            )
        if self.descends and not self.upgraded:
            raise forms.Wrong(f"{self.descends}: before the event that it follows")

    def passed(self, raw: bytes) -> None:
        """Take note of an event's line; for checkpoints."""

    def _event(self, line: EventRecord, where: str) -> None:
        at, kind = line["at"], line["kind"]
        try:
            body = json.loads(line["body"])
            forms.must(isinstance(body, dict))
            forms.must(forms.canonical(body).decode() == line["body"])
            forms.must(forms.TIME.holds(at))
        except (ValueError, RecursionError):
            raise forms.Wrong(f"{where}: not an event of this format") from None
        if forms.instant(at) < forms.instant(self.last_at):
            if self.upgraded:
                raise forms.Wrong(f"{where}: before the event that it follows")
            self.descends = self.descends or where
        self.last_at = at
        try:
            self.take(kind, line["seq"], at, body)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise forms.Wrong(f"{where}: not what an event of this kind may say here") from None
