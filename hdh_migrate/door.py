"""Whom a transport may talk to: one endpoint, at addresses of the right kind, once admitted.

The gate (`session.gate`) judges before anything is sent; a door keeps to that judgement at every
connection, so that neither a forgotten question nor a name that suddenly leads elsewhere opens
anything. Pure: looks at text only.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import field
from urllib.parse import urlsplit

from hdh_migrate.errors import HostRefused
from hdh_migrate.frozen import frozen, mutable

Resolve = Callable[[str], Sequence[str]]
"""The addresses that a host name stands for."""

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_METADATA = frozenset(
    ipaddress.ip_address(address)
    for address in ("169.254.169.254", "168.63.129.16", "100.100.100.200", "fd00:ec2::254")
)


@frozen
class Addresses:
    """Which addresses may be contacted."""

    loopback: bool = False
    """Loopback only; otherwise never."""
    private: bool = False
    """A private network as well as the public one."""
    exactly: str | None = None
    """This address and no other, whatever it is."""

    def objection(self, address: str) -> str | None:
        """Return what is wrong with an address, or None."""
        try:
            found = _innermost(ipaddress.ip_address(address.partition("%")[0]))
        except ValueError:
            return "no network address"
        if self.exactly is not None:
            return None if str(found) == self.exactly else f"not {self.exactly}"
        if self.loopback:
            return None if found.is_loopback else "not this machine"
        if found in _METADATA or found.is_link_local:
            return "an address of the machine's own surroundings (link-local, metadata)"
        if found.is_multicast or found.is_unspecified or found.is_loopback or found.is_reserved:
            return "no address of another host"
        right = found.is_global or (self.private and found.is_private)
        return None if right else "no public address"


def _innermost(address: _Address) -> _Address:
    """Return the IPv4 address that an IPv6 one carries inside, which is where packets end up."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


@mutable
class Door:
    """What one transport may contact; closed until it is admitted."""

    endpoint: str
    addresses: Addresses
    buckets_in_front: bool = False
    """The bucket may stand before the endpoint's host."""
    admitted: bool = False
    resolve: Resolve | None = None
    """Replaces the system's resolver."""
    _right: tuple[str, str] = field(default=("", ""), init=False, repr=False, compare=False)
    """The endpoint, and the beginning of an address that was found to be one of it."""

    @classmethod
    def named(cls, endpoint: str, *, local: bool) -> Door:
        """Return the door to a place that a plan names and that is not its target.

        No paper is needed to read there, but the rules of addresses are the target's: `local` (the
        endpoint is written as loopback) means this machine alone, otherwise never this machine nor
        its surroundings. Private networks are allowed: sources and authorities are often in one.
        """
        addresses = Addresses(loopback=local, private=True)
        return cls(endpoint=endpoint, addresses=addresses, admitted=True)

    def demand(self, url: str) -> None:
        """Refuse a request before anything is sent.

        Raises:
            HostRefused: nobody admitted this endpoint, or the address is not of this endpoint.
        """
        begins = (self.endpoint, origin_of(url))
        if self.admitted and begins == self._right:
            return
        wanted, found = urlsplit(self.endpoint), urlsplit(url)
        if not self.admitted:
            raise HostRefused(
                f"{wanted.netloc}: not admitted by the gate; nothing was sent",
                hint="a fault of ours if you see this: please report it",
            )
        netloc, host = found.netloc.lower(), wanted.netloc.lower()
        inside = netloc == host or (self.buckets_in_front and netloc.endswith(f".{host}"))
        if found.scheme != wanted.scheme or not inside:
            raise HostRefused(f"{netloc}: not an address of {self.endpoint}; nothing was sent")
        self._right = begins

    def objection(self, address: str) -> str | None:
        """Return what is wrong with an address that is about to be contacted, or None."""
        return self.addresses.objection(address)


def origin_of(url: str) -> str:
    """Return what stands before an address's path, whole: by it alone a host is found."""
    end = url.find("/", len("https://"))
    return url if end < 0 else url[:end]
