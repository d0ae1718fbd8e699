"""What must hold before a recipient's key is replaced by another one, and how far that has come."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, Final

from hdh_migrate.clocks import Judge
from hdh_migrate.errors import ApprovalMissing, KeyUnavailable, Refused, UsageError
from hdh_migrate.events.rotation import KeysRotating
from hdh_migrate.evidence.signatures.approval_stages import ApprovalStage
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.frozen import frozen
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Place, State
from hdh_migrate.pipeline.binding import bindings
from hdh_migrate.pipeline.cutover.scene import Consent
from hdh_migrate.pipeline.projections.undeleted import demand_undeleted
from hdh_migrate.plan.classes import what_of
from hdh_migrate.plan.diff import differences
from hdh_migrate.ports.stores import TargetReader
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.binding import bound_recipients, fingerprint_of, fingerprints
from hdh_migrate.session.policy.changing import RECIPIENT
from hdh_migrate.session.policy.consents import Consents
from hdh_migrate.session.policy.rotating import (
    RotationBegun,
    demand_no_rotation,
    last_rotation,
)
from hdh_migrate.telemetry import counted
from hdh_migrate.wiring import routes_of
from hdh_migrate.wiring.envelopes import Opener
from hdh_migrate.wiring.sealing import load_recipients

CHANGE_PLAN: Final = (
    "in the plan, put the new key's file in the old one's place in seal.recipients, and where the"
    " old key was seal.identity, its private key there"
)


@frozen
class RecipientKey:
    """A recipient's public key, in hexadecimal, of whichever form."""

    raw: str

    @property
    def fingerprint(self) -> str:
        """The short name of the key."""
        return fingerprint_of(self.raw)


@frozen
class KeyExchange:
    """One rotation: which it is, from which key to which, and for whom is sealed then."""

    number: int
    old: RecipientKey
    new: RecipientKey
    before: tuple[str, ...]
    """For whom is sealed until then: keys in hexadecimal."""
    recipients: tuple[str, ...]
    begun: bool
    ended: bool
    """Whether all objects were gone through once."""

    stage: ClassVar[ApprovalStage] = ApprovalStage.ROTATE

    @property
    def request(self) -> str:
        """What an approval of it is bound to."""
        return request_of(self.number, self.old, self.new, self.recipients)

    @property
    def words(self) -> str:
        """From which key to which."""
        return f"{self.old.fingerprint} to {self.new.fingerprint}"


@frozen
class DataKeyRotation:
    """One rotation of the data keys: which it is, and for whom is sealed, before and after."""

    number: int
    recipients: tuple[str, ...]
    """Keys in hexadecimal."""
    begun: bool
    ended: bool
    """Whether all objects were gone through once."""

    stage: ClassVar[ApprovalStage] = ApprovalStage.RESEAL
    words: ClassVar[str] = "every object sealed anew"

    @property
    def request(self) -> str:
        """What an approval of it is bound to."""
        about = {"number": self.number, "recipients": list(self.recipients)}
        return sha256_hex(canonical_json(about))


def request_of(number: int, old: RecipientKey, new: RecipientKey, recipients: Sequence[str]) -> str:
    """Return the digest of what a rotation changes."""
    return sha256_hex(
        canonical_json(
            {
                "number": number, "old": old.raw, "new": new.raw,
                "recipients": list(recipients),
            }
        )
    )  # fmt: skip


def demand_exchangeable(desk: Desk) -> None:
    """Demand that the plan seals, so that there are headers.

    Raises:
        Refused: it seals nothing.
    """
    if not desk.loaded.plan.seal.encrypts:
        raise Refused(
            "the plan seals nothing, so there is no header to make anew",
            hint="nothing was changed; no key opens what is not sealed",
        )


def exchange_of(
    desk: Desk, ledger: SqliteLedger, old: RecipientKey, new: RecipientKey
) -> KeyExchange:
    """Return what a rotation from one key to another is: a new one, or the last that goes on.

    Raises:
        Refused: nothing is sealed, or another rotation was stopped halfway.
        UsageError: the keys are the same, the old one is no recipient, or the new one is one.
    """
    demand_exchangeable(desk)
    last = last_rotation(ledger)
    if last is not None and _exchanges(last[0], old, new):
        event, ended = last
        assert isinstance(event, KeysRotating), "it was looked at"
        before = tuple(event.old if one == event.new else one for one in event.recipients)
        return KeyExchange(
            number=event.number, old=old, new=new, before=before, recipients=event.recipients,
            begun=True, ended=ended,
        )  # fmt: skip
    demand_no_rotation(ledger)
    bound = bound_recipients(ledger)
    if bound is None:
        raise UsageError(
            "no recipients are bound yet, so no key can be replaced",
            hint="before the first run, name the right key in the plan",
        )
    if old.raw == new.raw:
        raise UsageError("--from and --to are the same key", hint="nothing was changed")
    if old.raw not in bound:
        raise UsageError(
            f"--from: {old.fingerprint} is none of the keys that are sealed for",
            hint=f"these are {', '.join(fingerprints(bound))}",
        )
    if new.raw in bound:
        raise UsageError(
            f"--to: {new.fingerprint} is one of the keys that are sealed for already",
            hint='make another one with "hdh-migrate keys new NAME"',
        )
    return KeyExchange(
        number=1 if last is None else last[0].number + 1, old=old, new=new, before=tuple(bound),
        recipients=tuple(new.raw if one == old.raw else one for one in bound),
        begun=False, ended=False,
    )  # fmt: skip


def _exchanges(begun: RotationBegun, old: RecipientKey, new: RecipientKey) -> bool:
    """Return whether a rotation is from one key to another."""
    keys = (old.raw, new.raw)
    return isinstance(begun, KeysRotating) and (begun.old, begun.new) == keys


def rotation_blockers(desk: Desk, ledger: SqliteLedger, exchange: KeyExchange) -> Iterator[str]:
    """Say what the ledger and the plan have against it; nobody is asked."""
    before = ", with seal.recipients as they were: a run by others is refused until then"
    yield from unready(desk, ledger, begun=exchange.begun, by=before)
    if exchange.begun:
        return
    if desk.loaded.plan.seal.apart and lacks_packs(desk, ledger):
        yield (
            "header packs are not at the target as the ledger has them:"
            ' "hdh-migrate run PLAN" first, with the plan of before'
        )
    plan = json.loads(desk.loaded.canonical)
    for binding in bindings(ledger).values():
        what = what_of(plan, binding.batch)
        changes = [] if what is None else differences(binding.what, what)
        if what is None or any(one.path != RECIPIENT for one in changes if not one.order):
            yield (
                f"the plan changes more of batch {binding.batch} than a key:"
                ' "hdh-migrate plan diff PLAN" shows it'
            )


def lacks_packs(desk: Desk, ledger: SqliteLedger) -> bool:
    """Say whether a pack waits to be sent or verified, or an object is in none."""
    routes = routes_of(desk.loaded.plan)
    return any(
        ledger.has_unpacked(row.id)
        or any(
            one.state is not State.VERIFIED
            for one in ledger.packs(row.id, routes[row.name].header_packs(row.name))
        )
        for row in ledger.datasets()
    )


def unready(desk: Desk, ledger: SqliteLedger, *, begun: bool, by: str = "") -> Iterator[str]:
    """Say which objects cannot be written anew for other keys as they are; nobody is asked.

    `by` says by which plan they become ready.
    """
    for name, route in routes_of(desk.loaded.plan).items():
        if route.every_version:
            yield (
                f"dataset {name} keeps every version of a name: written anew an earlier one would"
                " become the newest; a new plan that moves it to another prefix seals each for the"
                " recipients of then"
            )
    unproven = sum(ledger.tally(row.id, State.SENT).objects for row in ledger.datasets())
    if unproven and not begun:
        yield (
            f"{counted(unproven, 'object is', 'objects are')} sent and not verified:"
            f' "hdh-migrate verify PLAN" first{by}'
        )


def unplanned(exchange: KeyExchange, planned: Sequence[str]) -> list[str]:
    """Say how the plan's recipients are not those that are sealed for from then on."""
    if set(planned) == set(exchange.recipients):
        return []
    return [f"seal.recipients are not those of afterwards: {CHANGE_PLAN}"]


def demand_opens(exchange: KeyExchange, identity: Opener) -> None:
    """Demand that a private key opens what is sealed before the exchange, or what was exchanged.

    Whoever has lost all that open what was before goes on with one that opens what is afterwards:
    what opens for none of them stays, is said, and holds nothing else up.

    Raises:
        KeyUnavailable: it does not.
    """
    if exchange.begun and identity.public in exchange.recipients:
        return
    if identity.public not in exchange.before:
        raise KeyUnavailable(
            f"identity {fingerprint_of(identity.public)} opens nothing that was sealed before",
            hint="give a private key that does with --identity: the old one, or another"
            " recipient's; nothing was changed",
        )


def second_chance(
    desk: Desk, ledger: SqliteLedger, reader: TargetReader, *, bodies: bool
) -> Callable[[], None]:
    """Return what demands that something is left if the host fails: a version, or the source.

    A new object takes the old one's place before anybody can read it. Where headers are apart and
    no `bodies` are written, only packs do, which are made again of the ledger. Versioning may be
    turned off at any moment, so it is asked for whenever some are to be written; no source is
    deleted meanwhile.

    What is returned raises Refused: a bucket keeps no versions, and the source of a batch was
    deleted.
    """
    routes, retry, alone = routes_of(desk.loaded.plan), desk.retrying(), dict[str, str]()
    for row in ledger.datasets() if bodies or not desk.loaded.plan.seal.apart else ():
        try:
            demand_undeleted(ledger, row.batch)
        except Refused:
            alone[routes[row.name].target.bucket] = row.batch

    def demand() -> None:
        for bucket, batch in alone.items():
            place = Place(bucket=bucket)
            if not retry(lambda place=place: reader.keeps_versions(place)):  # type: ignore[misc]
                raise Refused(
                    f"bucket {bucket} keeps no versions, and the source of batch {batch} was"
                    " deleted: if the host failed in between, nothing would be left",
                    hint="turn versioning on for the bucket, give the same command, and turn it off"
                    " again if you must; nothing was lost",
                )

    return demand


def planned_exchange(desk: Desk, ledger: SqliteLedger) -> KeyExchange:
    """Return the rotation that the plan's recipients mean, for who approves it.

    Raises:
        UsageError: they do not differ from those that are sealed for in exactly one key.
        KeyUnavailable: a key file cannot be read.
    """
    bound = bound_recipients(ledger) or []
    planned = load_recipients(desk.loaded.plan, desk.loaded.base)
    gone = [one for one in bound if one not in planned]
    came = [one for one in planned if one not in bound]
    if len(gone) != 1 or len(came) != 1:
        raise UsageError(
            "the plan's recipients do not differ in one key from those that are sealed for:"
            " there is no exchange to approve",
            hint=CHANGE_PLAN,
        )
    old, new = (RecipientKey(raw=one) for one in (*gone, *came))
    return exchange_of(desk, ledger, old, new)


def approved(
    desk: Desk,
    ledger: SqliteLedger,
    judge: Judge,
    asked: KeyExchange | DataKeyRotation,
) -> dict[str, Consent]:
    """Return who approved what is asked, by batch; nobody where nobody is asked.

    Each batch that was begun is asked about: those who approve it let who opens it change.

    Raises:
        ApprovalMissing: too few did; nothing was changed.
    """
    found = {}
    for batch in bindings(ledger):
        consents = Consents(desk, ledger, judge, batch)
        if desk.loaded.plan.approvals is None and not consents.anybody_asked:
            continue
        consents.settle()
        consent = consents(asked.stage, asked.request)
        if not consent.given:
            raise ApprovalMissing(
                f"keys of batch {batch}, {asked.words}: " + "; ".join(consent.reasons),
                hint=f'have it approved, "hdh-migrate approve PLAN --batch {batch} --stage'
                f' {asked.stage} --key FILE", then give the same command again; nothing was'
                " changed",
            )
        found[batch] = consent
    return found
