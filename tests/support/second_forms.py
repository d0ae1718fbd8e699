"""What the parts of the second verifier share: refusals, canonical JSON, types and trees.

From docs/evidence-format.md alone, as the module second_verifier says.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable
from datetime import datetime
from fractions import Fraction
from functools import lru_cache
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from math import isfinite
from typing import Any

Json = Any


class Refused(Exception):
    """What was read is not what the document says."""


def need(holds: object, otherwise: str) -> None:
    if not holds:
        raise Refused(otherwise)


# 2. Canonical JSON --------------------------------------------------------------------------------

ESCAPES = {number: f"\\u{number:04x}" for number in range(32)} | {
    ord(one): "\\" + short for one, short in zip('"\\\b\t\n\f\r', '"\\btnfr', strict=True)
}


def canonical(value: Json) -> bytes:
    try:
        return written(value, ascii_only=False).encode("utf-8")
    except UnicodeEncodeError:  # it holds a lone surrogate
        return written(value, ascii_only=True).encode("ascii")
    except RecursionError:
        raise Refused("a value that is nested too deep") from None


def written(value: Json, *, ascii_only: bool) -> str:
    kind = type(value)  # by which most are known sooner than by what they are instances of
    if kind is str:
        return quoted(value, ascii_only)
    if kind is int:
        return str(value)
    if kind is dict:
        pairs = [
            f"{quoted(name, ascii_only)}:{written(value[name], ascii_only=ascii_only)}"
            for name in sorted(value)
        ]
        return "{" + ",".join(pairs) + "}"
    if kind is list:
        return "[" + ",".join([written(one, ascii_only=ascii_only) for one in value]) + "]"
    if value is None or kind is bool:
        return {None: "null", True: "true", False: "false"}[value]
    need(kind is float, f"a value of {kind}")
    need(isfinite(value), "a number that is no number")
    return repr(value)


@lru_cache(maxsize=1 << 14)
def quoted(value: str, ascii_only: bool) -> str:
    text = value.translate(ESCAPES)
    return '"' + (re.sub("[\x7f-\U0010ffff]", units, text) if ascii_only else text) + '"'


def units(found: re.Match[str]) -> str:
    code = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{code[at : at + 2].hex()}" for at in range(0, len(code), 2))


def parse(text: bytes, where: str) -> Json:
    """Read one canonical text: what it says, written again, must be what was read."""
    try:
        return parsed(text) if len(text) <= FEW else parsed.__wrapped__(text)
    except Refused as refused:
        raise Refused(f"{where}: {refused}") from refused


FEW = 4096
"""Bytes of a text that is kept, since it comes again in a thousand bundles; nobody changes it."""


@lru_cache(maxsize=1 << 12)
def parsed(text: bytes) -> Json:
    try:
        value = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Refused(f"not JSON: {error}") from error
    need(canonical(value) == text, "JSON that is not canonical")
    return value


def parse_document(content: bytes, where: str) -> Json:
    need(content.endswith(b"\n"), f"{where}: no line feed at its end")
    return parse(content[:-1], where)


def unbase64(text: Json, where: str) -> bytes:
    need(isinstance(text, str), f"{where}: not base64")
    try:
        content = b64decode(text, validate=True)
    except (NotBase64, ValueError) as error:
        raise Refused(f"{where}: not base64") from error
    need(b64encode(content).decode() == text, f"{where}: base64 in another spelling")
    return content


# 4. Types -----------------------------------------------------------------------------------------


def is_integer(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


a_surrogate = re.compile("[\ud800-\udfff]")


def is_text(value: Json) -> bool:
    return isinstance(value, str) and value != "" and a_surrogate.search(value) is None


def matching(pattern: str) -> Callable[[Json], bool]:
    compiled = re.compile(pattern, re.ASCII)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


is_digest = matching(r"[0-9a-f]{64}")

RULES: dict[str, Callable[[Json], bool]] = {
    "text": is_text,
    "size": lambda value: is_integer(value) and 0 <= value <= 2**63 - 1,
    "moment": matching(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)"),
    "digest": is_digest,
    "md5": matching(r"[0-9a-f]{32}"),
    "severity": matching("blocker|finding|note"),
    "level": matching("full|stored|head"),
    "verdict": matching("match|mismatch|missing|drifted|unverifiable|waived"),
}


def is_number(value: Json) -> bool:
    """Section 2: an integer that is not too large, or any decimal."""
    return abs(value) < 2**63 if is_integer(value) else isinstance(value, float)


def is_count(value: Json) -> bool:
    return is_integer(value) and value >= 0


def same(one: Json, other: Json) -> bool:
    """Whether two values are one in canonical JSON, where 1, 1.0 and true are three."""
    return canonical(one) == canonical(other)


def instant(moment: str) -> tuple[str, str]:
    """Section 7.3: what two moments are compared by."""
    return moment[:19], moment[19:].removesuffix("Z").removesuffix("+00:00")[1:].rstrip("0")


def seconds_of(moment: str) -> Fraction:
    """Section 7.3: a moment read in the Gregorian calendar, in seconds."""
    whole, fraction = instant(moment)
    try:
        read = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S")
    except ValueError:
        raise Refused(f"{moment}: no calendar has it") from None
    need(int(whole[17:]) < 60, f"{moment}: no calendar has it")
    since = read - datetime(1, 1, 1)
    return since.days * 86_400 + since.seconds + Fraction(f"0.{fraction or 0}")


def raw_key(line: dict[str, Json], name: str = "key") -> bytes:
    """Section 4.1: the bytes of a key."""
    if f"{name}_b64" in line:
        return b64decode(line[f"{name}_b64"])
    return str(line[name]).encode()


# 7.3 Addresses of this machine --------------------------------------------------------------------

OWN = [ip_network(one) for one in ("0.0.0.0/8", "127.0.0.0/8", "::/127", "::ffff:127.0.0.0/104")]


def address_of(text: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address that a text is, if it is one, without its zone."""
    try:
        read = ip_address(text)
    except ValueError:
        return None
    return IPv6Address(int(read)) if read.version == 6 else read


def is_own(address: IPv4Address | IPv6Address) -> bool:
    return any(address in network for network in OWN if network.version == address.version)


# 5. Trees -----------------------------------------------------------------------------------------


def merkle_root(entries: list[bytes]) -> bytes:
    return tree_of([leaf_of(entry) for entry in entries])


def leaf_of(entry: bytes) -> bytes:
    return sha256(b"\x00" + entry).digest()


def tree_of(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162, section 2.1.1, of leaves that are hashed already."""
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + tree_of(leaves[:split]) + tree_of(leaves[split:])).digest()
