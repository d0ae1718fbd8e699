"""From the ledger to a bundle of evidence. The ledger is checked before a line is written."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from hdh_migrate.clocks import Moment
from hdh_migrate.errors import EvidenceDamaged, LedgerDamaged, LedgerLocked, Refused
from hdh_migrate.evidence.bundle import write_bundle
from hdh_migrate.evidence.lines.facts import Facts
from hdh_migrate.evidence.signatures.checkpoint import Watched, parse, sidecar, signed, taken, write
from hdh_migrate.evidence.signatures.dsse import statement_in
from hdh_migrate.evidence.signatures.signing import Signer
from hdh_migrate.evidence.verifier.members import StatedFences
from hdh_migrate.fixity import sha256_hex
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.results.proofs import BundleFact, CheckpointFact
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy import keyring
from hdh_migrate.session.policy.addressed import demand_addressed
from hdh_migrate.session.policy.bound_ledger import held_ledger, journal_of
from hdh_migrate.session.policy.buckets import buckets_of
from hdh_migrate.session.policy.contents import demand_known, signers
from hdh_migrate.session.policy.dating import dating_judge
from hdh_migrate.session.policy.freshness import tell_stale, untold_stale
from hdh_migrate.session.policy.kept_waivers import keep_waivers, untold
from hdh_migrate.session.policy.names import FORMS, Streams
from hdh_migrate.session.policy.openings import is_behind
from hdh_migrate.session.policy.report_files import CHECKPOINTS
from hdh_migrate.session.policy.reporters import approvers_barred, demand_apart
from hdh_migrate.session.policy.sound import sound_ledger
from hdh_migrate.session.policy.timekeeping import offline
from hdh_migrate.session.views.facts import facts_of
from hdh_migrate.session.views.records import batch_root, exclusions, findings, records
from hdh_migrate.wiring import Vault, routes_of

__all__ = ["batch_root", "write_report"]

STATEMENTS = "statements.jsonl"


def write_report(
    desk: Desk, out: Path | None, *, names: str = "plain", asks: bool = False
) -> BundleFact:
    """Write a bundle of everything the ledger knows and return what it came to.

    `names` is a form of `names.FORMS`: "plain", or "keyed" for a bundle that outsiders may read.
    Who `asks` reads the target's fences first; else the bundle says that nobody did.

    Raises:
        Fenced: a newer copy of this ledger, or another one, was the last to write at the target.
        KeyUnavailable: the secret of keyed names cannot be used.
        LedgerLocked: objects were opened that its journal does not tell yet, and another command
            holds it.
        LedgerDamaged: the ledger does not check, its rows are not as its journal tells them, or
            the journal is not the one of earlier reports; no bundle is made from it.
        Refused: attestation or profile have a content that no run has worked with, or the key
            that is to sign it has approved what it tells.
        UsageError: `out` is in use.
    """
    _take_openings(desk)
    _tell_stale(desk)
    _tell_waivers(desk)
    fences = _fences(desk, asks=asks)
    with sound_ledger(desk) as ledger:
        demand_addressed(ledger, desk.loaded.plan, desk.loaded.base)
        demand_known(ledger, desk.loaded)
        folder = out or _default_folder(desk)
        form, signer = FORMS[names], signer_of(desk)
        keyring.demand_in_force(
            desk.loaded.plan, Vault.open(desk.loaded.base), Moment.at(desk.clock.now())
        )
        if signer is not None and signer.weakness is not None:
            desk.progress.note(signer.weakness)
        facts = _facts(desk, ledger, signer, fences)
        chained = form.chained and signer is not None
        if chained and sidecar(folder).exists():
            raise taken(sidecar(folder))
        journal = Watched(ledger.journal(), _kept(desk))
        streams = form.streams(
            desk,
            Streams(
                records=records(desk, ledger),
                exclusions=exclusions(desk, ledger),
                findings=findings(ledger),
                journal=journal,
            ),
        )
        with _appending(desk, STATEMENTS) as remember, _appending(desk, CHECKPOINTS) as keep:
            if form.chained:  # killed right after, the next report finds it there
                remember({"folder": str(folder.absolute())})
            bundle = write_bundle(
                folder,
                records=streams.records,
                facts=replace(facts, names=names),
                findings=streams.findings,
                exclusions=streams.exclusions,
                journal=streams.journal,
                signer=signer,
                languages=desk.loaded.plan.report.languages,
                checked=True,
            )
            if form.chained:
                remember({"statement_sha256": bundle.statement_sha256})
            checkpoint = None
            if chained and signer is not None:
                checkpoint = _checkpoint(desk, bundle.folder, journal, signer)
                keep({"note": checkpoint["note"]})
    return {
        "folder": str(bundle.folder),
        "objects": bundle.count,
        "root": bundle.root,
        "manifest_sha256": bundle.manifest_sha256,
        "statement_sha256": bundle.statement_sha256,
        "complete": bundle.complete,
        "proven": bundle.proven,
        "signed": bundle.signed,
        "checkpoint": checkpoint,
    }


def _fences(desk: Desk, *, asks: bool) -> StatedFences:
    if not asks:
        return {"ours": 0, "unknown": len(buckets_of(desk.loaded.plan))}
    from hdh_migrate.session.verbs.fence import last_to_write  # brings what asks a target

    return last_to_write(desk)


def _facts(desk: Desk, ledger: SqliteLedger, signer: Signer | None, fences: StatedFences) -> Facts:
    """Return what the statement tells.

    Raises:
        Refused: the key that is to sign it has approved what it tells.
        LedgerDamaged: an event or a row of the ledger is none that this tool writes.
    """
    previous = _previous(desk)
    try:
        if signer is not None:
            demand_apart(ledger, signer.verifier)
            if barred := approvers_barred(desk.loaded, ledger, signers(ledger)):
                raise Refused(
                    "the report would be signed by a key that approves",
                    blockers=[str(one) for one in barred], hint="nothing was written",
                )  # fmt: skip
        return facts_of(desk, ledger, previous, fences)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # The chain checks, so whoever wrote this wrote the chain anew.
        raise LedgerDamaged("the ledger holds what this tool does not write there") from error


def _tell_stale(desk: Desk) -> None:
    """Have the journal, and so the report, tell of grants whose packs point to what there was.

    While another command holds the ledger they are in the next report: it is still changing.
    """
    routes = routes_of(desk.loaded.plan)
    ledger = desk.read_ledger()
    try:
        if not untold_stale(ledger, routes):
            return
    finally:
        ledger.close()
    with (
        suppress(LedgerLocked),
        journal_of(desk, dating_judge(desk)) as held,
    ):
        tell_stale(held, routes)
        held.commit()


def _tell_waivers(desk: Desk) -> None:
    """Have the journal, and so the report, tell which waivers count now.

    While another command holds the ledger, a report shows those alone that it has told of.
    """
    if desk.loaded.plan.waivers is None:
        return
    now = offline(desk.clock, desk.ledger_path).unchecked()
    ledger = desk.read_ledger()
    try:
        bound = ledger.meta("plan_digest") == desk.loaded.digest
        if bound and untold(ledger, desk.loaded, now) is None:
            return
    finally:
        ledger.close()
    judge = dating_judge(desk)
    with suppress(LedgerLocked), held_ledger(desk, judge) as held:
        keep_waivers(held, desk.loaded, judge.unchecked)
        held.commit()


def _take_openings(desk: Desk) -> None:
    """Take openings in that are written beside the journal only.

    Raises:
        LedgerLocked: another command holds the ledger; a report without it would not be whole.
    """
    ledger = desk.read_ledger()
    try:
        behind = is_behind(ledger, desk.ledger_path)
    finally:
        ledger.close()
    if behind:
        with journal_of(desk, dating_judge(desk)):
            pass  # to open it is all


def _checkpoint(desk: Desk, folder: Path, journal: Watched, signer: Signer) -> CheckpointFact:
    """Sign the journal's checkpoint, write it beside the bundle and return it as JSON."""
    made = journal.checkpoint(desk.loaded.plan.migration)
    note = signed(made, signer)
    write(sidecar(folder), note)
    return {
        "file": str(sidecar(folder)),
        "origin": made.origin,
        "size": made.size,
        "root": made.root,
        "note": note.decode(),
    }


def _kept(desk: Desk) -> dict[int, str]:
    """Return the root of each length of the journal that an earlier report was made at."""
    path = desk.ledger_path.with_name(CHECKPOINTS)
    try:
        notes = [json.loads(line)["note"] for line in _whole_lines(path).splitlines()]
        notes_kept = [parse(note.encode())[0] for note in notes]
    except (ValueError, KeyError, TypeError, AttributeError, EvidenceDamaged) as error:
        raise LedgerDamaged(f"{path}: a line of it is no checkpoint") from error
    return {one.size: one.root for one in notes_kept}


def _default_folder(desk: Desk) -> Path:
    stamp = desk.clock.now().replace("-", "").replace(":", "").replace(".", "")
    return desk.ledger_path.parent / "reports" / stamp


def signer_of(desk: Desk) -> Signer | None:
    """Return the plan's signer, None when it names none.

    Raises:
        KeyUnavailable: the key or its passphrase cannot be read.
    """
    return keyring.signer_of(desk.loaded.plan, Vault.open(desk.loaded.base))


def take_in(desk: Desk) -> None:
    """Remember a bundle that a kill kept from being remembered, before it is put elsewhere.

    Raises:
        LedgerDamaged: what is remembered of earlier reports cannot be read.
    """
    remembered, last = _chain(desk)
    if last is not None and last != remembered:
        with _appending(desk, STATEMENTS) as remember:
            remember({"statement_sha256": last})


def _previous(desk: Desk) -> str | None:
    """Return the digest of the last statement; also of one that a kill kept from being remembered.

    Raises:
        LedgerDamaged: what is remembered of earlier reports cannot be read.
    """
    return _chain(desk)[1]


def _chain(desk: Desk) -> tuple[str | None, str | None]:
    """Return the digest that was remembered last, and that of the last bundle that there is.

    Before each bundle a line names its folder, after it another one its digest.
    """
    path = desk.ledger_path.with_name(STATEMENTS)
    last: str | None = None
    begun: str | None = None
    try:
        for line in map(json.loads, _whole_lines(path).splitlines()):
            if "folder" in line:
                last, begun = _written(begun, last) or last, str(line["folder"])
            else:
                last, begun = str(line["statement_sha256"]), None
    except (ValueError, KeyError, TypeError) as error:
        raise LedgerDamaged(f"{path}: a line of it is not a statement's digest") from error
    return last, _written(begun, last) or last


def _written(folder: str | None, previous: str | None) -> str | None:
    """Return the digest of the statement in a folder, if it is the one that follows another."""
    if folder is None:
        return None
    try:
        payload = statement_in(json.loads((Path(folder) / "statement.json").read_bytes()))
        follows = json.loads(payload)["predicate"]["previous_statement"]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # it never came to be, or is not there any more
    return sha256_hex(payload) if follows == previous else None


def _whole_lines(path: Path) -> bytes:
    """Return a file that is appended to, without a last line that is not whole.

    What a full disk or a power cut left of one was never acknowledged.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return b""
    return data[: data.rfind(b"\n") + 1]


def remember_statement(desk: Desk, statement_sha256: str) -> None:
    """Let the next report name a bundle that another ledger made as the one before it.

    Raises:
        LedgerDamaged: what is remembered of earlier reports cannot be read.
    """
    if _previous(desk) is None:
        with _appending(desk, STATEMENTS) as remember:
            remember({"statement_sha256": statement_sha256})


@contextmanager
def _appending(desk: Desk, name: str) -> Iterator[Callable[[Mapping[str, str]], None]]:
    """Give what appends a line to a file beside the ledger, for the next report.

    The file is opened before the bundle is written: where it cannot be, there is no bundle that
    the chain does not know.
    """
    path = desk.ledger_path.with_name(name)
    whole = len(_whole_lines(path))
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(handle, "w") as file:
        os.ftruncate(handle, whole)

        def append(event: Mapping[str, str]) -> None:
            file.write(json.dumps({"at": desk.clock.now(), **event}) + "\n")
            file.flush()
            os.fsync(file.fileno())

        yield append
