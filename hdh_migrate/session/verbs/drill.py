"""Prove that a recipient's private key opens what is sealed: the escrow, before it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.events.run import KeyDrilled
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.ports.sealing import Envelopes
from hdh_migrate.results.keys import Drilled, StoredOpened, StoredTrial
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.operator import operator
from hdh_migrate.session.policy import gate
from hdh_migrate.session.policy.binding import bound_recipients
from hdh_migrate.session.policy.bound_ledger import held_ledger
from hdh_migrate.session.policy.dating import dating_judge
from hdh_migrate.session.policy.rotating import demand_no_rotation
from hdh_migrate.session.policy.signposted import demand_no_word_of_erasure
from hdh_migrate.session.verbs.drill_stored import StoredDrilling, event_of
from hdh_migrate.wiring import Services, Vault, routes_of
from hdh_migrate.wiring.envelopes import drilled


def drill(
    desk: Desk,
    key: Path,
    phrase_from: str | None,
    *,
    stored: int | None = None,
    selected: Sequence[str] = (),
) -> Drilled:
    """Open a test envelope for the bound recipients with a private key, and write it down.

    With `stored`, so many objects of the `selected` batches, too, as the target holds them; it is
    written down what came of it even when not all of them open. Otherwise no object is read, and
    endpoints are asked for the time alone.

    Raises:
        UsageError: no run of this version has begun here, so nothing is bound.
        KeyUnavailable: the key cannot be read, or does not open a test envelope.
        Refused: nothing is stored yet, keys are being exchanged, the target is not attested, or it
            tells of an erasure that this ledger does not know.
        StorageError: the target cannot be asked; nothing is written down.
    """
    batches = [one.name for one in desk.batches(selected)]
    chosen = [one for one in batches if not selected or one in selected]
    desk.read_ledger().close()  # a ledger is never made by a drill
    phrase = Vault.open(Path()).reveal(phrase_from) if phrase_from else None
    services = None if stored is None else desk.services(write=False, looks=False, reads=False)
    judge = dating_judge(desk) if services is None else gate.admitted(desk, services)
    with held_ledger(desk, judge) as ledger:
        opened = _opener(desk, ledger, key, phrase)
        name = opened.identity
        assert name is not None, "it was loaded"
        trial = None
        if services is not None and stored is not None:
            trial = _tried(desk, services, ledger, opened, chosen, stored)
        before = [(at, one) for at, one in ledger.events(KeyDrilled) if one.fingerprint == name]
        ledger.event(
            KeyDrilled(
                fingerprint=name, user=operator(),
                stored=ABSENT if trial is None else event_of(trial),
            )
        )  # fmt: skip
        ledger.commit()
        at = ledger.last_at()
    bad = trial is not None and trial["not_opened"]
    return {
        "exit": int(Exit.VERIFICATION_FAILED if bad else Exit.OK),
        "fingerprint": name,
        "proved": at,
        "proved_before": before[-1][0] if before else None,
        "stored": trial,
        "stored_before": _last_stored(before),
    }


def _opener(desk: Desk, ledger: SqliteLedger, key: Path, phrase: str | None) -> Envelopes:
    """Return what opens with the key, which has opened a test envelope."""
    bound = bound_recipients(ledger)
    if bound is None:
        raise UsageError(
            "no recipients are bound yet, so there is nothing that the key must open",
            hint="run the plan with this version first",
        )
    opened = drilled(desk.loaded.plan, bound, key, phrase)
    opened.self_test()
    return opened


def _tried(
    desk: Desk,
    services: Services,
    ledger: SqliteLedger,
    opened: Envelopes,
    batches: Sequence[str],
    most: int,
) -> StoredTrial:
    demand_no_rotation(ledger)
    routes, gone = routes_of(desk.loaded.plan), ledger.erased()
    for row in ledger.datasets() if desk.loaded.plan.seal.apart else ():
        if row.batch in batches and row.id not in gone:
            bucket = routes[row.name].target.bucket
            demand_no_word_of_erasure(desk, services.reader, bucket, row.name)
    return StoredDrilling(
        ledger=ledger, reader=services.reader, envelopes=opened,
        routes=routes, retry=desk.retrying(), stop=desk.stop,
    ).run(batches, most)  # fmt: skip


def _last_stored(before: Sequence[tuple[str, KeyDrilled]]) -> StoredOpened | None:
    for at, event in reversed(before):
        if event.stored:
            return {"at": at, "objects": event.stored.objects, "opened": event.stored.opened}
    return None
