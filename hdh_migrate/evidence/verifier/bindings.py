"""What each batch is bound to, and for whom is sealed: by the plan, and as a journal tells it.

Used by verify.py (which see). It needs Python 3.9 and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Optional

from hdh_migrate.evidence.verifier import forms

NOT_BOUND = {
    "source": {"credential", "tls", "host_keys", "known_hosts", "sessions"},
    "target": {"credential", "attestation", "profile", "tls"},
    "seal": {"single_recipient_reason", "identity", "identity_passphrase", "reason", "second_copy"},
}
"""Of these sections of a plan, what no batch is bound to."""
NOT_OF_DATASETS = {"allow_empty", "live", "vanished", "collisions_reason"}


def what_of(plan: Mapping[str, Any], batch: str) -> dict[str, Any]:
    """Return all of a plan that a batch is bound to; raises KeyError where it has no such batch."""
    names = {one["name"]: sorted(one["datasets"]) for one in plan["batches"]}[batch]
    kept = [
        {name: value for name, value in one.items() if name not in NOT_OF_DATASETS}
        for one in plan["datasets"]
        if one["name"] in names
    ]
    return {
        **{name: plan[name] for name in ("version", "migration") if name in plan},
        **{
            section: {name: plan[section][name] for name in plan[section].keys() - left}
            for section, left in NOT_BOUND.items()
        },
        "verify": {"level": plan["verify"]["level"]},
        "datasets": sorted(kept, key=lambda one: str(one["name"])),
        "batches": [{"name": batch, "datasets": names}],
    }


class Bindings:
    """What the batches are bound to and for whom is sealed, told by events one after another."""

    def __init__(self, datasets: Collection[str], *, keyed: bool) -> None:
        self._datasets, self._keyed = datasets, keyed
        self.recipients: Optional[list[str]] = None  # noqa: UP045 - Python 3.9 reads this
        """The fingerprints of those for whom is sealed now; None: no event told them."""
        self.sealed_for: set[int] = set()
        """For how many was sealed, at one time or another."""
        self.batches: dict[str, tuple[int, str]] = {}
        """The revision of each batch that was begun, and the digest of what it is."""
        self.moved_before: dict[str, int] = {}
        """Of datasets: how many objects were moved before rules that leave them behind."""

    def bind(self, body: forms.Body) -> None:
        """Take a `bound`."""
        if not self._keyed:
            forms.must(self.recipients is None)
            self.recipients = fingerprints(body["recipients"])
            self.sealed_for.add(len(self.recipients))
        elif "recipients" in body:
            self._count(body["recipients"])

    def begin(self, body: forms.Body) -> None:
        """Take a `batch-bound`."""
        forms.must(body["batch"] not in self.batches)
        self._revise(body, 1)

    def amend(self, body: forms.Body) -> None:
        """Take a `batch-amended`."""
        self._revise(body, self.batches[forms.TEXT.text(body["batch"])][0] + 1)
        before = forms.counts(body["moved_before"])
        forms.must(set(before) <= set(self._datasets))
        self.moved_before.update(before)
        if "recipients" not in body:
            return
        if self._keyed:
            self._count(body["recipients"])
            return
        names = fingerprints(body["recipients"])
        forms.must(set(self.recipients or ()) <= set(names))  # nobody is taken away
        self.recipients = names
        self.sealed_for.add(len(names))

    def exchange(self, body: forms.Body) -> None:
        """Take a `keys-rotating`: one key for another, and nobody else comes or goes."""
        if self._keyed:
            self._count(body["recipients"])
            return
        (was,), (now,) = fingerprints([body["old"]]), fingerprints([body["new"]])
        names, known = fingerprints(body["recipients"]), self.recipients or []
        forms.must(was in known and now not in known)
        forms.must(names == [now if one == was else one for one in known])
        about = forms.picked(body, "number", "old", "new", "recipients")
        forms.must(body["request"] == forms.sha256(forms.canonical(about)))
        self.recipients = names

    def keep(self, body: forms.Body) -> None:
        """Take a `data-keys-rotating`: nobody comes or goes."""
        if self._keyed:
            self._count(body["recipients"])
            return
        forms.must(fingerprints(body["recipients"]) == self.recipients)
        about = forms.picked(body, "number", "recipients")
        forms.must(body["request"] == forms.sha256(forms.canonical(about)))

    def _count(self, many: object) -> None:
        self.sealed_for.add(forms.count(many))

    def _revise(self, body: forms.Body, revision: int) -> None:
        batch, digest = forms.TEXT.text(body["batch"]), forms.DIGEST.text(body["digest"])
        forms.must(forms.whole(body["revision"]) == revision)
        self.batches[batch] = (revision, digest)


HYBRID = re.compile("[0-9a-f]{2432}")
"""A hybrid public key; a Crypt4GH one has as many digits as a digest."""


def fingerprints(keys: object) -> list[str]:
    """Return what public keys are named by; their digits may be of either case, and are no more."""
    names = []
    for raw in forms.all_of(keys, forms.is_string):
        digits = raw.lower()
        hybrid = HYBRID.fullmatch(digits) is not None
        forms.must(hybrid or forms.DIGEST.holds(digits))
        kind = "hybrid:" if hybrid else "c4gh:"
        names.append(kind + forms.sha256(bytes.fromhex(digits))[:16])
    return names
