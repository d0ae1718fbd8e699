"""Rebuild what the source listed from the target and the sidecar alone, and compare the two.

What the ledger knows is asked for the comparison only. Names go into the file that is asked for,
and nowhere else; which files of a sidecar are opened, by whom and why, is written down first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import IO, Final

from hdh_migrate.errors import Exit, Permanent
from hdh_migrate.fidelity import EARLIER, FEATURES, SPOKEN, Fields
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import (
    SEGMENT,
    SIDECARS,
    DatasetRow,
    Stored,
    TargetLimits,
    is_reserved,
)
from hdh_migrate.pipeline.cutting import SEALED_OVERHEAD
from hdh_migrate.pipeline.own_files.sidecar_lines import UNREADABLE, Line, SidecarLines
from hdh_migrate.pipeline.projections.contracts import contracts
from hdh_migrate.pipeline.rules.selecting import RESERVED
from hdh_migrate.pipeline.workers.work import Route
from hdh_migrate.results.objects import RestoredDataset, RestoredView
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.operator import operator
from hdh_migrate.session.policy import gate, openings
from hdh_migrate.session.verbs.fetch import appearing, demand_free
from hdh_migrate.session.verbs.restored import UNHELD, DatasetComparison, Restored
from hdh_migrate.session.verbs.telling import tell_at_once
from hdh_migrate.wiring import Services, routes_of
from hdh_migrate.wiring.chosen import is_rehearsal, limits_of

ASKERS: Final = 16
"""Requests at once."""

AT_ONCE: Final = 1_000


def restore_view(
    desk: Desk, dataset: str | None, out: Path | None, *, reason: str | None = None
) -> tuple[RestoredView, Exit]:
    """Return what can be restored of each dataset, and where it differs from the inventory.

    Raises:
        UsageError: there is no such dataset, `out` exists, or there is no reason.
    """
    loaded = desk.loaded
    routes = routes_of(loaded.plan)
    desk.demand_datasets([] if dataset is None else [dataset])
    if out is not None:
        demand_free(out)
    why = openings.reason_of(reason, rehearsal=is_rehearsal(loaded.plan, loaded.base))
    ledger = desk.read_ledger()
    view: _View | None = None
    try:
        services = desk.services(write=False, looks=False)
        gate.admitted(desk, services)
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
        if view is not None and view.opened:
            tell_at_once(desk)
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
        self._taken = openings.remembered(ledger)
        self._noted: str | None = None
        self._retry = desk.retrying()

    @property
    def opened(self) -> bool:
        """Whether anything was opened, and so written down."""
        return self._noted is not None

    def dataset(self, row: DatasetRow, route: Route, file: IO[bytes] | None) -> RestoredDataset:
        """Rebuild one dataset and compare it."""
        found = DatasetComparison(
            self._ledger, row, self._contracts.get(row.name, EARLIER), self._limits
        )
        lines = SidecarLines[Stored](
            row.name, lambda stored: self._retry(partial(self._open, route, stored))
        )
        for key, line in self._sidecar(row, route, lines, found):
            if (marker := found.marker(key, line["features"])) is not None:
                _write(file, row, marker)
        with ThreadPoolExecutor(ASKERS) as pool:
            listed = self._versions if route.every_version else self._objects
            for one in listed(row, route, pool.map, found):
                if (told := lines.line(one.key)) is not None:
                    one.features.update(told["features"])
                found.compare(one)
                _write(file, row, one)
        for _ in range(lines.unreadable):
            found.differ("a file of the sidecar cannot be opened or read")
        for _ in range(lines.left):
            found.differ(UNHELD)
        found.missing()
        return found.result()

    # --- what target and sidecar give back -------------------------------------------------------

    def _versions(
        self, row: DatasetRow, route: Route, ask: Callable[..., Iterable[Restored | None]],
        found: DatasetComparison,
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
                    found.differ("a name that was deleted at the target")
                elif key is None:
                    found.differ("a version at the target that the inventory does not have")
                else:
                    stored = Stored(
                        key=target_key, size=0, etag="", version_id=one.version_id, exact=True
                    )
                    wanted.append((stored, key))
            yield from (seen for seen in ask(look, reversed(wanted)) if seen is not None)

    def _objects(
        self, row: DatasetRow, route: Route, ask: Callable[..., Iterable[Restored | None]],
        found: DatasetComparison,
    ) -> Iterator[Restored]:  # fmt: skip
        """Give every object of the dataset that the target lists, with what is beside it."""
        del row, found

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
        self, row: DatasetRow, route: Route, lines: SidecarLines[Stored], found: DatasetComparison
    ) -> Iterator[tuple[str, Line]]:
        """Learn every file of the dataset's sidecar; give the lines of folder markers."""
        place = type(route.target)(
            bucket=route.target.bucket, prefix=f"{route.target.prefix}{SIDECARS}{row.name}/"
        )
        for stored in self._services.reader.keys(place):
            key = route.source_key(stored.key)
            if key is None:
                continue
            found.files += 1
            try:
                self._note(row, key)
                yield from lines.learn(stored)
            except UNREADABLE:
                found.differ("a file of the sidecar cannot be opened or read")

    def _note(self, row: DatasetRow, key: str) -> None:
        """Write down that a file is opened, before it is."""
        known = self._ledger.find(row.id, key)
        if known is not None:
            opening = openings.Opening(
                at=self._desk.clock.now(), who=operator(), dataset=row.name, object=known[0].id,
                reason=self._reason,
            )  # fmt: skip
            self._noted = openings.note(
                self._desk.ledger_path, self._taken, opening, after=self._noted
            )

    def _open(self, route: Route, stored: Stored) -> bytes:
        body = bytearray()
        unsealer = self._services.envelopes.unsealer(
            size=self._plain(stored.size, self._services.envelopes.own.header_size),
            write=body.extend,
        )
        self._services.reader.read(route.target.bucket, stored, None, unsealer.write)
        unsealer.close()
        return bytes(body)


def _write(file: IO[bytes] | None, row: DatasetRow, one: Restored) -> None:
    if file is not None:
        line = {"dataset": row.name, **one.listed()}
        file.write(json.dumps(line, sort_keys=True).encode() + b"\n")
