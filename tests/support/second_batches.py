"""Section 8.7 for the second verifier: what batches were bound to, and how they were amended."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256

from tests.support.second_bodies import Event, are_counts, is_public
from tests.support.second_forms import (
    Json,
    canonical,
    is_count,
    is_digest,
    is_integer,
    is_text,
    need,
)

BATCHES = ("batch-bound", "batch-amended")
LEFT_OUT = {  # what may change without an amendment
    "source": {"credential", "tls", "host_keys", "known_hosts", "sessions"},
    "target": {"credential", "attestation", "profile", "tls"},
    "seal": {"single_recipient_reason", "identity", "identity_passphrase", "reason", "second_copy"},
}
OF_A_DATASET = {"allow_empty", "live", "vanished", "collisions_reason"}


def check_batch_form(event: Event, names: set[str], keyed: bool) -> None:
    """Section 8: `bound`, `batch-bound` and `batch-amended`."""
    kind, _, body = event
    if kind in BATCHES:
        need(is_text(body.get("batch")), f"{kind}: batch")
        need(is_integer(body.get("revision")), f"{kind}: revision")
        need(is_digest(body.get("digest")), f"{kind}: digest")
    if kind == "batch-amended":
        need(are_counts(body.get("moved_before"), names), "batch-amended: moved_before")
    may_lack = keyed or kind == "batch-amended"
    if kind in {"bound", "batch-amended"} and ("recipients" in body or not may_lack):
        listed = body.get("recipients")
        if keyed:
            need(is_count(listed), f"{kind}: recipients")
        else:
            need(isinstance(listed, list) and all(map(is_public, listed)), f"{kind}: recipients")


@dataclass
class Amended:
    """What sections 7.5 and 8.3 ask of what was bound and amended."""

    many: set[int] = field(default_factory=set)
    """Of how many recipients the journal tells."""
    moved_before: dict[str, int] = field(default_factory=dict)
    """By dataset: how many objects may have been moved before a rule that leaves them behind."""
    recipients: list[str] | None = None
    """Whose keys the seal is for in the end, in lower case."""


def amended_in(events: list[Event], keyed: bool) -> Amended:
    found = Amended()
    amended = None
    for kind, _, body in events:
        if kind in {"bound", "batch-amended"} and "recipients" in body:
            told = body["recipients"]
            found.many.add(told if keyed else len(told))
            if not keyed:
                keys = [one.lower() for one in told]
                found.recipients = keys if kind == "bound" else found.recipients
                amended = keys if kind == "batch-amended" else amended
        if kind == "keys-rotating":
            found.many.add(body["recipients"] if keyed else len(body["recipients"]))
            if not keyed:
                amended = [one.lower() for one in body["recipients"]]
        if kind == "data-keys-rotating" and keyed:
            found.many.add(body["recipients"])
        if kind == "batch-amended":
            found.moved_before |= body["moved_before"]
    found.recipients = found.recipients if amended is None else amended
    return found


def check_batches(plan: Json, events: list[Event], keyed: bool) -> None:
    last: dict[str, tuple[int, str]] = {}
    recipients: list[str] = []
    amended = False
    for kind, _, body in events:
        if kind in BATCHES:
            batch, revision = body["batch"], body["revision"]
            if kind == "batch-bound":
                need(batch not in last and revision == 1, "batch-bound: twice, or not the first")
            else:
                need(batch in last, "batch-amended: what was not bound")
                need(revision == last[batch][0] + 1, "batch-amended: not the next revision")
            last[batch] = revision, body["digest"]
        need(kind != "bound" or not amended, "bound: after an amendment of recipients")
        amended |= kind == "batch-amended" and "recipients" in body
        if kind in {"bound", "batch-amended"} and not keyed and "recipients" in body:
            keys = [one.lower() for one in body["recipients"]]
            fewer = {*recipients} - {*keys}
            need(kind == "bound" or not fewer, "batch-amended: a recipient less")
            recipients = keys
        if kind == "keys-rotating" and not keyed:
            keys = [one.lower() for one in body["recipients"]]
            gone, come = body["old"].lower(), body["new"].lower()
            known = gone in recipients and come not in recipients
            need(known, "keys-rotating: no such exchange")
            wanted = [come if one == gone else one for one in recipients]
            need(keys == wanted, "keys-rotating: others than these two")
            recipients = keys
        if kind == "data-keys-rotating" and not keyed:
            keys = [one.lower() for one in body["recipients"]]
            need(keys == recipients, "data-keys-rotating: others than those who are sealed for")
    for batch, (_, digest) in last.items():
        need(digest == digest_of_batch(plan, batch), f"{batch}: not what the plan says of it")


def digest_of_batch(plan: Json, batch: str) -> str:
    """Return the digest of what a plan says of a batch."""
    listed = [one["datasets"] for one in plan["batches"] if one["name"] == batch]
    need(len(listed) == 1, f"{batch}: not a batch of the plan")
    names = sorted(listed[0])
    said = {name: plan[name] for name in ("version", "migration") if name in plan}
    for name, kept in LEFT_OUT.items():
        said[name] = without(plan[name], kept)
    said["verify"] = {name: one for name, one in plan["verify"].items() if name == "level"}
    datasets = [without(one, OF_A_DATASET) for one in plan["datasets"] if one["name"] in names]
    said["datasets"] = sorted(datasets, key=lambda one: one["name"])
    said["batches"] = [{"name": batch, "datasets": names}]
    return sha256(canonical(said)).hexdigest()


def without(value: Json, names: set[str]) -> Json:
    return {name: one for name, one in value.items() if name not in names}
