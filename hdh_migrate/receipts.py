"""The receipt that engines and pipeline both make: an object or part comes back untouched.

Who takes it relies on every field, so it is made here and nowhere else.
"""

from __future__ import annotations

from typing import Any

from hdh_migrate.ports import Order, Receipt


def returned(one: Order, reason: str, detail: str) -> Receipt:
    """Give back one item of an order, which is to be done by somebody else or later.

    `reason` is "auth", "host", "lost", "starved", "stopped" or "unreachable".
    """
    made: dict[str, Any] = {
        "kind": "returned",
        "id": one["id"],
        "attempt": one["attempt"],
        "number": one.get("number"),
        "reason": reason,
        "detail": detail,
    }
    return made
