"""What ends when, as far as it is known: one list, for the report's page and for `status` alike."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from hdh_migrate.clocks import day_over, seconds_of
from hdh_migrate.evidence.lines.granted import GrantStage
from hdh_migrate.evidence.lines.standing import MigrationStanding
from hdh_migrate.frozen import frozen_row


class EndingKind(StrEnum):
    """What it is that ends."""

    BASIS = "basis"
    ATTESTATION = "attestation"
    WAIVER = "waiver"
    WINDOW = "window"
    GRANT = "grant"
    RELIED = "relied"
    """A credential, or the use of a key: only `status` knows of these."""
    KEPT = "kept"


@frozen_row
class DatedEnding:
    """One thing that ends: what, how it is called, and its last day or its last moment."""

    kind: EndingKind
    name: str
    at: str
    over: bool = False
    """It has ended."""

    @property
    def is_day(self) -> bool:
        """Whether it counts through a whole day, by UTC."""
        return "T" not in self.at


def endings(stands: MigrationStanding) -> list[DatedEnding]:
    """Return everything of which an end is known, the first end first."""
    found = [
        DatedEnding(one.kind, one.name, one.at, over=_end(one) <= seconds_of(stands.at))
        for one in _known(stands)
    ]
    return sorted(found, key=lambda one: (_end(one), one.kind, one.name))


def _end(one: DatedEnding) -> float:
    return day_over(one.at) if one.is_day else seconds_of(one.at)


def _known(stands: MigrationStanding) -> Iterator[DatedEnding]:
    for kind, several in (
        (EndingKind.BASIS, stands.bases),
        (EndingKind.ATTESTATION, stands.attested),
        (EndingKind.WAIVER, stands.waivers),
        (EndingKind.RELIED, stands.relied),
    ):
        yield from (DatedEnding(kind, name, until) for name, until in several)
    for batch in stands.batches:
        if batch.window_until is not None and batch.stage == "fallback window":
            yield DatedEnding(EndingKind.WINDOW, batch.name, batch.window_until)
    for grant in () if stands.grants is None else stands.grants.by_id.values():
        if grant.stage(stands.at) in {GrantStage.GIVEN, GrantStage.ENDED}:
            yield DatedEnding(EndingKind.GRANT, grant.id, grant.asked.until)
    if stands.kept_until is not None:
        yield DatedEnding(EndingKind.KEPT, "", stands.kept_until)
