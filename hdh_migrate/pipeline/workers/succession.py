"""The order of a name's versions at the target is that of the source.

A version is sent when the one before it is acknowledged, over exactly that one: the worker asks
what is current under the key, and writes on the condition that it still is. So however many
workers there are, and wherever a run was cut off, what the target has of a name is the beginning of
what the source has, in its order. An attempt that was cut off after its bytes had arrived may have
left a version beside the one that counts, right before it; `verify.version_order` counts those.
"""

from __future__ import annotations

from typing import Final

from hdh_migrate.errors import Unsupported
from hdh_migrate.model import Stored
from hdh_migrate.orders import OrderItem

GONE_BEFORE: Final = "the target has none of the versions that come before this one any more"
NOT_BEFORE: Final = (
    "what is current at the target under this name is not the version that comes before this one:"
    " sent now, it would not stand where the source has it"
)
UNKEPT: Final = "the target's bucket keeps no versions (any more): it would have the last one alone"


def demand_kept(stored: Stored, one: OrderItem) -> None:
    """Demand that a version of a name was stored as a version.

    Raises:
        Unsupported: it was stored in the place of whatever was there.
    """
    if one.after is not None and stored.version_id is None:
        raise Unsupported(UNKEPT)
