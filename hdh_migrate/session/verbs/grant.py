"""Give a grant: ask for it in the journal, read and wrap headers, write the pack, sign, write that.

What is not whole is not given: the pack and its statement take their names last, and the journal
tells of the grant after them. Killed anywhere, the same command goes on: the request stands in the
journal, the headers that were read in a file beside the ledger.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Final

from hdh_migrate.errors import ApprovalMissing, UsageError
from hdh_migrate.events.grants import GrantAsked, GrantDropped, GrantGiven
from hdh_migrate.evidence.lines.granted import GrantAccount
from hdh_migrate.evidence.signatures.approval_stages import ApprovalStage
from hdh_migrate.evidence.signatures.signing import Signer
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.folders import make_private, sync, write_whole, writing
from hdh_migrate.frozen import frozen
from hdh_migrate.grants import pack, statement
from hdh_migrate.grants.collecting import HeaderFile, collect
from hdh_migrate.grants.objects import FORMAT, GrantedObject, HostAddress, PackHead
from hdh_migrate.grants.rewrapping import Rewrapping
from hdh_migrate.grants.statement import Given, StandsOn
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import DatasetRow
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.cutover.scene import Consent
from hdh_migrate.results.grants import BOUNDS, GrantMade
from hdh_migrate.sealing.keys import PublicKey
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.operator import operator
from hdh_migrate.session.policy import gate, granting, selections
from hdh_migrate.session.policy.bound_ledger import held_ledger
from hdh_migrate.session.policy.consents import Consents
from hdh_migrate.session.policy.erased import demand_not_erased
from hdh_migrate.session.policy.fencing import demand_the_writer
from hdh_migrate.session.policy.freshness import Pinning, keep_pins
from hdh_migrate.session.policy.granting import GrantChoice, GrantWish, demand_renewable
from hdh_migrate.session.policy.keyring import signer_of
from hdh_migrate.session.policy.rotating import demand_no_rotation
from hdh_migrate.session.policy.signposted import demand_no_word_of_erasure
from hdh_migrate.session.verbs.backup import copied_after
from hdh_migrate.session.verbs.grant_folder import (
    demand_writable,
    file_digest,
    forget,
    is_partial,
    kept_in,
    on_disk,
    place_of,
)
from hdh_migrate.session.verbs.run import Turn, self_test
from hdh_migrate.session.views.records import batch_root
from hdh_migrate.wiring import Vault, routes_of
from hdh_migrate.wiring.targets import access_of

STEP: Final = "grant"


def grant(desk: Desk, wish: GrantWish, out: Path) -> GrantMade:
    """Let a reader read the verified objects of a dataset; see the module.

    Raises:
        UsageError: there is no such dataset, the reader is a steward, or `out` is in use.
        Refused: something stands against it, all of it said; nothing was granted.
        Fenced: another ledger, or another copy of this one, wrote last at the target.
        ApprovalMissing: those whom the plan asks have not approved this request.
        TargetDiffers: an object at the target is not the one that was verified.
        Interrupted, StorageError: it ended early; the same command goes on.
    """
    desk.demand_datasets([wish.dataset])
    desk.read_ledger().close()  # a ledger is never made here
    services = desk.services(write=False, looks=False, reads=False)
    judge = gate.admitted(desk, services)
    with (
        copied_after(desk),
        held_ledger(desk, judge) as ledger,
        Turn(desk=desk, opened=[services], ledger=ledger, judge=judge, work=STEP) as turn,
    ):
        demand_no_rotation(ledger)
        demand_not_erased(ledger, [wish.dataset])
        _demand_no_word(desk, turn.ctx, wish.dataset)
        granting.demand_grantable(desk.loaded.plan, ledger, wish, judge.now())
        self_test(services)
        signer = signer_of(desk.loaded.plan, Vault.open(desk.loaded.base))
        assert signer is not None, "the plan names one, as was demanded"
        return Granting(desk, turn.ctx, ledger, signer, wish, out).run()


def _demand_no_word(desk: Desk, ctx: Context, dataset: str) -> None:
    """Demand that no ledger left word of a dataset's erasure, where headers are apart.

    Raises:
        Refused: one did.
        StorageError: it cannot be learned.
    """
    if desk.loaded.plan.seal.apart:
        demand_no_word_of_erasure(desk, ctx.reader, ctx.routes[dataset].target.bucket, dataset)


@frozen
class _Prepared:
    """A grant that was asked for, and who approved it."""

    asked: GrantAsked
    consent: Consent


class Granting:
    """One grant under way, for which everything that can be known before holds."""

    def __init__(
        self,
        desk: Desk,
        ctx: Context,
        ledger: SqliteLedger,
        signer: Signer,
        wish: GrantWish,
        out: Path,
    ) -> None:
        self._desk, self._ctx, self._ledger = desk, ctx, ledger
        self._signer, self._wish, self._out = signer, wish, out
        self._dataset: DatasetRow = next(
            row for row in self._ledger.datasets() if row.name == wish.dataset
        )
        route = routes_of(desk.loaded.plan)[wish.dataset]
        self._choice = GrantChoice(
            self._ledger, self._dataset, route, wish.include,
            detached=ctx.envelopes.apart(b"") is not None,
        )  # fmt: skip
        self._kept = kept_in(desk)
        self._pins = Pinning()

    def run(self) -> GrantMade:
        """Ask for it, or go on with it, and give it; see `grant`."""
        self._demand_last()
        self._ledger.reconcile()  # what is granted is what verify wrote
        amount, manifest = self._choice.count(), self._manifest()
        before = self._before(amount, manifest)
        if self._wish.renews is not None and (before is None or before.given is None):
            known = granting.accounts(self._ledger).by_id[self._wish.renews]
            demand_renewable(known)  # others may have revoked or renewed it meanwhile
        if before is not None and before.given is not None:
            return self._again(before)
        self._demand_free(before)
        asked = before.asked if before is not None else self._ask(amount, manifest)
        self._approved(asked)
        with on_disk(self._out):
            with self._headers(asked) as headers:
                self._collect(asked, headers)
                # Headers may take hours: what was agreed to before them is looked at again.
                self._demand_last()
                granting.demand_in_time(self._wish, self._ctx.judge.now())
                _demand_no_word(self._desk, self._ctx, self._wish.dataset)
                prepared = _Prepared(asked=asked, consent=self._approved(asked))
                written = self._written(asked, headers)
            return self._given(prepared, written)

    def _demand_last(self) -> None:
        """Demand to have written last: an old copy knows neither what was revoked nor new keys."""
        batches = [self._dataset.batch]
        demand_the_writer(self._desk, self._ledger, self._ctx.reader, batches)

    # --- asking ------------------------------------------------------------------------------

    def _manifest(self) -> str:
        return batch_root(self._desk, self._ledger, self._dataset.batch)

    def _before(self, amount: tuple[int, int], manifest: str) -> GrantAccount | None:
        """Return the same grant, asked for or given before; drop those that cannot be given."""
        found = None
        for account in granting.accounts(self._ledger).by_id.values():
            salt = selections.salt_of(self._ledger, account.id)
            same = granting.is_of(account.asked, self._wish, salt)
            if account.dropped or account.revoked or not same:
                continue
            if granting.same_objects(account.asked, amount, manifest):
                found = account
            elif account.given is None:
                self._note(GrantDropped(grant=account.id))
                selections.salt_file(self._kept, account.id).unlink(missing_ok=True)
        return found

    def _ask(self, amount: tuple[int, int], manifest: str) -> GrantAsked:
        asked = granting.asked_for(
            self._ledger, self._wish, self._dataset, amount, manifest, operator()
        )
        self._note(asked)
        return asked

    def _approved(self, asked: GrantAsked) -> Consent:
        """Return who approved the request; nobody where nobody is asked.

        Who was asked once stays so until he agrees to other terms: a plan whose `approvals` were
        taken out grants nothing by that.

        Raises:
            ApprovalMissing: too few did.
            LedgerDamaged: the journal's request is not what its digest says.
        """
        granting.demand_as_asked(asked)
        consents = Consents(self._desk, self._ledger, self._ctx.judge, asked.batch)
        if self._desk.loaded.plan.approvals is None and not consents.anybody_asked:
            return Consent(given=True, signed=())
        consents.settle()
        consent = consents(ApprovalStage.GRANT, asked.request)
        if not consent.given:
            raise ApprovalMissing(
                f"grant {asked.grant} of dataset {asked.dataset}: " + "; ".join(consent.reasons),
                hint=f'have it approved, "hdh-migrate approve PLAN --grant {asked.grant} --key'
                f" FILE{self._shown_by(asked)}, then give the same command again; nothing was"
                " granted yet",
            )
        return consent

    def _shown_by(self, asked: GrantAsked) -> str:
        """Say how who approves a part of a dataset sees which, and have the salt ready for it."""
        salt = selections.salt_of(self._ledger, asked.grant)
        if asked.selection is None or salt is None:
            return '"'
        with on_disk(self._out):
            make_private(self._kept)
            path = selections.write_salt(self._kept, asked.grant, salt)
        return f' --include GLOB..." (elsewhere also --salt with a copy of {path})'

    # --- making ------------------------------------------------------------------------------

    def _demand_free(self, before: GrantAccount | None) -> None:
        """Demand a folder that is new, or that this very grant began to fill.

        Raises:
            UsageError: something else is there, another grant for one; or it cannot be made.
        """
        self._demand_one_place(before)
        if not os.path.lexists(self._out):
            demand_writable(self._out)
            return
        ours = {pack.NAME, statement.GIVEN}
        begun = before is not None and self._ledger.meta(place_of(before.id)) == str(
            self._out.resolve()
        )
        if (
            not begun
            or not self._out.is_dir()
            or {one.name for one in self._out.iterdir() if not is_partial(one)} - ours
            or statement.claimed(self._out) not in {None, before and before.id}
        ):
            raise UsageError(
                f"{self._out}: exists already", hint="give another --out; nothing is overwritten"
            )

    def _demand_one_place(self, before: GrantAccount | None) -> None:
        """Demand that no pack which a killed command began lies elsewhere, where nobody looks.

        Raises:
            UsageError: one does.
        """
        place = None if before is None else self._ledger.meta(place_of(before.id))
        if place in {None, str(self._out.resolve())} or not os.path.lexists(place or ""):
            return
        raise UsageError(
            f"this grant was begun in {place}, which is still there",
            hint="give that as --out, or remove it, and give the same command again",
        )

    @contextmanager
    def _headers(self, asked: GrantAsked) -> Iterator[HeaderFile]:
        make_private(self._kept)
        headers = HeaderFile(self._kept / f"{asked.grant}.headers")
        try:
            yield headers
        finally:
            headers.close()

    def _collect(self, asked: GrantAsked, headers: HeaderFile) -> None:
        kept = headers.kept(self._choice.heads())
        left = islice(self._choice.heads(), kept, None)
        progress = self._desk.progress
        progress.step(self._dataset.batch, STEP, objects=asked.objects - kept, size=0)
        collect(
            left,
            into=headers,
            wraps=Rewrapping(self._ctx.envelopes, self._wish.reader),
            reader=self._ctx.reader,
            retry=self._ctx.retry,
            connections=self._desk.loaded.plan.engine.connections,
            done=lambda: progress.advance(1, 0),
            stopped=self._desk.stop.is_set,
        )

    def _written(self, asked: GrantAsked, headers: HeaderFile) -> pack.WrittenPack:
        """Write the pack under its name; one that an earlier attempt left is written anew."""
        # Known before it is there: what a killed command leaves is found by whoever revokes it.
        self._ledger.set_meta(place_of(asked.grant), str(self._out.resolve()))
        self._ledger.commit()
        self._out.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in (statement.GIVEN, pack.NAME):  # without a statement a pack is nobody's grant
            (self._out / name).unlink(missing_ok=True)
        for one in filter(is_partial, self._out.iterdir()):  # of a command that was killed
            one.unlink()
        with writing(self._out / pack.NAME) as file:
            reader = PublicKey(bytes.fromhex(asked.key))
            return pack.write(file, reader, self._head(asked), self._objects(headers))

    def _head(self, asked: GrantAsked) -> PackHead:
        plan = self._desk.loaded.plan
        entry = access_of(plan, plan.target.credential, self._desk.loaded.base)
        address = HostAddress(
            url=entry.url, region=entry.region, addressing=entry.addressing,
            pins=tuple(entry.pins) or ABSENT,
        )  # fmt: skip
        return PackHead(
            format=FORMAT, grant=asked.grant, migration=plan.migration, dataset=asked.dataset,
            permit=asked.permit, purpose=asked.purpose, reader=asked.reader, until=asked.until,
            endpoint=address, objects=asked.objects, bytes=asked.bytes,
        )  # fmt: skip

    def _objects(self, headers: HeaderFile) -> Iterator[GrantedObject]:
        headers.rewind()
        self._pins = Pinning()
        for one in self._choice:
            self._pins.add(one.row)
            stored = one.head.stored
            assert one.row.sha256 is not None, "it is proven"
            yield GrantedObject(
                name=one.name, bucket=one.head.bucket, key=stored.key, version=stored.version_id,
                etag=stored.etag, body=one.head.body, length=one.row.size, sealed=stored.size,
                sha256=one.row.sha256, sealed_sha256=one.row.stored_sha256,
                header=headers.next_of(one.head),
            )  # fmt: skip

    # --- giving ------------------------------------------------------------------------------

    def _given(self, prepared: _Prepared, written: pack.WrittenPack) -> GrantMade:
        asked = prepared.asked
        envelope = statement.sign(
            self._signer,
            Given(
                grant=asked.grant, migration=self._desk.loaded.plan.migration,
                dataset=asked.dataset, whole=asked.selection is None, permit=asked.permit,
                purpose=asked.purpose, reader=asked.reader, until=asked.until,
                made_at=self._desk.clock.now(), objects=written.objects, bytes=written.bytes,
                root=written.root,
                stands_on=StandsOn(
                    plan=self._desk.loaded.digest, batch=asked.batch, manifest=asked.manifest,
                    journal=self._ledger.head(),
                ),
            ),
            written.sha256,
        )  # fmt: skip
        data = canonical_json(envelope) + b"\n"
        write_whole(self._out / statement.GIVEN, data)
        sync(self._out.parent)
        event = GrantGiven(
            grant=asked.grant, objects=written.objects, bytes=written.bytes, root=written.root,
            pack_sha256=written.sha256, statement_sha256=sha256_hex(data),
            approvals=prepared.consent.keys, signed=prepared.consent.signed,
        )  # fmt: skip
        keep_pins(self._ledger, asked.grant, self._pins)
        self._note(event)
        forget(self._desk, asked.grant)
        return self._result(asked, event, again=False)

    def _again(self, before: GrantAccount) -> GrantMade:
        """Return what was given before, if it is where it is asked for now.

        Raises:
            UsageError: it was written elsewhere, or is not as it was written any more.
        """
        assert before.given is not None
        folder, words = self._out, f"this was granted before, as {before.id}, and "
        again = (
            f'"hdh-migrate grant PLAN --renew {before.id} --out DIR" makes another pack in its'
            f' place; "hdh-migrate revoke PLAN {before.id} --reason TEXT" takes it back'
        )
        if file_digest(folder / pack.NAME) != before.given.pack_sha256:
            raise UsageError(f"{words}its pack is not in {folder}", hint=again)
        signed = file_digest(folder / statement.GIVEN) == before.given.statement_sha256
        if not signed or os.path.lexists(folder / statement.REVOKED):
            raise UsageError(
                f"{words}the statement beside its pack in {folder} is not the one that was signed",
                hint=f"bring {statement.GIVEN} back from a copy of the folder, and leave nothing"
                f" else there; or {again}",
            )
        return self._result(before.asked, before.given, again=True)

    def _result(self, asked: GrantAsked, given: GrantGiven, *, again: bool) -> GrantMade:
        return {
            "grant": asked.grant,
            "renews": asked.renews or None,
            "dataset": asked.dataset,
            "permit": asked.permit,
            "purpose": asked.purpose,
            "reader": asked.reader,
            "until": asked.until,
            "objects": given.objects,
            "bytes": given.bytes,
            "root": given.root,
            "pack_sha256": given.pack_sha256,
            "approvals": list(given.approvals),
            "folder": str(self._out),
            "again": again,
            "bounds": BOUNDS,
        }

    def _note(self, event: GrantAsked | GrantDropped | GrantGiven) -> None:
        self._ledger.event(event)
        self._ledger.commit()
