"""Rebuild what the source listed from the target and the sidecar alone, and compare the two.

What the ledger knows is asked for the comparison only. Names go into the file that is asked for,
and nowhere else; which files of a sidecar are opened, by whom and why, is written down first.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import IO, Any, Final

from hdh_migrate.errors import Exit, Permanent, UsageError
from hdh_migrate.fidelity import EARLIER, FEATURES, SPOKEN, Contract, Fields, Way, of_object
from hdh_migrate.frozen import mutable_row
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import (
    SEGMENT,
    SIDECAR,
    SIDECARS,
    DatasetRow,
    ObjectInfo,
    Ruled,
    State,
    Stored,
    TargetLimits,
    is_reserved,
)
from hdh_migrate.pipeline.contracts import contracts
from hdh_migrate.pipeline.cutting import SEALED_OVERHEAD
from hdh_migrate.pipeline.placing import placed
from hdh_migrate.pipeline.retrying import Retrying, SharedPause
from hdh_migrate.pipeline.ruling import DIRECTORY
from hdh_migrate.pipeline.selecting import RESERVED
from hdh_migrate.pipeline.sidecar import named
from hdh_migrate.pipeline.work import Route
from hdh_migrate.results.looks import RestoredDataset, RestoredFeature, RestoredView
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.operator import operator
from hdh_migrate.session.policy import gate, openings
from hdh_migrate.session.policy.timekeeping import judge_for
from hdh_migrate.session.verbs.fetch import appearing
from hdh_migrate.session.verbs.sidecar_lines import UNREADABLE, Line, SidecarLines
from hdh_migrate.wiring import Services, routes_of
from hdh_migrate.wiring.chosen import is_rehearsal, limits_of

ASKERS: Final = 16
"""Requests at once."""

AT_ONCE: Final = 1_000
SHOWN: Final = 100
"""Differences that are told one by one, for each dataset."""

AT_TARGET: Final = (State.SENT, State.VERIFIED)

ELEMENTS: Final[Mapping[str, str]] = {
    "content-type": "Content-Type", "content-encoding": "Content-Encoding",
    "content-language": "Content-Language", "content-disposition": "Content-Disposition",
    "cache-control": "Cache-Control", "created": "Creation-Time", "modified": "Last-Modified",
    "expires": "Expiry-Time", "accessed": "LastAccessTime", "tier": "AccessTier",
    "tier-inferred": "AccessTierInferred", "tier-changed": "AccessTierChangeTime",
    "blob-type": "BlobType", "sealed": "Sealed", "sequence": "x-ms-blob-sequence-number",
    "page-ranges": "PageRanges", "page-count": "PageRangeCount", "page-bytes": "PageBytes",
    "owner": "Owner", "group": "Group", "permissions": "Permissions", "acl": "Acl",
    "encryption-scope": "EncryptionScope", "immutable-until": "ImmutabilityPolicyUntilDate",
    "immutable-mode": "ImmutabilityPolicyMode", "legal-hold": "LegalHold", "lease": "LeaseState",
}  # fmt: skip
"""What the source's listings call each field; of `other` they are the source's own words."""


@mutable_row
class Restored:
    """One object as target and sidecar give it back."""

    key: str = field(repr=False)
    size: int
    directory: bool = False
    features: dict[str, Fields] = field(default_factory=dict, repr=False)

    def listed(self) -> dict[str, Any]:
        """Return it in the shape of the source's own listings."""
        properties: dict[str, str] = {"Content-Length": str(self.size), "BlobType": "BlockBlob"}
        for name, fields in self.features.items():
            if not FEATURES[name].native:
                properties.update({ELEMENTS.get(one, one): value for one, value in fields.items()})
        if self.directory:
            properties["ResourceType"] = "directory"
        entry: dict[str, Any] = {**named(self.key), "Properties": properties}
        for name, word in (("metadata", "Metadata"), ("tags", "Tags")):
            if name in self.features:
                entry[word] = dict(self.features[name])
        return entry


@mutable_row
class _Compared:
    """What the comparison of one dataset came to."""

    objects: int = 0
    directories: int = 0
    files: int = 0
    restored: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    differs: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)
    differences: int = 0

    def differ(self, line: str) -> None:
        """Take one difference."""
        self.differences += 1
        if len(self.lines) < SHOWN:
            self.lines.append(line)


def restore_view(
    desk: Desk, dataset: str | None, out: Path | None, *, reason: str | None = None
) -> tuple[RestoredView, Exit]:
    """Return what can be restored of each dataset, and where it differs from the inventory.

    Raises:
        UsageError: there is no such dataset, `out` exists, or there is no reason.
    """
    loaded = desk.loaded
    routes = routes_of(loaded.plan)
    if dataset is not None and dataset not in routes:
        raise UsageError(f"no dataset {dataset} in the plan")
    if out is not None and os.path.lexists(out):
        raise UsageError(f"{out} exists", hint="give another --out; nothing is overwritten")
    why = openings.reason_of(reason, rehearsal=is_rehearsal(loaded.plan, loaded.base))
    ledger = desk.read_ledger()
    try:
        services = desk.services(write=False, looks=False)
        gate.admit(services, loaded.plan, judge_for(desk.clock, [services], desk.ledger_path))
        services.envelopes.self_test()
        rows = [
            row for row in ledger.datasets()
            if row.sealed and row.name in routes and dataset in {None, row.name}
        ]  # fmt: skip
        view = _View(desk, ledger, services, why, limits_of(loaded.plan, loaded.base))
        with appearing(out) if out is not None else nullcontext() as file:
            found = [view.dataset(row, routes[row.name], file) for row in rows]
    finally:
        ledger.close()
    differences = sum(one["differences"] for one in found)
    code = Exit.FINDINGS if differences else Exit.OK
    return {
        "datasets": found,
        "differences": differences,
        "out": None if out is None else str(out),
    }, code


class _View:
    def __init__(
        self, desk: Desk, ledger: SqliteLedger, services: Services, reason: str,
        limits: TargetLimits,
    ) -> None:  # fmt: skip
        self._desk, self._ledger, self._services = desk, ledger, services
        self._reason, self._limits = reason, limits
        self._contracts = contracts(ledger)
        self._opened = openings.remembered(ledger)
        self._retry = Retrying(
            budget=desk.loaded.plan.limits.retry_budget_seconds,
            pause=SharedPause(desk.clock.monotonic, desk.stop),
            halt=desk.stop,
        )

    def dataset(self, row: DatasetRow, route: Route, file: IO[bytes] | None) -> RestoredDataset:
        """Rebuild one dataset and compare it."""
        tally, contract = _Compared(), self._contracts.get(row.name, EARLIER)
        lines = SidecarLines[Stored](
            row.name, lambda stored: self._retry(partial(self._open, route, stored))
        )
        seen = bytearray((self._ledger.last_object() >> 3) + 1)
        for key, line in self._sidecar(row, route, lines, tally):
            self._marker(row, key, line, tally, seen, file)
        with ThreadPoolExecutor(ASKERS) as pool:
            listed = self._versions if route.every_version else self._objects
            for one in listed(row, route, pool.map, tally):
                if (found := lines.line(one.key)) is not None:
                    one.features.update(found["features"])
                self._compare(row, one, contract, tally, seen)
                _write(file, row, one)
        for _ in range(lines.unreadable):
            tally.differ("a file of the sidecar cannot be opened or read")
        for _ in range(lines.left):
            tally.differ("a line of the sidecar about an object that the target does not hold")
        self._missing(row, tally, seen, contract)
        return _result(row, tally)

    # --- what target and sidecar give back -------------------------------------------------------

    def _versions(
        self, row: DatasetRow, route: Route, ask: Callable[..., Iterable[Restored | None]],
        tally: _Compared,
    ) -> Iterator[Restored]:  # fmt: skip
        """Give every version that the target lists, with what is beside it."""

        def look(one: tuple[Stored, str]) -> Restored | None:
            return self._retry(lambda: self._look(route, *one))

        versions = self._services.reader.versions(route.target)
        for target_key, some in groupby(versions, key=lambda one: one.key):
            name = route.source_key(target_key)
            if name is None or is_reserved(target_key) or route.is_sidecar(name):
                continue
            keys = {
                entry.version_id: entry.obj.key for entry, _ in self._ledger.named(row.id, name)
            }
            wanted = list[tuple[Stored, str]]()
            for one in some:
                key = keys.get(one.version_id)
                if one.marker:
                    tally.differ("a name that was deleted at the target")
                elif key is None:
                    tally.differ("a version at the target that the inventory does not have")
                else:
                    stored = Stored(
                        key=target_key, size=0, etag="", version_id=one.version_id, exact=True
                    )
                    wanted.append((stored, key))
            yield from (found for found in ask(look, reversed(wanted)) if found is not None)

    def _objects(
        self, row: DatasetRow, route: Route, ask: Callable[..., Iterable[Restored | None]],
        tally: _Compared,
    ) -> Iterator[Restored]:  # fmt: skip
        """Give every object of the dataset that the target lists, with what is beside it."""
        del row, tally

        def look(stored: Stored) -> Restored | None:
            return self._retry(lambda: self._look(route, stored, route.source_key(stored.key)))

        portion = list[Stored]()
        for stored in self._services.reader.keys(route.target):
            key = route.source_key(stored.key)
            if key is None or is_reserved(stored.key) or route.is_sidecar(key):
                continue
            portion.append(stored)
            if len(portion) >= AT_ONCE:
                yield from (one for one in ask(look, portion) if one is not None)
                portion = []
        yield from (one for one in ask(look, portion) if one is not None)

    def _look(self, route: Route, stored: Stored, key: str | None) -> Restored | None:
        reader, bucket = self._services.reader, route.target.bucket
        version_id = stored.version_id if stored.exact else None
        now = reader.head(bucket, stored.key, version_id=version_id)
        if now is None or key is None:
            return None
        one = Restored(key, self._plain(now.size, self._services.envelopes.header_size))
        metadata = {name: value for name, value in now.metadata.items() if name not in RESERVED}
        spoken = {
            name.removeprefix(SPOKEN): metadata.pop(name)
            for name in list(metadata) if name.startswith(SPOKEN)
        }  # fmt: skip
        for feature in FEATURES.values():
            fields = {name: spoken[name] for name in feature.names if name in spoken}
            if fields:
                one.features[feature.name] = fields
        if metadata:
            one.features["metadata"] = metadata
        if now.tag_count != 0 and (tags := self._tags(bucket, now)):
            one.features["tags"] = tags
        return one

    def _tags(self, bucket: str, stored: Stored) -> Fields:
        try:
            return self._services.reader.tags(bucket, stored)
        except Permanent:
            return {}  # what is missing then, the comparison tells

    def _plain(self, stored: int, header: int) -> int:
        """Return the bytes of plaintext that are stored so, behind a header of so many bytes."""
        if not self._desk.loaded.plan.seal.encrypts:
            return stored
        body = stored - header
        return body - SEALED_OVERHEAD * -(-body // (SEGMENT + SEALED_OVERHEAD))

    def _sidecar(
        self, row: DatasetRow, route: Route, lines: SidecarLines[Stored], tally: _Compared
    ) -> Iterator[tuple[str, Line]]:
        """Learn every file of the dataset's sidecar; give the lines of folder markers."""
        place = type(route.target)(
            bucket=route.target.bucket, prefix=f"{route.target.prefix}{SIDECARS}{row.name}/"
        )
        for stored in self._services.reader.keys(place):
            key = route.source_key(stored.key)
            if key is None:
                continue
            tally.files += 1
            try:
                self._note(row, key)
                yield from lines.learn(stored)
            except UNREADABLE:
                tally.differ("a file of the sidecar cannot be opened or read")

    def _note(self, row: DatasetRow, key: str) -> None:
        """Write down that a file is opened, before it is."""
        known = self._ledger.find(row.id, key)
        if known is not None:
            opening = openings.Opening(
                at=self._desk.clock.now(), who=operator(), dataset=row.name, object=known[0].id,
                reason=self._reason,
            )  # fmt: skip
            openings.note(self._desk.ledger_path, self._opened, opening)

    def _open(self, route: Route, stored: Stored) -> bytes:
        body = bytearray()
        unsealer = self._services.envelopes.unsealer(
            size=self._plain(stored.size, self._services.envelopes.own.header_size),
            write=body.extend,
        )
        self._services.reader.read(route.target.bucket, stored, None, unsealer.write)
        unsealer.close()
        return bytes(body)

    # --- the comparison ----------------------------------------------------------------------

    def _compare(
        self, row: DatasetRow, one: Restored, contract: Contract, tally: _Compared, seen: bytearray
    ) -> None:
        known = self._ledger.find(row.id, one.key)
        if known is None or known[1] not in AT_TARGET:
            state = (
                "the inventory does not have" if known is None else f"is {known[1].name.lower()}"
            )
            tally.differ(f"an object at the target that {state}")
            return
        entry = known[0]
        seen[entry.id >> 3] |= 1 << (entry.id & 7)
        tally.objects += 1
        if one.size != entry.obj.size:
            tally.differ(f"object {entry.id}: {one.size} bytes, and {entry.obj.size} were listed")
        self._features(entry.id, entry.obj, one, contract, tally)

    def _features(
        self, number: int, obj: ObjectInfo, one: Restored, contract: Contract, tally: _Compared
    ) -> None:
        dropped = set(placed(obj, self._limits, contract).dropped)
        for feature, fields in of_object(obj):
            if _same(one.features.get(feature.name, {}), fields, native=feature.native):
                tally.restored[feature.name] += 1
            elif feature.name in dropped:
                tally.dropped[feature.name] += 1
            else:
                tally.differs[feature.name] += 1
                tally.differ(f"object {number}: {feature.en}")

    def _marker(
        self, row: DatasetRow, key: str, line: Line, tally: _Compared, seen: bytearray,
        file: IO[bytes] | None,
    ) -> None:  # fmt: skip
        """Take a line of the sidecar that is about no object of the target: a folder marker."""
        known = self._ledger.find(row.id, key)
        one = Restored(key, 0, directory=True, features=line["features"])
        if known is None:
            tally.differ("a line of the sidecar about an object that the target does not hold")
            return
        entry = known[0]
        seen[entry.id >> 3] |= 1 << (entry.id & 7)
        tally.directories += 1
        whole = Contract(ways=dict.fromkeys(FEATURES, Way.SIDECAR))
        self._features(entry.id, entry.obj, one, whole, tally)
        _write(file, row, one)

    def _missing(
        self, row: DatasetRow, tally: _Compared, seen: bytearray, contract: Contract
    ) -> None:
        for portion in self._ledger.ruled(row.id):
            for one in portion:
                number = one.entry.id
                if _expected(one, contract) and not seen[number >> 3] >> (number & 7) & 1:
                    tally.differ(f"object {number}: neither the target nor the sidecar has it")


def _expected(one: Ruled, contract: Contract) -> bool:
    if one.entry.obj.kind == SIDECAR:
        return False
    if one.state is State.EXCLUDED:
        return one.reason == DIRECTORY and contract.directories is Way.SIDECAR
    return one.state in AT_TARGET


def _same(found: Fields, listed: Fields, *, native: bool) -> bool:
    """Say whether fields are those that were listed; names of metadata lose their case on S3."""
    if not native:
        return dict(found) == dict(listed)
    lower = {name.lower(): value for name, value in listed.items()}
    return {name.lower(): value for name, value in found.items()} == lower


def _write(file: IO[bytes] | None, row: DatasetRow, one: Restored) -> None:
    if file is not None:
        line = {"dataset": row.name, **one.listed()}
        file.write(json.dumps(line, sort_keys=True).encode() + b"\n")


def _result(row: DatasetRow, tally: _Compared) -> RestoredDataset:
    counted = tally.restored + tally.dropped + tally.differs
    features: list[RestoredFeature] = [
        {
            "feature": name, "restored": tally.restored[name], "dropped": tally.dropped[name],
            "differs": tally.differs[name],
        }
        for name in FEATURES if counted[name]
    ]  # fmt: skip
    return {
        "dataset": row.name,
        "objects": tally.objects,
        "directories": tally.directories,
        "sidecar_files": tally.files,
        "features": features,
        "differences": tally.differences,
        "shown": tally.lines,
    }
