"""Where each feature of one object goes: beside it at the target, into the sidecar, or nowhere.

Pure: an object, the target's limits and the dataset's contract in, the places out. Features take
the room beside an object in the contract's order, each whole or not at all; who asks again gets the
same answer, so what verify compares is what was sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import field

from hdh_migrate.fidelity import SPOKEN, Contract, Feature, Fields, Way, features_of, fields_of
from hdh_migrate.frozen import mutable_row
from hdh_migrate.model import ObjectInfo, TargetLimits
from hdh_migrate.pipeline.selecting import (
    METADATA_SPARED,
    is_header,
    portable_metadata,
    portable_tags,
)


@mutable_row
class Placed:
    """What becomes of an object's features."""

    metadata: dict[str, str] = field(default_factory=dict)
    """What stands beside it as user metadata: its own, and what is kept of others."""
    tags: dict[str, str] = field(default_factory=dict)
    sidecar: dict[str, Fields] = field(default_factory=dict)
    """Fields by feature."""
    dropped: list[str] = field(default_factory=list)
    """Features."""
    taken: int = 0
    """Characters of the metadata that stands beside it."""


@mutable_row
class FeatureCounts:
    """How many objects have a feature that does not stay beside them, by feature."""

    sidecar: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(
        cls, objects: Iterable[ObjectInfo], limits: TargetLimits, contract: Contract
    ) -> FeatureCounts:
        """Count what becomes of objects."""
        counts = cls()
        for obj in objects:
            places = placed(obj, limits, contract)
            for name in places.sidecar:
                counts.sidecar[name] += 1
            for name in places.dropped:
                counts.dropped[name] += 1
        return counts

    def lines(self) -> Iterator[str]:
        """Say it in a line for each way."""
        for what, counts in (("in the sidecar", self.sidecar), ("dropped", self.dropped)):
            if counts:
                yield f"{what}: " + ", ".join(
                    f"{name} of {counts[name]} objects" for name in sorted(counts)
                )


def placed(obj: ObjectInfo, limits: TargetLimits, contract: Contract) -> Placed:
    """Return where each feature of an object goes."""
    found = Placed()
    for feature in features_of(obj):
        way = contract.ways[feature.name]
        if way is Way.DROPPED:
            found.dropped.append(feature.name)
            continue
        fields = fields_of(obj, feature)
        if way is Way.KEPT and not _beside(found, obj, limits, feature, fields):
            way = contract.overflow
        if way is Way.SIDECAR:
            found.sidecar[feature.name] = fields
        elif way is Way.DROPPED:
            found.dropped.append(feature.name)
    return found


def spoken(field_name: str) -> str:
    """Return the name of metadata under which a field is kept that is not native."""
    return SPOKEN + field_name


def _beside(
    found: Placed, obj: ObjectInfo, limits: TargetLimits, feature: Feature, fields: Fields
) -> bool:
    """Put a feature beside the object; False: it does not fit there."""
    if feature.name == "metadata":
        metadata = portable_metadata(obj, limits)
        if metadata is None:
            return False
        found.metadata.update(metadata)
        found.taken += _length(metadata)
        return True
    if feature.name == "tags":
        tags = portable_tags(obj, limits)
        found.tags.update(tags or {})
        return tags is not None
    more = {spoken(name): value for name, value in fields.items()}
    taken = found.taken + _length(more)  # none of these names is among those that are there
    if taken > limits.max_metadata - METADATA_SPARED or not all(
        is_header(name, value) for name, value in more.items()
    ):
        return False
    found.metadata.update(more)
    found.taken = taken
    return True


def _length(metadata: Fields) -> int:
    return sum(map(len, metadata)) + sum(map(len, metadata.values()))
