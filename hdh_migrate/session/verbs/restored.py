"""What target and sidecar give back of a dataset, compared with what the inventory has of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import field
from typing import Final

from hdh_migrate.fidelity import FEATURES, Contract, Fields, Way, of_object
from hdh_migrate.frozen import mutable_row
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import AT_TARGET, SIDECAR, DatasetRow, ObjectInfo, Ruled, State, TargetLimits
from hdh_migrate.pipeline.own_files.sidecar import named
from hdh_migrate.pipeline.rules.placing import placed
from hdh_migrate.pipeline.rules.ruling import DIRECTORY
from hdh_migrate.results.objects import RestoredDataset, RestoredFeature
from hdh_migrate.telemetry import counted

SHOWN: Final = 100
"""Differences that are listed one by one, for each dataset."""

UNHELD: Final = "a line of the sidecar about an object that the target does not hold"

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

    def listed(self) -> dict[str, object]:
        """Return it in the shape of the source's own listings."""
        properties: dict[str, str] = {"Content-Length": str(self.size), "BlobType": "BlockBlob"}
        for name, fields in self.features.items():
            if not FEATURES[name].native:
                properties.update({ELEMENTS.get(one, one): value for one, value in fields.items()})
        if self.directory:
            properties["ResourceType"] = "directory"
        entry: dict[str, object] = {**named(self.key), "Properties": properties}
        for name, word in (("metadata", "Metadata"), ("tags", "Tags")):
            if name in self.features:
                entry[word] = dict(self.features[name])
        return entry


class DatasetComparison:
    """One dataset under comparison; what differs is counted, and the first ones are kept."""

    def __init__(
        self, ledger: SqliteLedger, row: DatasetRow, contract: Contract, limits: TargetLimits
    ) -> None:
        self._ledger, self._row, self._contract, self._limits = ledger, row, contract, limits
        self._seen = bytearray((ledger.last_object() >> 3) + 1)
        self.files = 0
        """Of the sidecar."""
        self._objects = self._directories = self._differences = 0
        self._restored, self._dropped = Counter[str](), Counter[str]()
        self._differs = Counter[str]()
        self._lines: list[str] = []

    def differ(self, line: str) -> None:
        """Count one difference; the first ones are also kept, as lines to be shown."""
        self._differences += 1
        if len(self._lines) < SHOWN:
            self._lines.append(line)

    def compare(self, one: Restored) -> None:
        """Take an object that the target holds."""
        known = self._ledger.find(self._row.id, one.key)
        if known is None or known[1] not in AT_TARGET:
            state = (
                "the inventory does not have" if known is None else f"is {known[1].name.lower()}"
            )
            self.differ(f"an object at the target that {state}")
            return
        entry = known[0]
        self._note_seen(entry.id)
        self._objects += 1
        if one.size != entry.obj.size:
            self.differ(
                f"object {entry.id}: {counted(one.size, 'byte')}, and {entry.obj.size} were listed"
            )
        self._features(entry.id, entry.obj, one, self._contract)

    def marker(self, key: str, features: dict[str, Fields]) -> Restored | None:
        """Take a line of the sidecar that is about no object of the target: a folder marker."""
        known = self._ledger.find(self._row.id, key)
        if known is None:
            self.differ(UNHELD)
            return None
        entry, one = known[0], Restored(key, 0, directory=True, features=features)
        self._note_seen(entry.id)
        self._directories += 1
        whole = Contract(ways=dict.fromkeys(FEATURES, Way.SIDECAR))
        self._features(entry.id, entry.obj, one, whole)
        return one

    def missing(self) -> None:
        """Take what neither target nor sidecar has given back, when all of it was taken."""
        for portion in self._ledger.ruled(self._row.id):
            for one in portion:
                number = one.entry.id
                if _expected(one, self._contract) and not self._was_seen(number):
                    self.differ(f"object {number}: neither the target nor the sidecar has it")

    def result(self) -> RestoredDataset:
        """Return what it came to."""
        counted = self._restored + self._dropped + self._differs
        features: list[RestoredFeature] = [
            {
                "feature": name, "restored": self._restored[name],
                "dropped": self._dropped[name], "differs": self._differs[name],
            }
            for name in FEATURES if counted[name]
        ]  # fmt: skip
        return {
            "dataset": self._row.name,
            "objects": self._objects,
            "directories": self._directories,
            "sidecar_files": self.files,
            "features": features,
            "differences": self._differences,
            "shown": self._lines,
        }

    def _features(self, number: int, obj: ObjectInfo, one: Restored, contract: Contract) -> None:
        dropped = set(placed(obj, self._limits, contract).dropped)
        for feature, fields in of_object(obj):
            if _same(one.features.get(feature.name, {}), fields, native=feature.native):
                self._restored[feature.name] += 1
            elif feature.name in dropped:
                self._dropped[feature.name] += 1
            else:
                self._differs[feature.name] += 1
                self.differ(f"object {number}: {feature.en}")

    def _note_seen(self, number: int) -> None:
        self._seen[number >> 3] |= 1 << (number & 7)

    def _was_seen(self, number: int) -> bool:
        return bool(self._seen[number >> 3] >> (number & 7) & 1)


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
