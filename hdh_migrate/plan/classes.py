"""Classifies every field of a plan: what is moved, how it is moved, or who consents.

*What* is bound batch by batch, when a batch's inventory begins; *how* may change at any time; *who*
changes only with the consent of the earlier approvers (docs/decisions/0043-plans-that-grow.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from hdh_migrate.jsonform import CanonicalPlan

ENTRY: Final = "[]"
"""Stands in a path for whatever entry of a list or a table."""


class FieldClass(StrEnum):
    """What a field of a plan is about."""

    WHAT = "what"
    HOW = "how"
    WHO = "who"


_WHAT, _HOW, _WHO = FieldClass.WHAT, FieldClass.HOW, FieldClass.WHO

FIELDS: Final[Mapping[str, FieldClass]] = {
    "version": _WHAT,
    "migration": _WHAT,
    "source.kind": _WHAT,
    "source.account_url": _WHAT,
    "source.credential": _HOW,
    "source.tls": _HOW,
    "source.user": _WHAT,  # on Azure it names the container
    "source.host_keys": _HOW,
    "source.known_hosts": _HOW,
    "source.sessions": _HOW,
    "source.double_read": _WHAT,  # what evidence says of a version depends on it
    "target.provider": _WHAT,
    "target.region": _WHAT,
    "target.endpoint": _WHAT,
    "target.credential": _HOW,
    "target.attestation": _HOW,
    "target.profile": _HOW,
    "target.metadata_names": _WHAT,
    "target.tls": _HOW,
    "seal.format": _WHAT,
    "seal.recipients": _WHAT,
    "seal.single_recipient_reason": _HOW,
    "seal.identity": _HOW,
    "seal.identity_passphrase": _HOW,
    "seal.reason": _HOW,
    "seal.suffix": _WHAT,
    "seal.header": _WHAT,
    "seal.second_copy": _HOW,
    "datasets[].name": _WHAT,
    "datasets[].source": _WHAT,
    "datasets[].target": _WHAT,
    "datasets[].include": _WHAT,
    "datasets[].exclude": _WHAT,
    "datasets[].allow_empty": _HOW,
    "datasets[].ignore_md5": _WHAT,
    "datasets[].live": _HOW,
    "datasets[].vanished": _HOW,
    "datasets[].fidelity": _WHAT,
    "datasets[].allow_leased": _WHAT,
    "datasets[].collisions": _WHAT,
    "datasets[].collisions_reason": _HOW,
    "batches[].name": _WHAT,
    "batches[].datasets": _WHAT,
    "batches[].needs": _HOW,
    "batches[].priority": _HOW,
    "batches[].not_before": _HOW,
    "batches[].done_by": _HOW,
    "batches[].pointer": _WHO,
    "verify.level": _WHAT,
    "verify.source": _HOW,
    "verify.credential": _HOW,
    "engine": _HOW,
    "limits": _HOW,
    "windows": _HOW,
    "planned": _HOW,
    "legal_basis": _HOW,
    "prices": _HOW,
    "claim": _HOW,
    "waivers": _WHO,
    "report": _HOW,
    "backup": _HOW,
    "metrics": _HOW,
    "notify": _HOW,
    "approvals": _WHO,
    "rehydrate": _HOW,
    "freeze": _WHO,
    "cutovers[].batch": _WHO,
    "cutovers[].canary": _WHO,
    "cutovers[].relist_interval": _WHO,
    "cutovers[].rounds": _HOW,
    "cutovers[].smoke": _HOW,
    "cutovers[].window": _WHO,
    "cutovers[].approvals": _WHO,
    "cutovers[].decommission.credential": _HOW,
    "cutovers[].decommission.cooling": _WHO,
    "cutovers[].decommission.trust": _WHO,
    "cutovers[].decommission.signatures": _WHO,
    "cutovers[].decommission.recheck": _WHO,
    "cutovers[].decommission.recheck_reason": _WHO,
    "cutovers[].decommission.recheck_within": _WHO,
}
"""The class of each field; that of a section is the class of all that stands in it.

A test walks the whole model: a field without a class, or a class without a field, fails it. What
else a kind of source has is bound, and need not stand here.
"""

_GRAVEST: Final = (_WHAT, _WHO, _HOW)


def class_of(path: str) -> FieldClass:
    """Return the class of a place; if the fields inside differ in class, the strictest.

    An unclassified field, such as one of an added source kind, counts as *what*: it is bound.
    """
    place = path
    while place:
        if place in FIELDS:
            return FIELDS[place]
        place = outer(place)
    below = {one for field, one in FIELDS.items() if field.startswith((f"{path}.", f"{path}["))}
    return next((one for one in _GRAVEST if one in below), _WHAT)


def outer(path: str) -> str:
    """Return the place around a place; empty for the plan itself."""
    return path.removesuffix(ENTRY) if path.endswith(ENTRY) else path.rpartition(".")[0]


def what_of(plan: CanonicalPlan, batch: str) -> CanonicalPlan | None:
    """Return the part of a canonical plan that says what a batch is: what its inventory binds.

    It has the plan's own form, with one batch and its datasets, these by name. None: the plan has
    no such batch.
    """
    one = next((each for each in plan["batches"] if each["name"] == batch), None)
    if one is None:
        return None
    mine = {**one, "datasets": sorted(one["datasets"])}
    datasets = [each for each in plan["datasets"] if each["name"] in mine["datasets"]]
    whole = {
        **plan,
        "batches": [mine],
        "datasets": sorted(datasets, key=lambda each: str(each["name"])),
    }
    kept = _bound("", whole)
    assert isinstance(kept, dict), "a plan has fields that are bound"
    return kept


def _bound(path: str, value: object) -> object:
    """Return what of a value is bound; None: nothing is."""
    if path in FIELDS:
        return value if FIELDS[path] is _WHAT else None
    match value:
        case dict():
            inner = {name: _bound(f"{path}.{name}" if path else name, one)
                     for name, one in value.items()}  # fmt: skip
            return {name: one for name, one in inner.items() if one is not None} or None
        case list():
            entries = [_bound(path + ENTRY, one) for one in value]
            return [one for one in entries if one is not None] or None
        case _:
            return value if class_of(path) is _WHAT else None


def is_ordered(path: str) -> bool:
    """Return whether the order of a list's entries matters, as it does for rules."""
    return class_of(path) is _WHAT and path not in _UNORDERED


_UNORDERED: Final[Sequence[str]] = ("datasets", "batches", "batches[].datasets", "seal.recipients")
