"""Which lifecycle rules of a bucket delete what a plan puts there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hdh_migrate.frozen import frozen


@frozen
class MovedTo:
    """A place in a bucket to which a plan moves objects."""

    prefix: str
    every_version: bool = False
    """Whether earlier versions are moved, too: they are never the current ones at the target."""


EVERYWHERE = (MovedTo(prefix=""),)


def deletes_by_age(rule: Mapping[str, Any], places: Sequence[MovedTo]) -> bool:
    """Return whether a lifecycle rule is on, and deletes what is moved to some places.

    That is current objects, and earlier versions where those are moved. What else it asks of an
    object (tags, a size, how many versions are newer) is taken to be so.
    """
    if rule["Status"] != "Enabled":
        return False
    current = bool({"Days", "Date"} & rule.get("Expiration", {}).keys())
    earlier = bool(rule.get("NoncurrentVersionExpiration"))
    which = rule.get("Filter", {})
    under = which.get("Prefix", which.get("And", {}).get("Prefix", rule.get("Prefix", "")))
    return any(
        (current or (earlier and one.every_version))
        and (one.prefix.startswith(under) or under.startswith(one.prefix))
        for one in places
    )
