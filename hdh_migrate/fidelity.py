"""The fidelity contract: what a source says of an object beside its bytes, and what becomes of it.

One table. Each feature has the fields that an object may have of it, the ways that a plan may
choose, and the one that counts when a plan says nothing. A feature that is `kept` stands beside the
object at the target, as metadata or tags of its own; what does not fit there, and what is to stand
in the `sidecar`, goes into a sealed file beside the dataset; what is `dropped` is a loss that the
report declares. docs/fidelity.md is the page about it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from hdh_migrate.frozen import frozen
from hdh_migrate.model import ObjectInfo

Fields = Mapping[str, str]


class Way(StrEnum):
    """What becomes of a feature."""

    KEPT = "kept"
    SIDECAR = "sidecar"
    DROPPED = "dropped"


@frozen
class Feature:
    """One row of the contract."""

    name: str
    """What plans, reports and sidecars call it."""
    names: tuple[str, ...] = ()
    """The fields that an object may have of it; a native one has any names."""
    default: Way = Way.KEPT
    en: str
    ways: tuple[Way, ...] = tuple(Way)
    begins: str = ""
    """How the names of its fields begin where they are the source's own words, whatever it says."""

    @property
    def native(self) -> bool:
        """Whether the target has such a thing of its own; what is kept keeps its names."""
        return not self.names and not self.begins


OTHER: Final = "other-"
"""How a fact begins for which the table has no field; what follows is the source's own word."""

FEATURES: Final[Mapping[str, Feature]] = {
    one.name: one
    for one in (
        Feature(name="metadata", en="metadata"),
        Feature(name="tags", en="index tags"),
        Feature(
            name="headers",
            names=(
                "content-type", "content-encoding", "content-language", "content-disposition",
                "cache-control",
            ),
            en="content headers (type, encoding, language, disposition, cache control)",
        ),
        Feature(
            name="dates", names=("modified", "created", "expires", "accessed"),
            en="dates (modified, created, expiry, last access)",
        ),
        Feature(
            name="tier", names=("tier", "tier-inferred", "tier-changed"),
            en="access tier",
        ),
        Feature(
            name="type", names=("blob-type", "sealed", "sequence"),
            en="type of an append or page blob",
        ),
        Feature(
            name="pages", names=("page-ranges", "page-count", "page-bytes"), default=Way.SIDECAR,
            en="which pages of a page blob hold data",
        ),
        Feature(
            name="owner", names=("owner", "group", "permissions", "acl"), default=Way.SIDECAR,
            en="owner, group, permissions and access control list",
        ),
        Feature(
            name="encryption", names=("encryption-scope",), default=Way.SIDECAR,
            en="encryption scope",
        ),
        Feature(
            name="immutability", names=("immutable-until", "immutable-mode", "legal-hold"),
            default=Way.SIDECAR,
            en="immutability policy and legal hold",
        ),
        Feature(
            name="lease", names=("lease",), default=Way.DROPPED,
            ways=(Way.SIDECAR, Way.DROPPED), en="lease",
        ),
        Feature(
            name="other", begins=OTHER, default=Way.SIDECAR, ways=(Way.SIDECAR, Way.DROPPED),
            en="all else that the source says of an object",
        ),
    )
}  # fmt: skip
"""Every feature of the contract, in the order in which they take the room beside an object."""

_FEATURE_OF: Final = {name: one.name for one in FEATURES.values() for name in one.names}

DIRECTORIES: Final = "directories"
"""What plans call folder markers: they are objects or none, and no feature of one."""

OVERFLOW: Final = "overflow"
"""What plans call what becomes of a kept feature that does not fit beside the object."""

SPOKEN: Final = "hdh-src-"
"""How the names of metadata begin under which a feature that is not native is kept."""


@frozen
class Contract:
    """What a plan chose for one dataset: a way for each feature."""

    ways: Mapping[str, Way]
    directories: Way = Way.SIDECAR
    overflow: Way = Way.SIDECAR

    @classmethod
    def chosen(cls, said: Mapping[str, str]) -> Contract:
        """Return the contract of what a plan says; the table's own where it says nothing."""
        return cls(
            ways={name: Way(said.get(name, one.default)) for name, one in FEATURES.items()},
            directories=Way(said.get(DIRECTORIES, Way.SIDECAR)),
            overflow=Way(said.get(OVERFLOW, Way.SIDECAR)),
        )

    def as_ways(self) -> dict[str, str]:
        """Return every choice, as the journal tells it."""
        ways = {name: str(way) for name, way in self.ways.items()}
        return {**ways, DIRECTORIES: str(self.directories), OVERFLOW: str(self.overflow)}

    @classmethod
    def read(cls, ways: Mapping[str, str]) -> Contract:
        """Return what the journal tells; a feature that it does not know was not looked at."""
        return _read(json.dumps(dict(ways), sort_keys=True))

    def of_adopted(self) -> Contract:
        """Return it for what stands at the target already: nothing can be put beside it."""
        moved = {
            name: Way.SIDECAR if way is Way.KEPT and not FEATURES[name].native else way
            for name, way in self.ways.items()
        }
        return Contract(ways=moved, directories=self.directories, overflow=self.overflow)


@lru_cache(maxsize=256)
def _read(text: str) -> Contract:
    ways = json.loads(text)
    return Contract(
        ways={name: Way(ways.get(name, Way.DROPPED)) for name in FEATURES},
        directories=Way(ways[DIRECTORIES]),
        overflow=Way(ways[OVERFLOW]),
    )


EARLIER: Final = Contract(
    ways={name: Way.KEPT if one.native else Way.DROPPED for name, one in FEATURES.items()},
    directories=Way.DROPPED,
    overflow=Way.DROPPED,
)
"""What versions kept that knew no contract: metadata and tags where they fit, and nothing else."""


def features_of(obj: ObjectInfo) -> tuple[Feature, ...]:
    """Return the features that an object has, in the contract's order."""
    return _features_among(
        tuple(obj.headers), tuple(obj.facts), obj.modified is not None, obj.tier is not None,
        obj.lease is not None, bool(obj.metadata), bool(obj.tags),
    )  # fmt: skip


@lru_cache(maxsize=1_024)  # objects of a dataset have the same names, as a rule
def _features_among(
    headers: tuple[str, ...], facts: tuple[str, ...], *own: bool
) -> tuple[Feature, ...]:
    """Return the features of objects with these names, and with what they have of their `own`."""
    names = {*headers, *facts, *(name for name, has in zip(_OWN, own[:3], strict=True) if has)}
    there = {_FEATURE_OF[name] for name in names if name in _FEATURE_OF}
    there |= {name for name, has in zip(_NATIVE, own[3:], strict=True) if has}
    if any(name.startswith(OTHER) for name in names):
        there |= {one.name for one in FEATURES.values() if one.begins == OTHER}
    return tuple(one for one in FEATURES.values() if one.name in there)


_OWN, _NATIVE = ("modified", "tier", "lease"), ("metadata", "tags")


def fields_of(obj: ObjectInfo, feature: Feature) -> Fields:
    """Return the fields that an object has of a feature."""
    if feature.native:
        return obj.metadata if feature.name == "metadata" else obj.tags
    if feature.begins:
        return _words(feature.begins, obj.facts)
    own = zip(_OWN, (obj.modified, obj.tier, obj.lease), strict=True)
    stored = {name: value for name, value in own if value is not None}
    stored |= {**obj.headers, **obj.facts}
    return {name: stored[name] for name in feature.names if name in stored}


def of_object(obj: ObjectInfo) -> Iterator[tuple[Feature, Fields]]:
    """Give each feature that an object has, with its fields."""
    for feature in features_of(obj):
        yield feature, fields_of(obj, feature)


def described(obj: ObjectInfo, features: Mapping[str, Fields]) -> ObjectInfo:
    """Return an object with these fields of its features, as `fields_of` gives them again.

    Raises:
        KeyError: there is no such feature.
    """
    facts, own = dict[str, str](), dict[str, Any]()
    for name, fields in features.items():
        feature = FEATURES[name]
        if feature.native:
            own[name] = dict(fields)
        else:
            facts |= {f"{feature.begins}{field}": value for field, value in fields.items()}
    own |= {name: facts.pop(name) for name in _OWN if name in facts}
    return replace(obj, **own, facts=facts)


def _words(begins: str, facts: Fields) -> Fields:
    """Return the facts that begin so, by the source's own words."""
    return {
        name.removeprefix(begins): value for name, value in facts.items() if name.startswith(begins)
    }
