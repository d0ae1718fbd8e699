"""What became of the deletion of one batch at its source: what is gone, and what is there still."""

from __future__ import annotations

from collections.abc import Mapping

from hdh_migrate.frozen import frozen_row

_FORMS = ("current", "version", "snapshot", "soft-deleted", "uncommitted")
_DELETED = ("deleted", "gone")
"""`gone` is what nobody answered for, and was found gone when it was asked for again."""
_BOTH_GONE = "target-lost"


@frozen_row
class AfterDeletion:
    """How many objects of a batch are gone from its source, and how many are kept there and why."""

    deleted: int
    missing: int
    """Were gone before they were asked for."""
    changed: int
    """Changed since they were moved: what they are now is at the source alone."""
    unheld: int
    """The target does not show them as they were verified."""
    traces: int
    """What else the source still shows: versions and snapshots, and what it refused to delete."""
    observed: bool
    """The source was asked what it still shows; before that nothing counts as gone."""

    @classmethod
    def of(
        cls, outcomes: Mapping[str, int] | None, observed: Mapping[str, object] | None
    ) -> AfterDeletion:
        """Return what the answers to a deletion, and what a source showed afterwards, come to."""
        found, seen = outcomes or {}, observed or {}
        changed = found.get("drifted", 0)
        unheld = sum(
            n for what, n in found.items() if what.startswith("target-") and what != _BOTH_GONE
        )
        remains = sum(n for form in _FORMS if isinstance(n := seen.get(form), int))
        if observed is not None:
            current = seen.get("current")
            there = current if isinstance(current, int) else 0
            changed = min(changed, there)
            unheld = min(unheld, there - changed)
        return cls(
            deleted=sum(found.get(what, 0) for what in _DELETED),
            missing=found.get("missing", 0),
            changed=changed,
            unheld=unheld,
            traces=max(0, remains - changed - unheld),
            observed=observed is not None,
        )

    @property
    def over(self) -> bool:
        """Whether the source was seen to show nothing of the batch any more."""
        return self.observed and not (self.changed or self.unheld or self.traces)
