"""What a ledger that adopted a bundle must have kept of it, beside its objects.

A ledger that is made anew begins another journal, so nothing chains it to the old one: whoever
holds ledger and report key could begin one to be rid of those who must approve. The tool adopts
under the terms, for the recipients and with the grants that the bundle tells, and neither a batch
that consumers follow nor one with an erased dataset (docs/operations.md): so does an honest ledger.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Final

from hdh_migrate.events.adoption import Adopting
from hdh_migrate.evidence.lines.stories import cutovers
from hdh_migrate.evidence.page.chronicle import chronicle_of
from hdh_migrate.evidence.reading import CheckedBundle
from hdh_migrate.frozen import mutable_row
from hdh_migrate.jsonform import OtherForm
from hdh_migrate.plan.diff import changes
from hdh_migrate.results.switches import CutoverFact
from hdh_migrate.telemetry import counted

_BEFORE_SWITCH: Final = frozenset(("not started", "preparing", "rolled back"))
_FIXED: Final = frozenset(("cutover-terms", "cutover-terms-changed"))
_TOLD: Final = 10
"""Differences that are told one by one."""


@mutable_row
class Adoptions:
    """What a journal tells of having adopted one bundle; `with_newer`: beside a newer one of it."""

    terms: dict[str, Mapping[str, object] | None] = field(default_factory=dict)
    """By batch: the terms of its cutover that were fixed when it was first adopted."""
    with_newer: bool = False


def adoptions_of(now: CheckedBundle, was: CheckedBundle) -> Adoptions | None:
    """Return what the new journal tells of the old bundle's adoption; None: it adopted another."""
    found, fixed = Adoptions(), dict[str, Mapping[str, object]]()
    for kind, body in now.told("adopting", *_FIXED):
        if kind in _FIXED:
            terms = body.get("terms")
            if body.get("track") == "cutover" and isinstance(terms, dict):
                fixed[str(body.get("batch"))] = terms
            continue
        try:
            told = Adopting.of_json(body)
        except OtherForm:
            continue  # no verifier holds its form: it tells of no adoption
        ours = [one for one in told.journals if one.statement == was.statement_sha256]
        if ours:
            found.terms.setdefault(told.batch, fixed.get(told.batch))
            others = [one for one in told.journals if one.statement and one not in ours]
            found.with_newer = found.with_newer or any(
                one.ledger != ours[0].ledger or one.events > ours[0].events for one in others
            )
    return found if found.terms else None


def forsaken(
    was: CheckedBundle, now: CheckedBundle, adopted: Adoptions
) -> Iterator[tuple[str, str]]:
    """Yield a code and a message for all that an adoption left behind of the old bundle.

    Where a newer bundle was adopted with it that one decides, and nothing is said.
    """
    if adopted.with_newer:
        return
    yield from _readers(was, now)
    for batch, cutover in cutovers(was.predicate).items():
        if batch not in adopted.terms:
            continue
        if cutover.get("stage", "not started") not in _BEFORE_SWITCH:
            yield "switched", f"batch {batch} was switched, and adopted as if it had not been"
        elif lines := _unlike(cutover, adopted.terms[batch]):
            yield "terms", f"batch {batch} was adopted under other terms: {_some(lines)}"
    for erased in was.predicate.get("erasures", ()):
        if erased["batch"] in adopted.terms:
            yield "erased", f"dataset {erased['dataset']} was erased, and its batch adopted"


def _readers(was: CheckedBundle, now: CheckedBundle) -> Iterator[tuple[str, str]]:
    """Say who could read, or was to, of whom the new bundle does not tell."""
    known = {*now.predicate["seal"]["recipients"]}
    known |= {str(one["old"]) for one in now.predicate.get("rotations", ())}
    verified = was.predicate["outcome"]["states"]["verified"]["objects"]
    if verified and (gone := sorted({*was.predicate["seal"]["recipients"]} - known)):
        said = (
            "objects were sealed for keys that the new bundle does not know, nor tells to be gone"
        )
        yield "recipients", f"{said}: {', '.join(gone)}"
    old, new = (chronicle_of(one.folder / "journal.jsonl").grants.by_id for one in (was, now))
    datasets = {one["name"] for one in now.predicate["datasets"]}
    lost = [
        one.id
        for one in old.values()
        if one.given is not None and one.revoked is None and one.renewed_by is None
        and one.asked.dataset in datasets and one.id not in new
    ]  # fmt: skip
    if lost:
        yield (
            "grants",
            f"{counted(len(lost), 'grant')} that stood, and nothing ended: {_some(lost)}",
        )


def _unlike(cutover: CutoverFact, now: Mapping[str, object] | None) -> list[str]:
    """Return how the terms at an adoption are others than each that the old bundle tells.

    An old copy of a ledger goes on with terms that were in force when it was made.
    """
    earlier = [one["terms_before"] for one in cutover.get("terms_changes", ())]
    terms = [one for one in (*earlier, cutover.get("terms")) if one is not None]
    return [] if not terms or now in terms else changes(terms[-1], now or {})


def replanned(was: CheckedBundle, now: CheckedBundle) -> str:
    """Return how the plan is another one in the new bundle, in a line."""
    old, new = (one.predicate["plan"]["canonical"] for one in (was, now))
    return _some(changes(old, new))


def _some(lines: list[str]) -> str:
    more = f"; and {len(lines) - _TOLD} more" if len(lines) > _TOLD else ""
    return "; ".join(lines[:_TOLD]) + more
