"""The receipt that engines and pipeline both make: an object or part comes back untouched.

Who takes it relies on every field, so it is made here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hdh_migrate.ports import Order, Receipt


def returned(order: Order, one: Mapping[str, Any], reason: str, detail: str) -> Receipt:
    """Give back one item of an order, which is to be done by somebody else or later.

    `reason` is "auth", "host", "lost", "starved", "stopped" or "unreachable".
    """
    return {
        "kind": "returned",
        "id": one["id"],
        "attempt": one["attempt"],
        "number": one.get("number"),
        "dataset": order["dataset"],
        "reason": reason,
        "detail": detail,
    }
