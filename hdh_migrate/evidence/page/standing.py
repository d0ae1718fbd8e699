"""Where a migration stands by a statement and its journal: what is left to do follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from hdh_migrate.evidence.lines.absences import LookLine, LooksInTurn
from hdh_migrate.evidence.lines.finals import NONE_PASSED, finals, undecided
from hdh_migrate.evidence.lines.listings import Listings
from hdh_migrate.evidence.lines.planned import AttestedPeriods, PlannedMembers, plan_of
from hdh_migrate.evidence.lines.standing import BatchStanding, MigrationStanding
from hdh_migrate.evidence.lines.stories import after_deletion, cutovers
from hdh_migrate.evidence.page.chronicle import Chronicle
from hdh_migrate.evidence.page.declared import (
    copies_until,
    declared_of,
    former_keys,
    kept_until,
    keys_beside,
    strangers,
)
from hdh_migrate.evidence.page.holders import held_keys, unstored_of
from hdh_migrate.evidence.page.readers import clashing_permits
from hdh_migrate.evidence.verifier.members import (
    Predicate,
    StatedAbsent,
    StatedRotation,
    StatedTally,
)
from hdh_migrate.frozen import frozen
from hdh_migrate.plan.fields import RECHECK_WITHIN, period_seconds


def standing_of(
    p: Predicate, unresolved: Mapping[str, int], months: Chronicle, *, signed: bool
) -> MigrationStanding:
    """Return where a migration stood when its report was written.

    `unresolved` are the findings that are no notes and that no waiver lets go, by code. Whether a
    witness signed, a page cannot know: it is written before.
    """
    plan, declared = plan_of(p), declared_of(p)
    proved = {one["recipient"] for one in p["seal"].get("proved", ())}
    seen = {batch for batch, one in cutovers(p).items() if after_deletion(one).observed}
    unseen = {one["name"]: one["batch"] for one in p["datasets"] if one["batch"] not in seen}
    return MigrationStanding(
        at=p["times"]["written"],
        batches=tuple(_batches(p, plan, months)),
        findings=unresolved,
        waivers=tuple((one["what"], one["until"]) for one in p["waivers"]),
        bases=tuple(
            (one["reference"], one["valid_until"]) for one in plan.get("legal_basis") or ()
        ),
        attested=attested_of(p["attestation"]),
        untried=tuple(one for one in p["seal"]["recipients"] if one not in proved),
        unstored=tuple(unstored_of(p["seal"].get("proved", ()))),
        rotations=rotated(p.get("rotations", ())),
        erasures=tuple(
            (one["dataset"], one["began"], one["ended"], sum(one["remaining"].values()))
            for one in p.get("erasures", ())
        ),
        originals=tuple(
            (one["dataset"], one["objects"], unseen[one["dataset"]])
            for one in p.get("erasures", ())
            if one["ended"] and one["objects"] and one["dataset"] in unseen
        ),
        copied=p["seal"].get("headers") is not None,
        grants=months.grants,
        unheld=held_keys(p, declared).undeclared,
        former=former_keys(p.get("rotations", ()), declared),
        copies_until=copies_until(declared),
        beside=keys_beside(
            (key for one in cutovers(p).values() for key in one.get("keys_beside") or ()),
            declared,
        ),
        strangers=strangers(months.logins, declared),
        done=(
            *(("run", at) for at in (p["times"]["ended"],) if at is not None),
            *((one.stage, one.at) for one in months.approvals if one.at is not None),
        ),
        clashes=clashing_permits(months.erasing, months.grants, p["times"]["written"]),
        plain=tuple(
            one["url"]
            for one in p["endpoints"]
            if one["requests"] and in_the_clear(one["url"], local=one["local"])
        ),
        kept_until=kept_until(declared),
        harm=months.harm,
        signed=signed,
    )


def in_the_clear(url: str, *, local: bool) -> bool:
    """Say whether what passes to an address leaves this machine without TLS."""
    return not local and url.lower().startswith("http://")


def attested_of(attestation: Mapping[str, object] | None) -> tuple[tuple[str, str], ...]:
    """Return the periods that an attestation has, each with its last day."""
    if attestation is None:
        return ()
    told = cast("AttestedPeriods", attestation)
    return tuple(
        (f"{name}, {one['reference']}", one["valid_until"])
        for name, one in (("SecNumCloud", told["secnumcloud"]), ("HDS", told["hds"]))
    )


def rotated(stated: Iterable[StatedRotation]) -> tuple[tuple[str, str | None, int, str], ...]:
    """Return when each rotation began and ended, what it left, and which verb goes on with it."""
    return tuple(
        (
            one["began"],
            one["ended"],
            one["left"]
            + sum(
                many
                for why, many in one["remaining"].items()
                if why != "unverified" or "headers" not in one  # nothing opens without its header
            ),
            "reseal" if one["old"] is None else "keys rotate",
        )
        for one in stated
    )


def recheck_seconds(plan: PlannedMembers, batch: str) -> int | None:
    """Return how old a look may be by a plan before a batch's source is deleted."""
    for one in plan.get("cutovers") or ():
        if one["batch"] == batch and (deletion := one.get("decommission")):
            return period_seconds(deletion.get("recheck_within") or RECHECK_WITHIN)
    return None


def missed_in(look: Mapping[str, object] | None) -> bool:
    """Say whether a look found something gone, damaged, replaced or lost."""
    kinds = ("gone", "damaged", "replaced", "lost")
    return look is not None and any(look.get(kind) for kind in kinds)


def tallies_of(p: Predicate, batch: str) -> list[StatedTally]:
    """Return the sums of a batch's datasets."""
    return [one["tally"] for one in p["datasets"] if one["batch"] == batch]


def whole_again(tallies: Sequence[StatedTally]) -> bool:
    """Say whether nothing waits or failed, so that what was listed again is verified again."""
    return not any(one["failed"]["objects"] or one["pending"]["objects"] for one in tallies)


def absent_of(p: Predicate, batch: str) -> StatedAbsent | None:
    """Return what became of what looks at a batch missed; None: nothing did, or it is not said."""
    looks = (one for one in p.get("looks", ()) if one["batch"] == batch)
    return next((one["absent"] for one in looks if "absent" in one), None)


def all_back(p: Predicate, batch: str) -> bool:
    """Say whether all that looks at a batch missed is verified there again.

    A statement of an earlier version does not say it: there it is so once nothing waits or failed.
    """
    if (absent := absent_of(p, batch)) is not None:
        return absent["back"] == absent["objects"]
    return whole_again(tallies_of(p, batch))


@frozen
class Absences:
    """The looks that missed objects, or found them damaged; a later look does not undo them."""

    mended: list[LookLine]
    """Of batches of which all of it is verified again."""
    unmended: list[LookLine]
    back: int
    """How many objects are verified again."""
    missing: int
    """How many are not, and are still to be moved."""

    @classmethod
    def of(cls, p: Predicate, looks: LooksInTurn) -> Absences:
        """Return those of a statement, with all looks that are known."""
        mended: list[LookLine] = []
        unmended: list[LookLine] = []
        back = missing = 0
        for name in (one["name"] for one in p["batches"]):
            found, again, absent = looks.absent(name), all_back(p, name), absent_of(p, name)
            (mended if again else unmended).extend(found)
            if absent is None:  # of an earlier version: one that was missed twice counts twice
                many = sum(one.absent for one in found)
                back, missing = back + many * again, missing + many * (not again)
            else:
                back, missing = back + absent["back"], missing + absent["missing"]
        return cls(mended=mended, unmended=unmended, back=back, missing=missing)

    @property
    def looks(self) -> list[LookLine]:
        """All of these looks."""
        return [*self.mended, *self.unmended]


def _batches(p: Predicate, plan: PlannedMembers, months: Chronicle) -> list[BatchStanding]:
    begun_cutovers = cutovers(p)
    final = {one.batch: one for one in finals(p, months.passed.finalized, months.listed)}
    ended = {one.batch: one for one in undecided(p, final.values())}
    looks = {one["batch"]: one for one in p.get("looks", ())}
    planned = {one["batch"] for one in plan.get("cutovers") or ()}
    seen = months.looks.beside(p.get("looks", ()))
    listings = Listings.of(months.listed, {one["name"]: one["batch"] for one in p["datasets"]})
    packs = p["seal"].get("headers")
    copied = None if packs is None else {one["batch"] for one in packs.get("copies", ())}
    begun = {batch["name"] for batch in p["batches"]}
    found = [
        BatchStanding(
            name=one["name"], listed=None, closed=False, pending=0, verified=0, stage=None,
            switches=False,
        )
        for one in plan.get("batches", ())
        if one["name"] not in begun
    ]  # fmt: skip
    for batch in p["batches"]:
        name = batch["name"]
        tallies = tallies_of(p, name)
        verified = sum(one["verified"]["objects"] for one in tallies)
        cutover, look = begun_cutovers.get(name), looks.get(name)
        after, end = after_deletion(cutover), ended.get(name, NONE_PASSED)
        found.append(
            BatchStanding(
                name=name,
                listed=listings.last(name),
                closed=batch["inventory_closed"],
                pending=sum(one["pending"]["objects"] for one in tallies),
                verified=verified,
                stage=cutover["stage"] if cutover else None,
                switches=name in planned,
                window_until=cutover["window_until"] if cutover else None,
                traces=after.traces,
                changed=after.changed,
                late=end.late,
                unlisted=end.unlisted,
                let_go=final.get(name, NONE_PASSED).missed_since(look, verified),
                let_go_at=final[name].at if name in final and final[name].let_go else None,
                relisting=listings.going_on(name),
                looking=look is not None and not look["ended"],
                read_back=look["at"] if look else None,
                missed=missed_in(look),
                absences=months.harm.absences(seen, name),
                whole=all_back(p, name),
                recheck_seconds=(recheck := recheck_seconds(plan, name)),
                deletes=recheck is not None,
                lacks_copy=copied is not None and verified > 0 and name not in copied,
            )
        )
    return found
