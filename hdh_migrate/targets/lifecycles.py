"""Which lifecycle rules of a bucket delete what a plan puts there, or move it into an archive.

What else a rule asks of an object (tags, a size, how many versions are newer) is taken to be so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from hdh_migrate.frozen import frozen

ARCHIVES: Final = frozenset(("GLACIER", "DEEP_ARCHIVE"))
"""Classes of which a read is refused; `GLACIER_IR` is read like any other."""


@frozen
class MovedTo:
    """A place in a bucket to which a plan moves objects."""

    prefix: str
    every_version: bool = False
    """Whether earlier versions are moved, too: they are never the current ones at the target."""


EVERYWHERE = (MovedTo(prefix=""),)

Judges = Callable[[Mapping[str, Any], Sequence[MovedTo]], bool]
"""Says of a lifecycle rule whether it is on, and does something to what is moved to some places."""


def deletes_by_age(rule: Mapping[str, Any], places: Sequence[MovedTo]) -> bool:
    """Return whether a lifecycle rule is on, and deletes what is moved to some places.

    That is current objects, and earlier versions where those are moved.
    """
    current = bool({"Days", "Date"} & rule.get("Expiration", {}).keys())
    return _reaches(rule, places, current, bool(rule.get("NoncurrentVersionExpiration")))


def archives(rule: Mapping[str, Any], places: Sequence[MovedTo]) -> bool:
    """Return whether a lifecycle rule is on, and makes unreadable what is moved to some places.

    That is current objects, and earlier versions where those are moved.
    """
    moves = (rule.get(name, ()) for name in ("Transitions", "NoncurrentVersionTransitions"))
    current, earlier = (
        any(str(one.get("StorageClass", "")).upper() in ARCHIVES for one in some) for some in moves
    )
    return _reaches(rule, places, current, earlier)


def _reaches(
    rule: Mapping[str, Any], places: Sequence[MovedTo], current: bool, earlier: bool
) -> bool:
    if rule["Status"] != "Enabled":
        return False
    which = rule.get("Filter", {})
    under = which.get("Prefix", which.get("And", {}).get("Prefix", rule.get("Prefix", "")))
    return any(
        (current or (earlier and one.every_version))
        and (one.prefix.startswith(under) or under.startswith(one.prefix))
        for one in places
    )


LIFECYCLES: Final[Mapping[str, tuple[Judges, str]]] = {
    "seen-expiry": (deletes_by_age, "deletes"), "seen-archiving": (archives, "archives")
}  # fmt: skip
"""What of lifecycle rules a profile may have looked for, with the word for what they do."""
