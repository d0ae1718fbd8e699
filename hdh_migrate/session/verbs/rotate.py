"""Replace a recipient's key by another one: look what it means, or make it so.

What is sealed from then on, and what is verified already, is sealed for the new set of recipients.
The plan says the new set before; the journal tells from which key to which, and each object twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from hdh_migrate.clocks import Judge
from hdh_migrate.errors import Exit, KeyUnavailable, Refused, UnsealFailed
from hdh_migrate.events.batches import BatchAmended, BatchAmending
from hdh_migrate.events.rotation import KeysRotating
from hdh_migrate.fixity import canonical_json
from hdh_migrate.frozen import frozen
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.pipeline.binding import Binding, adopt, bindings, keep_binding
from hdh_migrate.pipeline.fences.signposts import key_exchange, put_up
from hdh_migrate.pipeline.rotation.headers_apart import HeadersApart
from hdh_migrate.pipeline.rotation.renewal_parts import travel
from hdh_migrate.pipeline.rotation.renewing import Renewing
from hdh_migrate.pipeline.rotation.rotating import Rotating, RotationDone
from hdh_migrate.pipeline.rotation.staying import UNOPENED
from hdh_migrate.plan.classes import what_of
from hdh_migrate.plan.diff import differences
from hdh_migrate.ports.sealing import Envelopes, HeaderRenewal
from hdh_migrate.results.keys import KeysExchanged, RotationForecast
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.operator import operator
from hdh_migrate.session.policy import gate
from hdh_migrate.session.policy.bound_ledger import bind, journal_of, name_of
from hdh_migrate.session.policy.buckets import buckets_of
from hdh_migrate.session.policy.newest import demand_newest
from hdh_migrate.session.policy.rotation import (
    KeyExchange,
    RecipientKey,
    demand_exchangeable,
    demand_opens,
    exchange_of,
    rotation_blockers,
    unplanned,
)
from hdh_migrate.session.policy.timekeeping import judge_for
from hdh_migrate.session.verbs.backup import copied_after
from hdh_migrate.session.verbs.hold import demand_unheld
from hdh_migrate.session.verbs.run import Turn, demand_unpaused, self_test
from hdh_migrate.session.verbs.writing_anew import (
    Approvals,
    carried_out,
    code_of,
    left_lines,
    remaining_lines,
    restart,
    verified_so_far,
    work_ahead,
    written_anew,
)
from hdh_migrate.session.views.earlier_copies import earlier_copies
from hdh_migrate.telemetry import counted
from hdh_migrate.wiring import (
    Services,
    Vault,
)
from hdh_migrate.wiring.envelopes import Opener, form_of, key_file
from hdh_migrate.wiring.sealing import load_recipients

NOTHING_SENT: Final = "nothing was changed"


@frozen
class RotationWish:
    """From which key to which, and which private key opens what is sealed before; as read."""

    old: RecipientKey
    new: RecipientKey
    identity: Opener | None

    @classmethod
    def at(
        cls, desk: Desk, old: Path, new: Path, identity: Path | None, phrase_from: str | None
    ) -> RotationWish:
        """Read the keys for a plan.

        Raises:
            Refused: it seals nothing.
            KeyUnavailable: one cannot be read, or is no honest public key.
        """
        demand_exchangeable(desk)
        form, private = form_of(desk.loaded.plan), None
        if identity is not None:
            phrase = Vault.open(Path()).reveal(phrase_from) if phrase_from else None
            private = form.opener((identity, phrase))
        was, now = (RecipientKey(raw=form.public(path).hex()) for path in (old, new))
        return cls(old=was, new=now, identity=private)


def forecast(desk: Desk, wish: RotationWish) -> RotationForecast:
    """Return what a rotation would do; nobody is asked, and nothing is written.

    Raises:
        UsageError, Refused: there is no such rotation (see `policy.rotation.exchange_of`).
    """
    ledger = desk.read_ledger()
    try:
        with ledger.snapshot():
            exchange = exchange_of(desk, ledger, wish.old, wish.new)
            blockers = [
                *rotation_blockers(desk, ledger, exchange),
                *unplanned(exchange, load_recipients(desk.loaded.plan, desk.loaded.base)),
            ]
            return _forecast(desk, ledger, exchange, blockers)
    finally:
        ledger.close()


def _forecast(
    desk: Desk, ledger: SqliteLedger, exchange: KeyExchange, blockers: list[str]
) -> RotationForecast:
    apart, limits = desk.loaded.plan.seal.apart, desk.limits
    work = work_ahead(
        ledger, exchange, lambda row: travel(row, limits), apart=apart, blockers=blockers
    )
    return {
        **work,
        "old": exchange.old.fingerprint,
        "new": exchange.new.fingerprint,
        "part_copy": limits.part_copy,
        "headers": _kept(ledger) if apart else None,
    }


def _kept(ledger: SqliteLedger) -> int:
    """Return how many headers the ledger keeps."""
    return ledger.headers_under(ledger.blocks())


def execute(desk: Desk, wish: RotationWish) -> tuple[Exit, KeysExchanged]:
    """Exchange the key for every verified object; the same command goes on after any stop.

    Raises:
        UsageError, Refused: there is no such rotation, or something stands against it.
        KeyUnavailable: no private key at hand opens what is sealed, or what will be.
        ApprovalMissing: those whom the plan asks have not approved it.
        MigrateError: whatever ended it early.
    """
    demand_unpaused(desk)
    desk.read_ledger().close()  # a ledger is never made here
    services = desk.services(write=True, reads=False)
    judge = judge_for(desk.clock, [services], desk.ledger_path)
    with copied_after(desk), _admitted(desk, services, judge) as ledger:
        exchange = exchange_of(desk, ledger, wish.old, wish.new)
        blockers = [
            *rotation_blockers(desk, ledger, exchange),
            *unplanned(exchange, services.recipients),
        ]
        if blockers:
            raise Refused(
                f"{exchange.old.fingerprint} cannot be replaced by"
                f" {exchange.new.fingerprint} now",
                blockers=blockers, hint=NOTHING_SENT,
            )  # fmt: skip
        identity = _identity(desk, services, wish)
        demand_opens(exchange, identity)
        self_test(services)
        apart, anew = desk.loaded.plan.seal.apart, identity.exchange(exchange.recipients)

        def begin(approvals: Approvals) -> None:
            if not exchange.begun:
                _begin(desk, ledger, exchange, approvals)
            _leave_word(desk, services, ledger, exchange, ended=False)
            bind(desk, ledger)

        def through(turn: Turn, demand_safe: Callable[[], None]) -> RotationDone:
            shut = HeadersApart(turn.ctx, exchange.number, anew).run() if apart else None
            done = Rotating(
                turn.ctx, exchange.number, _rewrap(anew, services.envelopes),
                connections=desk.loaded.plan.engine.connections, apart=shut,
                demand_safe=demand_safe, demand_free=partial(demand_unheld, desk),
            ).run()  # fmt: skip
            _leave_word(desk, services, ledger, exchange, ended=True)
            return done

        done, grants = carried_out(
            desk, services, ledger, judge, exchange,
            step=Renewing.step, bodies=False, begin=begin, through=through,
        )  # fmt: skip
        kept = _kept(ledger) if apart else None
        opened_by = services.envelopes.identity
        remains = _remains(exchange, done, grants, opened_by, kept)
        remains += earlier_copies(desk, ledger) if apart else []
        told = written_anew(exchange.number, done, grants, opened_by, remains)
        return code_of(done), {
            **told,
            "old": exchange.old.fingerprint,
            "new": exchange.new.fingerprint,
            "headers": kept,
        }


def _rewrap(anew: HeaderRenewal, now: Envelopes) -> Callable[[bytes], bytes]:
    """Return what makes headers for the recipients of afterwards of those that open now or then.

    What an earlier pass left, and a run has sent again since, opens for those of afterwards.
    """

    def header(before: bytes) -> bytes:
        try:
            return anew.header(before)
        except UnsealFailed:
            return anew.wrap(now.data_key(before))

    return header


@contextmanager
def _admitted(desk: Desk, services: Services, judge: Judge) -> Iterator[SqliteLedger]:
    """Open the ledger of a plan that may not be the one that it is bound to, and the target."""
    gate.admit(services, desk.loaded.plan, judge)
    with journal_of(desk, judge) as ledger:
        demand_newest(desk, ledger)
        adopt(ledger)
        ledger.reconcile()
        yield ledger


def _identity(desk: Desk, services: Services, wish: RotationWish) -> Opener:
    """Return the private key that opens what is sealed before: by default the plan's.

    Raises:
        KeyUnavailable: there is none, or it cannot be read.
    """
    if wish.identity is not None:
        return wish.identity
    seal = desk.loaded.plan.seal
    found = key_file((seal.identity, seal.identity_passphrase), services.vault)
    if found is None:
        raise KeyUnavailable(
            "no identity is given, so no header can be opened", hint="give one with --identity"
        )
    return form_of(desk.loaded.plan).opener(found)


def _begin(desk: Desk, ledger: SqliteLedger, exchange: KeyExchange, approvals: Approvals) -> None:
    """Bind every batch to the new recipients, in one transaction with the event that tells it."""
    plan = json.loads(desk.loaded.canonical)
    verified = verified_so_far(ledger)
    with ledger.whole():
        ledger.event(
            KeysRotating(
                number=exchange.number, old=exchange.old.raw, new=exchange.new.raw,
                recipients=exchange.recipients, request=exchange.request,
                objects=verified.objects, bytes=verified.size, user=operator(),
                approvals={batch: one.keys for batch, one in approvals.items()},
                signed={batch: one.signed or () for batch, one in approvals.items()},
            )
        )  # fmt: skip
        for binding in bindings(ledger).values():
            what = what_of(plan, binding.batch)
            assert what is not None, "it was demanded"
            after = Binding(binding.batch, binding.revision + 1, canonical_json(what).decode())
            restart(desk, ledger, binding.batch)
            if after.digest != binding.digest:  # another file; the same one may have another key
                _amend(ledger, binding, after, exchange)
        ledger.commit()


def _leave_word(
    desk: Desk, services: Services, ledger: SqliteLedger, keys: KeyExchange, *, ended: bool
) -> None:
    """Tell at the target for whom is sealed from here on: a copy of the ledger reads it."""
    plan, name = desk.loaded.plan, name_of(ledger)
    assert services.writer is not None, "who exchanges headers can write"
    assert name is not None, "a ledger that is bound has a name"
    post = key_exchange(
        plan.migration, name, keys.number, keys.recipients, ledger.last_at() or "", ended=ended
    )
    put_up(services.writer, desk.retrying(), buckets_of(plan), post)


def _amend(ledger: SqliteLedger, before: Binding, after: Binding, exchange: KeyExchange) -> None:
    lines = tuple(one.line for one in differences(before.what, after.what))
    ledger.event(
        BatchAmending(
            batch=after.batch, revision=after.revision, was=before.digest, now=after.digest,
            changes=lines,
            reason=f"keys rotate: {exchange.old.fingerprint} to {exchange.new.fingerprint}",
            user=operator(),
        )
    )  # fmt: skip
    ledger.event(
        BatchAmended(
            batch=after.batch, revision=after.revision, digest=after.digest, excluded={},
            taken_back={}, moved_before={}, recipients=ABSENT,
        )
    )  # fmt: skip
    keep_binding(ledger, after)


def _remains(
    exchange: KeyExchange,
    done: RotationDone,
    grants: int,
    opened_by: str | None,
    headers: int | None,
) -> list[str]:
    """Say what the old key may still open, and what was not shown."""
    lines = list(left_lines(done))
    if done.left.get(UNOPENED):
        lines.append(
            "where nobody has a key any more that opens them, and the source still has them:"
            ' "hdh-migrate verify PLAN --again" finds them, "hdh-migrate run PLAN" sends them again'
        )
    if done.lost:
        lines.append(
            f"{counted(done.lost, 'object is', 'objects are')} not right after the exchange, and"
            ' wait to be sent again: "hdh-migrate run PLAN"'
        )
    lines += remaining_lines(done)
    lines.append(
        "the data keys are the same as before: whoever kept one, or a copy of an old header and"
        " the old private key, opens what he has a copy of"
    )
    if headers is not None:
        lines.append(
            "copies of the ledger, and of the folder of the second copy, that were made before"
            " still open for the old key: delete them once there are new ones"
        )
    elif grants:
        lines.append(
            f"{counted(grants, 'grant')} name the objects as they were: their readers are refused"
            ' until they get new packs, "hdh-migrate grant PLAN --renew ID --out DIR"; "hdh-migrate'
            ' grants PLAN" lists them'
        )
    if opened_by != exchange.new.fingerprint:
        lines.append(
            f"each object was opened with {opened_by}; that {exchange.new.fingerprint} has its"
            ' private key shows "hdh-migrate keys drill PLAN --key FILE"'
        )
    return lines
