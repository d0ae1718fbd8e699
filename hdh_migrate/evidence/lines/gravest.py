"""What a migration came to: everything that is so of its objects, the gravest first.

One order for the report's page, its summaries and `status`: what stands first is what a reader must
learn first, and nothing that stands behind it is left unsaid.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum

from hdh_migrate.codes import LOST_OBJECTS, Code, how_many
from hdh_migrate.evidence.lines.finals import FinalSwitch
from hdh_migrate.evidence.verifier.members import Predicate
from hdh_migrate.frozen import frozen


class OutcomeState(StrEnum):
    """One thing that is so, the gravest first."""

    UNBALANCED = "unbalanced"
    LOST = "lost"
    REPLACED = "replaced"
    GONE = "gone"
    FAILED = "failed"
    OPEN = "open"
    EMPTY = "empty"
    PENDING = "pending"
    NOTHING = "nothing"
    LATE = "late"
    UNLISTED = "unlisted"
    LET_GO = "let-go"
    UNPROVEN = "unproven"
    ACCEPTED = "accepted"
    NOTED = "noted"
    GOOD = "good"


GRAVE = frozenset({
    OutcomeState.UNBALANCED, OutcomeState.LOST, OutcomeState.REPLACED, OutcomeState.GONE,
    OutcomeState.FAILED,
})  # fmt: skip
"""What somebody must look into."""


@frozen
class OutcomeCounts:
    """What decides of it, in objects and findings."""

    closes: bool = True
    """Whether those inventoried are those that ended somewhere."""
    closed: bool = True
    """Whether the source was listed to its end."""
    inventoried: int = 0
    verified: int = 0
    excluded: int = 0
    failed: int = 0
    pending: int = 0
    lower: int = 0
    """Of the verified ones: were not read back whole and decrypted."""
    lost: int = 0
    replaced: int = 0
    gone: int = 0
    """Were verified, then gone or damaged at the target, and are not verified again."""
    accepted: int = 0
    findings: int = 0
    late: int = 0
    """Were new or changed at the source when switches were made final, and are not settled."""
    unlisted: int = 0
    """Switches that were made final and whose source could not be listed."""
    let_go: int = 0
    """Verified objects that the target did not hold so when switches were made final."""

    @classmethod
    def of(cls, predicate: Predicate, ended: Collection[FinalSwitch]) -> OutcomeCounts:
        """Return what a statement says; `ended` are the switches that are final (finals.py)."""
        outcome, codes = predicate["outcome"], predicate["findings"]["codes"]
        states = outcome["states"]
        unfinished = Counter[str]()
        for one in predicate["datasets"]:
            tally = one["tally"]
            unfinished[one["batch"]] += tally["failed"]["objects"] + tally["pending"]["objects"]
        lost, looks = how_many(codes, *LOST_OBJECTS), predicate.get("looks", ())
        counted = [one["absent"] for one in looks if "absent" in one]
        whole = outcome["levels"].get("full", {"objects": 0, "bytes": 0})
        return cls(
            closes=outcome["counts_close"],
            closed=outcome["inventory_closed"],
            inventoried=states["inventoried"]["objects"],
            verified=states["verified"]["objects"],
            excluded=states["excluded"]["objects"],
            failed=states["failed"]["objects"],
            pending=states["pending"]["objects"],
            lower=states["verified"]["objects"] - whole["objects"],
            lost=lost,
            replaced=how_many(codes, Code.TARGET_REPLACED),
            gone=sum(one["missing"] for one in counted)
            + not_back(
                (
                    (one["batch"], one["gone"] + one["damaged"])
                    for one in looks
                    if "absent" not in one
                ),
                unfinished,
                lost,
            ),
            accepted=how_many(codes, Code.TARGET_ACCEPTED),
            findings=predicate["findings"]["total"],
            late=sum(one.late for one in ended if not one.settled),
            unlisted=sum(one.unlisted for one in ended if not one.settled),
            let_go=sum(one.let_go for one in ended),
        )


def not_back(looks: Iterable[tuple[str, int]], unfinished: Mapping[str, int], lost: int) -> int:
    """Return how many objects, at most, the last looks missed that are not verified again.

    For statements of earlier versions, which do not say it. `looks` are batches with the numbers of
    what was missed there; `unfinished` says of how many of a batch's objects that may be so still;
    `lost` ones are told apart.
    """
    return max(0, sum(min(many, unfinished.get(batch, 0)) for batch, many in looks) - lost)


def gravest_first(counts: OutcomeCounts) -> list[tuple[OutcomeState, int]]:
    """Return everything that is so, each with the number that it speaks of; never nothing."""
    moved = counts.verified + counts.failed + counts.pending
    found = (
        (OutcomeState.UNBALANCED, not counts.closes, 0),
        (OutcomeState.LOST, counts.lost > 0, counts.lost),
        (OutcomeState.REPLACED, counts.replaced > 0, counts.replaced),
        (OutcomeState.GONE, counts.gone > 0, counts.gone),
        (OutcomeState.FAILED, counts.failed > 0, counts.failed),
        (OutcomeState.OPEN, not counts.closed, 0),
        (OutcomeState.EMPTY, counts.inventoried == 0, 0),
        (OutcomeState.PENDING, counts.pending > 0, counts.pending),
        (OutcomeState.NOTHING, counts.closes and counts.excluded > 0 and not moved,
         counts.excluded),
        (OutcomeState.LATE, counts.late > 0, counts.late),
        (OutcomeState.UNLISTED, counts.unlisted > 0, counts.unlisted),
        (OutcomeState.LET_GO, counts.let_go > 0, counts.let_go),
        (OutcomeState.UNPROVEN, counts.lower > 0, counts.lower),
        (OutcomeState.ACCEPTED, counts.accepted > 0, counts.accepted),
        (OutcomeState.NOTED, counts.findings > 0, counts.findings),
    )  # fmt: skip
    return [(state, count) for state, applies, count in found if applies] or [
        (OutcomeState.GOOD, counts.verified)
    ]
