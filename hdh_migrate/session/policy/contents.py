"""What a plan points to counts by content: files change while the plan that names them does not.

Recipients never change under a run (`session.binding`), and who consents changes by consent alone
(`session.terms`). The rest may change, as keys are rotated and attestations are renewed; but the
journal tells it when the next verb works with another content (`contents`), and a report shows
nothing that no run has worked with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING

from hdh_migrate.codes import Code
from hdh_migrate.errors import PlanInvalid, Refused
from hdh_migrate.events.run import ContentsRecorded
from hdh_migrate.plan.loader import LoadedPlan
from hdh_migrate.plan.model import Plan
from hdh_migrate.plan.pointers import Pointer
from hdh_migrate.plan.shapes import Loc
from hdh_migrate.plan.trust import tls_sections
from hdh_migrate.wiring.chosen import profile_of

if TYPE_CHECKING:
    from hdh_migrate.ledger import SqliteLedger

LARGEST = 64 << 20
"""Bytes of a file that is read for its digest."""

SIGNER = "report.signer"
_ED25519 = "ed25519:"


def contents_of(loaded: LoadedPlan, identity: str | None) -> dict[str, str]:
    """Return what each file that the plan names is: keys by fingerprint, others by SHA-256.

    `identity` is the fingerprint of the key that opens what is sealed.

    Raises:
        KeyUnavailable: a key or its passphrase cannot be read.
    """
    # These bring the signatures: who only opens a plan needs none.
    from hdh_migrate.session.policy import waivers
    from hdh_migrate.session.policy.reporters import report_key

    plan, base = loaded.plan, loaded.base
    found = {
        where: digest
        for where, path in named_files(plan)
        if (digest := _digest(loaded, where, path)) is not None
    }
    if plan.waivers is not None:
        # What was let go of, even where its file is taken away before anybody looks.
        kept = {f"waivers/{path.name}": digest_of_file(path) for path in waivers.files(base)}
        found |= {where: digest for where, digest in kept.items() if digest is not None}
    signer = report_key(plan, base)
    if signer is not None:
        found[SIGNER] = f"{_ED25519}{signer.fingerprint}"
    if identity is not None:
        found["seal.identity"] = identity
    return found


def record_contents(ledger: SqliteLedger, loaded: LoadedPlan, identity: str | None) -> list[str]:
    """Write down what this verb works with, if it is not what the one before worked with.

    Returns the fields whose content is another one now; none the first time. An attestation or
    profile that is another one now is noted in the report, too.

    Raises:
        KeyUnavailable: a key or its passphrase cannot be read.
    """
    was, now = _recorded(ledger), contents_of(loaded, identity)
    if was == now:
        return []
    changed = sorted(
        name for name in {*now, *(was or {})} if was is not None and was.get(name) != now.get(name)
    )
    ledger.event(ContentsRecorded(files=now, changed=tuple(changed)))
    for name in sorted(_SHOWN.intersection(changed)):
        old, new = (files.get(name, "none") for files in (was or {}, now))
        ledger.finding(Code.ATTESTATION_OTHER, f"{name}: {old} until now, {new} from here on")
    ledger.commit()
    return changed


def demand_known(ledger: SqliteLedger, loaded: LoadedPlan) -> None:
    """Demand that a report shows the attestation and profile that runs have worked with.

    A ledger of an earlier version tells none of them, and a plan that has none shows none.

    Raises:
        Refused: a file has a content that no run has worked with; nothing was written.
    """
    known = [event.files for _, event in ledger.events(ContentsRecorded)]
    if not known:
        return
    other = [
        f"{where}: {path} has another content than in any run"
        for where, path in named_files(loaded.plan)
        if where in _SHOWN
        and (now := _digest(loaded, where, path)) is not None
        and now not in {files.get(where) for files in known}
    ]
    if other:
        raise Refused(
            "the report would show files that no run has worked with",
            blockers=other,
            hint='put them back, or let "hdh-migrate run PLAN" work with them and tell the journal;'
            " nothing was written",
        )


def signers(ledger: SqliteLedger) -> frozenset[str]:
    """Return the fingerprints of all keys that were to sign reports when a verb worked."""
    fingerprints = (event.files.get(SIGNER) for _, event in ledger.events(ContentsRecorded))
    return frozenset(one.removeprefix(_ED25519) for one in fingerprints if one is not None)


def _digest(loaded: LoadedPlan, where: str, path: str) -> str | None:
    if where == "target.profile":
        with suppress(PlanInvalid):  # then no command goes by it
            own = profile_of(loaded.plan, loaded.base).own
            assert own is not None, "the plan names one"
            return f"sha256:{own.sha256}"
    return digest_of_file(loaded.base / path)


def digest_of_file(path: Path) -> str | None:
    """Return `sha256:` and the digest of a file, None when it is none or unreadable.

    A word of a command may name anything, a device or a dataset too: of a very large file it is
    `size:` and its bytes, so that another size shows.
    """
    try:
        if not path.is_file():
            return None
        if (size := path.stat().st_size) > LARGEST:
            return f"size:{size}"
        with path.open("rb") as file:
            return f"sha256:{file_digest(file, 'sha256').hexdigest()}"
    except OSError:
        return None


_SHOWN = frozenset({"target.attestation", "target.profile"})


def named_files(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield the files that a plan names, other than keys, with the fields that name them."""
    named = {
        "target.attestation": plan.target.attestation,
        "target.profile": plan.target.profile,
        "report.tsa.trust": None if plan.report.tsa is None else plan.report.tsa.trust,
    }
    yield from ((where, path) for where, path in named.items() if path is not None)
    for dataset in plan.datasets:
        for field, rules in (("include", dataset.include), ("exclude", dataset.exclude)):
            for number, rule in enumerate(rules):
                if not isinstance(rule, str) and rule.keys_from is not None:
                    yield f"datasets.{dataset.name}.{field}[{number}].keys_from", rule.keys_from
    yield from ((f"source.{where}", path) for where, path in plan.source.files.items())
    for loc, section in tls_sections(plan):
        if section.ca_bundle is not None:
            yield f"{_named(plan, loc)}.ca_bundle", section.ca_bundle
    for where, words in _commands(plan):
        # Words that are no files have no content; a bare name is a program of the system's.
        yield from ((f"{where}[{place}]", word) for place, word in enumerate(words) if "/" in word)


def _named(plan: Plan, loc: Loc) -> str:
    """Return a place by the batch's name, which stays when entries are put before it."""
    match loc:
        case ("batches", int(index), *rest):
            named = ("batches", plan.batches[index].name, *rest)
        case ("cutovers", int(index), *rest):
            named = ("cutovers", plan.cutovers[index].batch, *rest)
        case ("notify", int(index), *rest):
            named = ("notify", plan.notify[index].name, *rest)
        case _:
            named = loc
    return ".".join(str(step) for step in named)


def _commands(plan: Plan) -> Iterator[tuple[str, tuple[str, ...]]]:
    for channel in plan.notify:
        for name, line in channel.programs.items():
            yield f"notify.{channel.name}.{name}", line
    for batch in plan.batches:
        yield from _of_pointer(f"batches.{batch.name}.pointer", batch.pointer)
    for entry in plan.cutovers:
        yield from _of_pointer(f"cutovers.{entry.batch}.canary", entry.canary)
        for command in entry.smoke.commands:
            yield f"cutovers.{entry.batch}.smoke.commands.{command.name}", command.run


def _of_pointer(where: str, pointer: Pointer | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    if pointer is not None:
        yield from ((f"{where}.{name}", line) for name, line in pointer.programs.items())


def _recorded(ledger: SqliteLedger) -> Mapping[str, str] | None:
    newest = None
    for _, event in ledger.events(ContentsRecorded):
        newest = event.files
    return newest
