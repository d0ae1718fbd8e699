"""Who agreed to what: from the journal, with the day, and from the statement where it alone tells.

A key is shown once with everything that it approved, so that one person who approved twice is seen.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Final, Literal

from hdh_migrate.clocks import seconds_of
from hdh_migrate.events.cutover import (
    CutoverFinalized,
    CutoverSwitching,
    RestsOnApprovals,
    Track,
)
from hdh_migrate.events.decommission import CutoverAgreed
from hdh_migrate.events.erasure import HeadersErasing
from hdh_migrate.events.event import Event, SignedEnvelopes
from hdh_migrate.events.grants import GrantGiven
from hdh_migrate.events.rotation import DataKeysRotating, KeysRotating
from hdh_migrate.evidence.lines.facts import DIGEST
from hdh_migrate.frozen import frozen_row
from hdh_migrate.jsonform import ABSENT, Absent
from hdh_migrate.results.switches import CutoverFact

RESTING: Final[tuple[type[Event], ...]] = (
    CutoverSwitching, CutoverFinalized, CutoverAgreed, KeysRotating, DataKeysRotating,
    HeadersErasing, GrantGiven,
)  # fmt: skip
"""Events of what rests on approvals."""

STAGES: Final = ("freeze", "cutover", "finalize", "decommission", "terms")
"""What a batch's approvals are for, in the order in which it comes."""


@frozen_row
class BoundTo:
    """What an approval is of, and of nothing else: as whoever signed it saw things."""

    root: str | None
    """Of the batch's manifest, or of what was asked for; a freeze has none."""


@frozen_row
class Signing:
    """What somebody signed: when, by his own clock, and his comment."""

    made_at: str
    comment: str
    bound: BoundTo | None = None


@frozen_row
class ApprovalLine:
    """One act that rested on approvals; `at` is None where only the statement tells of it."""

    kind: str
    """What it was about: batch, dataset or grant."""
    name: str
    stage: str
    at: str | None
    """When it was done, and the approvals counted."""
    keys: tuple[str, ...]
    signings: Mapping[str, Signing] = field(default_factory=dict)
    """By key: when it was signed, and what was said with it."""


def approvals_of(at: str, event: Event) -> Iterator[ApprovalLine]:
    """Yield what an event of the journal says of approvals that it rests on."""
    match event:
        case RestsOnApprovals() if event.track is Track.CUTOVER:
            yield ApprovalLine(
                "batch", event.batch, event.approved_stage, at, event.approvals,
                signings_of(event.approvals, event.signed),
            )  # fmt: skip
        case KeysRotating() | DataKeysRotating():
            stage = "rotate" if isinstance(event, KeysRotating) else "reseal"
            for batch, keys in event.approvals.items():
                signed = ABSENT if event.signed is ABSENT else event.signed.get(batch, ABSENT)
                yield ApprovalLine("batch", batch, stage, at, keys, signings_of(keys, signed))
        case HeadersErasing():
            found = signings_of(event.approvals, event.signed)
            yield ApprovalLine("dataset", event.dataset, "erase", at, event.approvals, found)
        case GrantGiven():
            found = signings_of(event.approvals, event.signed)
            yield ApprovalLine("grant", event.grant, "grant", at, event.approvals, found)
        case _:
            pass


def signings_of(keys: Sequence[str], signed: SignedEnvelopes | Absent) -> dict[str, Signing]:
    """Return what each key signed; nothing of what is of another form."""
    if signed is ABSENT:
        return {}
    found = {}
    for key, envelope in zip(keys, signed, strict=False):
        try:
            said = json.loads(base64.b64decode(envelope["payload"]))
            made = Signing(said["made_at"], str(said.get("comment") or ""), _bound(said))
            seconds_of(made.made_at)
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        found[key] = made
    return found


def _bound(said: Mapping[str, object]) -> BoundTo | None:
    """Return what an approval says that it is of; None where it is of another form."""
    root, plan, journal = said.get("root"), said.get("plan_digest"), said.get("journal")
    events = journal.get("events") if isinstance(journal, dict) else None
    known = DIGEST.fullmatch(str(plan)) and (root is None or DIGEST.fullmatch(str(root)))
    if not known or type(events) is not int:
        return None
    return BoundTo(None if root is None else str(root))


def agreed(story: CutoverFact) -> Mapping[str, list[str]]:
    """Return whose keys agreed to each step of a cutover; a freeze may rest on their word alone."""
    freeze = story.get("freeze")
    if not freeze or freeze["how"]["kind"] != "statement":
        return story["approvals"]
    signed = freeze["how"].get("keys")  # which early ones do not say
    return {**story["approvals"], "freeze": signed} if signed else story["approvals"]


def in_order(approvals: Mapping[str, list[str]]) -> list[tuple[str, list[str]]]:
    """Return a batch's approvals by stage, as the stages come."""
    return sorted(
        approvals.items(),
        key=lambda one: (STAGES.index(one[0]) if one[0] in STAGES else len(STAGES), one[0]),
    )


@frozen_row
class SeparateDuties:
    """Whether who signs also approves, by the keys as they are; their holders nobody here knows."""

    signer: Literal["unsigned", "nobody", "apart", "same"]
    waived: tuple[str, ...]
    """Keys, by id, that signed a waiver and approved as well."""
    signed_waiver: Literal["none", "apart", "same"] = "none"
    """Whether the key that signs also signed a waiver, where there are any."""


def duties_of(
    signer: str | None, approvals: Iterable[str], waivers: Iterable[str]
) -> SeparateDuties:
    """Compare the id of the key that signs a report with the fingerprints of those that approved.

    `waivers` are the ids of the keys that signed one. An id is the beginning of a fingerprint: keys
    that begin alike are taken for one.
    """
    approved = {f"ed25519:{key[:16]}" for key in approvals}
    signed = {*waivers}
    waived = tuple(sorted(signed & approved))
    if signer is None:
        return SeparateDuties("unsigned", waived)
    own: Literal["none", "apart", "same"] = "none"
    if signed:
        own = "same" if signer in signed else "apart"
    if not approved:
        return SeparateDuties("nobody", waived, own)
    return SeparateDuties("same" if signer in approved else "apart", waived, own)


def by_key(
    told: Iterable[ApprovalLine], cutovers: Iterable[CutoverFact]
) -> dict[str, list[ApprovalLine]]:
    """Return what each key approved, the first of it first.

    What only the statement tells (of names that are keyed the journal does not) comes last. A
    rehearsal rests on no approval, so whom it names has approved nothing.
    """
    lines = [one for one in told if one.keys]
    known = {(one.name, one.stage) for one in lines if one.kind == "batch"}
    lines += [
        ApprovalLine("batch", one["batch"], stage, None, tuple(keys))
        for one in cutovers
        if one["track"] == Track.CUTOVER
        for stage, keys in in_order(agreed(one))
        if keys and (one["batch"], stage) not in known
    ]
    found: dict[str, list[ApprovalLine]] = {}
    for line in lines:
        for key in line.keys:
            found.setdefault(key, []).append(line)
    return found
