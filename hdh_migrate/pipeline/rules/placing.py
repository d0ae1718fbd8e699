"""Where each feature of one object goes: beside it at the target, into the sidecar, or nowhere.

Pure: an object, the target's limits and the dataset's contract in, the places out. Features take
the room beside an object in the contract's order, each whole or not at all; who asks again gets the
same answer, so what verify compares is what was sent.

`placed` is what says so. `Placing` says the same sooner of objects whose features all fit, as those
of most datasets do, and leaves every other one to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import field
from typing import Final

from hdh_migrate.fidelity import SPOKEN, Contract, Feature, Fields, Way, features_of, fields_of
from hdh_migrate.frozen import frozen, mutable_row
from hdh_migrate.model import ObjectInfo, TargetLimits
from hdh_migrate.pipeline.rules.selecting import (
    METADATA_SPARED,
    are_values,
    is_header,
    portable_metadata,
    portable_names,
    portable_tags,
)

LAYOUTS_MAX: Final = 1_024
"""Combinations of names that are remembered of one dataset."""


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
        counts, placing = cls(), Placing(limits, contract)
        for obj in objects:
            places = placing.of(obj)
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


Names = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], bool, bool, bool, bool]
"""What an object's headers, facts and metadata are called, and what else it has."""


@frozen
class _Layout:
    """What objects with the same names have in common, if all that is kept of them fits."""

    native: tuple[str, ...]
    """How their own metadata is called at the target, in the order in which they have it."""
    fields: tuple[str, ...]
    """What else stands beside them, as the source calls it."""
    names: tuple[str, ...]
    """The same as the target calls it, after their own metadata."""
    room: int
    """Characters that all values together may have."""
    taken: int
    """Characters of all names."""
    tags: bool
    """Whether index tags stand beside them."""
    sidecar: tuple[Feature, ...]
    dropped: tuple[str, ...]


class Placing:
    """Where the features of one dataset's objects go: as `placed` says."""

    def __init__(self, limits: TargetLimits, contract: Contract) -> None:
        self.limits, self.contract = limits, contract
        self._layouts: dict[Names, _Layout | None] = {}

    def of(self, obj: ObjectInfo) -> Placed:
        """Return where each feature of an object goes."""
        names = (
            tuple(obj.headers), tuple(obj.facts), tuple(obj.metadata), bool(obj.tags),
            obj.modified is not None, obj.tier is not None, obj.lease is not None,
        )  # fmt: skip
        try:
            layout = self._layouts[names]
        except KeyError:
            if len(self._layouts) >= LAYOUTS_MAX:
                self._layouts.clear()
            layout = self._layouts[names] = self._layout(obj)
        found = None if layout is None else self._filled(obj, layout)
        return placed(obj, self.limits, self.contract) if found is None else found

    def _layout(self, obj: ObjectInfo) -> _Layout | None:
        """Return the layout of objects with the names of this one, None if there is none."""
        native, fields = tuple[str, ...](), list[str]()
        sidecar, dropped, tags = list[Feature](), list[str](), False
        for feature in features_of(obj):
            way = self.contract.ways[feature.name]
            if way is Way.DROPPED:
                dropped.append(feature.name)
            elif way is Way.SIDECAR:
                sidecar.append(feature)
            elif feature.name == "metadata":
                found = portable_names(tuple(obj.metadata), self.limits)
                if found is None:
                    return None
                native = found
            elif feature.name == "tags":
                tags = True
            elif feature.begins:
                return None
            else:
                fields += fields_of(obj, feature)
        names = tuple(map(spoken, fields))
        taken = sum(map(len, native)) + sum(map(len, names))
        return _Layout(
            native=native, fields=tuple(fields), names=(*native, *names), taken=taken,
            room=self.limits.max_metadata - METADATA_SPARED - taken, tags=tags,
            sidecar=tuple(sidecar), dropped=tuple(dropped),
        )  # fmt: skip

    def _filled(self, obj: ObjectInfo, layout: _Layout) -> Placed | None:
        """Return where an object's features go, None if one of them does not fit beside it."""
        values = [*obj.metadata.values()] if layout.native else []
        if layout.fields:
            stored = {
                "modified": obj.modified, "tier": obj.tier, "lease": obj.lease,
                **obj.headers, **obj.facts,
            }  # fmt: skip
            values += [stored[name] for name in layout.fields]  # type: ignore[misc]
        size = sum(map(len, values))
        if size > layout.room or not are_values(values):
            return None
        tags = portable_tags(obj, self.limits) if layout.tags else {}
        if tags is None:
            return None
        return Placed(
            metadata=dict(zip(layout.names, values, strict=True)),
            tags=tags,
            sidecar={one.name: fields_of(obj, one) for one in layout.sidecar},
            dropped=[*layout.dropped],
            taken=layout.taken + size,
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
