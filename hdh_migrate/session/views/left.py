"""What is grave and what is left to do, as `status` gives it: as the report says it, from now."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hdh_migrate.clocks import Moment
from hdh_migrate.codes import Severity
from hdh_migrate.errors import KeyUnavailable
from hdh_migrate.events.cutover import Track
from hdh_migrate.events.erasure import HeadersErasing
from hdh_migrate.events.looks import LookedAgain
from hdh_migrate.events.run import HeadersCopied, RunStarted
from hdh_migrate.evidence.lines.absences import LooksInTurn
from hdh_migrate.evidence.lines.deletion import AfterDeletion
from hdh_migrate.evidence.lines.endings import DatedEnding, endings
from hdh_migrate.evidence.lines.finals import (
    NONE_PASSED,
    FollowedSource,
    PlacedDataset,
    TakingRules,
)
from hdh_migrate.evidence.lines.gravest import OutcomeCounts, gravest_first
from hdh_migrate.evidence.lines.harm import HarmInTurn
from hdh_migrate.evidence.lines.left import LeftToDo, left_to_do
from hdh_migrate.evidence.lines.listings import LISTING_EVENTS, Listings
from hdh_migrate.evidence.lines.planned import PlannedMembers, members_of
from hdh_migrate.evidence.lines.standing import BatchStanding, MigrationStanding
from hdh_migrate.evidence.page.approved import RESTING, approvals_of
from hdh_migrate.evidence.page.declared import (
    copies_until,
    declared_in,
    former_keys,
    kept_until,
    keys_beside,
    strangers,
)
from hdh_migrate.evidence.page.endings import ending_said
from hdh_migrate.evidence.page.holders import unstored_of
from hdh_migrate.evidence.page.left import told
from hdh_migrate.evidence.page.page_words import PageWords
from hdh_migrate.evidence.page.readers import clashing_permits
from hdh_migrate.evidence.page.standing import (
    attested_of,
    in_the_clear,
    missed_in,
    recheck_seconds,
    rotated,
)
from hdh_migrate.fixity import sha256_hex
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Grouped, State
from hdh_migrate.pipeline.projections.facts import observed_of
from hdh_migrate.pipeline.projections.looks import look_facts
from hdh_migrate.pipeline.projections.standing import CutoverStanding, standings
from hdh_migrate.plan.model import Plan
from hdh_migrate.results.looks import BatchStatus, EndFact, GraveFact, LeftFact
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.binding import untried_recipients
from hdh_migrate.session.policy.erased import erasures
from hdh_migrate.session.policy.granting import accounts
from hdh_migrate.session.policy.report_files import CHECKPOINTS, LAST
from hdh_migrate.session.policy.waivers import waiver_facts
from hdh_migrate.session.views.absent import absent_facts
from hdh_migrate.session.views.attested import attestation_of
from hdh_migrate.session.views.cutovers import ended
from hdh_migrate.session.views.expiry import expiries
from hdh_migrate.session.views.facts import endpoints_reached
from hdh_migrate.session.views.proved import proved_keys
from hdh_migrate.session.views.rotations import rotation_facts

_LEFT = frozenset(State) - {State.VERIFIED, State.EXCLUDED}
_OWN_AT_ONCE = 1_000_000
"""More files of its own than the tool ever writes beside a batch."""


def left_now(
    desk: Desk, ledger: SqliteLedger, rows: Sequence[BatchStatus], causes: Sequence[Grouped]
) -> tuple[list[LeftFact], list[EndFact]]:
    """Return what is left to do and what ends, in both languages; `causes` are what counts.

    Reads the journal's events of some kinds, so who looks again and again does without.
    """
    stands, speakers = _standing(desk, ledger, rows, causes), _speakers()
    return (
        [_fact(one, speakers) for one in left_to_do(stands)],
        [_end(one, speakers) for one in endings(stands)],
    )


def grave_facts(counts: OutcomeCounts) -> list[GraveFact]:
    """Return what of these counts somebody must look into, the gravest first, in both languages."""
    speakers = _speakers()
    found: list[GraveFact] = []
    for state, count in gravest_first(counts):
        match str(state):
            case "lost" | "replaced" | "gone" | "failed" as name:
                said = {
                    language: words.say(f"{name}.why", count).unescape()
                    for language, words in speakers.items()
                }
                found.append({"state": name, "objects": count, "en": said["en"], "fr": said["fr"]})
            case _:
                pass  # what is only not done yet, the tables say
    return found


def _speakers() -> dict[str, PageWords]:
    return {language: PageWords(language) for language in ("en", "fr")}


def _fact(one: LeftToDo, speakers: Mapping[str, PageWords]) -> LeftFact:
    said = {
        language: told(one, words, marked=False).unescape() for language, words in speakers.items()
    }
    return {
        "task": str(one.task),
        "names": list(one.names),
        "objects": one.count,
        "at": one.at,
        "over": one.over,
        "en": said["en"],
        "fr": said["fr"],
    }


def _end(one: DatedEnding, speakers: Mapping[str, PageWords]) -> EndFact:
    said = {name: ending_said(one, words).unescape() for name, words in speakers.items()}
    return {
        "what": str(one.kind), "name": one.name, "at": one.at, "over": one.over,
        "en": said["en"], "fr": said["fr"],
    }  # fmt: skip


def _standing(
    desk: Desk, ledger: SqliteLedger, rows: Sequence[BatchStatus], causes: Sequence[Grouped]
) -> MigrationStanding:
    plan, now = desk.loaded.plan, desk.clock.now()
    findings = Counter[str]()
    for cause in causes:
        if cause.severity != Severity.NOTE:
            findings[cause.code] += cause.many
    signed, witnessed = _signatures(desk)
    rotations, declared = rotation_facts(ledger), declared_in(_planned(desk))
    harm = HarmInTurn.of(ledger.harm())
    grants, erased, stories = accounts(ledger), erasures(ledger), standings(ledger.cutovers())
    return MigrationStanding(
        at=now,
        batches=tuple(_batches(desk, ledger, rows, stories, harm)),
        findings=findings,
        waivers=tuple(_waivers(desk)),
        bases=tuple((one.reference, one.valid_until) for one in plan.legal_basis),
        attested=attested_of(attestation_of(desk)),
        untried=tuple(untried_recipients(ledger)),
        unstored=tuple(unstored_of(proved_keys(ledger))),
        rotations=rotated(rotations),
        erasures=tuple(
            (name, one.began, one.ended, sum(one.remaining.values()))
            for name, one in erased.items()
        ),
        originals=tuple(
            (name, one.event.objects, one.event.batch)
            for name, one in erased.items()
            if one.ended is not None
            and one.event.objects
            and not _after_deletion(stories.get((one.event.batch, Track.CUTOVER))).observed
        ),
        copied=plan.seal.second_copy is not None,
        plain=tuple(
            one.url
            for one in endpoints_reached(desk, ledger)
            if one.requests and in_the_clear(one.url, local=one.is_local)
        ),
        grants=grants,
        relied=tuple(
            (one.what, one.ends) for one in expiries(desk) if one.what not in {"secnumcloud", "hds"}
        ),
        kept_until=kept_until(declared),
        clashes=clashing_permits(_erasing(ledger), grants, now),
        unheld=tuple(_unheld(plan)),
        former=former_keys(rotations, declared),
        copies_until=copies_until(declared),
        beside=keys_beside(
            (
                key
                for (_, track), story in stories.items()
                if track is Track.CUTOVER
                for key in story.beside
            ),
            declared,
        ),
        strangers=strangers(_logins(ledger), declared),
        done=tuple(_done(ledger)),
        harm=harm,
        signed=signed,
        witnessed=witnessed,
    )  # fmt: skip


def _planned(desk: Desk) -> PlannedMembers:
    """Return the plan in its canonical form, which a statement has."""
    return members_of(json.loads(desk.loaded.canonical))


def _erasing(ledger: SqliteLedger) -> dict[str, HeadersErasing]:
    """Return the last erasure of each dataset."""
    return {event.dataset: event for _, event in ledger.events(HeadersErasing)}


def _logins(ledger: SqliteLedger) -> Iterator[str]:
    """Yield who ran the tool."""
    yield from dict.fromkeys(event.user for _, event in ledger.events(RunStarted))


def _done(ledger: SqliteLedger) -> Iterator[tuple[str, str]]:
    """Yield what was done, by stage, and when; of runs the last one."""
    runs = [at for at, _ in ledger.told(RunStarted)]
    yield from (("run", at) for at in runs[-1:])
    for at, event in ledger.told(*RESTING):
        yield from ((one.stage, at) for one in approvals_of(at, event))


def _unheld(plan: Plan) -> Iterator[str]:
    """Yield the recipients' keys without a declared holder, where the plan declares any."""
    declared = plan.report.declared
    held = {one.recipient for one in declared.keys} if declared is not None else set()
    if held:
        yield from (one for one in plan.seal.recipients if one not in held)


def _batches(
    desk: Desk,
    ledger: SqliteLedger,
    rows: Sequence[BatchStatus],
    stories: Mapping[tuple[str, Track], CutoverStanding],
    harm: HarmInTurn,
) -> Iterator[BatchStanding]:
    plan, known = _planned(desk), ledger.datasets()
    listings = Listings.of(ledger.told(*LISTING_EVENTS), {row.name: row.batch for row in known})
    looks, seen = {one["batch"]: one for one in look_facts(ledger)}, _missing(ledger)
    absent = absent_facts(ledger)
    planned = {one.batch for one in desk.loaded.plan.cutovers}
    rules = {one["name"]: TakingRules.of(one) for one in plan["datasets"]}
    placed: list[PlacedDataset] = []
    copied = None
    if desk.loaded.plan.seal.second_copy is not None:
        copied = {event.batch for _, event in ledger.events(HeadersCopied)}
    for row in rows:
        name, amounts = row["batch"], row["amounts"]
        story = stories.get((name, Track.CUTOVER))
        look, after = looks.get(name), _after_deletion(story)
        final = ended(story) or NONE_PASSED
        if final.late or final.unlisted:
            placed = placed or [*_placed(desk, rules, ledger, listings)]
            final = replace(final, since=FollowedSource.of(name, final.at, placed))
        decided = story is None or not final.undecided(observed_of(story))
        end = NONE_PASSED if decided else final
        own = [one for one in known if one.batch == name]
        verified = amounts["verified"]["objects"]
        yield BatchStanding(
            name=name,
            listed=listings.last(name),
            closed=bool(own) and all(one.sealed for one in own),
            pending=amounts["waiting"]["objects"] + amounts["held_back"]["objects"],
            verified=verified,
            stage=None if story is None else str(story.stage),
            switches=name in planned,
            window_until=None if story is None else story.window_until,
            traces=after.traces,
            changed=after.changed,
            late=end.late,
            unlisted=end.unlisted,
            let_go=final.missed_since(look, verified),
            let_go_at=final.at if final.let_go else None,
            relisting=listings.going_on(name),
            looking=look is not None and not look["ended"],
            read_back=None if look is None else look["at"],
            missed=missed_in(look),
            absences=harm.absences(seen, name),
            whole=(missed := absent.get(name)) is None or missed["back"] == missed["objects"],
            recheck_seconds=(recheck := recheck_seconds(plan, name)),
            deletes=recheck is not None,
            lacks_copy=copied is not None and verified > 0 and name not in copied,
        )


def _placed(
    desk: Desk, rules: Mapping[str, TakingRules], ledger: SqliteLedger, listings: Listings
) -> Iterator[PlacedDataset]:
    """Yield where each dataset of the plan lies at the source, and what came of it."""
    for row in ledger.datasets():
        if row.name not in rules:  # its batch was taken out of the plan
            continue
        place = desk.loaded.plan.dataset(row.name).source.place
        own = sum(one.dataset == row.id for one in ledger.own_verified(row.batch, 0, _OWN_AT_ONCE))
        yield PlacedDataset(
            name=row.name, batch=row.batch, place=(place.bucket, place.prefix),
            closed=row.sealed,
            verified=ledger.tally(row.id, State.VERIFIED).objects - own,
            left=ledger.tally(row.id, *_LEFT).objects,
            excluded=ledger.tally(row.id, State.EXCLUDED).objects,
            listed=listings.of_dataset(row.name),
            rules=rules[row.name],
        )  # fmt: skip


def _missing(ledger: SqliteLedger) -> LooksInTurn:
    """Return the looks that missed something: the portions of all others are not read."""
    missed = {(event.batch, event.number) for _, event in ledger.missed()}
    since = min((seq for one, seq in ledger.looks_began().items() if one in missed), default=0)
    return LooksInTurn.of(
        (at, event)
        for at, event in (ledger.told(LookedAgain, since=since) if missed else ())
        if isinstance(event, LookedAgain) and (event.batch, event.number) in missed
    )


def _after_deletion(story: CutoverStanding | None) -> AfterDeletion:
    if story is None:
        return AfterDeletion.of(None, None)
    return AfterDeletion.of(story.erasure.outcomes, observed_of(story))


def _waivers(desk: Desk) -> Iterator[tuple[str, str]]:
    try:
        found = waiver_facts(desk.loaded.plan, desk.loaded.base, Moment.at(desk.clock.now()))
    except KeyUnavailable:
        return  # then none counts, and findings are told as they are
    for one in found:
        yield one["what"], one["until"]


def _signatures(desk: Desk) -> tuple[bool, bool]:
    """Return whether a report was ever signed here, and whether the last one has a witness.

    The last one is looked at where a run put it; one that was moved since is not found.
    """
    kept = desk.ledger_path.with_name(CHECKPOINTS)
    signed = kept.exists() and kept.stat().st_size > 0
    try:
        report = json.loads(desk.ledger_path.with_name(LAST).read_bytes())["report"]
        envelope = json.loads((Path(report["folder"]) / "statement.json").read_bytes())
        same = sha256_hex(base64.b64decode(envelope["payload"])) == report["statement_sha256"]
        return signed, same and len({one["keyid"] for one in envelope["signatures"]}) > 1
    except (OSError, ValueError, KeyError, TypeError):
        return signed, False
