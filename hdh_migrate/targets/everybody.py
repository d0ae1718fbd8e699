"""Whom a statement of a bucket's policy lets in: named people and networks, or everybody."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any


def lets_everybody_in(statement: Mapping[str, Any]) -> bool:
    """Return whether a statement of a policy allows something to people whom nobody named.

    A condition helps only where it names networks or owners: one on the protocol, say, or on a
    header that anybody may send, holds nobody back.
    """
    if statement.get("Effect") != "Allow":
        return False
    named = list(_names(statement.get("Principal")))
    if "*" not in named and "NotPrincipal" not in statement:
        return False
    return not any(
        operator.removeprefix("ForAnyValue:") in _NARROW
        and name.lower() in _OWNERS
        and all(map(_is_narrow, _listed(wanted)))
        for operator, keys in (statement.get("Condition") or {}).items()
        for name, wanted in keys.items()
    )


_NARROW = frozenset(("StringEquals", "StringLike", "ArnEquals", "ArnLike", "IpAddress"))
_OWNERS = frozenset(
    ("aws:sourceip", "aws:sourcevpc", "aws:sourcevpce", "aws:sourcearn", "aws:sourceaccount",
     "aws:principalarn", "aws:principalaccount", "aws:principalorgid", "aws:userid")
)  # fmt: skip
_WIDEST = {4: 8, 6: 32}
"""By version of the Internet Protocol: the shortest prefix that is still a network of somebody."""


def _is_narrow(value: str) -> bool:
    if "*" in value or "?" in value:
        return False
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        return bool(value)
    return network.prefixlen >= _WIDEST[network.version]


def _names(principal: object) -> Iterator[str]:
    values = principal.values() if isinstance(principal, dict) else [principal]
    for value in values:
        yield from _listed(value)


def _listed(value: object) -> list[str]:
    return [str(one) for one in (value if isinstance(value, list) else [value])]
