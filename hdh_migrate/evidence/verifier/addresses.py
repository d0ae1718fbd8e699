"""Network addresses, and which of them are this machine's.

Used by verify.py (which see). It needs Python 3.9 and nothing else.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hdh_migrate.evidence.verifier import forms

if TYPE_CHECKING:
    from typing import TypeGuard

THIS_MACHINE = tuple(
    map(ipaddress.ip_network, ("0.0.0.0/8", "127.0.0.0/8", "::/127", "::ffff:127.0.0.0/104"))
)


UNCONTACTED = {"folder": "folder:"}
"""What stands for the address of a kind of source that nobody contacts, by kind."""


def address_of(source: Mapping[str, object]) -> str:
    """Return the address of a plan's source; KeyError for a kind that is not known to have one."""
    kind = source["kind"]
    found = UNCONTACTED[kind] if kind in UNCONTACTED else source["account_url"]
    if not forms.is_string(found):
        raise TypeError  # no plan has such an address
    return found


def is_local(url: str) -> bool:
    """Say whether an address is a folder or on this machine.

    Raises ValueError for one that a resolver may read otherwise, such as `127.1` and `0x7f.1`.
    """
    host = (urlsplit(url).hostname or "").rstrip(".")
    if not host or host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return is_this_machine(host)
    except ValueError:
        forms.must(not host.rpartition(".")[2][:1].isdigit())
        return False


def is_this_machine(address: str) -> bool:
    """Say whether a network address is one of this machine; ValueError if it is none at all."""
    found = ipaddress.ip_address(address.partition("%")[0])
    return any(found in net for net in THIS_MACHINE)  # is_loopback differs between Pythons


def is_address(value: object) -> TypeGuard[str]:
    """Say whether it is a network address, with or without a zone."""
    if not isinstance(value, str) or not forms.TEXT.holds(value):
        return False
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


_NAMES = re.compile(r"([^.@:/]+\.)*")


def leads(endpoint: str, url: str) -> bool:
    """Say whether an address is that of an endpoint, or has names in front of its host."""
    scheme, host = urlsplit(url)[:2]
    found = urlsplit(endpoint)
    return (
        bool(host)
        and endpoint == f"{found[0]}://{found[1]}"
        and found[0] == scheme
        and found[1].endswith(host)
        and _NAMES.fullmatch(found[1][: -len(host)]) is not None
    )
