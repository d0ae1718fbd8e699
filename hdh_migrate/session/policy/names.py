"""The secret behind keyed names, and opening one name with it.

The secret lies beside the ledger as `names.key`, readable by its owner only, and goes into no
bundle. Whoever has it can try names against every keyed bundle of this migration; whoever loses
it can open no name of them any more, but can make new bundles.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from hdh_migrate.errors import KeyUnavailable, UsageError
from hdh_migrate.evidence.archives import no_bundle
from hdh_migrate.evidence.exports import keyed
from hdh_migrate.evidence.exports.exports import save
from hdh_migrate.evidence.exports.opening import ClaimedObject, opening
from hdh_migrate.evidence.lines.records import order_of
from hdh_migrate.evidence.lines.sorting import in_order
from hdh_migrate.evidence.verifier.members import ExclusionRecord, FindingRecord, ManifestRecord
from hdh_migrate.fixity import canonical_json
from hdh_migrate.folders import write_whole
from hdh_migrate.frozen import frozen, frozen_row
from hdh_migrate.model import State
from hdh_migrate.results.proofs import NameOpened
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.object_by_key import dataset_row, object_by_key
from hdh_migrate.wiring import routes_of

NAMES_KEY = "names.key"


@frozen
class Streams:
    """What a bundle's line files are written from."""

    records: Iterable[ManifestRecord]
    exclusions: Iterable[ExclusionRecord]
    findings: Iterable[FindingRecord]
    journal: Iterable[keyed.Event]


def as_plain(desk: Desk, streams: Streams) -> Streams:
    """Return the streams as they are: names stay names."""
    del desk
    return streams


def as_keyed(desk: Desk, streams: Streams) -> Streams:
    """Return the streams with every name replaced, sorted anew; makes the secret if need be.

    Sorting spills into nameless files beside the ledger; they hold no names.

    Raises:
        KeyUnavailable: the secret cannot be read, is damaged or is open to others.
    """
    folder = desk.ledger_path.parent
    names = keyed.KeyedNames(_secret(folder / NAMES_KEY))
    return Streams(
        records=in_order(map(names.record, streams.records), order_of, folder),
        exclusions=in_order(map(names.exclusion, streams.exclusions), order_of, folder),
        findings=map(names.finding, streams.findings),
        journal=keyed.journal(streams.journal),
    )


@frozen_row
class NameForm:
    """How a report gives object names. `chained`: the next report names its statement."""

    streams: Callable[[Desk, Streams], Streams]
    chained: bool


FORMS = {
    "plain": NameForm(as_plain, chained=True),
    # Beside the chain: it names the last plain statement, and nothing follows it.
    "keyed": NameForm(as_keyed, chained=False),
}


def open_one(desk: Desk, dataset: str, key: str, bundle: Path, out: Path) -> NameOpened:
    """Write the opening of one object in a keyed bundle (mode 0600) and say where it stands.

    Raises:
        UsageError: there is no such dataset, object or line, the object is excluded, `out`
            exists, or no keyed bundle was ever made here.
        KeyUnavailable: the secret cannot be read, is damaged or is open to others.
        EvidenceDamaged: the bundle's manifest is damaged.
    """
    if not (bundle / "manifest.jsonl").is_file():
        raise no_bundle(bundle)
    record = _record(desk, dataset, key)
    path = desk.ledger_path.with_name(NAMES_KEY)
    if not path.exists():
        raise UsageError(
            "no report with keyed names was made with this state directory",
            hint='make one with "hdh-migrate report PLAN --names keyed"',
        )
    names = keyed.KeyedNames(_secret(path))
    opened = opening(bundle, record, names.object_key(dataset, record["key"]))
    save([canonical_json(opened) + b"\n"], out)
    return {"out": str(out), "dataset": dataset, "index": opened["index"], "root": opened["root"]}


def _record(desk: Desk, dataset: str, key: str) -> ClaimedObject:
    """Return what an opening says of an object, from the ledger."""
    desk.demand_datasets([dataset])
    route = routes_of(desk.loaded.plan)[dataset]
    ledger = desk.read_ledger()
    try:
        found = object_by_key(ledger, dataset_row(ledger, dataset).id, route, key)
    finally:
        ledger.close()
    if found is None:
        raise UsageError("no such object in the dataset", hint="give the key as the source has it")
    entry, state = found
    if state is State.EXCLUDED:
        raise UsageError("the plan excludes this object: the manifest has no line of it to open")
    key = entry.obj.key
    target_key = route.target_key(key)
    return {"dataset": dataset, "key": key, "target_key": target_key, "sha256": entry.sha256}


def _secret(path: Path) -> bytes:
    """Return the secret; it is made the first time, and then never again."""
    if not path.exists():
        _make(path)
    try:
        with path.open("rb") as file:
            mode, text = os.fstat(file.fileno()).st_mode, file.read(2 * keyed.SECRET_BYTES + 2)
    except OSError as error:
        raise KeyUnavailable(f"{path}: cannot be read: {error.strerror}") from None
    if stat.S_IMODE(mode) & 0o077:
        raise KeyUnavailable(
            f"{path}: the secret of the keyed names is open to others",
            hint="chmod 600 the file, or move it away if others may have read it",
        )
    try:
        secret = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        secret = b""
    if len(secret) != keyed.SECRET_BYTES:
        raise KeyUnavailable(
            f"{path}: not the secret of keyed names",
            hint="restore it from a copy, or move it away: new reports then have other names",
        )
    return secret


def _make(path: Path) -> None:
    """Put a new secret in place, whole or not at all; one that another process made first stays."""
    with suppress(FileExistsError):
        write_whole(path, f"{secrets.token_hex(keyed.SECRET_BYTES)}\n".encode())
