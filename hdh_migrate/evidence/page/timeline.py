"""What happened, in one short list by date: the sections below tell each thing at length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import Final

from markupsafe import Markup

from hdh_migrate.clocks import seconds_of
from hdh_migrate.events.inventory import InventorySealed
from hdh_migrate.evidence.lines.absences import LooksInTurn
from hdh_migrate.evidence.lines.stories import after_deletion, cutovers
from hdh_migrate.evidence.page.approved import ApprovalLine
from hdh_migrate.evidence.page.chronicle import Chronicle
from hdh_migrate.evidence.page.page_words import PageWords
from hdh_migrate.evidence.page.waived import WaiverLine
from hdh_migrate.evidence.verifier.members import Predicate, StatedErasure, StatedRotation
from hdh_migrate.frozen import frozen_row

FIRST, LAST = 10, 30
"""Of a longer list so many lines are shown of its beginning, and of its end."""

_CUTOVER: Final = ("frozen", "switched", "rolled-back", "finalized", "requested", "observed")
"""Events of a cutover that a list of dates has."""


@frozen_row
class DatedLine:
    """One thing that happened."""

    at: str
    said: Markup


@frozen_row
class Timeline:
    """The lines in the order of their times; `left_out` are not shown between `first` and rest."""

    first: list[DatedLine]
    left_out: int
    last: list[DatedLine]


def timeline(
    predicate: Predicate, chronicle: Chronicle, looks: LooksInTurn, waivers: Iterable[WaiverLine],
    words: PageWords,
) -> Timeline:  # fmt: skip
    """Return what a statement and its journal tell with a time, the oldest first."""
    found = sorted(
        chain(
            _moved(predicate, chronicle, words),
            _approved(chronicle, words),
            _waived(waivers, words),
            _switched(predicate, words),
            _afterwards(predicate, chronicle, looks, words),
        ),
        key=lambda one: seconds_of(one.at),
    )
    if len(found) <= FIRST + LAST:
        return Timeline(found, 0, [])
    return Timeline(found[:FIRST], len(found) - FIRST - LAST, found[-LAST:])


def _moved(predicate: Predicate, chronicle: Chronicle, words: PageWords) -> Iterator[DatedLine]:
    if (started := predicate["times"]["started"]) is not None:
        yield DatedLine(started, words.say("time.began"))
    sealed = [at for at, event in chronicle.listed if isinstance(event, InventorySealed)]
    if sealed:
        yield DatedLine(sealed[0], words.say("time.listed"))
    for pace in predicate["paces"]:
        if pace["step"] == "transfer":
            yield DatedLine(pace["started"], words.say("time.sent"))
        else:
            yield DatedLine(pace["ended"], words.say("time.verified"))
    for one in chronicle.passes:
        if one.ended is not None:
            yield DatedLine(one.ended, words.say("time.refreshed", name=one.batch))
    if (ended := predicate["times"]["ended"]) is not None:
        yield DatedLine(ended, words.say("time.ended", chronicle.runs))
    yield DatedLine(predicate["times"]["written"], words.say("time.written"))


def _approved(chronicle: Chronicle, words: PageWords) -> Iterator[DatedLine]:
    """Yield when what each act rested on was signed, the last of it, by the signers' clocks."""
    acts: dict[tuple[str | None, str], list[ApprovalLine]] = {}
    for one in chronicle.approvals:
        acts.setdefault((one.at, one.stage), []).append(one)
    for (_, stage), lines in acts.items():
        signed = [signing.made_at for line in lines for signing in line.signings.values()]
        if signed:
            about = [words.say(f"time.about.{one.kind}", name=one.name) for one in lines]
            yield DatedLine(
                max(signed, key=seconds_of),
                words.say(
                    "time.approved", about=Markup(", ").join(about),
                    stage=words.word("approval", stage),
                ),
            )  # fmt: skip


def _waived(waivers: Iterable[WaiverLine], words: PageWords) -> Iterator[DatedLine]:
    """Yield when each waiver was signed, by the signer's clock; not what is no time."""
    for one in waivers:
        with suppress(ValueError):
            seconds_of(one.made_at)
            what = words.condition(one.what) or one.what
            yield DatedLine(one.made_at, words.say("time.waived", what=what))


def _switched(predicate: Predicate, words: PageWords) -> Iterator[DatedLine]:
    for batch, one in cutovers(predicate).items():
        times, seen = one["times"], after_deletion(one)
        for name in _CUTOVER:
            if name in times:
                partly = name == "observed" and seen.observed and not seen.over
                said = f"time.{name}.partly" if partly else f"time.{name}"
                yield DatedLine(times[name], words.say(said, name=batch))


def _afterwards(
    predicate: Predicate, chronicle: Chronicle, looks: LooksInTurn, words: PageWords
) -> Iterator[DatedLine]:
    for look in looks.lines:
        said = "time.look.but" if look.absent or look.lost or look.replaced else "time.look"
        yield DatedLine(look.at, words.say(said, look.objects, name=look.batch))
    for judgement in chronicle.harm.judgements:
        yield DatedLine(judgement.at, words.say("time.judged"))
    for grant in chronicle.grants.by_id.values():
        for at, said in ((grant.given_at, "time.given"), (grant.revoked_at, "time.revoked")):
            if at is not None:
                yield DatedLine(at, words.say(said, name=grant.id))
    for rotation in predicate.get("rotations", ()):
        yield from _through(rotation, words.say("time.rotating"), words.say("time.rotated"))
    for erasure in predicate.get("erasures", ()):
        began = words.say("time.erasing", dataset=erasure["dataset"])
        yield from _through(erasure, began, words.say("time.erased", dataset=erasure["dataset"]))


def _through(
    stated: StatedRotation | StatedErasure, began: Markup, ended: Markup
) -> Iterator[DatedLine]:
    """Yield when something long began, and when it ended, if it did."""
    yield DatedLine(stated["began"], began)
    if stated["ended"] is not None:
        yield DatedLine(stated["ended"], ended)
