"""The sidecar of a dataset: what its contract wants kept and no target holds beside an object.

JSON Lines, cut into files that are objects of the dataset like all others: rows of the ledger,
sealed, sent, verified and told in the manifest. What a file holds follows from the rows of the
objects that it is about, so that it is made again after any crash; its version is the digest of its
bytes, and a file whose bytes would be other ones now is pinned anew and sent again. Where one file
ends is decided by keys alone: a new object changes the one file that it falls into.
docs/fidelity.md tells the form of a line.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import field
from hashlib import blake2b, sha256
from typing import Any, Final

from hdh_migrate.fidelity import Contract, Way, of_object
from hdh_migrate.fixity import canonical_json
from hdh_migrate.frozen import mutable_row
from hdh_migrate.model import (
    SIDECAR,
    SIDECAR_VERSION,
    DatasetRow,
    Entry,
    ObjectInfo,
    Ruled,
    State,
    key_bytes,
    key_text,
)
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.inventory import Inventory
from hdh_migrate.pipeline.placing import placed
from hdh_migrate.pipeline.ruling import DIRECTORY

FORMAT: Final = "urn:hdh-migrate:sidecar:v1"
FILE_BYTES: Final = 4 << 20
"""Bytes after which a file ends, wherever it is."""

LINES: Final = 2_048
"""Lines of a file on the average: one key of so many ends one."""

FLUSH: Final = 64
RENEWED: Final = "sidecar/"
"""How the ledger's memory begins the name of the last event that a dataset's sidecar knows."""


@mutable_row
class SidecarFile:
    """One file while it is made: what comes after a key, up to the next boundary."""

    dataset: str
    after: bytes
    lines: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, line: bytes) -> None:
        """Take the line of one object."""
        self.lines.append(line)
        self.size += len(line)

    @property
    def name(self) -> str:
        """The file's name, which follows from where it begins."""
        return f"{blake2b(self.after, digest_size=8).hexdigest()}.jsonl"

    @property
    def body(self) -> bytes:
        """The whole file."""
        head = canonical_json({"dataset": self.dataset, "format": FORMAT}) + b"\n"
        return b"".join([head, *self.lines])


class Sidecars:
    """Makes the sidecars of datasets, and keeps them what the ledger's rows say."""

    def __init__(self, ctx: Context) -> None:
        self._ctx, self._inventory = ctx, Inventory(ctx)

    def renew(self, dataset: DatasetRow) -> bool:
        """Let every file wait whose bytes are to be other ones than were sent; False: none does.

        Reads the rows only if the inventory changed since it did so last.
        """
        ledger, contract = self._ctx.ledger, self._ctx.contracts.get(dataset.name)
        if contract is None or not _wants(contract):
            return False
        known = ledger.meta(RENEWED + dataset.name)
        if known is not None and not ledger.changed_after(dataset.name, int(known)):
            return False
        made, pinned = set[str](), list[ObjectInfo]()
        waits = False
        for file in self._files(dataset, contract):
            pinned.append(self._object(dataset, file))
            made.add(pinned[-1].key)
            if len(pinned) >= FLUSH:
                waits |= self._pin(dataset, pinned)
                pinned = []
        waits |= self._pin(dataset, pinned)
        waits |= self._pin(dataset, list(self._emptied(dataset, made)))
        ledger.set_meta(RENEWED + dataset.name, str(ledger.last_event()))
        ledger.commit()
        return waits

    def fresh(self, dataset: DatasetRow, entry: Entry) -> tuple[Entry, bytes]:
        """Return a waiting file with its bytes; one that would be another now is pinned anew."""
        contract = self._ctx.contract(dataset)
        after = base64.b64decode(entry.obj.facts["after"])
        file = next(self._files(dataset, contract, after), None)
        if file is None or file.after != after:
            file = SidecarFile(dataset.name, after)
        now = self._object(dataset, file)
        if now.version != entry.obj.version:
            self._pin(dataset, [now])
            found = self._ctx.ledger.find(dataset.id, now.key)
            assert found is not None, "what was pinned is there"
            entry = found[0]
        return entry, file.body

    # --- rows ------------------------------------------------------------------------------------

    def _object(self, dataset: DatasetRow, file: SidecarFile) -> ObjectInfo:
        body = file.body
        return ObjectInfo(
            key=self._ctx.route(dataset).sidecar(dataset.name) + file.name,
            size=len(body),
            version=SIDECAR_VERSION + sha256(body).hexdigest(),
            kind=SIDECAR,
            facts={"after": base64.b64encode(file.after).decode()},
        )

    def _pin(self, dataset: DatasetRow, files: list[ObjectInfo]) -> bool:
        ledger, new, changed, waits = self._ctx.ledger, [], [], False
        for obj in files:
            known = ledger.find(dataset.id, obj.key)
            listed = self._inventory.decide(dataset, obj)
            if known is None:
                new.append(listed)
            elif known[0].obj.version != obj.version:
                changed.append((known[0].id, listed))
            else:
                waits |= known[1] in {State.LISTED, State.SENDING}
        if new or changed:
            ledger.update(dataset.id, new, changed)
        return waits or bool(new or changed)

    def _emptied(self, dataset: DatasetRow, made: set[str]) -> Iterator[ObjectInfo]:
        """Give files of before that hold nothing now: no file is ever deleted at the target."""
        prefix = self._ctx.route(dataset).sidecar(dataset.name)
        for portion in self._ctx.ledger.ruled(dataset.id, key_bytes(prefix)):
            for one in portion:
                obj = one.entry.obj
                if not obj.key.startswith(prefix):
                    return
                if obj.kind == SIDECAR and obj.key not in made:
                    after = base64.b64decode(obj.facts["after"])
                    yield self._object(dataset, SidecarFile(dataset.name, after))

    # --- files -----------------------------------------------------------------------------------

    def _files(
        self, dataset: DatasetRow, contract: Contract, after: bytes = b""
    ) -> Iterator[SidecarFile]:
        """Give each file that has a line, from the one on that begins after a key."""
        file = SidecarFile(dataset.name, after)
        start = after + b"\0" if after else b""
        for portion in self._ctx.ledger.ruled(dataset.id, start):
            for one in portion:
                if (line := self._line(one, contract)) is None:
                    continue
                key = key_bytes(one.entry.obj.key)
                file.add(line)
                if _ends(key) or file.size >= FILE_BYTES:
                    yield file
                    file = SidecarFile(dataset.name, key)
        if file.lines:
            yield file

    def _line(self, one: Ruled, contract: Contract) -> bytes | None:
        """Return the line of an object, None where there is nothing to keep of it here."""
        obj = one.entry.obj
        if obj.kind == SIDECAR:
            return None
        line: dict[str, Any] = {"version": obj.version}
        if one.state is State.EXCLUDED:
            if one.reason != DIRECTORY or contract.directories is not Way.SIDECAR:
                return None
            line["directory"] = True
            line["features"] = {feature.name: dict(one) for feature, one in of_object(obj)}
        else:
            sidecar = placed(obj, self._ctx.limits, contract).sidecar
            if not sidecar:
                return None
            line["features"] = {name: dict(fields) for name, fields in sidecar.items()}
        return canonical_json(line | named(obj.key)) + b"\n"


def named(key: str) -> dict[str, str]:
    """Return how a line names its object: as lines of evidence do."""
    raw = key_bytes(key)
    try:
        return {"key": raw.decode()}
    except UnicodeDecodeError:
        shown = raw.decode("utf-8", "backslashreplace")
        return {"key": shown, "key_b64": base64.b64encode(raw).decode()}


def key_of(line: dict[str, Any]) -> str:
    """Return the key that a line names."""
    return key_text(base64.b64decode(line["key_b64"])) if "key_b64" in line else str(line["key"])


def _wants(contract: Contract) -> bool:
    """Say whether a contract may put anything into a sidecar."""
    return Way.SIDECAR in {*contract.ways.values(), contract.directories, contract.overflow}


def _ends(key: bytes) -> bool:
    """Say whether a file ends with this key, whatever else is there."""
    return int.from_bytes(blake2b(key, digest_size=8).digest(), "big") % LINES == 0
